#include "core/messaging/receipts.hpp"

#include <catch2/catch.hpp>

#include <map>

#include "core/base/prng.hpp"
#include "core/hub/input.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::Response;
using agentcom::test::TestHub;

namespace {

Settings quiet() {
    Settings settings;
    settings.limits = 0;
    settings.idle_timeout_ms = 86'400'000;
    settings.ping_interval_ms = 0;
    return settings;
}

std::string send(TestHub& hub, const std::string& from, const std::string& to) {
    const std::string address = to.empty() ? "" : R"("to":")" + to + "\",";
    const Response response =
        hub.http(Method::post, "/api/message", "{" + address + R"("payload":{}})", TestHub::token_of(from));
    REQUIRE(response.status == 200);
    return TestHub::member(response.body, "id");
}

void ack(TestHub& hub, const std::string& agent, int64_t seq) {
    hub.http(Method::post, "/api/mailbox/" + agent + "/ack", "{\"seq\":" + std::to_string(seq) + "}",
             TestHub::token_of(agent));
}

void read(TestHub& hub, const std::string& agent) {
    hub.http(Method::get, "/api/mailbox/" + agent + "?limit=1000", "", TestHub::token_of(agent));
}

/// The deliveries of a message, by agent, as its sender sees them.
std::map<std::string, std::string> deliveries(TestHub& hub, const std::string& sender, const std::string& id) {
    const Response response =
        hub.http(Method::get, "/api/messages/" + id + "/deliveries", "", TestHub::token_of(sender));
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    std::map<std::string, std::string> found;
    for (const json::Value& each : json::elements(json::members(response.body).find("deliveries")->raw)) {
        found[TestHub::member(std::string(each.raw), "agent_id")] = std::string(each.raw);
    }
    return found;
}

std::string state(TestHub& hub, const std::string& sender, const std::string& id, const std::string& agent) {
    return TestHub::member(deliveries(hub, sender, id)[agent], "state");
}

}  // namespace

TEST_CASE("a sidecar's message is stored, pushed, read and acknowledged, each with its time") {
    TestHub hub(quiet());
    for (const char* agent : {"ann", "bob"}) hub.register_agent(agent);
    const int64_t bob = hub.connect("bob", R"("client_type":"sidecar")");
    const int64_t start = hub.now_ms();
    const auto shown = [start](const char* state, int64_t pushed, int64_t was_read, int64_t acked) {
        const auto time = [start](int64_t ms) { return ms == 0 ? std::string("null") : std::to_string(start + ms); };
        return R"({"agent_id":"bob","state":")" + std::string(state) + R"(","stored_at":)" + std::to_string(start) +
               ",\"pushed_at\":" + time(pushed) + ",\"read_at\":" + time(was_read) + ",\"acked_at\":" + time(acked) +
               "}";
    };
    const std::string id = send(hub, "ann", "bob");
    CHECK(deliveries(hub, "ann", id)["bob"] == shown("stored", 0, 0, 0));
    hub.advance_ms(50);
    hub.apply(MailPushed{bob, 1});
    hub.advance_ms(200);
    CHECK(deliveries(hub, "ann", id)["bob"] == shown("pushed", 150, 0, 0));
    // The administrator looks, which is no reading.
    hub.http(Method::get, "/api/mailbox/bob", "", std::string(TestHub::kAdminToken));
    CHECK(state(hub, "ann", id, "bob") == "pushed");
    hub.advance_ms(50);
    read(hub, "bob");
    hub.advance_ms(50);
    read(hub, "bob");
    CHECK(deliveries(hub, "ann", id)["bob"] == shown("read", 150, 300, 0));
    ack(hub, "bob", 1);
    const std::string acked = shown("acked", 150, 300, 350);
    CHECK(deliveries(hub, "ann", id)["bob"] == acked);
    hub.restart();
    CHECK(deliveries(hub, "ann", id)["bob"] == acked);
    CHECK(hub.store().rows(TableId::receipts).size() == 3);
}

