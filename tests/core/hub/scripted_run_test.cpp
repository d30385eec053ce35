// A long random run of the whole hub, from a seed: everything that can happen to it, legal or not, in any order.
//
// The hash over all that it did is pinned, so that every build of the core (compilers, sanitizers, WebAssembly) is
// shown to do the same. Whoever changes what the hub does changes the number: the failing test prints the new one.
#include <catch2/catch.hpp>

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.hpp"
#include "core/base/prng.hpp"
#include "core/base/sha256.hpp"
#include "core/hub/hub.hpp"
#include "core/protocol/credentials.hpp"
#include "core/replay/player.hpp"
#include "core/sim/memory_store.hpp"
#include "core/state/tables.hpp"
#include "tests/core/support/memory_recorder.hpp"
#include "tests/core/support/random_operation.hpp"

using namespace agentcom;
using agentcom::test::kTestVersion;
using agentcom::test::MemoryRecorder;
using agentcom::test::RandomOperation;
using agentcom::test::unpacked;

namespace {

constexpr uint64_t kPinnedSeed = 20261121;
constexpr int64_t kPinnedInputs = 12'000;
constexpr std::string_view kPinnedTrace = "1e60bf1c12233dd5450b63ff56c09aca";

constexpr std::string_view kAdminToken = "the token of the admin";

void hash_values(Hasher& hasher, const RowValues& values) {
    for (const ColumnValue& value : values) {
        hasher.u8(static_cast<uint8_t>(value.type));
        hasher.i64(value.integer);
        hasher.bytes(value.text);
    }
}

void hash_effect(Hasher& hasher, const Effect& effect) {
    hasher.u8(static_cast<uint8_t>(effect.index()));
    if (const auto* frame = std::get_if<SendFrame>(&effect)) {
        for (const ConnectionId connection : frame->to) hasher.i64(connection);
        hasher.bytes(*frame->text);
        hasher.boolean(frame->reply);
        hasher.i64(frame->mail_seq);
    } else if (const auto* ping = std::get_if<SendPing>(&effect)) {
        hasher.i64(ping->connection);
    } else if (const auto* close = std::get_if<CloseConnection>(&effect)) {
        hasher.i64(close->connection);
        hasher.i64(close->code);
        hasher.bytes(close->reason);
    } else if (const auto* response = std::get_if<HttpRespond>(&effect)) {
        hasher.i64(response->request);
        hasher.i64(response->status);
        for (const auto& [name, value] : response->headers) {
            hasher.bytes(name);
            hasher.bytes(value);
        }
        hasher.bytes(response->body);
        hasher.i64(response->secret_at.value_or(-1));
        hasher.boolean(response->stream);
    } else if (const auto* piece = std::get_if<HttpBody>(&effect)) {
        hasher.i64(piece->request);
        hasher.bytes(piece->text ? *piece->text : std::string{});
        hasher.u8(static_cast<uint8_t>(piece->end));
    } else if (const auto* query = std::get_if<RunQuery>(&effect)) {
        hasher.i64(query->query);
        hasher.i64(static_cast<int64_t>(query->what.index()));
    } else if (const auto* log = std::get_if<LogEvent>(&effect)) {
        hasher.bytes(log->event);
        for (const LogField& field : log->fields) {
            hasher.bytes(field.name);
            hasher.bytes(field.value);
        }
        hasher.bytes(log->data);
    } else if (const auto* delivery = std::get_if<Deliver>(&effect)) {
        for (const std::string& text : {delivery->receiver, delivery->url, delivery->body, delivery->name}) {
            hasher.bytes(text);
        }
        hasher.i64(delivery->seq);
        hasher.i64(delivery->ttl_s);
    } else if (const auto* job = std::get_if<StorageJob>(&effect)) {
        hasher.i64(job->job);
        hasher.u8(static_cast<uint8_t>(job->kind));
        hasher.bytes(job->subject);
    }
}

bool is_description(OperationId id) {
    return id == OperationId::http_openapi || id == OperationId::http_schemas ||
           id == OperationId::http_websocket_schemas;
}

std::string described(const Input& input) {
    std::string text(input_name(input.body));
    if (const auto* request = std::get_if<HttpRequest>(&input.body)) {
        text += " " + std::string(method_name(request->method)) + " " + request->path + "?" + request->query + " " +
                request->body;
    }
    if (const auto* frame = std::get_if<FrameReceived>(&input.body)) text += " " + frame->text;
    return text;
}

/// All that a turn changes and puts out.
Hash128 hash_turn(const TurnResult& turn) {
    Hasher hasher;
    hasher.i64(turn.turn);
    for (const RowChange& change : turn.batch.changes) {
        hasher.u8(static_cast<uint8_t>(change.table));
        hasher.boolean(change.erase);
        hash_values(hasher, change.values);
        hasher.u64(change.checksum.lo);
        hasher.u64(change.checksum.hi);
    }
    for (const Prune& prune : turn.batch.prunes) {
        hasher.u8(static_cast<uint8_t>(prune.what));
        hasher.i64(prune.up_to);
        for (const int64_t seq : prune.keep) hasher.i64(seq);
    }
    hasher.i64(turn.batch.bytes);
    for (const Effect& effect : turn.effects) hash_effect(hasher, effect);
    return hasher.finish();
}

/// Small limits, so that a short run meets all of them.
Settings tight_settings() {
    Settings settings;
    settings.mailbox_entries = 15;
    settings.undeliverable_entries = 10;
    settings.broadcast_entries = 20;
    settings.mailbox_ttl_ms = 200'000;
    settings.message_history = 1;
    settings.event_history = 1'000;
    settings.finished_tasks = 1;
    settings.inline_body_bytes = 48;
    settings.ageing_ms = 4'000;
    settings.identify_timeout_ms = 20'000;
    settings.idle_timeout_ms = 60'000;
    settings.deferred_frames_max = 6;
    settings.idempotency_entries = 40;
    settings.idempotency_ttl_ms = 100'000;
    settings.limit_light_per_min = 2;
    settings.limit_normal_per_min = 8;
    settings.limit_heavy_per_min = 2;
    settings.limit_skip_ms = 3'000;
    settings.acceptance_timeout_ms = 10'000;
    settings.lease_silence_ms = 30'000;
    settings.max_run_ms = 60'000;
    settings.stuck_after_ms = 15'000;
    settings.reconnect_grace_ms = 5'000;
    settings.live_tasks_max = 300;
    settings.alert_start_delay_ms = 1'000;
    settings.backup_start_delay_ms = 1'000;
    settings.backup_interval_ms = 200'000;
    settings.delivery_attempts = 2;
    settings.deliveries_waiting_max = 6;
    settings.alert_history = 3;
    return settings;
}

struct Agent {
    std::string name;
    std::string workspace;
    std::string token;
};

struct Assignment {
    ConnectionId connection = 0;
    std::string task_id;
    std::string generation;
};

class ScriptedRun {
  public:
    ScriptedRun(uint64_t seed, Settings settings) : prng_(seed), settings_(std::move(settings)), hub_(settings_) {
        for (const char* workspace : {"default", "other"}) {
            for (const char* name : {"ann", "bob", "cat", "dan", "eve"}) agents_.push_back({name, workspace, ""});
        }
        start();
    }

