#include "core/hub/sessions.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::TestHub;

namespace {

std::string identify(const std::string& agent, const std::string& token, const std::string& more = "") {
    return R"({"type":"identify","agent_id":")" + agent + R"(","token":")" + token + "\"" + more + "}";
}

std::string error(const std::string& code) { return R"({"type":"error","error":")" + code + "\"}"; }

using Frames = std::vector<std::string>;

Settings quiet() {
    Settings settings;
    settings.ping_interval_ms = 0;
    return settings;
}

}  // namespace

TEST_CASE("identify has one answer to each way of being wrong") {
    TestHub hub;
    hub.register_agent("ann");
    hub.register_agent("bob");
    const int64_t socket = hub.open();
    const std::string token = TestHub::token_of("ann");
    const auto answer = [&](const std::string& text) {
        hub.clear_frames();
        hub.send(socket, text);
        REQUIRE(hub.frames(socket).size() == 1);
        return hub.frames(socket)[0];
    };
    CHECK(answer(R"({"type":"ping"})") == error("not_identified"));
    CHECK(answer(identify("ann", "no such token")) == error("invalid_token"));
    CHECK(answer(identify("bob", token)) == error("token_agent_mismatch"));
    CHECK(answer(identify("ann", std::string(TestHub::kAdminToken))) == error("token_agent_mismatch"));
    CHECK(TestHub::member(answer(R"({"type":"identify","agent_id":"ann"})"), "error") == "validation_failed");
    CHECK(answer(identify("ann", token)) == R"({"type":"identified","agent_id":"ann"})");
    CHECK(answer(identify("ann", token)) == error("already_identified"));
    CHECK(answer(identify("bob", TestHub::token_of("bob"))) == error("already_identified"));
    CHECK(answer(identify("ann", "wrong")) == error("invalid_token"));
    CHECK(hub.closed(socket) == nullptr);
}

TEST_CASE("protocol 2 is told about the hub and gets its request ids back; protocol 1 gets no key more") {
    TestHub hub;
    hub.register_agent("ann");
    hub.register_agent("bob");
    REQUIRE(hub.http(Method::post, "/api/message", R"({"to":"ann","payload":{}})", TestHub::token_of("bob")).status ==
            200);
    const int64_t modern = hub.open();
    hub.send(modern, identify("ann", TestHub::token_of("ann"), R"(,"protocol_version":2,"request_id":7)"));
    const std::string identified = hub.take_frame(modern, "identified");
    CHECK(TestHub::member(identified, "protocol_version") == "2");
    CHECK(TestHub::member(identified, "hub_version") != "");
    CHECK(TestHub::member(identified, "features").front() == '[');
    CHECK(TestHub::member(identified, "mailbox_pending") == "1");
    CHECK(TestHub::member(identified, "heartbeat_interval_ms") == "30000");
    hub.send(modern, R"({"type":"ping","request_id":"r9"})");
    CHECK(TestHub::member(hub.take_frame(modern, "pong"), "request_id") == "r9");
    hub.send(modern, R"({"type":"status","request_id":{"any":1}})");
    CHECK(TestHub::member(hub.take_frame(modern, "error"), "error") == "validation_failed");

    const int64_t plain = hub.open();
    hub.send(plain, identify("bob", TestHub::token_of("bob"), R"(,"request_id":7)"));
    CHECK(hub.take_frame(plain, "identified") == R"({"type":"identified","agent_id":"bob"})");
    hub.send(plain, R"({"type":"ping","request_id":"r9"})");
    CHECK(TestHub::member(hub.take_frame(plain, "pong"), "request_id") == "");
}

