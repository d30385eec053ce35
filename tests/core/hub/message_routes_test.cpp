#include "core/hub/message_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("the mailbox is its owner's alone") {
    World world;
    const std::string bob = TestHub::token_of("bob");
    CHECK(world.get("/api/mailbox/bob").status == 401);
    CHECK(world.post("/api/mailbox/bob/ack", R"({"seq":1})").status == 401);
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob", "", bob).body ==
          R"({"agent_id":"bob","messages":[],"last_seq":0,"count":0})");
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob?since=41", "", bob).body ==
          R"({"agent_id":"bob","messages":[],"last_seq":41,"count":0})");
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob?since=x", "", bob).status == 422);
    CHECK(world.hub.http(Method::post, "/api/mailbox/bob/ack", "{}", bob).status == 422);
    const Response sent = world.post("/api/message", R"({"to":"bob","type":null,"payload":{"k":1},"reply_to":"r"})");
    const std::string id = TestHub::member(sent.body, "id");
    CHECK(sent.body == R"({"status":"sent","id":")" + id + "\"}");
    CHECK(world.hub.http(Method::get, "/api/mailbox/bob", "", bob).body ==
          R"({"agent_id":"bob","messages":[{"seq":1,"id":")" + id +
              R"(","from":"ann","to":"bob","type":"chat","payload":{"k":1},"reply_to":"r","timestamp":)" +
              std::to_string(world.hub.now_ms()) + R"(}],"last_seq":1,"count":1})");
}

namespace {

json::Object parsed(const Response& response) {
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return json::members(response.body);
}

/// The ids of a page of sent messages.
Ids sent_ids(const Response& response) {
    const json::Object page = parsed(response);
    Ids found;
    for (const json::Value& each : json::elements(page.find("messages")->raw)) {
        found.push_back(TestHub::member(std::string(each.raw), "id"));
    }
    return found;
}

}  // namespace

TEST_CASE("a name nobody has: refused when strict, told otherwise, unknown to v1.1's clients") {
    World world;
    const Response strict = world.post("/api/message?strict=1", R"({"to":"bobb","payload":{}})");
    CHECK(strict.status == 404);
    CHECK(strict.body == R"({"error":"unknown_recipient","to":"bobb","near":["bob"]})");
    CHECK(world.hub.store().rows(TableId::messages).empty());
    CHECK(world.post("/api/message?strict=1", R"({"to":"bob","payload":{}})").status == 200);
    CHECK(world.post("/api/message?strict=1", R"({"payload":{}})").status == 200);
    CHECK(world.post("/api/message?strict=yes", R"({"payload":{}})").status == 422);
    const Response filed = world.post("/api/message?strict=0", R"({"to":"bobb","payload":{}})");
    CHECK(filed.body ==
          R"({"status":"sent","id":")" + TestHub::member(filed.body, "id") + R"(","undeliverable":true})");

    const int64_t newer = world.hub.connect("ann", R"("protocol_version":2)");
    const int64_t older = world.hub.connect("bob");
    world.hub.clear_frames();
    const std::string frame = R"({"type":"message","to":"carol","payload":{},"request_id":7})";
    world.hub.send(newer, frame);
    CHECK(world.hub.frames(newer) ==
          Ids{R"({"type":"error","error":"unknown_recipient","to":"carol","near":[],"request_id":7})"});
    CHECK(world.hub.tables().indexes().undeliverable.at(1).size() == 1);
    world.hub.send(older, frame);
    CHECK(TestHub::member(world.hub.frames(older).at(0), "type") == "message_sent");
    CHECK(world.hub.tables().indexes().undeliverable.at(1).size() == 2);
    world.hub.register_agent("carol");
    CHECK(world.hub.http(Method::get, "/api/mailbox/carol", "", TestHub::token_of("carol")).body.find("\"count\":1") !=
          std::string::npos);
}