    void run(int64_t inputs) {
        while (inputs_ < inputs) step();
        settle_all();
    }

    /// Plays what was recorded: gives how often the state was compared; the first problem fails the test.
    int64_t play() {
        recorder_.stop(hub_);
        const replay::Recording recording = replay::read_recording(recorder_.bytes());
        REQUIRE(recording.problems.empty());
        replay::Player player(unpacked, kTestVersion);
        int64_t compared = 0;
        for (const replay::Segment& segment : recording.segments) {
            const replay::SegmentReport report = player.play(segment);
            // A crash may come before the first snapshot of a run is complete.
            if (!report.problems.empty() && segment.snapshot)
                FAIL("segment " << report.segment << ": " << report.problems[0]);
            compared += report.digests;
        }
        REQUIRE(player.hub() != nullptr);
        CHECK(player.hub()->digest() == hub_.digest());
        return compared;
    }

    std::string save() const { return hub_.save(); }
    std::string trace() const { return trace_.finish().to_hex(); }
    int64_t comparisons() const { return comparisons_; }
    int64_t restarts() const { return restarts_; }
    int64_t pieces() const { return pieces_; }
    int64_t failures() const { return failures_; }
    int64_t deliveries() const { return deliveries_; }
    int64_t jobs() const { return jobs_; }
    int64_t frames_of(const std::string& type) const {
        const auto found = frame_counts_.find(type);
        return found == frame_counts_.end() ? 0 : found->second;
    }
    int64_t answers_with(int status) const {
        const auto found = status_counts_.find(status);
        return found == status_counts_.end() ? 0 : found->second;
    }

  private:
    struct Socket {
        int64_t mail_seq = 0;  ///< highest pushed so far
    };

    // -- chance
    uint64_t below(uint64_t bound) { return prng_.below(bound); }
    bool chance(uint64_t percent) { return below(100) < percent; }
    template <class T>
    const T& any(const std::vector<T>& of) {
        return of[prng_.index_below(of.size())];
    }

    // -- the machine around the hub
    void start() {
        const Status restored = store_.restore_into(hub_);
        REQUIRE(restored.ok());
        recorder_.begin(hub_, "run " + std::to_string(restarts_));
        Started started;
        started.seed = static_cast<int64_t>(prng_.next());
        started.epoch = std::string(32, 'e');
        started.last_turn = store_.last_turn();
        started.admin_token_sha256 = sha256_hex(kAdminToken);
        started.admin_token_prefix = "the toke";
        apply(started);
        end_turn();
        // A machine whose store refuses the first turn does not run its hub.
        while (!in_flight_.empty()) settle();
    }

