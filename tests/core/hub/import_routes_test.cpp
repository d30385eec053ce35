#include "core/hub/import_routes.hpp"

#include <catch2/catch.hpp>

#include "core/base/sha256.hpp"
#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

struct ImportWorld : World {
    Response import(const std::string& items, bool dry_run = false) {
        return hub.http(
            Method::post, "/api/admin/import",
            R"({"source":"v1.1","dry_run":)" + std::string(dry_run ? "true" : "false") + R"(,"items":[)" + items + "]}",
            kAdmin);
    }
    /// The answer's only item.
    std::string one(const std::string& item) {
        const Response response = import(item);
        CAPTURE(response.body);
        REQUIRE(response.status == 200);
        const json::Object body = json::members(response.body);
        return std::string(json::elements(body.find("items")->raw).at(0).raw);
    }
    std::string inbox(const std::string& agent) {
        return hub.http(Method::get, "/api/mailbox/" + agent, "", TestHub::token_of(agent)).body;
    }
};

std::string token_item(const std::string& token, const std::string& agent) {
    return R"({"kind":"token","key":")" + sha256_hex(token) + R"(","agent_id":")" + agent + R"(","prefix":"abcd1234"})";
}

std::string message_item(const std::string& key, const std::string& more) {
    return R"({"kind":"message","key":")" + key + R"(","from":"ann","payload":{"n":")" + key +
           R"("},"timestamp":1000,)" + more + "}";
}

const std::string kTask =
    R"({"kind":"task","key":"task-f00dfeed12345678","description":"count","created_at":1000,"metadata":{"k":1e400},)"
    R"("priority":1,"generation":4,"retry_count":2,"max_retries":5,"submitted_by":"ann","updated_at":2000,)"
    R"("history":[{"event":"queued","timestamp":1000,"details":"submitted"}]})";

}  // namespace

TEST_CASE("only administrators import, and only what is shaped like an import", "[import]") {
    ImportWorld world;
    CHECK(world.post("/api/admin/import", R"({"source":"v1.1","items":[]})").status == 403);
    CHECK(world.hub.http(Method::post, "/api/admin/import", R"({"source":"v1.1","items":[]})").status == 401);
    CHECK(world.import("").body == R"({"items":[],"created":0,"known":0,"skipped":0,"dry_run":false})");
    CHECK(world.import("1").status == 422);
    CHECK(world.import(R"({"kind":"task"})").status == 422);
    CHECK(world.hub.http(Method::post, "/api/admin/import", R"({"source":"v1.1","items":{}})", kAdmin).status == 422);
    std::string many = "{}";
    for (size_t i = 0; i < requests::kMaxImportItems; ++i) many += ",{}";
    CHECK(world.import(many).status == 422);
    CHECK(TestHub::member(world.one(R"({"kind":"moon","key":"1"})"), "status") == "skipped");
}

TEST_CASE("a token that was taken over opens the hub to its agent, once, and not again after its end", "[import]") {
    ImportWorld world;
    const std::string item = token_item("the old token", "carol");
    CHECK(TestHub::member(world.one(item), "status") == "created");
    const Response who = world.hub.http(Method::get, "/api/whoami", "", "the old token");
    CHECK(TestHub::member(who.body, "principal") == "carol");
    CHECK(TestHub::member(world.one(item), "status") == "known");
    CHECK(TestHub::member(world.one(token_item("the old token", "dora")), "status") == "known");
    CHECK(TestHub::member(world.one(token_item(TestHub::token_of("ann"), "dora")), "status") == "skipped");
    CHECK(TestHub::member(world.one(token_item(TestHub::token_of("ann"), "ann")), "status") == "known");
    CHECK(TestHub::member(world.one(token_item("x", " blank")), "status") == "skipped");
    CHECK(TestHub::member(world.one(R"({"kind":"token","key":"clear","agent_id":"e","prefix":"p"})"), "status") ==
          "skipped");
    world.hub.http(Method::delete_, "/admin/tokens/carol", "", kAdmin);
    CHECK(TestHub::member(world.one(item), "status") == "known");
    CHECK(world.hub.http(Method::get, "/api/whoami", "", "the old token").status == 401);
}

TEST_CASE("a dry run says what would be done and does nothing", "[import]") {
    ImportWorld world;
    const Response dry =
        world.import(kTask + "," + token_item("t", "carol") + "," + message_item("m", R"("to":"bob")"), true);
    CHECK(TestHub::member(dry.body, "created") == "3");
    CHECK(TestHub::member(dry.body, "dry_run") == "true");
    CHECK(world.hub.store().rows(TableId::imports).empty());
    CHECK(world.hub.row("task-f00dfeed12345678") == nullptr);
    CHECK(world.hub.http(Method::get, "/api/whoami", "", "t").status == 401);
}