TEST_CASE("what one has sent, newest first, in pages, with what became of it") {
    World world;
    Ids ids;
    for (int i = 0; i < 5; ++i) {
        const std::string to = i == 3 ? "" : R"("to":"bob",)";
        ids.insert(ids.begin(), TestHub::member(world.post("/api/message", "{" + to + R"("payload":{}})").body, "id"));
        world.hub.http(Method::post, "/api/message", R"({"payload":{}})", TestHub::token_of("bob"));
    }
    const Response all = world.get("/api/messages/sent");
    CHECK(sent_ids(all) == ids);
    CHECK(TestHub::member(all.body, "next_before") == "null");
    Ids joined;
    std::string before;
    for (int pages = 0; pages < 3; ++pages) {
        const Response page = world.get("/api/messages/sent?limit=2" + before);
        for (const std::string& id : sent_ids(page)) joined.push_back(id);
        before = "&before=" + TestHub::member(page.body, "next_before");
    }
    CHECK(joined == ids);
    CHECK(before == "&before=null");
    const std::string at = std::to_string(world.hub.now_ms());
    const std::string first(
        json::elements(parsed(world.get("/api/messages/sent?before=2")).find("messages")->raw)[0].raw);
    CHECK(first == R"({"id":")" + ids.back() + R"(","seq":1,"to":"bob","type":"chat","sent_at":)" + at +
                       R"(,"expires_at":)" + std::to_string(world.hub.now_ms() + Settings{}.mailbox_ttl_ms) +
                       R"(,"importance":"normal","ack_required":false,"ack_by":null,"labels":[],"undeliverable":false,)"
                       R"("deliveries":[{"agent_id":"bob","state":"stored","stored_at":)" +
                       at + R"(,"pushed_at":null,"read_at":null,"acked_at":null}],"truncated":false})");
    CHECK(world.get("/api/messages/sent?before=-1").body == R"({"messages":[],"next_before":null})");
    CHECK(world.hub.http(Method::get, "/api/messages/sent").status == 401);
}

TEST_CASE("deliveries are shown to the sender, the recipient and the administrator") {
    World world;
    world.hub.register_agent("cat");
    const std::string bob = TestHub::token_of("bob");
    const std::string cat = TestHub::token_of("cat");
    const auto ask = [&](const std::string& id, const std::string& token) {
        return world.hub.http(Method::get, "/api/messages/" + id + "/deliveries", "", token);
    };
    const std::string direct = TestHub::member(world.post("/api/message", R"({"to":"bob","payload":{}})").body, "id");
    const std::string whole = ask(direct, world.ann).body;
    CHECK(whole.starts_with(R"({"message_id":")" + direct + R"(","to":"bob","deliveries":[{"agent_id":"bob",)"));
    CHECK(whole.ends_with(R"(],"truncated":false})"));
    CHECK(ask(direct, bob).body == whole);
    CHECK(ask(direct, kAdmin).body == whole);
    const Response refused = ask(direct, cat);
    CHECK(refused.status == 404);
    CHECK(refused.body == R"({"error":"message_not_found","message_id":")" + direct + "\"}");
    CHECK(ask("0123456789abcdef", world.ann).status == 404);
    CHECK(ask("nonsense", world.ann).status == 404);
    CHECK(ask(direct, "").status == 401);

    // Of a broadcast the sender sees everybody's, the others their own; who came later is no recipient.
    const std::string broadcast = TestHub::member(world.post("/api/message", R"({"payload":{}})").body, "id");
    world.hub.register_agent("dan");
    world.hub.http(Method::get, "/api/mailbox/cat", "", cat);
    const auto states = [&](const std::string& token) {
        Ids found;
        const Response response = ask(broadcast, token);
        for (const json::Value& each : json::elements(parsed(response).find("deliveries")->raw)) {
            const std::string delivery(each.raw);
            found.push_back(TestHub::member(delivery, "agent_id") + " " + TestHub::member(delivery, "state"));
        }
        return found;
    };
    CHECK(states(world.ann) == Ids{"bob stored", "cat read"});
    CHECK(states(cat) == Ids{"cat read"});
    CHECK(states(TestHub::token_of("dan")).empty());
}

TEST_CASE("a broadcast's deliveries are cut off at a bound, and say so") {
    World world;
    for (int i = 0; i < 1'100; ++i) world.hub.register_agent("agent" + std::to_string(i));
    const std::string id = TestHub::member(world.post("/api/message", R"({"payload":{}})").body, "id");
    const Response page = world.get("/api/messages/" + id + "/deliveries");
    CHECK(json::elements(parsed(page).find("deliveries")->raw).size() == 1'000);
    CHECK(page.body.ends_with("\"truncated\":true}"));
    // A recipient that is not among them still sees its own.
    const Response own =
        world.hub.http(Method::get, "/api/messages/" + id + "/deliveries", "", TestHub::token_of("bob"));
    CHECK(json::elements(parsed(own).find("deliveries")->raw).size() == 1);
}

// -- frames behind a query
// ---------------------------------------------------------------------------------------------
