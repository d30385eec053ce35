// What a process has used, from /proc: CPU time by thread, memory, bytes written. Linux only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agentcom::bench {

struct ThreadUsage {
    int64_t id = 0;
    std::string name;
    double cpu_s = 0;

    bool operator==(const ThreadUsage&) const = default;
};

struct ProcessUsage {
    double user_s = 0;
    double system_s = 0;
    int64_t resident_bytes = 0;       // now
    int64_t most_resident_bytes = 0;  // since it started
    int64_t written_bytes = 0;        // to the storage layer; -1 when the kernel does not tell
    std::vector<ThreadUsage> threads;

    double cpu_s() const { return user_s + system_s; }
};

// Nothing when there is no such process, or it is not ours to look at.
std::optional<ProcessUsage> read_usage(pid_t pid);

// What was used between two readings; memory is that of the later one. Threads that have begun since count from 0.
ProcessUsage usage_between(const ProcessUsage& before, const ProcessUsage& after);

// CPU time that this process has used so far.
double own_cpu_s();
// CPU time that all processes of the machine have used so far: what others take while something is measured, it does
// not get.
double machine_cpu_s();

// Names that several threads have get a number, in the order in which the threads were made: "hub#1", "hub#2".
void number_names(std::vector<ThreadUsage>& threads);

// From the text of /proc/PID/stat or /proc/PID/task/TID/stat. The name stands in parentheses and may hold any
// character.
struct StatLine {
    std::string name;
    int64_t user_ticks = 0;
    int64_t system_ticks = 0;
};
std::optional<StatLine> parse_stat(std::string_view text);

// "NAME:   NUMBER ..." in the lines of /proc/PID/status or /proc/PID/io; nothing when there is no such line.
std::optional<int64_t> parse_field(std::string_view text, std::string_view name);

}  // namespace agentcom::bench
