#include "core/messaging/mailbox.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "core/base/prng.hpp"
#include "core/hub/input.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::mailbox::Range;
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

struct Mail {
    std::vector<std::string> marks;  ///< member n of each payload
    std::vector<std::string> ids;
    std::vector<int64_t> seqs;
};

Mail mailbox_of(TestHub& hub, const std::string& agent, const std::string& query = "?limit=1000") {
    const Response response = hub.http(Method::get, "/api/mailbox/" + agent + query, "", TestHub::token_of(agent));
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    Mail mail;
    const json::Object body = json::members(response.body);
    for (const json::Value& element : json::elements(body.find("messages")->raw)) {
        const std::string message(element.raw);
        mail.marks.push_back(TestHub::member(TestHub::member(message, "payload"), "n"));
        mail.ids.push_back(TestHub::member(message, "id"));
        mail.seqs.push_back(std::stoll(TestHub::member(message, "seq")));
    }
    REQUIRE(std::is_sorted(mail.seqs.begin(), mail.seqs.end()));
    REQUIRE(TestHub::member(response.body, "count") == std::to_string(mail.ids.size()));
    return mail;
}

/// Sends over HTTP; `to` "" is a broadcast. Gives the id.
std::string send(TestHub& hub, const std::string& from, const std::string& to, const std::string& mark) {
    const std::string address = to.empty() ? "" : R"("to":")" + to + "\",";
    const Response response = hub.http(Method::post, "/api/message",
                                       "{" + address + R"("payload":{"n":")" + mark + "\"}}", TestHub::token_of(from));
    REQUIRE(response.status == 200);
    return TestHub::member(response.body, "id");
}

int64_t newest(const TestHub& hub) { return hub.tables().find<WorkspaceRow>({1})->message_seq; }

/// The events of a kind, as `subject count first last`.
std::vector<std::string> events(TestHub& hub, const std::string& kind) {
    std::vector<std::string> found;
    for (const RowValues& values : hub.store().rows(TableId::events)) {
        const EventRow event = *row_from_values<EventRow>(values);
        if (event.kind != kind) continue;
        found.push_back(event.subject + " " + TestHub::member(event.data, "count") + " " +
                        TestHub::member(event.data, "first_seq") + " " + TestHub::member(event.data, "last_seq"));
    }
    return found;
}

using Marks = std::vector<std::string>;

}  // namespace

TEST_CASE("ranges are written and read back") {
    CHECK(mailbox::format_ranges({}).empty());
    CHECK(mailbox::parse_ranges("").empty());
    const std::vector<Range> ranges{{3, 7}, {9, 9}, {11, 100}};
    CHECK(mailbox::format_ranges(ranges) == "3-7,9-9,11-100");
    CHECK(mailbox::parse_ranges("3-7,9-9,11-100") == ranges);
    for (const char* bad : {"x", "3", "3-", "-", "7-3", "3-7;", "3-7,x", "99999999999999999999-1"}) {
        CAPTURE(bad);
        CHECK(mailbox::parse_ranges(bad).empty());
    }
}

TEST_CASE("direct mail and broadcasts wait in one mailbox, in order, until they are acknowledged") {
    TestHub hub(quiet());
    for (const char* agent : {"ann", "bob", "cat"}) hub.register_agent(agent);
    send(hub, "ann", "bob", "1");
    send(hub, "ann", "", "2");
    send(hub, "ann", "cat", "3");
    send(hub, "bob", "", "4");
    send(hub, "cat", "bob", "5");
    CHECK(mailbox_of(hub, "bob").marks == Marks{"1", "2", "5"});
    CHECK(mailbox_of(hub, "cat").marks == Marks{"2", "3", "4"});
    CHECK(mailbox_of(hub, "ann").marks == Marks{"4"});
    CHECK(mailbox_of(hub, "bob", "?since=1").marks == Marks{"2", "5"});
    CHECK(mailbox_of(hub, "bob", "?limit=2").marks == Marks{"1", "2"});
    CHECK(mailbox_of(hub, "bob", "?limit=0").marks.empty());
    CHECK(mailbox_of(hub, "bob", "?since=-5&limit=-3").marks.empty());

    CHECK(hub.http(Method::post, "/api/mailbox/bob/ack", R"({"seq":2})", TestHub::token_of("bob")).body ==
          R"({"status":"acked","up_to":2})");
    CHECK(mailbox_of(hub, "bob").marks == Marks{"5"});
    CHECK(mailbox_of(hub, "cat").marks == Marks{"2", "3", "4"});
    // A number from the future does not swallow what is to come, and one from the past brings nothing back.
    CHECK(hub.http(Method::post, "/api/mailbox/bob/ack", R"({"seq":1000000})", TestHub::token_of("bob")).status == 200);
    send(hub, "ann", "bob", "6");
    CHECK(hub.http(Method::post, "/api/mailbox/bob/ack", R"({"seq":-1})", TestHub::token_of("bob")).status == 200);
    CHECK(mailbox_of(hub, "bob").marks == Marks{"6"});
    hub.restart();
    CHECK(mailbox_of(hub, "bob").marks == Marks{"6"});
    CHECK(mailbox_of(hub, "cat").marks == Marks{"2", "3", "4"});
}