TEST_CASE("presence is pushed as it happens, to everybody but oneself") {
    TestHub hub;
    for (const char* agent : {"ann", "bob", "cat"}) hub.register_agent(agent);
    const int64_t ann = hub.connect("ann");
    const std::string at = std::to_string(hub.now_ms());
    hub.clear_frames();
    const int64_t bob = hub.connect("bob", R"("name":"Bob","status":null,"capabilities":["code"])");
    CHECK(hub.frames(ann) == Frames{R"({"type":"agent_joined","agent":{"agent_id":"bob","name":"Bob","status":null,)"
                                    R"("capabilities":["code"],"connected_at":)" +
                                    at + "}}"});
    CHECK(hub.frames(bob).empty());
    // Who asked for none hears none; protocol 2 asks by default.
    const int64_t cat = hub.connect("cat", R"("protocol_version":2,"capabilities":null)");
    hub.clear_frames();
    hub.send(bob, R"({"type":"status","status":"busy"})");
    CHECK(hub.take_frame(bob, "status_updated") == R"({"type":"status_updated"})");
    const std::string changed = R"({"type":"status_changed","agent":{"agent_id":"bob","name":"Bob","status":"busy",)"
                                R"("capabilities":["code"],"connected_at":)" +
                                at + "}}";
    CHECK(hub.frames(ann) == Frames{changed});
    CHECK(hub.frames(bob) == Frames{changed});
    CHECK(hub.frames(cat).empty());
    hub.clear_frames();
    hub.send(cat, R"({"type":"list_agents"})");
    CHECK(TestHub::member(hub.take_frame(cat, "agents"), "agents") ==
          R"([{"agent_id":"ann","name":"ann","status":"connected","capabilities":[],"connected_at":)" + at +
              R"(},{"agent_id":"bob","name":"Bob","status":"busy","capabilities":["code"],"connected_at":)" + at +
              R"(},{"agent_id":"cat","name":"cat","status":"connected","capabilities":null,"connected_at":)" + at +
              "}]");
    hub.clear_frames();
    hub.disconnect(bob);
    CHECK(hub.frames(ann) == Frames{R"({"type":"agent_left","agent_id":"bob"})"});
    CHECK(hub.frames(cat).empty());
}

