// What the command line of the bench says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tools/bench/failure.hpp"

namespace agentcom::bench {

enum class Scenario : uint8_t { direct, relay, broadcast, submit, lifecycle, claim, idle, start, flat, relay_server };

std::string_view name_of(Scenario scenario);

inline constexpr std::string_view kQuietLog = "notice";

struct Options {
    Scenario scenario = Scenario::direct;
    bool json = false;

    // The hub: its program, or the address of one that runs.
    std::string hub_program;  // empty: agentcom-hub beside this program
    std::string hub_url;      // not empty: a running hub
    std::string token;        // an administrator's, for a running hub
    int64_t hub_pid = 0;      // of a running hub on this machine; 0: its usage is not read
    std::string data_directory;
    std::vector<std::string> settings;  // NAME=VALUE for --set
    bool with_limits = false;
    // Of the started hub. A line of log for each task and each agent that connects would be work that is not looked at.
    std::string log_level{kQuietLog};

    int64_t seconds_ms = 10'000;
    int64_t warm_up_ms = 1000;
    int64_t stored = 0;  // messages and finished tasks that are there before it begins

    // direct, relay, broadcast
    int64_t pairs = 10;
    int64_t receivers = 50;
    int64_t window = 64;
    int64_t payload_bytes = 100;
    bool relay = true;

    // submit, lifecycle, claim
    int64_t agents = 100;
    int64_t slots = 16;
    int64_t lanes = 512;
    int64_t pipeline = 2;
    int64_t in_flight = 0;   // 0: as many as the agents have slots
    int64_t batch = 0;       // tasks of one request; 0: each has a request of its own
    int64_t dashboards = 0;  // of lifecycle: so many follow by deltas in a second run

    // idle
    int64_t idle_agents = 1000;
    int64_t ping_interval_ms = 30'000;

    // start
    int64_t queued = 100'000;
    int64_t finished = 1'000'000;
    int64_t messages = 1'000'000;
    int64_t rounds = 3;

    // flat
    std::vector<int64_t> levels{0, 100'000, 1'000'000};
};

// Two programs and the scenario that is run with each in turn.
struct CompareOptions {
    std::string program_a;
    std::string program_b;
    int64_t rounds = 3;
    Options scenario;  // its hub_program is not used
};

// A text to print instead: --help, --version.
struct Information {
    std::string text;
};

using CommandLine = std::variant<Options, CompareOptions, Information>;

// `arguments` are those after the program's name.
Result<CommandLine> parse_command_line(const std::vector<std::string>& arguments);

// "250ms", "1.5", "10s", "2m" in milliseconds; -1 when it is none of these.
int64_t parse_duration_ms(std::string_view text);

}  // namespace agentcom::bench