TEST_CASE("a task goes on under its own id, with its counters and its past", "[import]") {
    ImportWorld world;
    const std::string taken = world.one(kTask);
    CHECK(TestHub::member(taken, "status") == "created");
    CHECK(TestHub::member(taken, "id") == "task-f00dfeed12345678");
    const std::string shown = world.get("/api/tasks/task-f00dfeed12345678").body;
    CHECK(TestHub::member(shown, "status") == "queued");
    CHECK(TestHub::member(shown, "metadata") == R"({"k":1e400})");
    CHECK(TestHub::member(shown, "priority") == "1");
    CHECK(TestHub::member(shown, "generation") == "4");
    CHECK(TestHub::member(shown, "retry_count") == "2");
    CHECK(TestHub::member(shown, "submitted_by") == "ann");
    CHECK(TestHub::member(shown, "created_at") == "1000");
    CHECK(shown.find(R"({"event":"queued","timestamp":1000,"details":"submitted"})") != std::string::npos);

    SECTION("once, also when it has ended in the meantime, and over a crash") {
        world.complete("task-f00dfeed12345678");
        world.hub.restart();
        CHECK(TestHub::member(world.one(kTask), "status") == "known");
        CHECK(TestHub::member(world.get("/api/tasks/task-f00dfeed12345678").body, "status") == "completed");
    }
    SECTION("what was held there is queued here, and the report of its old holder is stale") {
        const std::string held =
            world.one(R"({"kind":"task","key":"task-f00dfeed00000002","description":"x","created_at":1,"generation":3,)"
                      R"("assigned_to":"bob","assigned_at":5})");
        CHECK(world.hub.row(TestHub::member(held, "id"))->generation == 4);
        CHECK(world.hub.row(TestHub::member(held, "id"))->state == TaskState::queued);
    }
    SECTION("a dead letter stays one, and can be retried") {
        world.one(R"({"kind":"task","key":"task-f00dfeed00000003","description":"x","created_at":1,"dead_letter":true,)"
                  R"("last_error":"boom","assigned_to":"bob","assigned_at":5,"updated_at":7})");
        const std::string dead = world.get("/api/tasks/task-f00dfeed00000003").body;
        CHECK(TestHub::member(dead, "status") == "dead_letter");
        CHECK(TestHub::member(dead, "last_error") == "boom");
        CHECK(TestHub::member(dead, "assigned_to") == "bob");
        CHECK(TestHub::member(dead, "updated_at") == "7");
        CHECK(world.post("/api/tasks/task-f00dfeed00000003/retry", "").status == 200);
    }
    SECTION("an id that may be one of ours is exchanged") {
        const std::string ours = world.submit();
        for (const std::string& id : {ours, std::string("task-0000000000000000"), std::string("job 7")}) {
            const std::string item =
                world.one(R"({"kind":"task","key":")" + id + R"(","description":"x","created_at":1})");
            CHECK(TestHub::member(item, "status") == "created");
            CHECK(TestHub::member(item, "id") != id);
        }
    }
    SECTION("what this hub cannot hold is left out, and the rest stands") {
        const Response mixed =
            world.import(R"({"kind":"task","key":"a","created_at":1},)" + message_item("m1", R"("to":"bob")"));
        CHECK(TestHub::member(mixed.body, "created") == "1");
        CHECK(TestHub::member(mixed.body, "skipped") == "1");
        CHECK(mixed.body.find("description: field is required") != std::string::npos);
    }
}

