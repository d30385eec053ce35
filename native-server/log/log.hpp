// The log: one event per line on standard error, as flat JSON or as readable text.
//
//     {"time":"2026-01-31T12:00:00.123Z","severity":"info","event":"listening","text":"listening on 127.0.0.1:4000"}
//     12:00:00.123 info    listening on 127.0.0.1:4000
//
// Lines are written by a thread of their own: a reader of the log that stands still must not stop the hub. Then the
// oldest lines are lost. Event names are those of docs/operations.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/state/effect.hpp"

namespace spdlog {
class logger;
}

namespace agentcom {

enum class LogFormat : uint8_t { text, json };

std::optional<Severity> parse_severity(std::string_view name);

/// One line without its end. `wall_ms` is the time of the event. Text escapes what could break a line or a terminal.
std::string format_log_line(const LogEvent& event, int64_t wall_ms, LogFormat format);

class Log {
  public:
    Log(LogFormat format, Severity threshold);
    /// Writes what waits.
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    /// From here on less severe events are not written. Any thread may call it.
    void set_threshold(Severity threshold) { threshold_ = threshold; }
    Severity threshold() const { return threshold_; }

    void write(const LogEvent& event);
    /// An event with a text for people and more fields.
    void write(Severity severity, std::string_view event, std::string text,
               std::vector<std::pair<std::string, std::string>> fields = {});
    /// Asks for what was written to go out.
    void flush();

  private:
    LogFormat format_;
    std::atomic<Severity> threshold_;
    std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace agentcom
