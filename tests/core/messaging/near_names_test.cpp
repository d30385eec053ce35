#include "core/messaging/near_names.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::TestHub;

namespace {

using Names = std::vector<std::string>;

Names near(TestHub& hub, const std::string& name) {
    const std::string answer =
        hub.http(Method::post, "/api/message?strict=1", R"({"to":)" + json::encode_string(name) + R"(,"payload":{}})",
                 std::string(TestHub::kAdminToken))
            .body;
    const json::Object body = json::members(answer);
    REQUIRE(body.find("near") != nullptr);
    Names names;
    for (const json::Value& each : json::elements(body.find("near")->raw)) names.push_back(json::decode_string(each));
    return names;
}

}  // namespace

TEST_CASE("near names are a slip of the hand away") {
    TestHub hub;
    for (const char* agent :
         {"alice", "alicia", "alina", "bob", "älice", "al", "builder-1", "builder-2", "builder-10"}) {
        hub.register_agent(agent);
    }
    CHECK(near(hub, "alic") == Names{"alice", "al", "alicia", "alina"});
    CHECK(near(hub, "alcie") == Names{"alice", "alicia"});
    CHECK(near(hub, "builder1") == Names{"builder-1", "builder-10", "builder-2"});
    CHECK(near(hub, "zalice").empty());
    CHECK(near(hub, "ä lice") == Names{"älice"});
    CHECK(near(hub, "b") == Names{"bob"});
    CHECK(near(hub, "").empty());
    CHECK(near(hub, std::string(1'000, 'b')).empty());
}

TEST_CASE("at most five are given, the nearest first, of the sender's workspace") {
    TestHub hub;
    for (int i = 10; i < 30; ++i) hub.register_agent("worker" + std::to_string(i));
    hub.register_agent("worker99", "other");
    CHECK(near(hub, "worker1") == Names{"worker10", "worker11", "worker12", "worker13", "worker14"});
    CHECK(near(hub, "worker99").size() == 5);
    CHECK(near(hub, "workerx29").front() == "worker29");
}

TEST_CASE("the hub's own principals can have mail in every workspace") {
    TestHub hub;
    hub.register_agent("ann");
    CHECK(is_known_recipient(hub.tables(), 1, "ann"));
    CHECK(is_known_recipient(hub.tables(), 1, "admin"));
    CHECK_FALSE(is_known_recipient(hub.tables(), 1, "bob"));
}