TEST_CASE("messages become history, and mail of those who have not had them, over a crash too", "[import]") {
    ImportWorld world;
    world.hub.register_agent("carol");
    world.post("/api/message", R"({"to":"bob","payload":{"n":"own"}})");
    const auto at = std::to_string(world.hub.now_ms() - 5'000);
    const auto message = [&](const std::string& key, const std::string& more) {
        return R"({"kind":"message","key":")" + key + R"(","from":"ann","payload":{"n":")" + key +
               R"("},"timestamp":)" + at + more + "}";
    };
    const Response taken = world.import(
        message("1", R"(,"to":"bob")") + "," + message("2", R"(,"to":"bob","unread_by":["bob"],"reply_to":"1")") + "," +
        message("3", R"(,"to":null)") + "," + message("4", R"(,"to":null,"unread_by":["carol"])") + "," +
        message("5", R"(,"to":"bob","unread_by":["bob"],"reply_to":"unknown")"));
    CAPTURE(taken.body);
    CHECK(TestHub::member(taken.body, "created") == "5");
    const bool crash = GENERATE(false, true);
    if (crash) world.hub.restart();

    const std::string bob = world.inbox("bob");
    CAPTURE(bob);
    CHECK(TestHub::member(bob, "count") == "3");
    for (const char* n : {"own", "2", "5"}) CHECK(bob.find(R"({"n":")" + std::string(n)) != std::string::npos);
    const std::string carol = world.inbox("carol");
    CAPTURE(carol);
    CHECK(TestHub::member(carol, "count") == "1");
    CHECK(carol.find(R"({"n":"4"})") != std::string::npos);
    CHECK(carol.find(at) != std::string::npos);

    const json::Object items = json::members(taken.body);
    const std::string first = TestHub::member(std::string(json::elements(items.find("items")->raw).at(0).raw), "id");
    CHECK(bob.find(R"("reply_to":")" + first) != std::string::npos);
    CHECK(bob.find(R"("reply_to":"unknown")") != std::string::npos);

    const Response again = world.import(message("1", R"(,"to":"bob")") + "," +
                                        message("2", R"(,"to":"bob","unread_by":["bob"],"reply_to":"1")"));
    CHECK(TestHub::member(again.body, "known") == "2");
    CHECK(TestHub::member(world.inbox("bob"), "count") == "3");
    CHECK(world.hub.store().rows(TableId::messages).size() == 6);
}

TEST_CASE("an import is told in the log of events", "[import]") {
    ImportWorld world;
    world.import(kTask);
    world.import(kTask);
    const std::string events = world.hub.http(Method::get, "/api/events?since=start&kind=imported", "", kAdmin).body;
    CHECK(events.find(R"("after":{"created":1,"known":0,"skipped":0})") != std::string::npos);
    CHECK(events.find(R"("known":1)") == std::string::npos);
}

TEST_CASE("new mail lies above the numbers that clients have kept", "[import]") {
    ImportWorld world;
    const std::string item = R"({"kind":"numbering","key":"messages","at_least":5000})";
    CHECK(TestHub::member(world.one(item), "status") == "created");
    CHECK(TestHub::member(world.one(item), "status") == "known");
    CHECK(TestHub::member(world.one(R"({"kind":"numbering","key":"messages","at_least":99999999999999})"), "status") ==
          "skipped");
    CHECK(TestHub::member(world.one(R"({"kind":"numbering","key":"tasks","at_least":1})"), "status") == "skipped");
    world.post("/api/message", R"({"to":"bob","payload":{}})");
    CHECK(TestHub::member(world.inbox("bob"), "last_seq") == "5001");
    world.hub.restart();
    CHECK(TestHub::member(world.inbox("bob"), "last_seq") == "5001");
}

TEST_CASE("channels keep their members, numbers and history, and members what they have not read", "[import]") {
    ImportWorld world;
    world.hub.register_agent("carol");
    const std::string channel =
        R"({"kind":"channel","key":"general","description":"all","created_by":"ann","created_at":7})";
    const auto member = [](const std::string& agent) {
        return R"({"kind":"membership","key":"general )" + agent + R"(","channel":"general","agent_id":")" + agent +
               "\"}";
    };
    const auto said = [&world](const std::string& key, int64_t seq, const std::string& unread_by) {
        return R"({"kind":"message","key":")" + key + R"(","from":"ann","payload":{"n":")" + key +
               R"("},"channel":"general","channel_seq":)" + std::to_string(seq) + R"(,"unread_by":[)" + unread_by +
               R"(],"timestamp":)" + std::to_string(world.hub.now_ms() - 10) + "}";
    };
    const std::string items = channel + "," + member("bob") + "," + member("carol") + "," + said("x", 41, "") + "," +
                              said("y", 42, R"("bob")") + "," + said("z", 43, "");
    const Response taken = world.import(items);
    CAPTURE(taken.body);
    CHECK(TestHub::member(taken.body, "created") == "6");
    CHECK(TestHub::member(world.import(items).body, "known") == "6");
    CHECK(TestHub::member(world.one(said("w", 44, "")), "status") == "created");
    const std::string elsewhere =
        world.one(R"({"kind":"message","key":"v","from":"ann","payload":{},"channel":"none","timestamp":1})");
    CHECK(TestHub::member(elsewhere, "status") == "skipped");
    CHECK(TestHub::member(world.one(R"({"kind":"channel","key":"#?"})"), "status") == "skipped");
    const bool crash = GENERATE(false, true);
    if (crash) world.hub.restart();

    const std::string info = world.get("/api/channels/general").body;
    CHECK(info.find(R"("subscribers":["carol","bob"])") != std::string::npos);
    CHECK(TestHub::member(info, "created_at") == "7");
    const std::string history = world.get("/api/channels/general/history").body;
    CAPTURE(history);
    CHECK(TestHub::member(history, "count") == "4");
    CHECK(history.find(R"("seq":41)") != std::string::npos);
    CHECK(TestHub::member(world.inbox("bob"), "count") == "1");
    CHECK(world.inbox("bob").find(R"("n":"y")") != std::string::npos);
    CHECK(TestHub::member(world.inbox("carol"), "count") == "0");
    const Response published = world.post("/api/channels/general/publish", R"({"payload":{}})");
    CHECK(TestHub::member(published.body, "seq") == "45");
}
