#include "tools/bench/process_usage.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

namespace agentcom::bench {

TEST_CASE("a line of /proc/PID/stat") {
    const auto line = parse_stat("42 (a) b (c)) S 1 42 42 0 -1 4194560 1 0 0 0 17 23 0 0 20 0 5 0 1 2");
    REQUIRE(line);
    CHECK(line->name == "a) b (c)");
    CHECK(line->user_ticks == 17);
    CHECK(line->system_ticks == 23);
    CHECK_FALSE(parse_stat(""));
    CHECK_FALSE(parse_stat("42 (short) S 1"));
}

TEST_CASE("fields of status and io") {
    const std::string_view text = "VmRSSx: 1\nVmRSS:\t   1234 kB\nwrite_bytes: 77\n";
    CHECK(parse_field(text, "VmRSS") == 1234);
    CHECK(parse_field(text, "write_bytes") == 77);
    CHECK_FALSE(parse_field(text, "VmHWM"));
}

TEST_CASE("usage between two readings") {
    ProcessUsage before;
    before.user_s = 1;
    before.written_bytes = 100;
    before.threads = {{1, "main", 0.5}};
    ProcessUsage after = before;
    after.user_s = 3;
    after.resident_bytes = 7;
    after.written_bytes = 150;
    after.threads = {{1, "main", 2}, {2, "late", 0.25}};
    const ProcessUsage used = usage_between(before, after);
    CHECK(used.cpu_s() == 2);
    CHECK(used.resident_bytes == 7);
    CHECK(used.written_bytes == 50);
    CHECK(used.threads == std::vector<ThreadUsage>{{1, "main", 1.5}, {2, "late", 0.25}});
    after.written_bytes = -1;
    CHECK(usage_between(before, after).written_bytes == -1);
}

TEST_CASE("threads of one name are numbered") {
    std::vector<ThreadUsage> threads{{1, "hub", 0}, {2, "writer", 0}, {3, "hub", 0}};
    number_names(threads);
    CHECK(threads == std::vector<ThreadUsage>{{1, "hub#1", 0}, {2, "writer", 0}, {3, "hub#2", 0}});
}

TEST_CASE("our own usage can be read, nobody's cannot") {
    const auto usage = read_usage(getpid());
    REQUIRE(usage);
    CHECK(usage->resident_bytes > 0);
    CHECK(usage->threads.size() >= 1);
    CHECK_FALSE(read_usage(0));
}

}  // namespace agentcom::bench