TEST_CASE("a push to a plain socket of protocol 1 is delivery and end, one receipt for many messages") {
    TestHub hub(quiet());
    for (const char* agent : {"ann", "bob"}) hub.register_agent(agent);
    const std::string before = send(hub, "ann", "bob");
    const int64_t bob = hub.connect("bob");
    std::vector<std::string> ids;
    for (int i = 0; i < 100; ++i) ids.push_back(send(hub, "ann", "bob"));
    hub.apply(MailPushed{bob, 60});
    hub.apply(MailPushed{bob, 91});
    hub.advance_ms(100);
    CHECK(hub.store().rows(TableId::receipts).size() == 1);
    CHECK(state(hub, "ann", before, "bob") == "stored");
    CHECK(state(hub, "ann", ids[0], "bob") == "acked");
    const std::string last = deliveries(hub, "ann", ids[89])["bob"];
    CHECK(TestHub::member(last, "state") == "acked");
    CHECK(TestHub::member(last, "pushed_at") == std::to_string(hub.now_ms()));
    CHECK(TestHub::member(last, "acked_at") == std::to_string(hub.now_ms()));
    CHECK(state(hub, "ann", ids[90], "bob") == "stored");
}

TEST_CASE("acknowledgements by frame share a receipt, and are done at once") {
    TestHub hub(quiet());
    for (const char* agent : {"ann", "bob"}) hub.register_agent(agent);
    const int64_t bob = hub.connect("bob", R"("protocol_version":2)");
    std::vector<std::string> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(send(hub, "ann", "bob"));
    hub.clear_frames();
    for (int seq = 1; seq <= 15; ++seq) {
        hub.send(bob, R"({"type":"message_ack","request_id":"r","seq":)" + std::to_string(seq) + "}");
    }
    CHECK(hub.frames(bob)[14] == R"({"type":"message_acked","seq":15,"request_id":"r"})");
    CHECK(hub.store().rows(TableId::receipts).empty());
    CHECK(state(hub, "ann", ids[14], "bob") == "acked");
    CHECK(state(hub, "ann", ids[15], "bob") == "stored");
    hub.advance_ms(100);
    CHECK(hub.store().rows(TableId::receipts).size() == 1);
    CHECK(TestHub::member(deliveries(hub, "ann", ids[0])["bob"], "acked_at") == std::to_string(hub.now_ms()));
    hub.send(bob, R"({"type":"message_ack","seq":18})");
    hub.disconnect(bob);
    CHECK(hub.store().rows(TableId::receipts).size() == 2);
    hub.restart();
    CHECK(hub.tables().count<MailRow>() == 2);
    CHECK(state(hub, "ann", ids[17], "bob") == "acked");
}

TEST_CASE("what expires or is lost to a limit is expired, whatever is acknowledged later") {
    Settings settings = quiet();
    settings.mailbox_entries = 3;
    TestHub hub(settings);
    for (const char* agent : {"ann", "bob"}) hub.register_agent(agent);
    std::vector<std::string> ids;
    for (int i = 0; i < 4; ++i) ids.push_back(send(hub, "ann", "bob"));
    const std::string short_lived =
        TestHub::member(hub.http(Method::post, "/api/message",
                                 R"({"to":"bob","payload":{},"expires_at":)" + std::to_string(hub.now_ms() + 10) + "}",
                                 TestHub::token_of("ann"))
                            .body,
                        "id");
    CHECK(state(hub, "ann", ids[1], "bob") == "expired");
    CHECK(state(hub, "ann", short_lived, "bob") == "stored");
    hub.advance_ms(10);
    CHECK(state(hub, "ann", short_lived, "bob") == "expired");
    hub.advance_ms(10);
    ack(hub, "bob", 5);
    CHECK(state(hub, "ann", ids[0], "bob") == "expired");
    CHECK(state(hub, "ann", ids[1], "bob") == "expired");
    CHECK(state(hub, "ann", ids[2], "bob") == "acked");
    CHECK(state(hub, "ann", short_lived, "bob") == "expired");
}

