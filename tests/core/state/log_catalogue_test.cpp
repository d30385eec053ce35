#include "core/state/log_catalogue.hpp"

#include <catch2/catch.hpp>

#include <string>

using namespace agentcom;

TEST_CASE("the log's catalogue is found by name and says what each line means") {
    for (const LogKind& kind : log_catalogue()) {
        CAPTURE(kind.name);
        REQUIRE(find_log_kind(kind.name) == &kind);
        CHECK_FALSE(kind.meaning.empty());
        CHECK(kind.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
    }
    CHECK(find_log_kind("") == nullptr);
    CHECK(find_log_kind("task") == nullptr);
    CHECK(find_log_kind("zzz") == nullptr);
}

TEST_CASE("W-11: what happens all the time is told only to who looks for a fault") {
    for (const char* name : {"request", "agent_connected", "task_note"}) {
        CHECK(find_log_kind(name)->severity == Severity::debug);
    }
    // Nothing tells of frames, pings, messages that arrive, or commits that succeed.
    for (const char* name : {"frame", "ping", "message", "message_sent", "committed", "progress"}) {
        CHECK(find_log_kind(name) == nullptr);
    }
}
