// Times as people write and read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agentcom::cli {

// Milliseconds of "500ms", "90s", "15m", "2h", "1d", or plain seconds. Nothing when it is none of these or below 1 ms.
std::optional<int64_t> parse_duration_ms(std::string_view text);

// Milliseconds since 1970 of "2026-01-31T18:00:00Z" (with or without Z: UTC), or a plain count of milliseconds.
std::optional<int64_t> parse_instant_ms(std::string_view text);

// Milliseconds since 1970 of an instant, or of a time from now: "+2h".
std::optional<int64_t> parse_time_ms(std::string_view text, int64_t now_ms);

// "2026-01-31 18:00:00Z", or "-" for 0.
std::string instant_text(int64_t unix_ms);

// A span in its two largest units at most: "0 s", "59 s", "4 min", "3 h 12 min", "2 d 5 h".
std::string span_text(int64_t ms);

// The same in at most 4 columns, for tables: "59s", "4m", "12h", "30d"; "-" for a time that lies ahead or is unknown.
std::string age_text(int64_t now_ms, int64_t since_ms);

}  // namespace agentcom::cli