TEST_CASE("mail for an unknown name is undeliverable until somebody registers under it") {
    TestHub hub(quiet());
    hub.register_agent("ann");
    const Response sent =
        hub.http(Method::post, "/api/message", R"({"to":"bob","payload":{}})", TestHub::token_of("ann"));
    CHECK(TestHub::member(sent.body, "undeliverable") == "true");
    const std::string id = TestHub::member(sent.body, "id");
    CHECK(state(hub, "ann", id, "bob") == "undeliverable");
    const EventRow event = *row_from_values<EventRow>(hub.store().rows(TableId::events).back());
    CHECK(event.kind == "message_undeliverable");
    CHECK(event.subject == "bob");
    CHECK(event.principal == "ann");
    CHECK(TestHub::member(event.data, "message_id") == id);
    hub.restart();
    CHECK(state(hub, "ann", id, "bob") == "undeliverable");
    hub.register_agent("bob");
    CHECK(state(hub, "ann", id, "bob") == "stored");
    read(hub, "bob");
    CHECK(state(hub, "ann", id, "bob") == "read");
}

TEST_CASE("receipts of a turn that was taken back are written again once the store works") {
    TestHub hub(quiet());
    for (const char* agent : {"ann", "bob"}) hub.register_agent(agent);
    const int64_t bob = hub.connect("bob", R"("client_type":"sidecar")");
    const std::string id = send(hub, "ann", "bob");
    hub.apply(MailPushed{bob, 1});
    hub.store().set_failing(true);
    hub.advance_ms(100);
    CHECK(hub.store().rows(TableId::receipts).empty());
    hub.store().set_failing(false);
    hub.apply(StorageRecovered{});
    hub.advance_ms(100);
    CHECK(hub.store().rows(TableId::receipts).size() == 1);
    CHECK(state(hub, "ann", id, "bob") == "pushed");
}

