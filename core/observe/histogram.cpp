#include "core/observe/histogram.hpp"

#include <algorithm>
#include <bit>

#include "core/base/time.hpp"

namespace agentcom {

namespace {

constexpr int64_t kExact = 128;  // values below have a bucket each
constexpr int kSubBits = 6;      // 64 buckets for each power of two above
constexpr int kFirstPower = 7;   // 128 = 2^7
constexpr int64_t kBuckets = kExact + (63 - kFirstPower) * (int64_t{1} << kSubBits);

int64_t index_of(int64_t value) {
    if (value < kExact) return value;
    const int power = 63 - std::countl_zero(static_cast<uint64_t>(value));
    const int64_t within = (value >> (power - kSubBits)) - (int64_t{1} << kSubBits);
    return kExact + (power - kFirstPower) * (int64_t{1} << kSubBits) + within;
}

/// The middle of a bucket.
int64_t middle_of(int64_t index) {
    if (index < kExact) return index;
    const int64_t power = kFirstPower + (index - kExact) / (int64_t{1} << kSubBits);
    const int64_t within = (index - kExact) % (int64_t{1} << kSubBits);
    const int64_t width = int64_t{1} << (power - kSubBits);
    return ((int64_t{1} << kSubBits) + within) * width + width / 2;
}

}  // namespace

void Histogram::add(int64_t index, int64_t times) {
    const auto place = std::lower_bound(buckets_.begin(), buckets_.end(), index,
                                        [](const Bucket& bucket, int64_t wanted) { return bucket.index < wanted; });
    if (place != buckets_.end() && place->index == index) {
        place->count += times;
    } else {
        buckets_.insert(place, Bucket{index, times});
    }
}

void Histogram::record(int64_t value, int64_t times) {
    if (times <= 0) return;
    value = std::max<int64_t>(0, value);
    add(index_of(value), times);
    min_ = count_ == 0 ? value : std::min(min_, value);
    max_ = count_ == 0 ? value : std::max(max_, value);
    count_ += times;
    sum_ = saturating_add(sum_, value > INT64_MAX / times ? INT64_MAX : value * times);
}

void Histogram::merge(const Histogram& other) {
    if (other.count_ == 0) return;
    for (const Bucket& bucket : other.buckets_) add(bucket.index, bucket.count);
    min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
    max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
    count_ += other.count_;
    sum_ = saturating_add(sum_, other.sum_);
}

int64_t Histogram::value_of(const Bucket& bucket) const { return std::clamp(middle_of(bucket.index), min_, max_); }

int64_t Histogram::percentile(int64_t per_mille) const {
    if (count_ == 0) return 0;
    // ceil(count * per_mille / 1000) without overflow.
    const int64_t rank =
        std::clamp<int64_t>(count_ / 1'000 * per_mille + (count_ % 1'000 * per_mille + 999) / 1'000, 1, count_);
    if (rank == 1) return min_;
    if (rank == count_) return max_;
    int64_t seen = 0;
    for (const Bucket& bucket : buckets_) {
        seen += bucket.count;
        if (seen >= rank) return value_of(bucket);
    }
    return max_;
}

int64_t Histogram::count_up_to(int64_t value) const {
    if (value >= max_) return count_;
    int64_t seen = 0;
    for (const Bucket& bucket : buckets_) {
        if (value_of(bucket) > value) break;
        seen += bucket.count;
    }
    return seen;
}

void Histogram::save(ByteWriter& out) const {
    out.u64(buckets_.size());
    for (const Bucket& bucket : buckets_) {
        out.i64(bucket.index);
        out.i64(bucket.count);
    }
    out.i64(sum_);
    out.i64(min_);
    out.i64(max_);
}

bool Histogram::load(ByteReader& in) {
    *this = Histogram{};
    const uint64_t size = in.count();
    int64_t before = -1;
    for (uint64_t i = 0; i < size && !in.failed(); ++i) {
        const Bucket bucket{in.i64(), in.i64()};
        if (bucket.index <= before || bucket.index >= kBuckets || bucket.count <= 0) return false;
        if (count_ > INT64_MAX - bucket.count) return false;
        before = bucket.index;
        count_ += bucket.count;
        buckets_.push_back(bucket);
    }
    sum_ = in.i64();
    min_ = in.i64();
    max_ = in.i64();
    return !in.failed() && sum_ >= 0 && min_ >= 0 && min_ <= max_;
}

}  // namespace agentcom
