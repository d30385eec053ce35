// GET /api/events: cursors, filters, long polls, streams, rounds, and that nobody ever misses an event or gets one
// twice.
#include "core/hub/feeds.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "core/base/prng.hpp"
#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

const std::string kEpoch(32, 'e');
constexpr const char* kStream = "text/event-stream";

std::string at(int64_t seq) { return kEpoch + "." + std::to_string(seq); }

/// The numbers of the events of a poll's answer.
std::vector<int64_t> seqs_of(const std::string& body) {
    std::vector<int64_t> seqs;
    const json::Object members = json::members(body);
    const json::Value* events = members.find("events");
    REQUIRE(events != nullptr);
    for (const json::Value& event : json::elements(events->raw)) {
        seqs.push_back(std::stoll(TestHub::member(std::string(event.raw), "seq")));
    }
    return seqs;
}

struct Sent {
    std::string id;
    std::string name;
    std::string data;
};

/// The server-sent events of a stream that have data.
std::vector<Sent> sent_in(const std::string& text) {
    std::vector<Sent> all;
    Sent now;
    for (size_t from = 0; from < text.size();) {
        const size_t end = text.find('\n', from);
        REQUIRE(end != std::string::npos);
        const std::string line = text.substr(from, end - from);
        from = end + 1;
        if (line.empty()) {
            if (!now.data.empty()) all.push_back(now);
            now = {};
        } else if (line.starts_with("id: ")) {
            now.id = line.substr(4);
        } else if (line.starts_with("event: ")) {
            now.name = line.substr(7);
        } else if (line.starts_with("data: ")) {
            now.data = line.substr(6);
        }
    }
    return all;
}

std::vector<int64_t> seqs_of(const Stream& stream) {
    std::vector<int64_t> seqs;
    for (const Sent& event : sent_in(stream.text)) {
        if (event.name == "resync") continue;
        const int64_t seq = std::stoll(TestHub::member(event.data, "seq"));
        CHECK(event.id == at(seq));
        CHECK(event.name == TestHub::member(event.data, "kind"));
        seqs.push_back(seq);
    }
    return seqs;
}

std::vector<int64_t> from_to(int64_t first, int64_t last) {
    std::vector<int64_t> seqs;
    for (int64_t seq = first; seq <= last; ++seq) seqs.push_back(seq);
    return seqs;
}

int64_t head_of(const TestHub& hub) { return hub.tables().find<WorkspaceRow>({1})->event_seq; }

int64_t event_queries(TestHub& hub) {
    return std::count_if(hub.queries().begin(), hub.queries().end(),
                         [](const StoreQuery& query) { return std::holds_alternative<FetchEvents>(query); });
}

/// A world in which every task makes one event.
struct EventWorld : World {
    explicit EventWorld(Settings settings = {}) : World(unlimited(std::move(settings))) {}
    static Settings unlimited(Settings settings) {
        settings.limits = 0;
        return settings;
    }
    void make_events(int64_t count) {
        for (int64_t i = 0; i < count; ++i) submit();
    }
    int64_t poll(const std::string& query) { return hub.begin("/api/events?" + query, ann); }
    std::string answer(int64_t request) {
        const Response* response = hub.response(request);
        REQUIRE(response != nullptr);
        CAPTURE(response->body);
        REQUIRE(response->status == 200);
        return response->body;
    }
    int64_t open_stream(const std::string& query = "", const std::string& last_event_id = "") {
        return hub.begin("/api/events?" + query, ann, kStream, last_event_id);
    }
};

}  // namespace