TEST_CASE("receipts are pruned by their number, and then nobody knows when") {
    Settings settings = quiet();
    settings.receipt_history = 1'000;
    TestHub hub(settings);
    for (const char* agent : {"ann", "bob"}) hub.register_agent(agent);
    std::string first;
    for (int64_t seq = 1; seq <= 2'000; ++seq) {
        const std::string id = send(hub, "ann", "bob");
        if (seq == 1) first = id;
        ack(hub, "bob", seq);
    }
    CHECK(hub.store().rows(TableId::receipts).size() == 1'000);
    const std::string delivery = deliveries(hub, "ann", first)["bob"];
    CHECK(TestHub::member(delivery, "state") == "acked");
    CHECK(TestHub::member(delivery, "acked_at") == "null");
}

// -- against a model
// ---------------------------------------------------------------------------------------------------

namespace {

enum class Kind { offline, plain, sidecar, modern };

/// One message's way to one agent, done naively.
struct Way {
    int64_t seq = 0;
    std::string id;
    std::string sender;
    bool on_socket = false;  ///< of the session that is open
    int64_t pushed_at = 0;
    int64_t read_at = 0;
    int64_t acked_at = 0;

    std::string state() const {
        return acked_at != 0 ? "acked" : read_at != 0 ? "read" : pushed_at != 0 ? "pushed" : "stored";
    }
};

struct Box {
    std::vector<Way> ways;
    Kind kind = Kind::offline;
    int64_t socket = 0;

    void end_session() {
        for (Way& way : ways) way.on_socket = false;
        kind = Kind::offline;
    }
    bool hides(const Way& way) const { return kind == Kind::plain && way.on_socket; }
};

void require_same(TestHub& hub, const std::string& agent, const Way& way) {
    const std::string delivery = deliveries(hub, way.sender, way.id)[agent];
    CAPTURE(agent, way.seq, delivery);
    const auto time = [](int64_t at) { return at == 0 ? std::string("null") : std::to_string(at); };
    REQUIRE(TestHub::member(delivery, "state") == way.state());
    REQUIRE(TestHub::member(delivery, "pushed_at") == time(way.pushed_at));
    REQUIRE(TestHub::member(delivery, "read_at") == time(way.read_at));
    REQUIRE(TestHub::member(delivery, "acked_at") == time(way.acked_at));
}

}  // namespace

TEST_CASE("deliveries are what a naive model says, over sockets of all kinds, reconnects and crashes") {
    const uint64_t seed = GENERATE(range<uint64_t>(1, 9));
    CAPTURE(seed);
    Prng prng(seed);
    Settings settings = quiet();
    settings.mail_flush_ms = 0;
    TestHub hub(settings);
    const std::vector<std::string> names = {"ann", "bob", "cat"};
    std::map<std::string, Box> boxes;
    for (const std::string& name : names) {
        hub.register_agent(name);
        boxes[name] = {};
    }
    int64_t last_seq = 0;
    for (int step = 0; step < 250; ++step) {
        hub.advance_ms(1);
        const std::string& name = names[prng.index_below(names.size())];
        Box& box = boxes[name];
        CAPTURE(step, name);
        const int64_t now = hub.now_ms();
        switch (prng.below(12)) {
            case 0: {
                static const std::vector<std::pair<Kind, std::string>> kKinds = {
                    {Kind::plain, ""},
                    {Kind::sidecar, R"("client_type":"sidecar")"},
                    {Kind::modern, R"("protocol_version":2)"}};
                const auto& [kind, more] = kKinds[prng.index_below(kKinds.size())];
                box.end_session();
                box.socket = hub.connect(name, more);
                box.kind = kind;
                break;
            }
            case 1:
                if (box.kind == Kind::offline) break;
                hub.disconnect(box.socket);
                box.end_session();
                break;
            case 2:
            case 3: {  // some of what was pushed leaves the outbox
                int64_t up_to = 0;
                for (const Way& way : box.ways) {
                    if (way.on_socket && prng.below(2) == 0) up_to = way.seq;
                }
                if (up_to == 0) break;
                hub.apply(MailPushed{box.socket, up_to});
                hub.advance_ms(0);
                for (Way& way : box.ways) {
                    if (!way.on_socket || way.seq > up_to || way.acked_at != 0) continue;
                    if (way.pushed_at == 0) way.pushed_at = now;
                    if (box.kind == Kind::plain) way.acked_at = now;
                }
                break;
            }
            case 4: {  // acknowledges, by frame if there is a socket for it
                const int64_t up_to = static_cast<int64_t>(prng.below(static_cast<uint64_t>(last_seq) + 2));
                if (box.kind == Kind::modern) {
                    hub.send(box.socket, R"({"type":"message_ack","seq":)" + std::to_string(up_to) + "}");
                    hub.advance_ms(0);
                } else {
                    ack(hub, name, up_to);
                }
                for (Way& way : box.ways) {
                    if (way.seq <= up_to && way.acked_at == 0) way.acked_at = now;
                }
                break;
            }
            case 5:
            case 6:
                read(hub, name);
                for (Way& way : box.ways) {
                    if (way.acked_at == 0 && way.read_at == 0 && !box.hides(way)) way.read_at = now;
                }
                break;
            case 7:
                if (prng.below(4) > 0) break;
                hub.restart();
                for (auto& [other, of_other] : boxes) of_other.end_session();
                break;
            default: {
                const std::string to = prng.below(3) == 0 ? "" : names[prng.index_below(names.size())];
                const std::string id = send(hub, name, to);
                ++last_seq;
                for (auto& [other, of_other] : boxes) {
                    if (to.empty() ? other == name : other != to) continue;
                    of_other.ways.push_back({last_seq, id, name, of_other.kind != Kind::offline, 0, 0, 0});
                }
            }
        }
        if (box.ways.empty()) continue;
        for (int i = 0; i < 3; ++i) require_same(hub, name, box.ways[prng.index_below(box.ways.size())]);
    }
    for (const auto& [name, box] : boxes) {
        for (const Way& way : box.ways) require_same(hub, name, way);
    }
}
