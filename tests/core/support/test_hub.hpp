// A hub in a test: virtual time, a store in memory, and every frame and answer kept to be looked at.
//
//     TestHub hub;
//     hub.register_agent("alice");
//     const int64_t alice = hub.connect("alice", R"("capabilities":["code"])");
//     const std::string task = hub.submit(R"({"description":"x"})");
//     REQUIRE(hub.take_frame(alice, "task_assign") != "");
//
// Each input is a turn of its own, committed at once unless `hold_commits` is set. Every answer and frame is held
// against what core/protocol/responses.cpp says it looks like.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/sha256.hpp"
#include "core/hub/hub.hpp"
#include "core/sim/memory_store.hpp"
#include "core/state/tables.hpp"
#include "tests/core/support/memory_recorder.hpp"

namespace agentcom::test {

struct Response {
    int status = 0;  ///< 0: none yet
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
};

/// A body that comes piece by piece.
struct Stream {
    std::string text;
    int pieces = 0;
    bool complete = false;
    bool cut = false;
};

struct Closed {
    int code = 0;
    std::string reason;
};

class TestHub {
  public:
    /// Without figures there are no samples and no alerts, so that a year passes in a moment.
    enum class Watch : uint8_t { nothing, figures };
    explicit TestHub(Settings settings = {}, int64_t seed = 1, Watch watch = Watch::nothing);

    /// Records everything from here on; `MemoryRecorder::begin` with `hub()` first.
    MemoryRecorder* recorder = nullptr;
    /// Faults fail the test unless this is set.
    bool faults_expected = false;

    // -- inputs; each also ticks what is due
    /// Applies an input, ends the turn, commits, carries out effects (queries are answered at once).
    std::optional<Fault> apply(InputBody body);
    /// Lets virtual time pass, firing each timer at its own moment.
    void advance_ms(int64_t ms);
    /// A crash (what was committed stays) and a new start.
    void restart();
    /// What the next start says about a restore, and of the admin token if it is another one.
    Started restored;

    // -- people and programs
    /// Registers over HTTP; the token is token_of(agent).
    void register_agent(const std::string& agent, const std::string& workspace = "");
    static std::string token_of(const std::string& agent, const std::string& workspace = "");
    /// Opens a connection without identifying.
    int64_t open();
    /// Opens and identifies; `more` is JSON members to add, e.g. R"("slots":3)".
    int64_t connect(const std::string& agent, const std::string& more = "", const std::string& workspace = "");
    void send(int64_t connection, const std::string& text);
    void disconnect(int64_t connection);
    /// Opens /ws/dashboard. What it is sent leaves its outbox at once unless `slow_readers` is set.
    int64_t open_dashboard(const std::string& query = "", const std::string& token = "", bool loopback = true);
    /// What is in its outbox leaves.
    void take_frames(int64_t dashboard);
    Response http(Method method, const std::string& target, const std::string& body = "", const std::string& token = "",
                  const std::string& idempotency_key = "");
    /// The number of a request that may have to wait, and its answer once there is one (then it is taken away).
    int64_t begin_http(Method method, const std::string& target, const std::string& body = "",
                       const std::string& token = "", const std::string& idempotency_key = "");
    Response answer(int64_t request);
    /// Begins a GET whose answer may be long in coming; gives its number.
    int64_t begin(const std::string& target, const std::string& token, const std::string& accept = "",
                  const std::string& last_event_id = "");
    /// Its answer; nullptr: none yet.
    const Response* response(int64_t request) const;
    Stream& stream(int64_t request) { return streams_[request]; }
    /// The client of a request goes.
    void cancel(int64_t request) { apply(RequestCancelled{request}); }
    /// While this is set, pieces of streams stay in their outboxes until `take`.
    bool slow_readers = false;
    void take(int64_t request) { apply(BodyTaken{request}); }
    /// Every query so far.
    std::vector<StoreQuery>& queries() { return queries_; }
    /// Submits as agent "submitter" (registered on first use) and gives the task id.
    std::string submit(const std::string& body);
    /// GET /api/tasks/:id as the submitter: the body.
    std::string task(const std::string& id);

    // -- what came out
    std::vector<std::string>& frames(int64_t connection) { return frames_[connection]; }
    /// Removes and gives the first frame of this type; "" if there is none.
    std::string take_frame(int64_t connection, std::string_view type);
    void clear_frames() { frames_.clear(); }
    const Closed* closed(int64_t connection) const;
    std::vector<LogEvent>& logs() { return logs_; }
    /// What was sent to webhooks and browsers, without the answers.
    std::vector<Deliver>& sent() { return sent_; }
    /// The digests of the secrets that the machine would keep now.
    const std::set<std::string>& kept_secrets() const { return kept_secrets_; }
    /// Of each request by somebody in particular: who.
    const std::map<RequestId, std::string>& callers() const { return callers_; }
    /// Storage jobs that were asked for; `apply(StorageJobDone{…})` answers them.
    std::vector<StorageJob>& storage_jobs() { return storage_jobs_; }
    /// Hash over every effect so far: equal runs have equal traces.
    Hash128 trace() const { return trace_.finish(); }

    Hub& hub() { return *hub_; }
    const Tables& tables() const { return hub_->tables(); }
    sim::MemoryStore& store() { return store_; }
    const sim::MemoryStore& store() const { return store_; }
    const TaskRow* row(const std::string& task_id, int64_t workspace = 1) const;
    int64_t now_ms() const { return now_.wall_ms; }
    void set_time(Time time) { now_ = time; }
    Time time() const { return now_; }

    /// The key for Web Push of every TestHub.
    static constexpr std::string_view kVapidKey = "BPublicKeyOfTheTestHub";
    /// The admin token of every TestHub.
    static constexpr std::string_view kAdminToken = "admin-token-admin-token-admin-token-admin-token-admin-token-admi";
    /// A member of a flat JSON object, decoded if it is a string, else as it stands; "" if absent.
    static std::string member(const std::string& object, std::string_view name);

  private:
    void start();
    std::optional<Fault> feed(InputBody body);
    TurnResult close_turn();
    void finish_turn();
    void carry_out(const Effect&);

    Settings settings_;
    int64_t seed_;
    sim::MemoryStore store_;
    std::unique_ptr<Hub> hub_;
    Time now_{1'800'000'000'000, 1'000'000};
    int64_t next_connection_ = 1;
    int64_t next_request_ = 1;
    std::map<int64_t, std::vector<std::string>> frames_;
    std::map<int64_t, Closed> closed_;
    std::map<int64_t, std::pair<Method, std::string>> requests_;  // method and path
    std::map<int64_t, Response> responses_;
    std::map<int64_t, std::string> secrets_;
    std::vector<LogEvent> logs_;
    std::vector<Deliver> sent_;
    std::set<std::string> kept_secrets_;
    std::map<RequestId, std::string> callers_;
    std::map<int64_t, Stream> streams_;
    std::vector<StoreQuery> queries_;
    std::deque<InputBody> answers_;
    std::vector<StorageJob> storage_jobs_;
    std::map<int64_t, int64_t> dashboards_;  // the mark of the last frame in the outbox
    Hasher trace_;
};

}  // namespace agentcom::test
