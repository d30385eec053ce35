#include "core/state/activity.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

namespace {

constexpr int64_t kStart = 1'800'000'000'000 - 1'800'000'000'000 % kHourMs;

}  // namespace

TEST_CASE("messages are counted in the hour they were sent in, for a day", "[analytics]") {
    Activity activity;
    activity.sent(1, "ann", kStart + 5);
    activity.sent(1, "ann", kStart + kHourMs);
    activity.received(1, "bob", kStart + 5);
    CHECK(activity.find(1, "ann")->at(kStart, kStart + kHourMs).sent == 1);
    CHECK(activity.find(1, "ann")->at(kStart + kHourMs, kStart + kHourMs).sent == 1);
    CHECK(activity.find(1, "ann")->last_active == kStart + kHourMs);
    CHECK(activity.find(1, "bob")->at(kStart, kStart).received == 1);
    CHECK(activity.find(1, "bob")->last_active == 0);
    CHECK(activity.find(2, "ann") == nullptr);
    activity.sent(1, "ann", kStart + 24 * kHourMs);
    CHECK(activity.find(1, "ann")->at(kStart, kStart + 24 * kHourMs).sent == 0);
    CHECK(activity.agents(1) == std::vector<std::string>{"ann", "bob"});
    CHECK(activity.agents(2).empty());
}

TEST_CASE("connection time is split across hours, and runs on while connected", "[analytics]") {
    Activity activity;
    activity.connected(1, "ann", kStart + kHourMs - 1'000);
    const AgentActivity& ann = *activity.find(1, "ann");
    CHECK(ann.at(kStart, kStart + kHourMs + 500).connected_ms == 1'000);
    CHECK(ann.at(kStart + kHourMs, kStart + kHourMs + 500).connected_ms == 500);
    activity.disconnected(1, "ann", kStart + kHourMs + 500);
    CHECK(ann.at(kStart, kStart + 2 * kHourMs).connected_ms == 1'000);
    CHECK(ann.at(kStart + kHourMs, kStart + 2 * kHourMs).connected_ms == 500);
    CHECK(ann.last_seen == kStart + kHourMs + 500);
    activity.disconnected(1, "ann", kStart + 2 * kHourMs);
    CHECK(ann.last_seen == kStart + kHourMs + 500);
    // A clock that went back gives nothing; days that are gone neither.
    activity.connected(1, "ann", kStart);
    activity.disconnected(1, "ann", kStart - 10 * kHourMs);
    activity.connected(1, "ann", kStart);
    activity.disconnected(1, "ann", kStart + 100 * kHourMs);
    CHECK(ann.at(kStart + 99 * kHourMs, kStart + 100 * kHourMs).connected_ms == kHourMs);
    CHECK(ann.connections == 3);
}

TEST_CASE("an input that is undone was not counted, and a saved state holds the counts", "[analytics]") {
    Activity activity;
    activity.begin_input();
    activity.sent(1, "ann", kStart);
    const Hash128 before = activity.digest();
    activity.begin_input();
    activity.sent(1, "ann", kStart);
    activity.sent(1, "bob", kStart);
    activity.active(1, "ann", kStart + 7);
    CHECK_FALSE(activity.digest() == before);
    activity.undo_input();
    CHECK(activity.digest() == before);
    CHECK(activity.find(1, "bob") == nullptr);
    ByteWriter out;
    activity.save(out);
    Activity loaded;
    ByteReader in(out.bytes());
    REQUIRE(loaded.load(in));
    CHECK(loaded.digest() == before);
    Activity cut;
    ByteReader short_in(std::string_view(out.bytes()).substr(0, 40));
    CHECK_FALSE(cut.load(short_in));
}
