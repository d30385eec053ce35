// The log: one event per line on standard error, as flat JSON or as readable text, and as JSON in a file of its own
// that is changed for a new one when it has grown large. How a line looks: log_line.hpp; which there are:
// log_catalogue.hpp.
//
// Lines are written by a thread of their own: a reader of the log that stands still must not stop the hub. Then the
// oldest lines are lost, and `lines_lost` says how many. Of one event so many lines are written per second; the rest is
// counted (sampler.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/effect.hpp"
#include "native-server/log/log_line.hpp"
#include "native-server/log/sampler.hpp"

namespace spdlog {
class logger;
}

namespace agentcom {

struct LogOptions {
    LogFormat format = LogFormat::json;  ///< on standard error
    LogLevels levels;
    int64_t lines_per_s = 50;         ///< of each event; 0 = all
    int64_t file_bytes = 10'000'000;  ///< size at which the file becomes FILE.1, FILE.1 becomes FILE.2, …
    int64_t files = 5;                ///< so many old ones are kept
};

class Log {
  public:
    explicit Log(LogOptions options);
    /// Writes what waits.
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    /// From here on lines go to this file, too. Errors: `log_file` says why it cannot be opened.
    Status open_file(const std::string& path);

    // Any thread may call these.

    /// From here on less severe events are not written.
    void set_levels(const LogLevels& levels);
    LogLevels levels() const;
    bool is_written(std::string_view event) const;

    void write(const LogEvent& event);
    /// An event with a text for people and more fields.
    void write(std::string_view event, std::string text, std::vector<LogField> fields = {});
    /// Asks for what was written to go out.
    void flush();

  private:
    void put(const LogEvent& event, int64_t now_ms);
    void tell_missing(int64_t now_ms, int64_t until_ms);

    const LogOptions options_;
    mutable std::mutex mutex_;
    LogLevels levels_;
    LogSampler sampler_;
    int64_t lines_lost_ = 0;  // told so far
    std::shared_ptr<spdlog::logger> screen_;
    std::shared_ptr<spdlog::logger> file_;
};

}  // namespace agentcom
