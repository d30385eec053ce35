#include "native-server/log/log.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstddef>
#include <iterator>

#include "native-server/log/thread_name.hpp"

namespace agentcom {

namespace {

constexpr size_t kQueuedLines = 8'192;

int64_t wall_ms_now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::shared_ptr<spdlog::logger> make_logger(const char* name, spdlog::sink_ptr sink) {
    auto logger = std::make_shared<spdlog::async_logger>(name, std::move(sink), spdlog::thread_pool(),
                                                         spdlog::async_overflow_policy::overrun_oldest);
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
    return logger;
}

}  // namespace

Log::Log(LogOptions options) : options_(options), levels_(options.levels), sampler_(options.lines_per_s) {
    spdlog::init_thread_pool(kQueuedLines, 1, [] { name_this_thread("log"); });
    screen_ = make_logger("hub", std::make_shared<spdlog::sinks::stderr_sink_mt>());
}

Log::~Log() {
    flush();
    screen_.reset();
    file_.reset();
    spdlog::shutdown();
}

Status Log::open_file(const std::string& path) {
    const std::lock_guard lock(mutex_);
    try {
        file_ = make_logger("file",
                            std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                                path, static_cast<size_t>(options_.file_bytes), static_cast<size_t>(options_.files)));
    } catch (const spdlog::spdlog_ex& error) {
        return Status(Error{"log_file", 500, Blame::hub, error.what()});
    }
    return {};
}

void Log::set_levels(const LogLevels& levels) {
    const std::lock_guard lock(mutex_);
    levels_ = levels;
}

LogLevels Log::levels() const {
    const std::lock_guard lock(mutex_);
    return levels_;
}

bool Log::is_written(std::string_view event) const {
    const LogClass kind = log_class(event);
    const std::lock_guard lock(mutex_);
    return kind.severity >= levels_.of(kind.component);
}

void Log::write(const LogEvent& event) {
    const LogClass kind = log_class(event.event);
    const int64_t now_ms = wall_ms_now();
    const std::lock_guard lock(mutex_);
    tell_missing(now_ms, now_ms);
    if (kind.severity < levels_.of(kind.component) || !sampler_.admit(event.event, now_ms)) return;
    put(event, now_ms);
}

void Log::write(std::string_view event, std::string text, std::vector<LogField> fields) {
    LogEvent out{std::string(event)};
    out.fields.emplace_back("text", std::move(text));
    out.fields.insert(out.fields.end(), std::make_move_iterator(fields.begin()), std::make_move_iterator(fields.end()));
    write(out);
}

void Log::put(const LogEvent& event, int64_t now_ms) {
    const std::string line = format_log_line(event, now_ms, options_.format);
    screen_->log(spdlog::level::info, line);
    if (file_ == nullptr) return;
    file_->log(spdlog::level::info,
               options_.format == LogFormat::json ? line : format_log_line(event, now_ms, LogFormat::json));
}

// What is missing is said even at a level that would not show it: a gap that nobody sees misleads.
void Log::tell_missing(int64_t now_ms, int64_t until_ms) {
    for (LogSampler::Suppressed& one : sampler_.take(until_ms)) {
        put(LogEvent{"lines_suppressed", {{"of", std::move(one.event)}, {"lines", one.lines}}}, now_ms);
    }
    const auto lost = static_cast<int64_t>(spdlog::thread_pool()->overrun_counter());
    if (lost == lines_lost_) return;
    const int64_t fresh = lost - lines_lost_;
    lines_lost_ = lost;
    put(LogEvent{"lines_lost", {{"lines", fresh}}}, now_ms);
}

void Log::flush() {
    const std::lock_guard lock(mutex_);
    tell_missing(wall_ms_now(), INT64_MAX);
    screen_->flush();
    if (file_ != nullptr) file_->flush();
}

}  // namespace agentcom
