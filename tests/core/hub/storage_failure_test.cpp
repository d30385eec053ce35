// What the hub does while its store refuses.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::Response;
using agentcom::test::TestHub;

namespace {

/// Count and sum of every durable table, and of the mail that follows from them.
std::vector<std::string> durable_state(const Tables& tables) {
    std::vector<std::string> state;
    for (const TableSum& sum : tables.sums()) state.push_back(std::to_string(sum.rows) + " " + sum.sum.to_hex());
    Hash128 mail;
    for (const MailRow::Key& key : tables.sorted_keys<MailRow>()) mail += row_hash(*tables.find<MailRow>(key));
    state.push_back(mail.to_hex());
    return state;
}

void recover(TestHub& hub) {
    hub.store().set_failing(false);
    hub.apply(StorageRecovered{});
}

Settings without_pings() {
    Settings settings;
    settings.ping_interval_ms = 0;
    return settings;
}

}  // namespace

TEST_CASE("while the store fails nothing is acknowledged, and nothing has happened") {
    TestHub hub;
    hub.register_agent("ann");
    hub.register_agent("bob");
    const int64_t ann = hub.connect("ann");
    const int64_t bob = hub.connect("bob", R"("slots":2)");
    const std::string running = hub.submit(R"({"description":"x","metadata":{"target_agent":"bob"}})");
    REQUIRE(hub.take_frame(bob, "task_assign") != "");
    hub.clear_frames();
    const std::vector<std::string> before = durable_state(hub.tables());
    hub.store().set_failing(true);

    // The first write finds out; those after it are refused before they are applied.
    for (int round = 0; round < 2; ++round) {
        CAPTURE(round);
        hub.send(ann, R"({"type":"message","to":"bob","payload":{}})");
        CHECK(hub.frames(ann) == std::vector<std::string>{R"({"type":"error","error":"storage_unavailable"})"});
        CHECK(hub.frames(bob).empty());
        CHECK(durable_state(hub.tables()) == before);
        hub.clear_frames();
    }
    for (const auto& [method, target, body] : std::vector<std::tuple<Method, std::string, std::string>>{
             {Method::post, "/api/tasks", R"({"description":"y"})"},
             {Method::post, "/api/message", R"({"payload":{}})"},
             {Method::post, "/api/onboard/register", R"({"agent_id":"new"})"},
             {Method::post, "/admin/tokens", R"({"agent_id":"ann"})"},
             {Method::delete_, "/admin/tokens/ann", ""},
             {Method::post, "/api/mailbox/ann/ack", R"({"seq":1})"},
             {Method::post, "/api/tasks/" + running + "/retry", ""},
             {Method::delete_, "/api/tasks/" + running, ""}}) {
        CAPTURE(target);
        const Response response = hub.http(method, target, body, TestHub::token_of("ann"));
        CHECK(response.status == 503);
        CHECK(TestHub::member(response.body, "error") == "storage_unavailable");
        CHECK(response.headers == std::vector<std::pair<std::string, std::string>>{{"retry-after", "1"}});
    }
    for (const char* report : {"task_accepted", "task_complete", "task_failed", "task_rejected", "task_recovering"}) {
        CAPTURE(report);
        hub.send(bob, R"({"type":")" + std::string(report) + R"(","task_id":")" + running + R"(","generation":1})");
        CHECK(hub.frames(bob) == std::vector<std::string>{R"({"type":"error","error":"storage_unavailable"})"});
        hub.clear_frames();
    }
    CHECK(durable_state(hub.tables()) == before);

    // Reads and presence go on.
    hub.send(ann, R"({"type":"ping"})");
    CHECK(hub.take_frame(ann, "pong") != "");
    hub.send(ann, R"({"type":"list_agents"})");
    CHECK(hub.take_frame(ann, "agents") != "");
    hub.send(ann, R"({"type":"status","status":"waiting"})");
    CHECK(hub.take_frame(ann, "status_updated") != "");
    CHECK(hub.http(Method::get, "/api/tasks/" + running, "", TestHub::token_of("ann")).status == 200);
    CHECK(hub.http(Method::get, "/api/tasks", "", TestHub::token_of("ann")).status == 200);
    CHECK(hub.http(Method::get, "/api/mailbox/ann", "", TestHub::token_of("ann")).status == 200);
    CHECK(hub.http(Method::get, "/health").status == 200);
    CHECK(hub.http(Method::get, "/livez").status == 200);
    CHECK(hub.http(Method::get, "/readyz").status == 503);
    CHECK(durable_state(hub.tables()) == before);

    recover(hub);
    CHECK(hub.http(Method::get, "/readyz").status == 200);
    hub.send(bob, R"({"type":"task_complete","task_id":")" + running + R"(","generation":1})");
    CHECK(TestHub::member(hub.take_frame(bob, "task_ack"), "status") == "complete");
    hub.restart();
    CHECK(TestHub::member(hub.task(running), "status") == "completed");
}

