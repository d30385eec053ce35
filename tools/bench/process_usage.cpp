#include "tools/bench/process_usage.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace agentcom::bench {

namespace {

std::string read_file(const std::string& path) {
    const std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

double seconds_of(int64_t ticks) { return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK)); }

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::vector<ThreadUsage> read_threads(const std::string& process) {
    std::vector<ThreadUsage> threads;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(process + "/task", error)) {
        const auto line = parse_stat(read_file(entry.path().string() + "/stat"));
        if (!line) continue;
        const std::string id = entry.path().filename().string();
        ThreadUsage thread{0, line->name, seconds_of(line->user_ticks + line->system_ticks)};
        std::from_chars(id.data(), id.data() + id.size(), thread.id);
        threads.push_back(std::move(thread));
    }
    std::ranges::sort(threads, {}, &ThreadUsage::id);
    number_names(threads);
    return threads;
}

}  // namespace

void number_names(std::vector<ThreadUsage>& threads) {
    for (size_t i = 0; i < threads.size(); ++i) {
        const std::string name = threads[i].name;
        if (std::ranges::count(threads, name, &ThreadUsage::name) < 2) continue;
        int number = 0;
        for (ThreadUsage& thread : threads) {
            if (thread.name == name) thread.name += "#" + std::to_string(++number);
        }
    }
}

std::optional<StatLine> parse_stat(std::string_view text) {
    const size_t name_at = text.find('(');
    const size_t name_end = text.rfind(')');
    if (name_at == std::string_view::npos || name_end == std::string_view::npos || name_end < name_at)
        return std::nullopt;
    StatLine line;
    line.name = text.substr(name_at + 1, name_end - name_at - 1);
    std::istringstream rest{std::string(text.substr(name_end + 1))};
    // proc(5): behind the name stand the state and ten numbers, then utime and stime.
    std::string skipped;
    for (int i = 0; i < 11; ++i) rest >> skipped;
    rest >> line.user_ticks >> line.system_ticks;
    if (!rest) return std::nullopt;
    return line;
}

std::optional<int64_t> parse_field(std::string_view text, std::string_view name) {
    size_t at = 0;
    while (at < text.size()) {
        const size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
        line.remove_prefix(name.size() + 1);
        while (line.starts_with(' ') || line.starts_with('\t')) line.remove_prefix(1);
        int64_t number = 0;
        const auto [last, error] = std::from_chars(line.data(), line.data() + line.size(), number);
        return error == std::errc() ? std::optional(number) : std::nullopt;
    }
    return std::nullopt;
}

std::optional<ProcessUsage> read_usage(pid_t pid) {
    const std::string process = "/proc/" + std::to_string(pid);
    const auto line = parse_stat(read_file(process + "/stat"));
    if (!line) return std::nullopt;
    const std::string status = read_file(process + "/status");
    ProcessUsage usage;
    usage.user_s = seconds_of(line->user_ticks);
    usage.system_s = seconds_of(line->system_ticks);
    usage.resident_bytes = parse_field(status, "VmRSS").value_or(0) * 1024;
    usage.most_resident_bytes = parse_field(status, "VmHWM").value_or(0) * 1024;
    usage.written_bytes = parse_field(read_file(process + "/io"), "write_bytes").value_or(-1);
    usage.threads = read_threads(process);
    return usage;
}

ProcessUsage usage_between(const ProcessUsage& before, const ProcessUsage& after) {
    ProcessUsage used = after;
    used.user_s -= before.user_s;
    used.system_s -= before.system_s;
    used.written_bytes =
        after.written_bytes < 0 ? -1 : after.written_bytes - std::max<int64_t>(0, before.written_bytes);
    for (ThreadUsage& thread : used.threads) {
        const auto earlier = std::ranges::find(before.threads, thread.id, &ThreadUsage::id);
        if (earlier != before.threads.end()) thread.cpu_s -= earlier->cpu_s;
    }
    return used;
}

double own_cpu_s() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

double machine_cpu_s() {
    // proc(5): "cpu" user nice system idle iowait irq softirq steal …
    std::istringstream line(read_file("/proc/stat"));
    std::string name;
    int64_t user = 0;
    int64_t nice = 0;
    int64_t system = 0;
    line >> name >> user >> nice >> system;
    return seconds_of(user + nice + system);
}

}  // namespace agentcom::bench
