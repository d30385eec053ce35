#include "native-server/log/log.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <iterator>

#include "core/base/json.hpp"
#include "core/base/utf8.hpp"
#include "native-server/log/thread_name.hpp"

namespace agentcom {

namespace {

constexpr size_t kQueuedLines = 8'192;

std::string utc_text(int64_t wall_ms, const char* date_format) {
    const std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
    std::tm t{};
    gmtime_r(&seconds, &t);
    char text[48];
    const size_t size = std::strftime(text, sizeof text, date_format, &t);
    char millis[8];
    std::snprintf(millis, sizeof millis, ".%03d", static_cast<int>(wall_ms % 1000));
    return std::string(text, size) + millis;
}

// Log fields may hold what clients sent.
std::string valid_text(std::string_view text) {
    if (is_valid_utf8(text)) return std::string(text);
    std::string out;
    for (const char c : text) out.push_back(static_cast<unsigned char>(c) < 0x80 ? c : '?');
    return out;
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : valid_text(text)) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
            out.append(escaped);
        } else {
            out.push_back(c);
        }
    }
    return out;
}

spdlog::level::level_enum spdlog_level(Severity severity) {
    switch (severity) {
        case Severity::debug:
            return spdlog::level::debug;
        case Severity::info:
        case Severity::notice:
            return spdlog::level::info;
        case Severity::warning:
            return spdlog::level::warn;
        case Severity::error:
            return spdlog::level::err;
    }
    return spdlog::level::err;
}

int64_t wall_ms_now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

std::optional<Severity> parse_severity(std::string_view name) {
    static constexpr std::array kAll{Severity::debug, Severity::info, Severity::notice, Severity::warning,
                                     Severity::error};
    for (const Severity severity : kAll) {
        if (to_text(severity) == name) return severity;
    }
    return std::nullopt;
}

std::string format_log_line(const LogEvent& event, int64_t wall_ms, LogFormat format) {
    if (format == LogFormat::json) {
        json::Writer out;
        out.begin_object()
            .member("time", utc_text(wall_ms, "%Y-%m-%dT%H:%M:%S") + "Z")
            .member("severity", to_text(event.severity))
            .member("event", valid_text(event.event));
        for (const auto& [name, value] : event.fields) out.member(name, valid_text(value));
        out.end_object();
        return out.take();
    }
    std::string line = utc_text(wall_ms, "%H:%M:%S");
    std::string severity(to_text(event.severity));
    severity.resize(8, ' ');
    line.append(" ").append(severity);
    // An event with a text is told by it alone.
    const bool has_text = !event.fields.empty() && event.fields.front().first == "text";
    line.append(printable(has_text ? event.fields.front().second : event.event));
    for (size_t i = has_text ? 1 : 0; i < event.fields.size(); ++i) {
        line.append("  ").append(event.fields[i].first).append("=").append(printable(event.fields[i].second));
    }
    return line;
}

Log::Log(LogFormat format, Severity threshold) : format_(format), threshold_(threshold) {
    spdlog::init_thread_pool(kQueuedLines, 1, [] { name_this_thread("log"); });
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    logger_ = std::make_shared<spdlog::async_logger>("hub", std::move(sink), spdlog::thread_pool(),
                                                     spdlog::async_overflow_policy::overrun_oldest);
    logger_->set_pattern("%v");
    logger_->set_level(spdlog::level::trace);
    logger_->flush_on(spdlog::level::trace);
}

Log::~Log() {
    logger_.reset();
    spdlog::shutdown();
}

void Log::write(const LogEvent& event) {
    if (event.severity < threshold_) return;
    logger_->log(spdlog_level(event.severity), format_log_line(event, wall_ms_now(), format_));
}

void Log::write(Severity severity, std::string_view event, std::string text,
                std::vector<std::pair<std::string, std::string>> fields) {
    LogEvent out{severity, std::string(event), {}};
    out.fields.emplace_back("text", std::move(text));
    out.fields.insert(out.fields.end(), std::make_move_iterator(fields.begin()), std::make_move_iterator(fields.end()));
    write(out);
}

void Log::flush() { logger_->flush(); }

}  // namespace agentcom
