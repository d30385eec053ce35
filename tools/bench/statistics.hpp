// What the bench computes from what it measured: percentiles of latencies, and how ratios of repeated runs spread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace agentcom::bench {

struct Percentiles {
    int64_t count = 0;
    double p50_us = 0;
    double p90_us = 0;
    double p99_us = 0;
    double p999_us = 0;
    double max_us = 0;
};

// Counts latencies in buckets whose width is at most 1/64 of their value, so that recording costs nanoseconds and
// memory does not grow. A percentile is the upper end of its bucket: never better than what was measured, at most 1.6 %
// worse.
class LatencyHistogram {
  public:
    // Negative latencies count as 0.
    void record(int64_t latency_ns);
    void reset() { *this = LatencyHistogram(); }
    int64_t count() const { return count_; }
    // In nanoseconds; `fraction` is from 0 to 1. 0 when nothing was recorded.
    int64_t percentile_ns(double fraction) const;
    Percentiles percentiles() const;

  private:
    static constexpr int kSubBucketBits = 6;
    static constexpr size_t kBuckets = (64 - kSubBucketBits) << kSubBucketBits;

    static size_t bucket_of(int64_t latency_ns);
    static int64_t upper_end_of(size_t bucket);

    std::array<int64_t, kBuckets> counts_{};
    int64_t count_ = 0;
    int64_t max_ns_ = 0;
};

// The middle of some values and how far they lie apart.
struct Spread {
    double median = 0;
    double least = 0;
    double most = 0;
};

// All 0 for no values.
Spread spread_of(std::vector<double> values);

// 0 when it has no meaning.
double ratio_of(double numerator, double denominator);

}  // namespace agentcom::bench
