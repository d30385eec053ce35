// The two clocks.
//
// The core has no clock: each input brings a Time that the machine read once for its turn. Durations (leases, grace,
// back-off, rate limits) run on mono_us, which never jumps; instants that people give or read (deadlines, token expiry,
// timestamps on the wire) are wall_ms, which may jump in either direction. The two are never mixed.
#pragma once

#include <cstdint>

namespace agentcom {

struct Time {
    int64_t wall_ms = 0;  // Unix epoch, milliseconds
    int64_t mono_us = 0;  // microseconds since an arbitrary start; never goes back within a process

    bool operator==(const Time&) const = default;
};

// Durations on the monotonic clock, in microseconds.
inline constexpr int64_t kUsPerMs = 1'000;
inline constexpr int64_t kUsPerSecond = 1'000 * kUsPerMs;
inline constexpr int64_t kUsPerMinute = 60 * kUsPerSecond;
inline constexpr int64_t kUsPerHour = 60 * kUsPerMinute;

// Durations on the wall clock, in milliseconds.
inline constexpr int64_t kMsPerSecond = 1'000;
inline constexpr int64_t kMsPerMinute = 60 * kMsPerSecond;
inline constexpr int64_t kMsPerHour = 60 * kMsPerMinute;
inline constexpr int64_t kMsPerDay = 24 * kMsPerHour;

// Saturates instead of overflowing: settings and wire fields may hold any 64-bit number of milliseconds.
constexpr int64_t us_from_ms(int64_t ms) {
    if (ms > INT64_MAX / kUsPerMs) return INT64_MAX;
    if (ms < INT64_MIN / kUsPerMs) return INT64_MIN;
    return ms * kUsPerMs;
}

// Rounds towards zero.
constexpr int64_t ms_from_us(int64_t us) { return us / kUsPerMs; }

// a + b, saturating; the sum of an instant and a duration that came from outside.
constexpr int64_t saturating_add(int64_t a, int64_t b) {
    if (b > 0 && a > INT64_MAX - b) return INT64_MAX;
    if (b < 0 && a < INT64_MIN - b) return INT64_MIN;
    return a + b;
}

}  // namespace agentcom