    void restart() {
        ++restarts_;
        recorder_.crash();
        hub_ = Hub(settings_);
        twin_.reset();
        in_flight_.clear();
        answers_.clear();
        pieces_to_take_.clear();
        machine_answers_.clear();
        sockets_.clear();
        assignments_.clear();
        secrets_.clear();
        now_.mono_us = 1'000'000 + static_cast<int64_t>(below(1'000'000));
        store_.set_failing(false);
        start();
    }

    void apply(InputBody body) {
        const Input input{now_, std::move(body)};
        ++inputs_;
        const std::string bytes = encode_input(input);
        const std::optional<Input> decoded = decode_input(bytes);
        if (!decoded || encode_input(*decoded) != bytes) FAIL("an input does not survive its encoding");
        recorder_.input(input);
        if (const auto fault = hub_.apply(*decoded)) {
            FAIL("core fault: " << fault->text << " at " << fault->file << ":" << fault->line << " after "
                                << described(*decoded));
        }
        const Hash128 digest = hub_.digest();
        trace_.u64(digest.lo);
        trace_.u64(digest.hi);
        recorder_.slice(hub_);
        if (!twin_) return;
        if (twin_->apply(input)) FAIL("a loaded hub fails where the saved one goes on");
        if (twin_->digest() != digest) FAIL("a loaded hub differs after " << input_name(input.body));
        ++comparisons_;
    }

    void end_turn() {
        const bool read_only = hub_.tables().find<RuntimeRow>({0})->read_only;
        TurnResult turn = hub_.end_turn();
        recorder_.turn_ended(hub_, turn);
        const Hash128 hash = hash_turn(turn);
        trace_.u64(hash.lo);
        trace_.u64(hash.hi);
        if (twin_) {
            if (hash_turn(twin_->end_turn()) != hash) FAIL("a loaded hub puts out something else");
            if (--twin_turns_ == 0) twin_.reset();
        }
        if (read_only && !turn.batch.empty()) FAIL("a hub that is read-only writes rows");
        in_flight_.push_back(std::move(turn));
    }

    /// Commits the oldest turn in flight, or tells that it failed.
    void settle() {
        if (in_flight_.empty()) return;
        TurnResult turn = std::move(in_flight_.front());
        if (turn.batch.empty() || store_.commit(turn.batch)) {
            in_flight_.pop_front();
            for (const Effect& effect : turn.effects) carry_out(effect);
            if (!turn.batch.empty()) apply(Committed{turn.turn});
            return;
        }
        ++failures_;
        in_flight_.front() = std::move(turn);
        const int64_t first = in_flight_.front().turn;
        for (const TurnResult& failed : in_flight_) {
            for (const Effect& effect : failed.effects) {
                if (const auto instead = effect_of_failed_turn(effect)) carry_out(*instead);
            }
        }
        in_flight_.clear();
        apply(CommitFailed{first});
        end_turn();
        settle();
    }

    void settle_all() {
        end_turn();
        while (!in_flight_.empty()) settle();
    }