TEST_CASE("a progress report that cannot be kept gets no answer, as ever") {
    TestHub hub;
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.store().set_failing(true);
    hub.http(Method::post, "/api/message", R"({"payload":{}})", TestHub::token_of("ann"));
    hub.clear_frames();
    hub.send(ann, R"({"type":"task_progress","task_id":")" + id + R"(","progress":5})");
    CHECK(hub.frames(ann).empty());
}

TEST_CASE("timers that write rest while the store fails, and fire when it is back") {
    TestHub hub(without_pings());
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    const std::string id = hub.submit(R"({"description":"x"})");
    REQUIRE(hub.take_frame(ann, "task_assign") != "");
    hub.store().set_failing(true);
    hub.http(Method::post, "/api/message", R"({"payload":{}})", TestHub::token_of("ann"));
    const std::vector<std::string> before = durable_state(hub.tables());
    // Past the acceptance timeout; the socket lives on its pongs.
    for (int i = 0; i < 20; ++i) {
        hub.advance_ms(10'000);
        hub.apply(ControlReceived{ann});
    }
    CHECK(durable_state(hub.tables()) == before);
    CHECK(hub.row(id)->generation == 1);
    CHECK(hub.closed(ann) == nullptr);
    recover(hub);
    hub.advance_ms(1);
    CHECK(hub.row(id)->generation > 1);
}

TEST_CASE("timers of connections go on while the store fails") {
    TestHub hub(without_pings());
    const int64_t silent = hub.open();
    hub.register_agent("ann");
    hub.store().set_failing(true);
    hub.http(Method::post, "/api/message", R"({"payload":{}})", TestHub::token_of("ann"));
    hub.advance_ms(60'000);
    REQUIRE(hub.closed(silent) != nullptr);
    CHECK(hub.closed(silent)->code == 1008);
}

TEST_CASE("a holder that leaves while the store fails keeps its task until the store is back and grace is over") {
    const bool v11 = GENERATE(false, true);  // v1.1 has no grace
    TestHub hub(v11 ? v11_profile() : without_pings());
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.store().set_failing(true);
    hub.http(Method::post, "/api/message", R"({"payload":{}})", TestHub::token_of("ann"));
    const std::vector<std::string> before = durable_state(hub.tables());
    hub.disconnect(ann);
    hub.advance_ms(100'000);
    CHECK(durable_state(hub.tables()) == before);
    recover(hub);
    hub.advance_ms(100'000);
    CHECK(hub.row(id)->state == TaskState::queued);
}

TEST_CASE("when the store is back, waiting work is handed out") {
    TestHub hub;
    hub.register_agent("ann");
    const std::string id = hub.submit(R"({"description":"x"})");
    hub.store().set_failing(true);
    hub.http(Method::post, "/api/message", R"({"payload":{}})", TestHub::token_of("ann"));
    const int64_t ann = hub.connect("ann");
    CHECK(hub.take_frame(ann, "task_assign") == "");
    recover(hub);
    CHECK(TestHub::member(hub.take_frame(ann, "task_assign"), "task_id") == id);
}

TEST_CASE("mail that waited through a login while the store failed is not lost by what is pushed later") {
    TestHub hub;
    hub.register_agent("ann");
    hub.register_agent("bob");
    const auto send = [&](const char* body) {
        REQUIRE(hub.http(Method::post, "/api/message", body, TestHub::token_of("ann")).status == 200);
    };
    send(R"({"to":"bob","payload":{"n":"direct"}})");
    send(R"({"payload":{"n":"broadcast"}})");
    hub.store().set_failing(true);
    hub.http(Method::post, "/api/message", R"({"payload":{}})", TestHub::token_of("ann"));
    const int64_t bob = hub.connect("bob");
    recover(hub);
    send(R"({"to":"bob","payload":{"n":"pushed"}})");
    REQUIRE(hub.take_frame(bob, "message") != "");
    const int64_t newest = hub.tables().find<WorkspaceRow>({1})->message_seq;
    hub.apply(MailPushed{bob, newest});
    hub.advance_ms(1'000);
    for (int round = 0; round < 2; ++round) {
        CAPTURE(round);
        const Response mailbox = hub.http(Method::get, "/api/mailbox/bob", "", TestHub::token_of("bob"));
        CHECK(mailbox.body.find("direct") != std::string::npos);
        CHECK(mailbox.body.find("\"broadcast\"") != std::string::npos);
        CHECK(mailbox.body.find("pushed") == std::string::npos);
        CHECK(TestHub::member(mailbox.body, "count") == "2");
        hub.restart();
    }
}

// -- several turns in flight
// --------------------------------------------------------------------------------------------

namespace {

/// A hub without a store: the test says what was committed and what was not.
struct Bare {
    Hub hub{Settings{}};
    Time now{1'800'000'000'000, 1'000'000};
    int64_t next_request = 1;

    Bare() {
        Started started;
        started.seed = 1;
        started.epoch = std::string(32, 'e');
        started.admin_token_sha256 = sha256_hex("admin");
        apply(started);
        for (const char* agent : {"ann", "bob"}) {
            HttpRequest request = post("/api/onboard/register", R"({"agent_id":")" + std::string(agent) + "\"}", "");
            request.secret = {sha256_hex(agent), "prefix00"};
            apply(request);
        }
        commit();
    }

    HttpRequest post(const std::string& path, const std::string& body, const std::string& token) {
        HttpRequest request;
        request.request = next_request++;
        request.method = Method::post;
        request.path = path;
        request.body = body;
        request.loopback = true;
        request.secret = {sha256_hex("drawn" + std::to_string(request.request)), "prefix00"};
        if (!token.empty()) request.authorization = request.flex_authorization = credential_of_token(token);
        return request;
    }
    void apply(InputBody body) { REQUIRE_FALSE(hub.apply(Input{now, std::move(body)})); }
    void frame(int64_t connection, const std::string& text) {
        CutFrame cut = cut_frame_credentials(text);
        apply(FrameReceived{connection, cut.malformed, std::move(cut.document).take_text(), cut.credential});
    }
    void identify(int64_t connection, const std::string& agent) {
        apply(ConnectionOpened{connection, "127.0.0.1", true});
        frame(connection, R"({"type":"identify","agent_id":")" + agent + R"(","token":")" + agent + "\"}");
    }
    TurnResult commit() {
        TurnResult turn = hub.end_turn();
        apply(Committed{turn.turn});
        return turn;
    }
};

template <class E>
std::vector<E> all_of(const std::vector<Effect>& effects) {
    std::vector<E> found;
    for (const Effect& effect : effects) {
        if (const auto* one = std::get_if<E>(&effect)) found.push_back(*one);
    }
    return found;
}

}  // namespace

TEST_CASE("several turns in flight fail together and leave what was before the first of them") {
    Bare bare;
    bare.identify(1, "ann");
    bare.commit();
    const std::vector<std::string> before = durable_state(bare.hub.tables());

    bare.apply(bare.post("/api/tasks", R"({"description":"one"})", "bob"));
    const TurnResult first = bare.hub.end_turn();
    REQUIRE(first.batch.changes.size() > 2);
    const std::string task = all_of<SendFrame>(first.effects).size() == 1
                                 ? TestHub::member(*all_of<SendFrame>(first.effects)[0].text, "task_id")
                                 : "";
    REQUIRE(task != "");
    bare.frame(1, R"({"type":"task_complete","task_id":")" + task + R"(","generation":1})");
    bare.hub.end_turn();
    bare.identify(2, "bob");
    bare.apply(bare.post("/api/message", R"({"to":"ann","payload":{}})", "bob"));
    bare.hub.end_turn();
    // A turn that is not finished when the failure is told.
    bare.apply(bare.post("/api/tasks", R"({"description":"four"})", "bob"));
    bare.frame(1, R"({"type":"message","to":"bob","payload":{}})");
    bare.apply(CommitFailed{first.turn});
    const TurnResult fourth = bare.hub.end_turn();

    CHECK(durable_state(bare.hub.tables()) == before);
    CHECK(fourth.batch.empty());
    // Nobody is told anything but that it failed.
    for (const HttpRespond& response : all_of<HttpRespond>(fourth.effects)) CHECK(response.status == 503);
    CHECK(all_of<HttpRespond>(fourth.effects).size() == 1);
    for (const SendFrame& frame : all_of<SendFrame>(fourth.effects)) {
        // Presence of the session that is closed may be told; nothing durable is.
        const std::string type = TestHub::member(*frame.text, "type");
        CHECK((*frame.text == storage_unavailable_frame() || type == "agent_left"));
    }
    // Who logged in during a failed turn may not know of it: its socket is closed; older ones stay.
    const auto closes = all_of<CloseConnection>(fourth.effects);
    REQUIRE(closes.size() == 1);
    CHECK(closes[0].connection == 2);
    CHECK(closes[0].code == 1013);
    CHECK(bare.hub.tables().find<SessionRow>({1})->agent == "ann");
    // The agent is free again, as it was.
    CHECK(bare.hub.tables().count<LeaseRow>() == 0);
    CHECK(bare.hub.tables().count<TaskRow>() == 0);

    // All is well again afterwards, with no number used twice.
    bare.apply(StorageRecovered{});
    bare.apply(ConnectionClosed{2});
    bare.commit();
    bare.apply(bare.post("/api/tasks", R"({"description":"one"})", "bob"));
    const TurnResult again = bare.commit();
    const auto assigned = all_of<SendFrame>(again.effects);
    REQUIRE(assigned.size() == 1);
    CHECK(TestHub::member(*assigned[0].text, "type") == "task_assign");
    CHECK(TestHub::member(*assigned[0].text, "task_id") != task);
    CHECK(again.turn > fourth.turn);
}

TEST_CASE("turns that were committed before the failure stand") {
    Bare bare;
    bare.apply(bare.post("/api/tasks", R"({"description":"kept"})", "bob"));
    const TurnResult kept = bare.hub.end_turn();
    const std::vector<std::string> state = durable_state(bare.hub.tables());
    bare.apply(bare.post("/api/tasks", R"({"description":"lost"})", "bob"));
    const TurnResult lost = bare.hub.end_turn();
    bare.apply(Committed{kept.turn});
    bare.apply(CommitFailed{lost.turn});
    bare.hub.end_turn();
    CHECK(durable_state(bare.hub.tables()) == state);
    CHECK(bare.hub.tables().count<TaskRow>() == 1);
}

TEST_CASE("rows that changed in the unfinished turn of a failure are handed over when they change again") {
    Bare bare;
    bare.apply(bare.post("/api/tasks", R"({"description":"first"})", "bob"));
    bare.commit();
    bare.apply(bare.post("/api/message", R"({"to":"ann","payload":{}})", "bob"));
    bare.apply(CommitFailed{bare.hub.current_turn()});
    CHECK(bare.hub.end_turn().batch.empty());
    bare.apply(StorageRecovered{});
    bare.apply(bare.post("/api/message", R"({"to":"ann","payload":{}})", "bob"));
    const TurnResult turn = bare.hub.end_turn();
    const bool has_counter = std::any_of(turn.batch.changes.begin(), turn.batch.changes.end(),
                                         [](const RowChange& change) { return change.table == TableId::workspaces; });
    CHECK(has_counter);
}
