// A real hub on a real store: what one run wrote, the next run has.
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "core/base/json.hpp"
#include "core/base/sha256.hpp"
#include "core/hub/hub.hpp"
#include "core/state/tables.hpp"
#include "native-server/store/reader.hpp"
#include "native-server/store/store.hpp"
#include "tests/native/store/store_world.hpp"
#include "tests/native/support/recording_vfs.hpp"

namespace agentcom::test {

namespace {

constexpr std::string_view kAdminToken = "admin token";

class StoredHub {
  public:
    explicit StoredHub(std::string directory, StoreOptions options = {})
        : directory_(std::move(directory)), options_(std::move(options)) {
        start();
    }

    void start() {
        auto opened = SqliteStore::open(directory_, options_);
        INFO((opened ? std::string() : opened.error().text));
        REQUIRE(opened);
        store_ = std::move(opened).value();
        hub_ = std::make_unique<Hub>(Settings{});
        const auto loaded = store_->load(*hub_);
        INFO((loaded ? std::string() : loaded.error().text));
        REQUIRE(loaded);
        ReaderOptions reader_options;
        reader_options.vfs = options_.vfs;
        auto reader = StoreReader::open(directory_, reader_options);
        REQUIRE(reader);
        reader_ = std::move(reader).value();
        restored_ = hub_->tables().sums();
        restored_mail_ = hub_->tables().count<MailRow>();
        Started started;
        started.seed = seed_++;
        started.epoch = std::string(32, 'e');
        started.last_turn = store_->last_turn();
        started.admin_token_sha256 = sha256_hex(kAdminToken);
        started.admin_token_prefix = "admin";
        apply(started);
    }
    void stop() {
        reader_.reset();
        hub_.reset();
        store_.reset();
    }

    void apply(InputBody body) {
        now_.mono_us += kUsPerSecond;
        now_.wall_ms += kMsPerSecond;
        REQUIRE_FALSE(hub_->apply({now_, std::move(body)}));
        end_turn();
        while (!queries_.empty()) {
            const RunQuery query = std::move(queries_.front());
            queries_.pop_front();
            QueryAnswer answer = reader_->run(query.query, query.what);
            INFO(answer.error);
            REQUIRE(answer.result.ok);
            REQUIRE_FALSE(hub_->apply({now_, std::move(answer.result)}));
            end_turn();
        }
    }

    /// The agent's token is its name.
    int64_t connect(const std::string& agent) {
        const int64_t connection = next_connection_++;
        apply(ConnectionOpened{connection, "127.0.0.1", true});
        const std::string name = json::encode_string(agent);
        send(connection,
             R"({"type":"identify","agent_id":)" + name + R"(,"token":)" + name + R"(,"capabilities":["code"]})");
        INFO(frames_.back());
        REQUIRE_FALSE(last_frame("identified").empty());
        return connection;
    }
    void send(int64_t connection, const std::string& text) {
        CutFrame cut = cut_frame_credentials(text);
        FrameReceived frame;
        frame.connection = connection;
        frame.text = std::move(cut.document).take_text();
        frame.credential = std::move(cut.credential);
        apply(std::move(frame));
    }
    std::pair<int, std::string> http(Method method, const std::string& path, const std::string& body,
                                     const std::string& token) {
        HttpRequest request;
        request.request = next_request_++;
        request.method = method;
        request.path = path;
        request.host = "127.0.0.1:4000";
        request.body = body;
        request.loopback = true;
        request.peer = "127.0.0.1";
        if (!token.empty()) request.authorization = credential_of_token(token);
        request.has_bearer = !token.empty();
        request.secret = {sha256_hex(fresh_secret_), fresh_secret_.substr(0, 8)};
        const int64_t id = request.request;
        apply(std::move(request));
        return responses_[id];
    }
    void register_agent(const std::string& agent) {
        fresh_secret_ = agent;
        const auto [status, body] =
            http(Method::post, "/api/onboard/register", R"({"agent_id":)" + json::encode_string(agent) + "}", "");
        INFO(body);
        REQUIRE(status == 201);
    }
    /// The last frame of that type; "" = none.
    std::string last_frame(std::string_view type) const {
        for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
            if (frame->find("\"type\":\"" + std::string(type) + "\"") != std::string::npos) return *frame;
        }
        return {};
    }

    Hub& hub() { return *hub_; }
    const std::vector<TableSum>& restored() const { return restored_; }
    int64_t restored_mail() const { return restored_mail_; }
    int failed_commits() const { return failed_commits_; }