    void carry_out(const Effect& effect) {
        if (const auto* frame = std::get_if<SendFrame>(&effect)) {
            const json::Object members = json::members(*frame->text);
            const std::string type = json::decode_string(*members.find("type"));
            ++frame_counts_[type];
            for (const ConnectionId connection : frame->to) {
                const auto socket = sockets_.find(connection);
                if (socket == sockets_.end()) continue;
                if (frame->mail_seq != 0) socket->second.mail_seq = frame->mail_seq;
                if (type == "task_assign") {
                    assignments_.push_back({connection, json::decode_string(*members.find("task_id")),
                                            std::string(members.find("generation")->raw)});
                    if (assignments_.size() > 40) assignments_.erase(assignments_.begin());
                }
            }
        } else if (const auto* response = std::get_if<HttpRespond>(&effect)) {
            ++status_counts_[response->status];
            if (response->stream || !response->body.starts_with('{')) return;
            const auto secret = secrets_.find(response->request);
            if (response->secret_at && secret != secrets_.end())
                agents_[secret->second.first].token = secret->second.second;
            if (secret != secrets_.end()) secrets_.erase(secret);
            const json::Object members = json::members(response->body);
            if (const json::Value* id = members.find("task_id"); id != nullptr && response->status < 300) {
                task_ids_.push_back(json::decode_string(*id));
                if (task_ids_.size() > 60) task_ids_.erase(task_ids_.begin());
            }
        } else if (const auto* close = std::get_if<CloseConnection>(&effect)) {
            closing_.push_back(close->connection);
        } else if (const auto* query = std::get_if<RunQuery>(&effect)) {
            QueryResult answer = store_.run(query->query, query->what);
            if (chance(3)) answer = QueryResult{query->query, false, {}};
            answers_.push_back(std::move(answer));
        } else if (const auto* piece = std::get_if<HttpBody>(&effect)) {
            ++pieces_;
            if (piece->end == HttpBody::End::open) pieces_to_take_.push_back(piece->request);
        } else if (const auto* delivery = std::get_if<Deliver>(&effect)) {
            static const std::vector<int64_t> kStatuses = {0, 204, 204, 400, 410, 429, 503};
            machine_answers_.push_back(Delivered{delivery->workspace, delivery->receiver, delivery->seq, any(kStatuses),
                                                 chance(20) ? 1'000 : 0, "e"});
            ++deliveries_;
        } else if (const auto* job = std::get_if<StorageJob>(&effect)) {
            machine_answers_.push_back(StorageJobDone{job->job, chance(70), R"({"backup":"b","bytes":9})", "e"});
            ++jobs_;
        } else if (std::holds_alternative<RestartHub>(effect)) {
            restart_asked_ = true;
        }
    }

    // -- the world
    void step() {
        let_time_pass();
        if (std::exchange(restart_asked_, false)) restart();
        const uint64_t what = below(1'000);
        if (what < 60) {
            open();
        } else if (what < 150) {
            identify();
        } else if (what < 520) {
            frame();
        } else if (what < 720) {
            request();
        } else if (what < 750) {
            disconnect();
        } else if (what < 800) {
            for (const auto& [connection, socket] : sockets_) {
                if (socket.mail_seq == 0 || !chance(50)) continue;
                apply(MailPushed{connection, socket.mail_seq});
            }
        } else if (what < 820) {
            if (const ConnectionId connection = any_socket()) apply(ControlReceived{connection});
        } else if (what < 900) {
            tick();
        } else if (what < 960) {
            answer();
        } else if (what < 965) {
            now_.wall_ms += static_cast<int64_t>(below(200'000)) - 100'000;
            apply(ClockJumped{1});
        } else if (what < 970) {
            store_.set_failing(true);
        } else if (what < 985) {
            recover();
        } else if (what < 990) {
            save_and_load();
        } else if (what < 992) {
            crash_or_stop();
        } else if (what < 996) {
            apply(RequestCancelled{static_cast<RequestId>(below(1'000))});
        } else {
            junk();
        }
        if (chance(60)) end_turn();
        while (!in_flight_.empty() && chance(70)) settle();
    }

    void let_time_pass() {
        int64_t us = static_cast<int64_t>(below(150'000));
        if (chance(3)) us += static_cast<int64_t>(below(10'000'000));
        now_.mono_us += us;
        now_.wall_ms += us / 1'000;
    }

    ConnectionId any_socket() {
        if (sockets_.empty()) return 0;
        auto socket = sockets_.begin();
        std::advance(socket, static_cast<std::ptrdiff_t>(below(sockets_.size())));
        return socket->first;
    }

    void open() {
        if (sockets_.size() > 14) return disconnect();
        const ConnectionId connection = next_connection_++;
        sockets_[connection] = {};
        apply(ConnectionOpened{connection, "10.0.0." + std::to_string(below(3)), chance(50)});
    }

    void disconnect() {
        const ConnectionId connection = !closing_.empty() && chance(80) ? closing_.front() : any_socket();
        std::erase(closing_, connection);
        sockets_.erase(connection);
        if (connection != 0) apply(ConnectionClosed{connection});
    }

    void send(ConnectionId connection, const std::string& text) {
        CutFrame cut = cut_frame_credentials(text);
        FrameReceived received;
        received.connection = connection;
        received.malformed = cut.malformed;
        if (!cut.malformed) received.text = std::move(cut.document).take_text();
        received.credential = cut.credential;
        apply(std::move(received));
    }

    void identify() {
        const ConnectionId connection = any_socket();
        if (connection == 0) return open();
        const Agent& agent = any(agents_);
        const std::string& token = chance(90) ? agent.token : any(agents_).token;
        json::Writer out;
        out.begin_object().member("type", "identify").member("agent_id", agent.name).member("token", token);
        if (chance(60)) {
            out.key("capabilities").begin_array();
            for (const char* capability : {"code", "review", "test"}) {
                if (chance(60)) out.string(capability);
            }
            out.end_array();
        }
        if (chance(30)) out.member("protocol_version", static_cast<int64_t>(1 + below(2)));
        if (chance(30)) out.member("slots", static_cast<int64_t>(1 + below(4)));
        if (chance(20)) out.member("client_type", "sidecar");
        if (chance(10)) out.member("presence", chance(50) ? "all" : "none");
        if (chance(10)) out.key("name").null();
        if (chance(10)) out.member("request_id", "r1");
        send(connection, out.end_object().text());
    }

    std::string any_name() {
        switch (below(10)) {
            case 0:
                return "nobody" + std::to_string(below(4));
            case 1:
                return "broadcast";
            default:
                return any(agents_).name;
        }
    }

    std::string any_payload() {
        switch (below(5)) {
            case 0:
                return "{}";
            case 1:
                return R"({"n":1e400,"deep":[[[1]]]})";
            case 2:
                return "{\"long\":\"" + std::string(prng_.index_below(200), 'x') + "\"}";
            default:
                return "{\"n\":" + std::to_string(below(1'000'000)) + "}";
        }
    }

    std::string any_task() {
        if (task_ids_.empty() || chance(10)) return "task-none";
        return any(task_ids_);
    }

    void frame() {
        ConnectionId connection = any_socket();
        if (connection == 0) return open();
        std::string task_id = any_task();
        std::string generation = std::to_string(below(3));
        if (!assignments_.empty() && chance(80)) {
            const Assignment& assignment = any(assignments_);
            if (sockets_.contains(assignment.connection)) connection = assignment.connection;
            task_id = assignment.task_id;
            if (chance(90)) generation = assignment.generation;
        }
        json::Writer out;
        out.begin_object();
        switch (below(19)) {
            case 0:
                out.member("type", "ping");
                break;
            case 16:
            case 17:
            case 18: {
                RandomOperation random(prng_, words());
                const Operation& of_type = random.any(true);
                out.member("type", of_type.frame_type);
                random.members(out, of_type.fields);
                break;
            }
            case 1:
                out.member("type", "list_agents");
                break;
            case 2:
                out.member("type", "status").member("status", "busy " + std::to_string(below(5)));
                break;
            case 3:
            case 4:
            case 5:
                out.member("type", "message").raw_member("payload", any_payload());
                if (chance(80)) out.member("to", any_name());
                if (chance(20)) out.member("message_type", "note");
                if (chance(20)) out.member("idempotency_key", "k" + std::to_string(below(5)));
                break;
            case 6:
            case 7:
                out.member("type", "task_accepted").member("task_id", task_id);
                break;
            case 8:
                out.member("type", "task_progress").member("task_id", task_id);
                out.member("progress", static_cast<int64_t>(below(120)));
                break;
            case 9:
            case 10:
            case 11:
                out.member("type", "task_complete").member("task_id", task_id).raw_member("generation", generation);
                out.raw_member("result", any_payload());
                if (chance(30)) out.member("tokens_used", static_cast<int64_t>(below(5'000)));
                if (chance(20)) out.raw_member("usage", R"({"model":"m","input_tokens":5})");
                break;
            case 12:
                out.member("type", "task_failed").member("task_id", task_id).raw_member("generation", generation);
                if (chance(70)) out.member("error", "it broke");
                break;
            case 13:
                out.member("type", "task_rejected").member("task_id", task_id).member("reason", "busy");
                break;
            case 14:
                out.member("type", "task_recovering").member("task_id", task_id);
                break;
            default:
                return bad_frame(connection);
        }
        send(connection, out.end_object().text());
    }

    void bad_frame(ConnectionId connection) {
        static const std::vector<std::string> kBad = {"",
                                                      "{",
                                                      "[1]",
                                                      "5",
                                                      R"({"type":"no_such_type"})",
                                                      R"({"type":null})",
                                                      "{}",
                                                      R"({"type":"message"})",
                                                      R"({"type":"message","payload":5})",
                                                      R"({"type":"task_complete","task_id":7})",
                                                      R"({"type":"identify","agent_id":"ann"})",
                                                      R"({"type":"status","status":null})",
                                                      R"({"type":"channel_publish","channel":"x","payload":{}})",
                                                      std::string("\xff\xfe"),
                                                      R"({"type":"task_failed","task_id":"x","generation":1.0})"};
        send(connection, any(kBad));
    }

    std::string submission() {
        json::Writer out;
        out.begin_object().member("description", std::string(prng_.index_below(90), 'd'));
        static const std::vector<std::string> kPriorities = {"urgent", "high", "normal", "low", "odd"};
        if (chance(60)) out.member("priority", any(kPriorities));
        if (chance(30)) out.raw_member("metadata", any_payload());
        if (chance(10)) out.raw_member("metadata", R"({"target_agent":"bob"})");
        if (chance(40)) {
            out.key("needed_capabilities").begin_array().string(chance(70) ? "code" : "review").end_array();
        }
        if (chance(20)) out.member("max_retries", static_cast<int64_t>(below(4)));
        if (chance(15)) out.member("unique_key", "u" + std::to_string(below(4)));
        if (chance(30)) out.member("fairness_key", "f" + std::to_string(below(3)));
        if (chance(15)) out.member("not_before", now_.wall_ms + static_cast<int64_t>(below(20'000)));
        if (chance(15)) out.member("complete_by", now_.wall_ms + static_cast<int64_t>(below(60'000)));
        if (chance(10)) out.member("max_run_ms", static_cast<int64_t>(1 + below(20'000)));
        if (chance(15)) out.member("parent_id", any_task());
        if (chance(20)) {
            out.key("blocked_by").begin_array();
            for (uint64_t i = below(3); i > 0; --i) out.string(any_task());
            out.end_array();
        }
        return out.end_object().take();
    }

    void request() {
        const size_t who = prng_.index_below(agents_.size());
        const Agent& agent = agents_[who];
        HttpRequest request;
        request.request = next_request_++;
        request.host = "hub.example";
        request.peer = "10.0.0." + std::to_string(below(3));
        request.loopback = chance(80);
        std::string token = chance(85) ? agent.token : chance(50) ? std::string(kAdminToken) : "wrong";
        if (chance(15)) request.idempotency_key = "h" + std::to_string(below(6));
        const auto get = [&](std::string path, std::string query = {}) {
            request.method = Method::get;
            request.path = std::move(path);
            request.query = std::move(query);
        };
        const auto post = [&](std::string path, std::string body) {
            request.method = Method::post;
            request.path = std::move(path);
            request.body = std::move(body);
            request.has_content_type = true;
            request.content_type = "application/json";
        };
        switch (below(45)) {
            case 0:
                get("/health");
                break;
            case 1:
                get(chance(50) ? "/livez" : "/readyz");
                break;
            case 2:
                get("/api/agents");
                break;
            case 3:
                get("/api/agents/states");
                break;
            case 4:
                get("/api/agents/" + agent.name + "/state");
                break;
            case 5:
            case 6: {
                static const std::vector<std::string> kQueries = {
                    "",         "status=queued", "status=assigned&limit=2", "priority=high", "limit=1&cursor=2.3",
                    "cursor=x", "status=bad",    "assigned_to=bob",         "limit=abc",     "status=held",
                    "%zz"};
                get("/api/tasks", any(kQueries));
                break;
            }
            case 7:
                get("/api/tasks/dead-letter");
                break;
            case 8:
                get("/api/tasks/stats");
                break;
            case 9:
            case 10:
                get("/api/tasks/" + any_task());
                break;
            case 11:
                post("/api/tasks/" + any_task() + "/retry", "");
                break;
            case 12:
                get("/api/tasks/" + any_task());
                request.method = Method::delete_;
                break;
            case 13:
            case 14: {
                // In a statement each: compilers differ in which operand of a sum they evaluate first.
                const std::string to = any_name();
                const std::string payload = any_payload();
                post("/api/message", "{\"to\":\"" + to + "\",\"payload\":" + payload + "}");
                break;
            }
            case 15:
                get("/api/mailbox/" + agent.name, chance(50) ? "" : "since=3&limit=2");
                break;
            case 16:
                post("/api/mailbox/" + agent.name + "/ack", "{\"seq\":" + std::to_string(below(200)) + "}");
                break;
            case 17:
            case 18:
            case 19: {
                const Agent& target = agents_[who];
                const bool further = chance(20);
                post(further ? "/admin/tokens" : "/api/onboard/register",
                     "{\"agent_id\":\"" + target.name + "\",\"workspace\":\"" + target.workspace + "\"}");
                token = kAdminToken;
                const std::string secret = sha256_hex("secret " + std::to_string(request.request));
                secrets_[request.request] = {who, secret};
                break;
            }
            case 20:
                get("/admin/tokens");
                break;
            case 21:
                get("/admin/tokens/" + agent.name);
                if (chance(20)) request.method = Method::delete_;
                break;
            case 22: {
                static const std::vector<std::string> kOdd = {"/", "/nope", "/api/tasks/%zz", "/api//tasks",
                                                              "/api/tasks/a/b/c"};
                get(any(kOdd));
                break;
            }
            case 23:
                post("/api/tasks", "{\"description\":5}");
                break;
            case 24:
                post("/api/message", "");
                request.malformed_body = true;
                break;
            case 25: {
                static const std::vector<std::string> kFrom = {"", "since=start", "kind=task_*", "subject=bob",
                                                               "since=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee.7&limit=9"};
                const std::string from = any(kFrom);
                get("/api/events", from + "&wait_ms=" + std::to_string(below(3) * 5'000));
                if (chance(50)) request.accept = "text/event-stream";
                break;
            }
            case 26:
                get("/api/overview");
                break;
            case 27:
                token = kAdminToken;
                post("/api/webhooks", R"({"webhook_id":"hook)" + std::to_string(below(3)) +
                                          R"(","url":"https://ops.example/in","kinds":["*"]})");
                break;
            case 28:
                post("/api/dashboard/push-subscribe",
                     R"({"endpoint":"https://fcm.googleapis.com/fcm/send/a","kinds":["task_*"],"keys":{"p256dh":"B)" +
                         std::string(86, 'C') + R"(","auth":")" + std::string(22, 'A') + "\"}}");
                break;
            case 30:
            case 31:
            case 32:
            case 33:
            case 34:
            case 35:
            case 36:
            case 37:
            case 38:
            case 39:
            case 40:
            case 41:
            case 42:
            case 43:
            case 44: {
                RandomOperation random(prng_, words());
                const Operation& route = random.any(false);
                // What describes the hub changes with each word of it, and is no part of what the hub does.
                if (is_description(route.id)) {
                    get("/livez");
                    break;
                }
                const std::string path = random.path(route);
                get(path, random.query(route));
                if (route.method == Method::get) break;
                json::Writer body;
                body.begin_object();
                random.members(body, route.fields);
                post(request.path, body.end_object().take());
                request.method = route.method;
                // Nobody would be left to go on with.
                const bool ends_tokens =
                    route.id == OperationId::http_token_revoke || route.id == OperationId::http_reset;
                if (chance(60) && !(ends_tokens && chance(90))) token = kAdminToken;
                break;
            }
            default:
                post("/api/tasks", submission());
        }
        if (!token.empty() && chance(95)) {
            request.authorization = credential_of_token(token);
            request.flex_authorization = request.authorization;
            request.has_bearer = true;
        }
        const auto drawn = secrets_.find(request.request);
        const std::string secret =
            drawn == secrets_.end() ? sha256_hex("secret " + std::to_string(request.request)) : drawn->second.second;
        request.secret = {sha256_hex(secret), secret.substr(0, 8)};
        apply(std::move(request));
    }

    void tick() {
        const Deadlines deadlines = hub_.next_deadline();
        if (deadlines.mono_us && chance(50)) {
            const int64_t us = std::max<int64_t>(0, *deadlines.mono_us - now_.mono_us);
            now_.mono_us += us;
            now_.wall_ms += us / 1'000;
        }
        apply(Tick{});
    }

    /// What the machine tells of itself, and of the files.
    void measure() {
        if (chance(50)) {
            StorageFigures files;
            files.database_bytes = static_cast<int64_t>(below(2'000'000'000));
            files.lost_rows = chance(10) ? 3 : 0;
            files.backups = R"([{"name":"b","made_at":1800000000000}])";
            return apply(std::move(files));
        }
        MachineSample sample;
        MachineSample::numbers(sample, [this](int64_t& number) { number = static_cast<int64_t>(below(1'000)); });
        for (uint64_t left = below(5); left > 0; --left) sample.commit_us.record(static_cast<int64_t>(below(900'000)));
        apply(std::move(sample));
    }

    /// Names that mean something somewhere.
    std::vector<std::string> words() {
        std::vector<std::string> all = {"ann",
                                        "bob",
                                        "cat",
                                        "builds",
                                        "nightly",
                                        "broadcast",
                                        "normal",
                                        "high",
                                        "code",
                                        "queue_depth",
                                        ">",
                                        "critical",
                                        "rows_lost",
                                        "hook",
                                        "people_wait",
                                        "task_*",
                                        "https://ops.example/in",
                                        "https://fcm.googleapis.com/fcm/send/x",
                                        "b",
                                        "1",
                                        "heartbeat-interval",
                                        "debug",
                                        "tasks",
                                        "start",
                                        "x"};
        for (int i = 0; i < 4; ++i) all.push_back(any_task());
        return all;
    }

    void answer() {
        if (chance(30)) measure();
        if (!machine_answers_.empty() && chance(80)) {
            apply(std::move(machine_answers_.front()));
            machine_answers_.pop_front();
        }
        if (!pieces_to_take_.empty() && chance(80)) {
            apply(BodyTaken{pieces_to_take_.front()});
            pieces_to_take_.pop_front();
        }
        if (answers_.empty()) return;
        const size_t at = prng_.index_below(answers_.size());
        QueryResult result = std::move(answers_[at]);
        answers_.erase(answers_.begin() + static_cast<std::ptrdiff_t>(at));
        apply(std::move(result));
    }

    void recover() {
        if (!store_.failing()) return;
        store_.set_failing(false);
        // The probe commit comes after everything that was in flight has failed.
        if (hub_.tables().find<RuntimeRow>({0})->read_only) apply(StorageRecovered{});
    }

    /// A hub that was loaded from the saved state must go on exactly as this one does.
    void save_and_load() {
        settle_all();
        const std::string bytes = hub_.save();
        Result<Hub> loaded = Hub::load(bytes, settings_);
        REQUIRE(loaded.ok());
        REQUIRE(loaded.value().digest() == hub_.digest());
        REQUIRE(loaded.value().current_turn() == hub_.current_turn());
        REQUIRE(loaded.value().next_deadline().mono_us == hub_.next_deadline().mono_us);
        REQUIRE(loaded.value().next_deadline().wall_ms == hub_.next_deadline().wall_ms);
        REQUIRE(loaded.value().save() == bytes);
        twin_.emplace(std::move(loaded).value());
        twin_turns_ = 60;
    }

    void crash_or_stop() {
        if (chance(50)) {
            apply(Shutdown{});
            settle_all();
            for (const auto& [connection, socket] : std::map<ConnectionId, Socket>(sockets_)) {
                apply(ConnectionClosed{connection});
            }
            settle_all();
        }
        restart();
    }

    /// Inputs that no careful machine sends: about connections and queries that do not exist.
    void junk() {
        const ConnectionId nobody = 1'000'000 + static_cast<int64_t>(below(10));
        switch (below(5)) {
            case 0:
                return send(nobody, R"({"type":"ping"})");
            case 1:
                return apply(ConnectionClosed{nobody});
            case 2:
                return apply(QueryResult{nobody, true, {{TableId::tasks, {}}}});
            case 3:
                return apply(MailPushed{nobody, 5});
            default:
                return apply(ControlReceived{nobody});
        }
    }

    Prng prng_;
    Settings settings_;
    Hub hub_;
    MemoryRecorder recorder_{1};
    std::optional<Hub> twin_;
    int64_t twin_turns_ = 0;
    sim::MemoryStore store_;
    Time now_{1'800'000'000'000, 1'000'000};
    std::vector<Agent> agents_;
    std::map<ConnectionId, Socket> sockets_;
    std::vector<ConnectionId> closing_;
    std::deque<TurnResult> in_flight_;
    std::vector<QueryResult> answers_;
    std::deque<RequestId> pieces_to_take_;
    int64_t pieces_ = 0;
    std::deque<InputBody> machine_answers_;
    bool restart_asked_ = false;
    int64_t deliveries_ = 0;
    int64_t jobs_ = 0;
    std::vector<Assignment> assignments_;
    std::vector<std::string> task_ids_;
    std::map<RequestId, std::pair<size_t, std::string>> secrets_;
    std::map<std::string, int64_t> frame_counts_;
    std::map<int, int64_t> status_counts_;
    ConnectionId next_connection_ = 1;
    RequestId next_request_ = 1;
    int64_t inputs_ = 0;
    int64_t comparisons_ = 0;
    int64_t restarts_ = 0;
    int64_t failures_ = 0;
    Hasher trace_;
};

}  // namespace

TEST_CASE("a run of 12 000 inputs has the same trace everywhere, and a loaded hub goes on as the saved one") {
    ScriptedRun run(kPinnedSeed, tight_settings());
    run.run(kPinnedInputs);
    // The run must have been somewhere.
    CHECK(run.comparisons() > 1'000);
    CHECK(run.restarts() > 3);
    CHECK(run.pieces() > 20);
    CHECK(run.failures() > 10);
    CHECK(run.deliveries() > 5);
    CHECK(run.jobs() > 5);
    for (const char* type : {"identified", "pong", "message", "message_sent", "agents", "status_updated",
                             "agent_joined", "agent_left", "status_changed", "task_assign", "task_ack", "task_continue",
                             "task_reassign", "error", "rate_limit_warning", "rate_limited"}) {
        CAPTURE(type);
        CHECK(run.frames_of(type) > 0);
    }
    for (const int status : {200, 201, 400, 401, 403, 404, 409, 422, 429, 503}) {
        CAPTURE(status);
        CHECK(run.answers_with(status) > 0);
    }
    CHECK(run.trace() == kPinnedTrace);
}

TEST_CASE("random runs under both sets of defaults") {
    const uint64_t seed = GENERATE(range<uint64_t>(1, 4));
    CAPTURE(seed);
    ScriptedRun tight(seed, tight_settings());
    tight.run(3'000);
    CHECK(tight.play() > 50);
    ScriptedRun v11(seed, v11_profile());
    v11.run(3'000);
    CHECK(v11.frames_of("task_assign") > 0);
    CHECK(v11.play() > 50);
}

TEST_CASE("a saved hub that was cut or altered is refused") {
    ScriptedRun run(5, tight_settings());
    run.run(400);
    const std::string bytes = run.save();
    REQUIRE(Hub::load(bytes, tight_settings()).ok());
    for (size_t length = 0; length < bytes.size(); ++length) {
        REQUIRE_FALSE(Hub::load(std::string_view(bytes).substr(0, length), tight_settings()).ok());
    }
    CHECK_FALSE(Hub::load(bytes + "x", tight_settings()).ok());
    Prng prng(6);
    for (int i = 0; i < 2'000; ++i) {
        std::string broken = bytes;
        broken[prng.index_below(broken.size())] ^= static_cast<char>(1U << prng.below(8));
        const Result<Hub> refused = Hub::load(broken, tight_settings());
        REQUIRE_FALSE(refused.ok());
        REQUIRE(refused.error().code == "corrupt_state");
    }
}

TEST_CASE("many random runs", "[.slow]") {
    const uint64_t seed = GENERATE(range<uint64_t>(100, 200));
    CAPTURE(seed);
    ScriptedRun tight(seed, tight_settings());
    tight.run(5'000);
    tight.play();
    ScriptedRun usual(seed, Settings{});
    usual.run(5'000);
    usual.play();
    ScriptedRun v11(seed, v11_profile());
    v11.run(5'000);
    v11.play();
}