TEST_CASE("an agent with two tokens has one copy of a broadcast, and none from before it was registered") {
    TestHub hub(quiet());
    hub.register_agent("ann");
    send(hub, "ann", "", "before");
    hub.register_agent("bob");
    CHECK(hub.http(Method::post, "/admin/tokens", R"({"agent_id":"bob"})", TestHub::token_of("bob")).status == 201);
    send(hub, "ann", "", "after");
    CHECK(mailbox_of(hub, "bob").marks == Marks{"after"});
}

TEST_CASE("mail for a name that nobody has waits until somebody has it") {
    TestHub hub(quiet());
    hub.register_agent("ann");
    send(hub, "ann", "bob", "early");
    CHECK(hub.tables().indexes().undeliverable.size() == 1);
    hub.restart();
    CHECK(hub.tables().indexes().undeliverable.size() == 1);
    hub.register_agent("bob");
    CHECK(hub.tables().indexes().undeliverable.empty());
    CHECK(mailbox_of(hub, "bob").marks == Marks{"early"});
}

TEST_CASE("on a protocol 1 socket a push that left the outbox ends the mail; one that did not comes back") {
    TestHub hub(quiet());
    hub.register_agent("ann");
    hub.register_agent("bob");
    send(hub, "ann", "bob", "waiting");
    const int64_t bob = hub.connect("bob");
    CHECK(hub.take_frame(bob, "message") == "");  // mail from before is fetched, not pushed
    send(hub, "ann", "bob", "pushed");
    const int64_t pushed = newest(hub);
    send(hub, "ann", "", "stuck");
    CHECK(hub.frames(bob).size() == 2);
    CHECK(mailbox_of(hub, "bob").marks == Marks{"waiting"});
    hub.apply(MailPushed{bob, pushed});
    SECTION("the socket ends") {
        hub.disconnect(bob);
        CHECK(mailbox_of(hub, "bob").marks == Marks{"waiting", "stuck"});
    }
    SECTION("the hub crashes once it has written down what was pushed") {
        hub.advance_ms(1'000);
        hub.restart();
        CHECK(mailbox_of(hub, "bob").marks == Marks{"waiting", "stuck"});
    }
    SECTION("the hub crashes before: the message comes twice, with the same id") {
        hub.restart();
        CHECK(mailbox_of(hub, "bob").marks == Marks{"waiting", "pushed", "stuck"});
    }
    SECTION("a newer socket takes over from one that hangs") {
        const int64_t newer = hub.connect("bob");
        CHECK(mailbox_of(hub, "bob").marks == Marks{"waiting", "stuck"});
        send(hub, "ann", "bob", "next");
        hub.apply(MailPushed{newer, newest(hub)});
        hub.advance_ms(1'000);
        CHECK(mailbox_of(hub, "bob").marks == Marks{"waiting", "stuck"});
        hub.restart();
        CHECK(mailbox_of(hub, "bob").marks == Marks{"waiting", "stuck"});
    }
    SECTION("the hub is shut down") {
        hub.apply(Shutdown{});
        hub.restart();
        CHECK(mailbox_of(hub, "bob").marks == Marks{"waiting", "stuck"});
    }
}

TEST_CASE("a sidecar and protocol 2 keep pushed mail until they acknowledge it") {
    const std::string more = GENERATE(R"("client_type":"sidecar")", R"("protocol_version":2)");
    TestHub hub(quiet());
    hub.register_agent("ann");
    hub.register_agent("bob");
    const int64_t bob = hub.connect("bob", more);
    const std::string id = send(hub, "ann", "bob", "1");
    CHECK(TestHub::member(hub.take_frame(bob, "message"), "id") == id);
    hub.apply(MailPushed{bob, newest(hub)});
    hub.advance_ms(1'000);
    CHECK(mailbox_of(hub, "bob").ids == std::vector<std::string>{id});
    hub.http(Method::post, "/api/mailbox/bob/ack", R"({"seq":1})", TestHub::token_of("bob"));
    CHECK(mailbox_of(hub, "bob").ids.empty());
}

TEST_CASE("a full mailbox drops its oldest mail and says so") {
    Settings settings = quiet();
    settings.mailbox_entries = 3;
    settings.broadcast_entries = 2;
    TestHub hub(settings);
    hub.register_agent("ann");
    hub.register_agent("bob");
    for (const char* mark : {"1", "2", "3", "4", "5"}) send(hub, "ann", "bob", mark);
    CHECK(mailbox_of(hub, "bob").marks == Marks{"3", "4", "5"});
    CHECK(events(hub, "mail_dropped") == Marks{"bob 1 1 1", "bob 1 2 2"});
    CHECK(hub.tables().find<MailboxRow>({1, "bob"})->dropped_count == 2);
    for (const char* mark : {"6", "7", "8"}) send(hub, "ann", "", mark);
    CHECK(mailbox_of(hub, "bob").marks == Marks{"3", "4", "5", "7", "8"});
    CHECK(events(hub, "mail_dropped").back() == "broadcast 1 6 6");
    hub.restart();
    CHECK(mailbox_of(hub, "bob").marks == Marks{"3", "4", "5", "7", "8"});
}

TEST_CASE("mail for invented names cannot grow without bound") {
    Settings settings = quiet();
    settings.undeliverable_entries = 10;
    TestHub hub(settings);
    hub.register_agent("ann");
    for (int i = 0; i < 25; ++i) send(hub, "ann", "nobody" + std::to_string(i), "x");
    CHECK(hub.tables().count<MailRow>() == 10);
    CHECK(events(hub, "mail_dropped").size() == 15);
    CHECK(events(hub, "mail_dropped").front() == "undeliverable 1 1 1");
    hub.restart();
    CHECK(hub.tables().count<MailRow>() == 10);
}

TEST_CASE("unread mail expires with an event, in wall time") {
    Settings settings = quiet();
    settings.mailbox_ttl_ms = 10'000;
    TestHub hub(settings);
    hub.register_agent("ann");
    hub.register_agent("bob");
    send(hub, "ann", "bob", "1");
    hub.advance_ms(4'000);
    send(hub, "ann", "bob", "2");
    send(hub, "ann", "", "3");
    hub.advance_ms(5'999);
    CHECK(mailbox_of(hub, "bob").marks.size() == 3);
    CHECK(events(hub, "mail_expired").empty());
    hub.advance_ms(1);
    CHECK(mailbox_of(hub, "bob").marks == Marks{"2", "3"});
    CHECK(events(hub, "mail_expired") == Marks{"bob 1 1 1"});
    hub.advance_ms(4'000);
    CHECK(mailbox_of(hub, "bob").marks.empty());
    CHECK(events(hub, "mail_expired") == Marks{"bob 1 1 1", "broadcast 1 3 3", "bob 1 2 2"});
    CHECK(hub.tables().count<MailRow>() == 0);
}

TEST_CASE("history is pruned, but not what somebody has not read yet") {
    Settings settings = quiet();
    settings.message_history = 1;
    TestHub hub(settings);
    for (const char* agent : {"ann", "bob", "cat"}) hub.register_agent(agent);
    const std::string kept = send(hub, "ann", "bob", "unread");
    send(hub, "ann", "cat", "read");
    hub.http(Method::post, "/api/mailbox/cat/ack", R"({"seq":2})", TestHub::token_of("cat"));
    for (int i = 0; i < 1'100; ++i) {
        send(hub, "ann", "cat", "x");
        if (i % 100 == 99) hub.http(Method::post, "/api/mailbox/cat/ack", R"({"seq":2000})", TestHub::token_of("cat"));
    }
    CHECK(hub.store().rows(TableId::messages).size() < 200);
    CHECK(mailbox_of(hub, "bob").ids == std::vector<std::string>{kept});
    hub.restart();
    CHECK(mailbox_of(hub, "bob").ids == std::vector<std::string>{kept});
    const size_t before = hub.store().rows(TableId::messages).size();
    hub.http(Method::post, "/api/mailbox/bob/ack", R"({"seq":1})", TestHub::token_of("bob"));
    CHECK(hub.store().rows(TableId::messages).size() == before - 1);
}

// -- against a model
// ---------------------------------------------------------------------------------------------------

namespace {

enum class Kind { offline, plain, sidecar, modern };

/// What one agent must find in its mailbox, done naively: each message has a state of its own.
struct Box {
    struct Entry {
        int64_t seq;
        std::string id;
        bool pushed = false;  ///< on its way through the open plain socket
    };
    std::vector<Entry> unread;
    Kind kind = Kind::offline;
    int64_t socket = 0;
    int64_t registered_seq = 0;

    void end_session() {
        for (Entry& entry : unread) entry.pushed = false;
        kind = Kind::offline;
    }
    std::vector<std::string> visible() const {
        std::vector<std::string> ids;
        for (const Entry& entry : unread) {
            if (!entry.pushed) ids.push_back(entry.id);
        }
        return ids;
    }
};

}  // namespace

TEST_CASE("mailboxes hold what a naive model holds, over sockets of all kinds, reconnects and crashes") {
    const uint64_t seed = GENERATE(range<uint64_t>(1, 16));
    CAPTURE(seed);
    Prng prng(seed);
    TestHub hub(quiet());
    const std::vector<std::string> names = {"ann", "bob", "cat", "dan"};
    std::map<std::string, Box> boxes;
    for (const std::string& name : names) {
        hub.register_agent(name);
        boxes[name] = {};
    }
    int64_t last_seq = 0;
    for (int step = 0; step < 250; ++step) {
        const std::string& name = names[prng.index_below(names.size())];
        Box& box = boxes[name];
        CAPTURE(step, name);
        switch (prng.below(12)) {
            case 0:
            case 1: {  // connects; a newer socket takes the place of an older one
                static const std::vector<std::pair<Kind, std::string>> kKinds = {
                    {Kind::plain, ""},
                    {Kind::plain, ""},
                    {Kind::sidecar, R"("client_type":"sidecar")"},
                    {Kind::modern, R"("protocol_version":2)"}};
                const auto& [kind, more] = kKinds[prng.index_below(kKinds.size())];
                box.end_session();
                box.socket = hub.connect(name, more);
                box.kind = kind;
                break;
            }
            case 2:
                if (box.kind == Kind::offline) break;
                hub.disconnect(box.socket);
                box.end_session();
                break;
            case 3: {  // some of what was pushed leaves the outbox
                if (box.kind == Kind::offline || last_seq == 0) break;
                // Only messages that were pushed on this socket have marks.
                int64_t up_to = 0;
                for (const Box::Entry& entry : box.unread) {
                    if (entry.pushed && prng.below(2) == 0) up_to = entry.seq;
                }
                if (up_to == 0) break;
                hub.apply(MailPushed{box.socket, up_to});
                std::erase_if(box.unread,
                              [up_to](const Box::Entry& entry) { return entry.pushed && entry.seq <= up_to; });
                break;
            }
            case 4: {  // acknowledges
                const int64_t up_to = static_cast<int64_t>(prng.below(static_cast<uint64_t>(last_seq) + 3));
                hub.http(Method::post, "/api/mailbox/" + name + "/ack", "{\"seq\":" + std::to_string(up_to) + "}",
                         TestHub::token_of(name));
                std::erase_if(box.unread, [up_to](const Box::Entry& entry) { return entry.seq <= up_to; });
                break;
            }
            case 5:
                if (prng.below(4) > 0) break;
                // What has left an outbox must be written down first: until then it may come twice.
                hub.advance_ms(200);
                hub.restart();
                for (auto& [other, of_other] : boxes) of_other.end_session();
                break;
            case 6:
                hub.advance_ms(static_cast<int64_t>(prng.below(300)));
                break;
            default: {
                const bool broadcast = prng.below(3) == 0;
                const std::string to = broadcast ? "" : names[prng.index_below(names.size())];
                hub.clear_frames();
                const std::string id = send(hub, name, to, "x");
                REQUIRE(newest(hub) == ++last_seq);
                for (auto& [other, of_other] : boxes) {
                    if (!broadcast && other != to) continue;
                    const bool online = of_other.kind != Kind::offline;
                    const bool got = online && TestHub::member(hub.take_frame(of_other.socket, "message"), "id") == id;
                    REQUIRE(got == online);
                    // A broadcast is echoed to its sender, but is no mail of its own.
                    if (broadcast && other == name) continue;
                    of_other.unread.push_back({last_seq, id, of_other.kind == Kind::plain});
                }
            }
        }
        for (const std::string& other : names) {
            CAPTURE(other);
            REQUIRE(mailbox_of(hub, other).ids == boxes[other].visible());
        }
    }
    CHECK(events(hub, "mail_dropped").empty());
    CHECK(events(hub, "mail_expired").empty());
}
