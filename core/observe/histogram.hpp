// A distribution of whole numbers in bounded room: how many there were, their sum, extremes and percentiles.
//
// Values up to 127 are counted one by one; above that, each power of two is divided into 64 buckets, as HDR Histogram
// does it, so that a percentile is off by less than 1 %. Only buckets that hold something take room; there are less
// than 4 000 of them whatever comes. Histograms can be added up.
//
//     Histogram run_ms;
//     run_ms.record(1'305);
//     run_ms.percentile(990);   // of the values, 99 % are not larger
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/bytes.hpp"

namespace agentcom {

class Histogram {
  public:
    /// Negative values count as 0.
    void record(int64_t value, int64_t times = 1);
    void merge(const Histogram& other);

    int64_t count() const { return count_; }
    int64_t sum() const { return sum_; }  ///< saturates
    int64_t min() const { return min_; }  ///< 0 of none, as all that follows
    int64_t max() const { return max_; }
    int64_t mean() const { return count_ == 0 ? 0 : sum_ / count_; }  ///< rounded down
    /// The nearest rank: the smallest value that at least `per_mille` of all values do not exceed. The smallest and
    /// the largest value are exact.
    int64_t percentile(int64_t per_mille) const;
    /// How many values are at most `value`.
    int64_t count_up_to(int64_t value) const;

    void save(ByteWriter& out) const;
    /// False when the bytes are no histogram.
    bool load(ByteReader& in);
    friend bool operator==(const Histogram&, const Histogram&) = default;

  private:
    struct Bucket {
        int64_t index = 0;
        int64_t count = 0;
        friend bool operator==(const Bucket&, const Bucket&) = default;
    };
    void add(int64_t index, int64_t times);
    int64_t value_of(const Bucket& bucket) const;

    std::vector<Bucket> buckets_;  ///< by index, none empty
    int64_t count_ = 0;
    int64_t sum_ = 0;
    int64_t min_ = 0;
    int64_t max_ = 0;
};

}  // namespace agentcom