TEST_CASE("the newest socket of an agent wins, and nobody hears of it but a second join") {
    TestHub hub;
    hub.register_agent("ann");
    hub.register_agent("bob");
    const int64_t watcher = hub.connect("bob");
    const int64_t older = hub.connect("ann");
    const std::string task = hub.submit(R"({"description":"x","metadata":{"target_agent":"ann"}})");
    REQUIRE(hub.take_frame(older, "task_assign") != "");
    hub.clear_frames();
    const int64_t newer = hub.connect("ann");
    REQUIRE(hub.closed(older) != nullptr);
    CHECK(hub.closed(older)->code == 4000);
    CHECK(hub.closed(older)->reason == "replaced");
    CHECK(hub.take_frame(watcher, "agent_left") == "");
    // The lease goes with the agent, and what the old socket still says is not heard.
    CHECK(hub.tables().find<LeaseRow>({1, task})->connection == newer);
    CHECK(hub.row(task)->generation == 1);
    hub.send(older, R"({"type":"message","to":"bob","payload":{}})");
    CHECK(hub.take_frame(watcher, "message") == "");
    hub.clear_frames();
    hub.disconnect(older);
    CHECK(hub.frames(watcher).empty());
    CHECK(hub.tables().find<AgentRow>({1, "ann"})->connection == newer);
    hub.advance_ms(31'000);
    CHECK(hub.row(task)->generation == 1);
}

TEST_CASE("nine wrong frames are answered, the tenth closes, and the agent must wait") {
    TestHub hub(quiet());
    hub.register_agent("ann");
    hub.register_agent("bob");
    const int64_t watcher = hub.connect("bob");
    const int64_t ann = hub.connect("ann");
    hub.clear_frames();
    for (int i = 0; i < 9; ++i) hub.send(ann, i % 2 == 0 ? R"({"type":"message"})" : "{");
    CHECK(hub.frames(ann).size() == 9);
    CHECK(hub.closed(ann) == nullptr);
    hub.send(ann, R"({"type":"message"})");
    CHECK(hub.frames(ann).size() == 9);
    REQUIRE(hub.closed(ann) != nullptr);
    CHECK(hub.closed(ann)->code == 1008);
    CHECK(hub.closed(ann)->reason == "too many validation errors");
    CHECK(hub.take_frame(watcher, "agent_left") == R"({"type":"agent_left","agent_id":"ann"})");
    // Frames that were under way count no more.
    for (int i = 0; i < 25; ++i) hub.send(ann, "{");
    hub.disconnect(ann);
    CHECK(hub.take_frame(watcher, "agent_left") == "");

    const auto refused = [&](const std::string& reason) {
        const int64_t socket = hub.open();
        hub.send(socket, identify("ann", TestHub::token_of("ann")));
        REQUIRE(hub.closed(socket) != nullptr);
        CHECK(hub.closed(socket)->code == 1008);
        CHECK(hub.closed(socket)->reason == reason);
        CHECK(hub.frames(socket).empty());
    };
    refused("cooldown active: retry in 31s");
    hub.advance_ms(12'500);
    refused("cooldown active: retry in 18s");
    hub.advance_ms(17'500);
    for (const int64_t wait_s : {60, 300, 300}) {
        const int64_t socket = hub.connect("ann");
        for (int i = 0; i < 10; ++i) hub.send(socket, "{");
        refused("cooldown active: retry in " + std::to_string(wait_s + 1) + "s");
        hub.advance_ms(wait_s * 1'000);
    }
    // Ten minutes later all is forgotten.
    hub.advance_ms(301'000);
    const int64_t socket = hub.connect("ann");
    for (int i = 0; i < 10; ++i) hub.send(socket, "{");
    refused("cooldown active: retry in 31s");
    // Somebody else's token learns nothing of it, and an address without a name has no cooldown.
    const int64_t other = hub.open();
    hub.send(other, identify("ann", TestHub::token_of("bob")));
    CHECK(hub.frames(other) == Frames{error("token_agent_mismatch")});
    const int64_t nameless = hub.open();
    for (int i = 0; i < 10; ++i) hub.send(nameless, "{");
    CHECK(hub.closed(nameless)->code == 1008);
    CHECK(hub.tables().count<CooldownRow>() == 1);
}

TEST_CASE("wrong frames count within a minute of the first one") {
    TestHub hub(quiet());
    const int64_t socket = hub.open();
    for (int i = 0; i < 9; ++i) hub.send(socket, "{");
    hub.advance_ms(59'000);
    hub.clear_frames();
    SECTION("just within it") {
        hub.send(socket, "{");
        CHECK(hub.closed(socket)->reason == "too many validation errors");
    }
    SECTION("later it starts anew") {
        TestHub patient([] {
            Settings settings = quiet();
            settings.identify_timeout_ms = 1'000'000;
            return settings;
        }());
        const int64_t other = patient.open();
        for (int i = 0; i < 9; ++i) patient.send(other, "{");
        patient.advance_ms(60'001);
        for (int i = 0; i < 9; ++i) patient.send(other, "{");
        CHECK(patient.closed(other) == nullptr);
        patient.send(other, "{");
        CHECK(patient.closed(other) != nullptr);
    }
}

TEST_CASE("unknown types are answered ten times as long") {
    TestHub hub(quiet());
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    for (int i = 0; i < 99; ++i) hub.send(ann, R"({"type":"from_the_future"})");
    CHECK(hub.frames(ann).size() == 99);
    CHECK(hub.closed(ann) == nullptr);
    hub.send(ann, R"({"type":"from_the_future"})");
    CHECK(hub.closed(ann) != nullptr);
}

TEST_CASE("a socket that does not identify, or says nothing at all, is closed") {
    TestHub hub(quiet());
    hub.register_agent("ann");
    const int64_t nameless = hub.open();
    const int64_t ann = hub.connect("ann");
    hub.advance_ms(59'999);
    CHECK(hub.closed(nameless) == nullptr);
    hub.advance_ms(1);
    REQUIRE(hub.closed(nameless) != nullptr);
    CHECK(hub.closed(nameless)->code == 1008);
    hub.apply(ControlReceived{ann});  // a pong is a sign of life
    hub.advance_ms(239'999);
    CHECK(hub.closed(ann) == nullptr);
    hub.advance_ms(1);
    REQUIRE(hub.closed(ann) != nullptr);
    CHECK(hub.closed(ann)->code == 1002);
    CHECK(hub.closed(ann)->reason.empty());
}

TEST_CASE("B12: a dead socket is closed however much the hub sends to it, and its agent gets no more work") {
    TestHub hub;
    hub.register_agent("dead");
    hub.register_agent("lively");
    const int64_t dead = hub.connect("dead", R"("capabilities":["work"])");
    const int64_t lively = hub.connect("lively");
    // Broadcasts and pings go out to it all the time; nothing comes in.
    for (int i = 0; i < 30 && hub.closed(dead) == nullptr; ++i) {
        hub.advance_ms(10'000);
        hub.send(lively, R"({"type":"message","payload":{}})");
    }
    REQUIRE(hub.closed(dead) != nullptr);
    CHECK(hub.closed(dead)->code == 1002);
    CHECK(hub.take_frame(lively, "agent_left") == R"({"type":"agent_left","agent_id":"dead"})");
    const std::string task = hub.submit(R"({"description":"x","needed_capabilities":["work"]})");
    CHECK(hub.row(task)->state == TaskState::queued);
}

TEST_CASE("the hub pings, and stops with the socket") {
    Settings settings;
    settings.ping_interval_ms = 1'000;
    settings.metrics_interval_ms = 0;
    Hub hub(settings);
    Started started;
    started.epoch = std::string(32, 'e');
    hub.apply({{0, 0}, started});
    hub.apply({{0, 0}, ConnectionOpened{1, "127.0.0.1", true}});
    hub.end_turn();
    const auto pings = [&hub](int64_t ms) {
        hub.apply({{ms, ms * 1'000}, Tick{}});
        int64_t count = 0;
        for (const Effect& effect : hub.end_turn().effects) count += std::holds_alternative<SendPing>(effect) ? 1 : 0;
        return count;
    };
    CHECK(pings(999) == 0);
    CHECK(pings(1'000) == 1);
    CHECK(pings(1'500) == 0);
    CHECK(pings(2'000) == 1);
    hub.apply({{2'000, 2'000'000}, ConnectionClosed{1}});
    CHECK(pings(9'000) == 0);
    CHECK_FALSE(hub.next_deadline().mono_us.has_value());
}

TEST_CASE("revoking an agent's tokens closes its socket, and the token opens none again") {
    TestHub hub;
    hub.register_agent("ann");
    hub.register_agent("bob");
    const int64_t watcher = hub.connect("bob");
    const int64_t ann = hub.connect("ann");
    hub.clear_frames();
    CHECK(hub.http(Method::delete_, "/admin/tokens/ann", "", TestHub::token_of("bob")).status == 403);
    CHECK(hub.closed(ann) == nullptr);
    CHECK(hub.http(Method::delete_, "/admin/tokens/ann", "", std::string(TestHub::kAdminToken)).body ==
          R"({"status":"revoked","agent_id":"ann"})");
    REQUIRE(hub.closed(ann) != nullptr);
    CHECK(hub.closed(ann)->code == 1008);
    CHECK(hub.take_frame(watcher, "agent_left") != "");
    const int64_t again = hub.open();
    hub.send(again, identify("ann", TestHub::token_of("ann")));
    CHECK(hub.frames(again) == Frames{error("invalid_token")});
}

TEST_CASE("shutting down closes every socket with 1001, those that come too late as well") {
    TestHub hub;
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    const int64_t nameless = hub.open();
    const std::string task = hub.submit(R"({"description":"x"})");
    hub.apply(Shutdown{});
    CHECK(hub.closed(ann)->code == 1001);
    CHECK(hub.closed(nameless)->code == 1001);
    const int64_t late = hub.open();
    CHECK(hub.closed(late)->code == 1001);
    CHECK(hub.http(Method::get, "/readyz").status == 503);
    hub.apply(ConnectionClosed{ann});
    CHECK(hub.row(task)->state == TaskState::assigned);
}