TEST_CASE("a poll begins where its cursor says") {
    EventWorld world;
    world.make_events(5);
    const int64_t head = head_of(world.hub);
    struct Case {
        std::string query;
        std::vector<int64_t> seqs;
        std::string cursor;
        std::string more;
    };
    const Case cases[] = {
        {"", {}, at(head), "false"},
        {"since=start", from_to(1, head), at(head), "false"},
        {"since=" + at(0), from_to(1, head), at(head), "false"},
        {"since=" + at(head - 2), {head - 1, head}, at(head), "false"},
        {"since=" + at(head), {}, at(head), "false"},
        {"since=" + at(head - 4) + "&limit=2", from_to(head - 3, head - 3 + (head % 2)), "", "true"},
    };
    for (const Case& each : cases) {
        CAPTURE(each.query);
        const int64_t request = world.poll(each.query);
        world.hub.advance_ms(1'000);
        const std::string body = world.answer(request);
        CAPTURE(body);
        CHECK(TestHub::member(body, "epoch") == kEpoch);
        CHECK(TestHub::member(body, "more") == each.more);
        CHECK(TestHub::member(body, "resync") == "null");
        if (each.cursor.empty()) {
            CHECK(!seqs_of(body).empty());
            CHECK(seqs_of(body).size() <= 2);
            CHECK(TestHub::member(body, "cursor") == at(seqs_of(body).back()));
        } else {
            CHECK(seqs_of(body) == each.seqs);
            CHECK(TestHub::member(body, "cursor") == each.cursor);
        }
    }
}

TEST_CASE("an event tells all that is known of it") {
    EventWorld world;
    const std::string id = world.submit();
    const std::string body = world.answer(world.poll("since=" + at(head_of(world.hub) - 1)));
    const json::Object members = json::members(body);
    const std::string event(json::elements(members.find("events")->raw).at(0).raw);
    CHECK(TestHub::member(event, "kind") == "task_submitted");
    CHECK(TestHub::member(event, "subject") == id);
    CHECK(TestHub::member(event, "principal") == "ann");
    CHECK(TestHub::member(event, "cause") == "null");
    CHECK(TestHub::member(event, "at") == std::to_string(world.hub.now_ms()));
    CHECK(TestHub::member(TestHub::member(event, "data"), "generation") == "0");
}

TEST_CASE("what is no request for events is refused") {
    EventWorld world;
    const std::pair<std::string, int> cases[] = {
        {"since=5", 422},
        {"since=" + kEpoch, 422},
        {"since=" + kEpoch + ".x", 422},
        {"since=" + kEpoch + ".-1", 422},
        {"kind=Task", 422},
        {"kind=a*b", 422},
        {"limit=x", 422},
        {"wait_ms=1.5", 422},
        {"kind=,,task_*,agent_online", 200},
    };
    for (const auto& [query, status] : cases) {
        CAPTURE(query);
        CHECK(world.get("/api/events?" + query).status == status);
    }
    CHECK(world.hub.http(Method::get, "/api/events").status == 401);
    CHECK(world.hub.http(Method::head, "/api/events", "", world.ann).status == 200);
    Settings none;
    none.feed_readers_max = 0;
    EventWorld full(none);
    CHECK(TestHub::member(full.get("/api/events?wait_ms=5").body, "error") == "too_many_readers");
}

TEST_CASE("a cursor of another log gets the overview and goes on from there") {
    Settings settings;
    settings.event_history = 1'000;
    EventWorld world(settings);
    const std::string foreign = std::string(32, 'a') + ".1";
    struct Case {
        std::string since;
        std::string reason;
    };
    const auto check = [&](const std::vector<Case>& cases) {
        for (const auto& [since, reason] : cases) {
            CAPTURE(since);
            const std::string head = at(head_of(world.hub));
            const std::string body = world.answer(world.poll("wait_ms=5000&since=" + since));
            const std::string resync = TestHub::member(body, "resync");
            CHECK(TestHub::member(resync, "reason") == reason);
            CHECK(TestHub::member(TestHub::member(resync, "snapshot"), "cursor") == head);
            CHECK(TestHub::member(body, "cursor") == head);
            CHECK(seqs_of(body).empty());
            const int64_t stream = world.open_stream("since=" + since);
            const std::vector<Sent> sent = sent_in(world.hub.stream(stream).text);
            REQUIRE(sent.size() == 1);
            CHECK(sent[0].name == "resync");
            CHECK(sent[0].id == head);
            CHECK(TestHub::member(sent[0].data, "reason") == reason);
            world.hub.cancel(stream);
        }
    };
    check({{foreign, "epoch"}, {at(999'999), "epoch"}});
    world.make_events(2'100);
    REQUIRE(world.hub.tables().find<WorkspaceRow>({1})->events_pruned > 0);
    check({{foreign, "epoch"}, {at(3), "pruned"}});
    // "start" is the oldest that is kept.
    const int64_t floor = world.hub.tables().find<WorkspaceRow>({1})->events_pruned;
    CHECK(seqs_of(world.answer(world.poll("since=start"))).front() == floor + 1);
}

TEST_CASE("a poll waits for what it asks for") {
    EventWorld world;
    const int64_t any = world.poll("wait_ms=50000");
    const int64_t done = world.poll("wait_ms=50000&kind=task_completed");
    const int64_t both = world.poll("wait_ms=50000&kind=task_c*,agent_registered");
    const int64_t named = world.poll("wait_ms=50000&subject=carol");
    const int64_t gone = world.poll("wait_ms=50000");
    const int64_t brief = world.poll("wait_ms=400&kind=task_completed");
    CHECK(world.hub.tables().count<FeedRow>() == 6);
    world.hub.cancel(gone);
    CHECK(world.hub.tables().count<FeedRow>() == 5);

    const std::string id = world.submit();
    CHECK(seqs_of(world.answer(any)).size() == 1);
    CHECK(world.hub.response(done) == nullptr);
    world.hub.advance_ms(1'000);
    CHECK(seqs_of(world.answer(brief)).empty());
    CHECK(TestHub::member(world.answer(brief), "cursor") == at(head_of(world.hub)));
    world.complete(id);
    world.hub.advance_ms(1'000);
    CHECK(seqs_of(world.answer(done)).size() == 1);
    CHECK(seqs_of(world.answer(both)).size() == 1);
    CHECK(world.hub.response(named) == nullptr);
    world.hub.register_agent("carol");
    world.hub.advance_ms(1'000);
    CHECK(seqs_of(world.answer(named)).size() == 2);  // its registration and its token
    CHECK(world.hub.tables().count<FeedRow>() == 0);
    CHECK(world.hub.response(gone) == nullptr);
}

TEST_CASE("a poll that waits in vain is answered in time") {
    EventWorld world;
    const int64_t request = world.poll("wait_ms=20000");
    world.hub.advance_ms(19'999);
    CHECK(world.hub.response(request) == nullptr);
    world.hub.advance_ms(1);
    CHECK(seqs_of(world.answer(request)).empty());
    CHECK(world.hub.tables().count<FeedRow>() == 0);
}

TEST_CASE("a stream is told everything once, and that it lives") {
    EventWorld world;
    const int64_t stream = world.open_stream();
    const Response* head = world.hub.response(stream);
    REQUIRE(head != nullptr);
    CHECK(head->status == 200);
    CHECK(std::count(head->headers.begin(), head->headers.end(),
                     std::pair<std::string, std::string>("content-type", "text/event-stream; charset=utf-8")) == 1);
    const int64_t before = head_of(world.hub);
    CHECK(world.hub.stream(stream).text == "retry: 1000\nid: " + at(before) + "\n\n");
    world.make_events(3);
    world.hub.advance_ms(1'000);
    CHECK(seqs_of(world.hub.stream(stream)) == from_to(before + 1, before + 3));
    world.hub.advance_ms(15'000);
    CHECK(world.hub.stream(stream).text.ends_with(": keep-alive\nid: " + at(before + 3) + "\n\n"));
    world.hub.cancel(stream);
    world.make_events(1);
    CHECK(seqs_of(world.hub.stream(stream)).size() == 3);
    // Last-Event-ID beats since.
    const int64_t again = world.open_stream("since=start", at(before + 2));
    world.hub.advance_ms(1'000);
    CHECK(seqs_of(world.hub.stream(again)) == from_to(before + 3, before + 4));
}

TEST_CASE("a reader who does not take a piece gets no further one, and is cut off in the end") {
    EventWorld world;
    world.hub.slow_readers = true;
    const int64_t slow = world.open_stream();
    const int64_t before = head_of(world.hub);
    world.make_events(10);
    world.hub.advance_ms(5'000);
    CHECK(world.hub.stream(slow).pieces == 1);
    world.hub.take(slow);
    CHECK(world.hub.stream(slow).pieces == 2);
    CHECK(seqs_of(world.hub.stream(slow)) == from_to(before + 1, before + 10));
    world.make_events(1);
    world.hub.advance_ms(59'999);
    CHECK(world.hub.stream(slow).pieces == 2);
    CHECK(!world.hub.stream(slow).cut);
    world.hub.advance_ms(1);
    CHECK(world.hub.stream(slow).cut);
    CHECK(world.hub.tables().count<FeedRow>() == 0);
}

TEST_CASE("readers at the same place share one query and one text") {
    EventWorld world;
    constexpr int kReaders = 200;
    std::vector<int64_t> streams;
    std::vector<int64_t> polls;
    for (int i = 0; i < kReaders; ++i) {
        streams.push_back(world.open_stream());
        polls.push_back(world.poll("wait_ms=50000"));
    }
    CHECK(event_queries(world.hub) == 0);
    const int64_t before = head_of(world.hub);
    world.submit();
    CHECK(event_queries(world.hub) == 1);
    for (int i = 0; i < kReaders; ++i) {
        CHECK(seqs_of(world.hub.stream(streams[static_cast<size_t>(i)])) == from_to(before + 1, before + 1));
        CHECK(seqs_of(world.answer(polls[static_cast<size_t>(i)])) == from_to(before + 1, before + 1));
    }
    // However much happens, the streams are served in rounds.
    const int64_t round_ms = world.hub.hub().settings().feed_round_ms;
    for (int i = 0; i < 100; ++i) {
        world.make_events(20);
        world.hub.advance_ms(round_ms / 10);
    }
    CHECK(event_queries(world.hub) <= 12);
    world.hub.advance_ms(200 * round_ms);
    const std::string text = world.hub.stream(streams.front()).text;
    CHECK(seqs_of(world.hub.stream(streams.front())) == from_to(before + 1, head_of(world.hub)));
    for (const int64_t stream : streams) CHECK((world.hub.stream(stream).text == text));
}

TEST_CASE("a reader that lags catches up in bounded pieces") {
    EventWorld world;
    world.make_events(3'000);
    const int64_t stream = world.open_stream("since=start");
    world.hub.advance_ms(60'000);
    CHECK(seqs_of(world.hub.stream(stream)) == from_to(1, head_of(world.hub)));
    for (const StoreQuery& query : world.hub.queries()) {
        if (const auto* events = std::get_if<FetchEvents>(&query)) CHECK(events->up_to_seq - events->after_seq <= 500);
    }
}

TEST_CASE("a revoked token ends what was opened with it") {
    EventWorld world;
    const std::string bob = TestHub::token_of("bob");
    const int64_t stream = world.hub.begin("/api/events", bob, kStream);
    const int64_t poll = world.hub.begin("/api/events?wait_ms=50000", bob);
    const int64_t before = world.hub.stream(stream).pieces;
    CHECK(world.hub.http(Method::delete_, "/admin/tokens/bob", "", bob).status == 200);
    world.hub.advance_ms(1'000);
    CHECK(world.hub.stream(stream).complete);
    CHECK(world.hub.stream(stream).pieces == before);
    REQUIRE(world.hub.response(poll) != nullptr);
    CHECK(world.hub.response(poll)->status == 401);
    CHECK(world.hub.tables().count<FeedRow>() == 0);
}

TEST_CASE("the end of the hub answers every poll and ends every stream") {
    EventWorld world;
    const int64_t poll = world.poll("wait_ms=50000");
    const int64_t stream = world.open_stream();
    world.hub.apply(Shutdown{});
    CHECK(seqs_of(world.answer(poll)).empty());
    CHECK(world.hub.stream(stream).complete);
    CHECK(world.hub.tables().count<FeedRow>() == 0);
    CHECK(TestHub::member(world.hub.response(world.open_stream())->body, "error") == "stopping");
    CHECK(seqs_of(world.answer(world.poll("wait_ms=50000"))).empty());
}

TEST_CASE("a commit that fails takes nothing out of a stream") {
    EventWorld world;
    const int64_t stream = world.open_stream();
    const int64_t poll = world.poll("wait_ms=50000");
    const int64_t before = head_of(world.hub);
    world.hub.store().set_failing(true);
    CHECK(world.post("/api/tasks", R"({"description":"lost"})").status == 503);
    CHECK(head_of(world.hub) == before);
    world.hub.store().set_failing(false);
    world.hub.apply(StorageRecovered{});
    world.make_events(2);
    world.hub.advance_ms(1'000);
    CHECK(seqs_of(world.hub.stream(stream)) == from_to(before + 1, before + 2));
    CHECK(!seqs_of(world.answer(poll)).empty());
    CHECK(seqs_of(world.answer(poll)).front() == before + 1);
}

TEST_CASE("a piece that was taken back cuts its stream off") {
    // By hand, since it takes several turns in flight: a turn that fails, and a later one that answers a reader.
    EventWorld world;
    const int64_t stream = world.open_stream();
    Hub& hub = world.hub.hub();
    const Time now = world.hub.time();
    const int64_t failing = hub.current_turn();
    HttpRequest request;
    request.request = 9'000;
    request.method = Method::get;
    request.path = "/api/events";
    request.accept = kStream;
    request.loopback = true;
    request.flex_authorization = credential_of_token(world.ann);
    REQUIRE(!hub.apply(Input{now, request}));
    const TurnResult turn = hub.end_turn();
    REQUIRE(!hub.apply(Input{now, CommitFailed{failing}}));
    CHECK(hub.tables().count<FeedRow>() == 1);
    CHECK(hub.tables().contains<FeedRow>({stream}));
    bool cut = false;
    for (const Effect& effect : turn.effects) {
        const std::optional<Effect> instead = effect_of_failed_turn(effect);
        REQUIRE(instead.has_value());
        if (const auto* head = std::get_if<HttpRespond>(&*instead)) {
            CHECK(head->status == 503);
            CHECK(!head->stream);
        }
        if (const auto* piece = std::get_if<HttpBody>(&*instead)) cut = piece->end == HttpBody::End::cut;
    }
    CHECK(cut);
}

TEST_CASE("an agent that comes and goes is told of, one that flaps is not") {
    EventWorld world;
    const int64_t stream = world.open_stream("kind=agent_*");
    const auto kinds = [&] {
        std::vector<std::string> all;
        for (const Sent& sent : sent_in(world.hub.stream(stream).text)) all.push_back(sent.name);
        return all;
    };
    const auto settle = [&] { world.hub.advance_ms(1'000); };
    int64_t bob = world.hub.connect("bob", R"("client_type":"cli")");
    settle();
    CHECK(kinds() == std::vector<std::string>{"agent_online"});
    CHECK(TestHub::member(TestHub::member(sent_in(world.hub.stream(stream).text)[0].data, "data"), "client_type") ==
          "cli");
    world.hub.disconnect(bob);
    world.hub.advance_ms(20'000);
    bob = world.hub.connect("bob");
    world.hub.connect("bob");  // replaces it
    world.hub.advance_ms(40'000);
    CHECK(kinds() == std::vector<std::string>{"agent_online"});
    world.hub.disconnect(bob);
    world.hub.disconnect(bob + 1);
    world.hub.advance_ms(31'000);
    CHECK(kinds() == std::vector<std::string>{"agent_online", "agent_offline"});
    world.hub.connect("bob");
    settle();
    CHECK(kinds().size() == 3);
}

// ---------------------------------------------------------------------------------------------------------------------
// Nothing is missed and nothing comes twice, whatever happens

namespace {

/// Follows the log by polls or streams, from wherever it happens to be.
struct Follower {
    std::string filter;  // of the query
    bool streams = false;
    std::string cursor;  // "" = never had one
    int64_t request = 0;
    size_t read = 0;  // of the stream's text
    std::vector<int64_t> seqs;

    /// Takes in what has come. False when the request is over.
    bool take(TestHub& hub) {
        if (!streams) {
            const Response* response = hub.response(request);
            if (response == nullptr) return true;
            if (response->status == 200) {
                REQUIRE(TestHub::member(response->body, "resync") == "null");
                for (const int64_t seq : seqs_of(response->body)) seqs.push_back(seq);
                cursor = TestHub::member(response->body, "cursor");
            }
            return false;
        }
        const Stream& stream = hub.stream(request);
        const std::string text = stream.text.substr(read);
        read = stream.text.size();
        for (const Sent& sent : sent_in(text)) {
            REQUIRE(sent.name != "resync");
            seqs.push_back(std::stoll(TestHub::member(sent.data, "seq")));
        }
        // As a browser does: an id counts also without data.
        const size_t id = text.rfind("id: ");
        if (id != std::string::npos) cursor = text.substr(id + 4, text.find('\n', id) - id - 4);
        return !stream.complete && !stream.cut &&
               (hub.response(request) == nullptr || hub.response(request)->status == 200);
    }

    void ask(TestHub& hub, const std::string& token, Prng& prng) {
        read = 0;
        if (streams) {
            request = hub.begin("/api/events?" + filter + "&since=start", token, kStream, cursor);
        } else {
            request = hub.begin("/api/events?" + filter + "&wait_ms=" + std::to_string(prng.below(3'000)) +
                                    "&limit=" + std::to_string(1 + prng.below(40)) +
                                    "&since=" + (cursor.empty() ? "start" : cursor),
                                token);
        }
    }
};

bool is_wanted(const EventRow& event, const std::string& filter) {
    if (filter == "kind=task_s*,agent_*") return event.kind.starts_with("task_s") || event.kind.starts_with("agent_");
    if (filter == "kind=task_cancelled") return event.kind == "task_cancelled";
    if (filter == "subject=bob") return event.subject == "bob";
    return true;
}

}  // namespace

TEST_CASE("no gap and no repeat, whatever happens") {
    const uint64_t seed = GENERATE(11U, 12U, 13U, 14U, 15U, 16U);
    CAPTURE(seed);
    Prng prng = Prng(seed);
    EventWorld world;
    TestHub& hub = world.hub;
    std::vector<Follower> followers;
    for (const char* filter : {"", "kind=task_s*,agent_*", "kind=task_cancelled", "subject=bob"}) {
        for (int i = 0; i < 6; ++i) followers.push_back({filter, i % 2 == 0, "", 0, 0, {}});
    }
    for (Follower& follower : followers) follower.ask(hub, world.ann, prng);
    std::vector<std::string> tasks;
    int64_t bob = 0;
    for (int step = 0; step < 900; ++step) {
        const uint64_t what = prng.below(100);
        Follower& follower = followers[prng.index_below(followers.size())];
        if (what < 40) {
            const Response made = world.post("/api/tasks", R"({"description":"x"})");
            if (made.status == 201) tasks.push_back(TestHub::member(made.body, "task_id"));
        } else if (what < 50 && !tasks.empty()) {
            hub.http(Method::delete_, "/api/tasks/" + tasks[prng.index_below(tasks.size())], "", world.ann);
        } else if (what < 55) {
            if (bob != 0) hub.disconnect(bob);
            bob = bob == 0 && !hub.store().failing() ? hub.connect("bob") : 0;
        } else if (what < 70) {
            hub.advance_ms(static_cast<int64_t>(prng.below(2'000)));
        } else if (what < 80) {
            if (follower.take(hub)) hub.cancel(follower.request);
            follower.ask(hub, world.ann, prng);
        } else if (what < 84) {
            hub.slow_readers = !hub.slow_readers;
        } else if (what < 88) {
            hub.store().set_failing(!hub.store().failing());
            if (!hub.store().failing()) hub.apply(StorageRecovered{});
        } else if (what < 89) {
            // Followers have what has reached them, no more; all requests are gone.
            for (Follower& each : followers) each.take(hub);
            hub.store().set_failing(false);
            hub.restart();
            bob = 0;
            for (Follower& each : followers) each.ask(hub, world.ann, prng);
        } else {
            if (follower.streams) hub.take(follower.request);
            if (!follower.take(hub)) follower.ask(hub, world.ann, prng);
        }
    }
    hub.store().set_failing(false);
    hub.apply(StorageRecovered{});
    hub.slow_readers = false;
    for (Follower& each : followers) {
        if (each.take(hub)) hub.cancel(each.request);
        each.streams = true;
        each.ask(hub, world.ann, prng);
    }
    hub.advance_ms(20'000);
    for (Follower& each : followers) each.take(hub);

    std::map<std::string, std::vector<int64_t>> wanted;
    for (const RowValues& values : hub.store().rows(TableId::events)) {
        const EventRow event = *row_from_values<EventRow>(values);
        if (event.workspace != 1) continue;
        for (const Follower& each : followers) {
            std::vector<int64_t>& seqs = wanted[each.filter];
            if (is_wanted(event, each.filter) && (seqs.empty() || seqs.back() != event.seq)) seqs.push_back(event.seq);
        }
    }
    CHECK(wanted[""] == from_to(1, head_of(hub)));
    for (const Follower& each : followers) {
        CAPTURE(each.filter);
        CHECK(each.seqs == wanted[each.filter]);
    }
}
