// A rolling hour: one bucket for each minute, of which those that are too old count no more.
//
//     HourWindow<Histogram> run_ms;
//     run_ms.at(now_us).record(1'305);
//     run_ms.total(now_us).percentile(500);
//
// A bucket can `merge` another and can be saved. Minutes are those of the monotonic clock; the window holds the minute
// that runs and the 59 before it.
#pragma once

#include <array>
#include <cstdint>

#include "core/base/bytes.hpp"
#include "core/base/time.hpp"

namespace agentcom {

template <class Bucket>
class HourWindow {
  public:
    static constexpr int64_t kMinutes = 60;

    /// The bucket of the minute that runs; whatever its place held before is gone.
    Bucket& at(int64_t now_us) {
        const int64_t minute = now_us / kUsPerMinute;
        Slot& slot = slots_.at(static_cast<size_t>(minute % kMinutes));
        if (slot.minute != minute) slot = Slot{minute, Bucket{}};
        return slot.bucket;
    }

    Bucket total(int64_t now_us) const {
        const int64_t minute = now_us / kUsPerMinute;
        Bucket sum{};
        for (const Slot& slot : slots_) {
            if (slot.minute > minute - kMinutes && slot.minute <= minute) sum.merge(slot.bucket);
        }
        return sum;
    }

    void save(ByteWriter& out) const {
        for (const Slot& slot : slots_) {
            out.i64(slot.minute);
            if (slot.minute >= 0) slot.bucket.save(out);
        }
    }
    bool load(ByteReader& in) {
        for (Slot& slot : slots_) {
            slot = Slot{in.i64(), Bucket{}};
            if (slot.minute >= 0 && !slot.bucket.load(in)) return false;
        }
        return !in.failed();
    }

  private:
    struct Slot {
        int64_t minute = -1;  ///< since the clock's start; -1: never used
        Bucket bucket{};
    };
    std::array<Slot, kMinutes> slots_{};
};

}  // namespace agentcom