  private:
    void end_turn() {
        TurnResult turn = hub_->end_turn();
        if (!turn.batch.empty()) {
            if (store_->commit({&turn.batch, 1})) {
                take_back(turn);
                return;
            }
        }
        for (const Effect& effect : turn.effects) carry_out(effect);
        hub_->apply({now_, Committed{turn.turn}});
        hub_->end_turn();
    }
    void take_back(const TurnResult& turn) {
        ++failed_commits_;
        for (const Effect& effect : turn.effects) {
            if (const std::optional<Effect> instead = effect_of_failed_turn(effect)) carry_out(*instead);
        }
        hub_->apply({now_, CommitFailed{turn.turn}});
        const std::vector<RowChange> correction = correction_for(
            {&turn.batch, 1}, [this](TableId table, const RowValues& key) { return hub_->current(table, key); });
        REQUIRE_FALSE(store_->recover(correction));
        hub_->apply({now_, StorageRecovered{}});
        end_turn();
    }
    void carry_out(const Effect& effect) {
        if (const auto* frame = std::get_if<SendFrame>(&effect)) frames_.push_back(*frame->text);
        if (const auto* response = std::get_if<HttpRespond>(&effect)) {
            responses_[response->request] = {response->status, response->body};
        }
        if (const auto* query = std::get_if<RunQuery>(&effect)) queries_.push_back(*query);
    }

    std::string directory_;
    StoreOptions options_;
    std::unique_ptr<SqliteStore> store_;
    std::unique_ptr<Hub> hub_;
    std::unique_ptr<StoreReader> reader_;
    std::vector<TableSum> restored_;
    int64_t restored_mail_ = 0;
    int failed_commits_ = 0;
    int64_t seed_ = 1;
    Time now_{1'800'000'000'000, 1'000'000};
    int64_t next_connection_ = 1;
    int64_t next_request_ = 1;
    std::string fresh_secret_ = "none";
    std::vector<std::string> frames_;
    std::map<int64_t, std::pair<int, std::string>> responses_;
    std::deque<RunQuery> queries_;
};

std::string sums_text(const std::vector<TableSum>& sums) {
    std::string text;
    for (const TableSum& sum : sums) {
        text +=
            std::string(stored_table(sum.table).name) + " " + std::to_string(sum.rows) + " " + sum.sum.to_hex() + "\n";
    }
    return text;
}

std::string task_id_in(const std::string& frame) {
    constexpr std::string_view kBefore = "\"task_id\":\"";
    const std::size_t at = frame.find(kBefore);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + kBefore.size();
    return frame.substr(begin, frame.find('"', begin) - begin);
}

}  // namespace

TEST_CASE("A hub finds again what it had committed", "[store]") {
    TemporaryDirectory directory;
    RecordingVfs vfs("hub-store");
    StoreOptions options;
    options.vfs = vfs.name();
    StoredHub run(directory.fresh(), options);
    for (const char* agent : {"ann", "bob", "eve"}) run.register_agent(agent);
    const int64_t ann = run.connect("ann");
    const std::string long_text(10'000, 'x');
    for (int i = 0; i < 20; ++i) {
        run.send(ann, R"({"type":"message","to":"bob","payload":{"n":)" + std::to_string(i) + "}}");
        run.send(ann, R"({"type":"message","payload":{"text":")" + long_text + "\"}}");
        const auto [status, body] =
            run.http(Method::post, "/api/tasks", R"({"description":")" + long_text + R"(","priority":"high"})", "eve");
        INFO(body);
        REQUIRE((status == 201 || status == 503));
        // Now and then the disk fails under one of the next turns, which is then as if it had not been.
        if (i % 5 == 4) vfs.set_fault({DiskFault::Kind::sync_error, static_cast<int64_t>(i % 3), 1});
        const std::string assigned = run.last_frame("task_assign");
        const std::string task = task_id_in(assigned);
        if (i % 2 == 0 && !task.empty()) {
            run.send(ann, R"({"type":"task_accepted","task_id":")" + task + "\"}");
            run.send(ann, R"({"type":"task_complete","task_id":")" + task +
                              R"(","generation":1,"result":{"summary":"done"}})");
        }
    }
    CHECK(run.failed_commits() > 0);
    const std::string before = sums_text(run.hub().tables().sums());
    const int64_t mail = run.hub().tables().count<MailRow>();
    CHECK(mail >= 20);
    CHECK(run.hub().tables().count<TaskRow>() > 5);

    run.stop();
    run.start();
    CHECK(sums_text(run.restored()) == before);
    CHECK(run.restored_mail() == mail);
    const auto [status, body] = run.http(Method::get, "/api/tasks", "", "eve");
    INFO(body.substr(0, 200));
    CHECK(status == 200);
    CHECK(body.find(long_text) != std::string::npos);
    CHECK(body.find("\"summary\":\"done\"") != std::string::npos);
    run.stop();
}

}  // namespace agentcom::test
