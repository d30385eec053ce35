#include "tools/cli/times.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace agentcom::cli {

namespace {

constexpr int64_t kSecond = 1'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

}  // namespace

std::optional<int64_t> parse_duration_ms(std::string_view text) {
    constexpr int64_t kLongest = int64_t{3650} * 86'400'000;
    int64_t count = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, count);
    if (error != std::errc{} || count < 1) return std::nullopt;
    const std::string_view unit(stop, static_cast<size_t>(end - stop));
    int64_t factor = 0;
    if (unit == "ms") factor = 1;
    if (unit == "s" || unit.empty()) factor = 1'000;
    if (unit == "m") factor = 60'000;
    if (unit == "h") factor = 3'600'000;
    if (unit == "d") factor = 86'400'000;
    if (factor == 0 || count > kLongest / factor) return std::nullopt;
    return count * factor;
}

std::optional<int64_t> parse_instant_ms(std::string_view text) {
    using namespace std::chrono;
    if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
        int64_t milliseconds_since_1970 = 0;
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), milliseconds_since_1970);
        // Below this it is seconds, or a year: 10^11 ms was in March 1973.
        if (error != std::errc{} || milliseconds_since_1970 < 100'000'000'000) return std::nullopt;
        return milliseconds_since_1970;
    }
    int year_number = 0;
    unsigned month_number = 0;
    unsigned day_number = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
    int used = 0;
    const std::string copy(text);
    const int fields = std::sscanf(copy.c_str(), "%4d-%2u-%2uT%2d:%2d:%2d%n", &year_number, &month_number, &day_number,
                                   &hour, &minute, &second, &used);
    if (fields != 6) return std::nullopt;
    const std::string_view rest = text.substr(static_cast<size_t>(used));
    const year_month_day date{year{year_number}, month{month_number}, day{day_number}};
    const bool valid = (rest.empty() || rest == "Z") && date.ok() && hour >= 0 && hour < 24 && minute >= 0 &&
                       minute < 60 && second >= 0 && second < 60;
    if (!valid) return std::nullopt;
    const auto instant = sys_days{date} + hours{hour} + minutes{minute} + seconds{second};
    return duration_cast<milliseconds>(instant.time_since_epoch()).count();
}

std::optional<int64_t> parse_time_ms(std::string_view text, int64_t now_ms) {
    if (!text.starts_with('+')) return parse_instant_ms(text);
    const std::optional<int64_t> span = parse_duration_ms(text.substr(1));
    return span ? std::optional<int64_t>(now_ms + *span) : std::nullopt;
}

std::string instant_text(int64_t unix_ms) {
    using namespace std::chrono;
    // Years 1 to 9999: others have no place in the format, and come from broken clocks.
    if (unix_ms <= 0 || unix_ms > 253'402'300'799'999) return "-";
    const sys_time<milliseconds> instant{milliseconds{unix_ms}};
    const auto day = floor<days>(instant);
    const year_month_day date{day};
    const hh_mm_ss time{floor<seconds>(instant - day)};
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02u %02d:%02d:%02dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                  static_cast<int>(time.seconds().count()));
    return buffer.data();
}

std::string span_text(int64_t ms) {
    ms = std::max<int64_t>(ms, 0);
    const auto two = [ms](int64_t large, const char* large_name, int64_t small, const char* small_name) {
        std::string text = std::to_string(ms / large) + " " + large_name;
        if (const int64_t rest = ms % large / small; rest > 0) text += " " + std::to_string(rest) + " " + small_name;
        return text;
    };
    if (ms < kMinute) return std::to_string(ms / kSecond) + " s";
    if (ms < kHour) return std::to_string(ms / kMinute) + " min";
    if (ms < kDay) return two(kHour, "h", kMinute, "min");
    return two(kDay, "d", kHour, "h");
}

std::string age_text(int64_t now_ms, int64_t since_ms) {
    if (since_ms <= 0 || now_ms < since_ms) return "-";
    const int64_t age = now_ms - since_ms;
    if (age < kMinute) return std::to_string(age / kSecond) + "s";
    if (age < kHour) return std::to_string(age / kMinute) + "m";
    if (age < kDay) return std::to_string(age / kHour) + "h";
    return std::to_string(std::min<int64_t>(age / kDay, 999)) + "d";
}

}  // namespace agentcom::cli
