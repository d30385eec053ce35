#include "tools/bench/statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace agentcom::bench {

namespace {

constexpr double kNsPerUs = 1000;

}  // namespace

// Below 64 ns each value has a bucket of its own; above, each power of two has 64.
size_t LatencyHistogram::bucket_of(int64_t latency_ns) {
    const auto value = static_cast<uint64_t>(latency_ns);
    if (value < (1U << kSubBucketBits)) return static_cast<size_t>(value);
    const int shift = static_cast<int>(std::bit_width(value)) - kSubBucketBits - 1;
    return (static_cast<size_t>(shift) << kSubBucketBits) + static_cast<size_t>(value >> shift);
}

int64_t LatencyHistogram::upper_end_of(size_t bucket) {
    if (bucket < (1U << kSubBucketBits)) return static_cast<int64_t>(bucket);
    const size_t shift = (bucket >> kSubBucketBits) - 1;
    const uint64_t leading = bucket - (shift << kSubBucketBits);
    return static_cast<int64_t>(((leading + 1) << shift) - 1);
}

void LatencyHistogram::record(int64_t latency_ns) {
    const int64_t value = std::max<int64_t>(0, latency_ns);
    ++counts_[bucket_of(value)];
    ++count_;
    max_ns_ = std::max(max_ns_, value);
}

int64_t LatencyHistogram::percentile_ns(double fraction) const {
    const auto wanted = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(fraction * static_cast<double>(count_))));
    int64_t seen = 0;
    for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
        seen += counts_[bucket];
        if (seen >= wanted) return std::min(upper_end_of(bucket), max_ns_);
    }
    return max_ns_;
}

Percentiles LatencyHistogram::percentiles() const {
    const auto us = [this](double fraction) { return static_cast<double>(percentile_ns(fraction)) / kNsPerUs; };
    return Percentiles{count_, us(0.5), us(0.9), us(0.99), us(0.999), static_cast<double>(max_ns_) / kNsPerUs};
}

Spread spread_of(std::vector<double> values) {
    if (values.empty()) return {};
    std::ranges::sort(values);
    const size_t middle = values.size() / 2;
    const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    return Spread{median, values.front(), values.back()};
}

double ratio_of(double numerator, double denominator) { return denominator == 0 ? 0 : numerator / denominator; }

}  // namespace agentcom::bench
