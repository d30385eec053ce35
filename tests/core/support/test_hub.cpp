#include "tests/core/support/test_hub.hpp"

#include <catch2/catch.hpp>

#include "core/base/json.hpp"
#include "tests/core/support/shape_check.hpp"

namespace agentcom::test {

TestHub::TestHub(Settings settings, int64_t seed, Watch watch) : settings_(std::move(settings)), seed_(seed) {
    if (watch == Watch::nothing) settings_.metrics_interval_ms = 0;
    start();
}

void TestHub::start() {
    hub_ = std::make_unique<Hub>(settings_);
    const Status loaded = store_.restore_into(*hub_);
    REQUIRE(loaded.ok());
    Started started;
    started.seed = seed_++;
    started.epoch = restored.restored_from.empty() ? std::string(32, 'e') : std::string(32, 'f');
    started.restored_from = restored.restored_from;
    started.lost_messages = restored.lost_messages;
    started.revoked_tokens = restored.revoked_tokens;
    started.last_turn = store_.last_turn();
    started.admin_token_sha256 =
        restored.admin_token_sha256.empty() ? sha256_hex(kAdminToken) : restored.admin_token_sha256;
    started.admin_token_prefix = "admin-to";
    started.vapid_public_key = kVapidKey;
    apply(started);
}

void TestHub::restart() {
    frames_.clear();
    answers_.clear();
    start();
}

std::optional<Fault> TestHub::apply(InputBody body) {
    if (const auto* request = std::get_if<HttpRequest>(&body)) {
        requests_[request->request] = {request->method, request->path};
    }
    std::optional<Fault> fault = feed(std::move(body));
    if (fault && !faults_expected) FAIL("core fault: " << fault->text << " at " << fault->file << ":" << fault->line);
    finish_turn();
    while (!answers_.empty()) {
        InputBody answer = std::move(answers_.front());
        answers_.pop_front();
        feed(std::move(answer));
        finish_turn();
    }
    return fault;
}

std::optional<Fault> TestHub::feed(InputBody body) {
    const Input input{now_, std::move(body)};
    if (recorder != nullptr) recorder->input(input);
    return hub_->apply(input);
}

TurnResult TestHub::close_turn() {
    TurnResult turn = hub_->end_turn();
    if (recorder != nullptr) recorder->turn_ended(*hub_, turn);
    return turn;
}

void TestHub::finish_turn() {
    const TurnResult turn = close_turn();
    if (!turn.batch.empty() && !store_.commit(turn.batch)) {
        for (const Effect& effect : turn.effects) {
            if (const std::optional<Effect> instead = effect_of_failed_turn(effect)) carry_out(*instead);
        }
        feed(CommitFailed{turn.turn});
        finish_turn();
        return;
    }
    for (const Effect& effect : turn.effects) carry_out(effect);
    feed(Committed{turn.turn});
}

void TestHub::carry_out(const Effect& effect) {
    trace_.u8(static_cast<uint8_t>(effect.index()));
    if (const auto* frame = std::get_if<SendFrame>(&effect)) {
        trace_.bytes(*frame->text);
        CHECK(early_frame_mismatch(*frame->text) == "");
        for (const int64_t connection : frame->to) {
            trace_.i64(connection);
            if (!closed_.contains(connection)) frames_[connection].push_back(*frame->text);
            if (frame->mail_seq == 0 || !dashboards_.contains(connection)) continue;
            dashboards_[connection] = frame->mail_seq;
            if (!slow_readers) answers_.emplace_back(MailPushed{connection, frame->mail_seq});
        }
    } else if (const auto* response = std::get_if<HttpRespond>(&effect)) {
        std::string body = response->body;
        if (response->secret_at) body.insert(static_cast<size_t>(*response->secret_at), secrets_[response->request]);
        trace_.bytes(response->body);
        trace_.i64(response->status);
        if (!response->stream) {
            const auto& [method, path] = requests_[response->request];
            CHECK(answer_mismatch(method, path, response->status, body) == "");
        }
        responses_[response->request] = {response->status, body, response->headers};
    } else if (const auto* close = std::get_if<CloseConnection>(&effect)) {
        trace_.i64(close->connection);
        trace_.i64(close->code);
        closed_[close->connection] = {close->code, close->reason};
    } else if (const auto* query = std::get_if<RunQuery>(&effect)) {
        queries_.push_back(query->what);
        answers_.emplace_back(store_.run(query->query, query->what));
    } else if (const auto* piece = std::get_if<HttpBody>(&effect)) {
        trace_.i64(piece->request);
        trace_.bytes(piece->text ? *piece->text : std::string{});
        Stream& body = streams_[piece->request];
        REQUIRE(!body.complete);
        REQUIRE(!body.cut);
        if (piece->text) {
            body.text += *piece->text;
            ++body.pieces;
        }
        body.complete = piece->end == HttpBody::End::complete;
        body.cut = piece->end == HttpBody::End::cut;
        if (piece->end == HttpBody::End::open && !slow_readers) answers_.emplace_back(BodyTaken{piece->request});
    } else if (const auto* job = std::get_if<StorageJob>(&effect)) {
        trace_.i64(job->job);
        storage_jobs_.push_back(*job);
    } else if (const auto* log = std::get_if<LogEvent>(&effect)) {
        trace_.bytes(log->event);
        logs_.push_back(*log);
    } else if (const auto* deliver = std::get_if<Deliver>(&effect)) {
        trace_.bytes(deliver->name);
        trace_.bytes(deliver->body);
        sent_.push_back(*deliver);
    } else if (const auto* keep = std::get_if<KeepSecret>(&effect)) {
        kept_secrets_.insert(keep->sha256);
    } else if (const auto* forget = std::get_if<ForgetSecret>(&effect)) {
        kept_secrets_.erase(forget->sha256);
    } else if (const auto* caller = std::get_if<CallerKnown>(&effect)) {
        trace_.bytes(caller->principal);
        trace_.i64(caller->request);
        callers_[caller->request] = caller->principal;
    }
}

void TestHub::advance_ms(int64_t ms) {
    const int64_t until_us = now_.mono_us + us_from_ms(ms);
    const int64_t wall_offset_us = now_.wall_ms * kUsPerMs - now_.mono_us;
    const auto move_to = [&](int64_t mono_us) {
        now_.mono_us = mono_us;
        now_.wall_ms = (mono_us + wall_offset_us) / kUsPerMs;
    };
    while (true) {
        const Deadlines deadlines = hub_->next_deadline();
        int64_t next = until_us + 1;
        if (deadlines.mono_us) next = std::min(next, *deadlines.mono_us);
        if (deadlines.wall_ms) next = std::min(next, *deadlines.wall_ms * kUsPerMs - wall_offset_us);
        if (next > until_us) break;
        move_to(std::max(next, now_.mono_us));
        apply(Tick{});
    }
    move_to(until_us);
    apply(Tick{});
}

std::string TestHub::token_of(const std::string& agent, const std::string& workspace) {
    return sha256_hex("token of " + workspace + "/" + agent);
}

void TestHub::register_agent(const std::string& agent, const std::string& workspace) {
    HttpRequest request;
    request.request = next_request_++;
    request.method = Method::post;
    request.path = "/api/onboard/register";
    request.host = "127.0.0.1:4000";
    request.body = R"({"agent_id":)" + json::encode_string(agent) +
                   (workspace.empty() ? "" : R"(,"workspace":)" + json::encode_string(workspace)) + "}";
    request.loopback = true;
    request.peer = "127.0.0.1";
    if (!workspace.empty()) request.authorization = credential_of_token(kAdminToken);
    const std::string token = token_of(agent, workspace);
    request.secret = {sha256_hex(token), token.substr(0, 8)};
    secrets_[request.request] = token;
    const int64_t id = request.request;
    apply(std::move(request));
    CAPTURE(responses_[id].body);
    REQUIRE(responses_[id].status == 201);
}

int64_t TestHub::open() {
    const int64_t connection = next_connection_++;
    apply(ConnectionOpened{connection, "127.0.0.1", true});
    return connection;
}

int64_t TestHub::open_dashboard(const std::string& query, const std::string& token, bool loopback) {
    const int64_t connection = next_connection_++;
    dashboards_[connection] = 0;
    DashboardOpened opened{connection, loopback ? "127.0.0.1" : "10.0.0.7", loopback, query, {}};
    if (!token.empty()) opened.authorization = credential_of_token(token);
    apply(std::move(opened));
    return connection;
}

void TestHub::take_frames(int64_t dashboard) { apply(MailPushed{dashboard, dashboards_[dashboard]}); }

void TestHub::send(int64_t connection, const std::string& text) {
    CutFrame cut = cut_frame_credentials(text);
    FrameReceived frame;
    frame.connection = connection;
    frame.malformed = cut.malformed;
    if (!cut.malformed) frame.text = std::move(cut.document).take_text();
    frame.credential = cut.credential;
    apply(std::move(frame));
}

int64_t TestHub::connect(const std::string& agent, const std::string& more, const std::string& workspace) {
    const int64_t connection = open();
    send(connection, R"({"type":"identify","agent_id":)" + json::encode_string(agent) + R"(,"token":")" +
                         token_of(agent, workspace) + "\"" + (more.empty() ? "" : "," + more) + "}");
    REQUIRE(take_frame(connection, "identified") != "");
    return connection;
}

void TestHub::disconnect(int64_t connection) {
    closed_.emplace(connection, Closed{});
    apply(ConnectionClosed{connection});
}

Response TestHub::http(Method method, const std::string& target, const std::string& body, const std::string& token,
                       const std::string& idempotency_key) {
    return answer(begin_http(method, target, body, token, idempotency_key));
}

int64_t TestHub::begin_http(Method method, const std::string& target, const std::string& body, const std::string& token,
                            const std::string& idempotency_key) {
    HttpRequest request;
    request.request = next_request_++;
    request.method = method;
    const size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.host = "127.0.0.1:4000";
    request.body = body;
    request.has_content_type = !body.empty();
    request.content_type = "application/json";
    request.loopback = true;
    request.peer = "127.0.0.1";
    request.idempotency_key = idempotency_key;
    if (!token.empty()) {
        request.authorization = credential_of_token(token);
        request.flex_authorization = request.authorization;
        request.has_bearer = true;
    }
    const std::string secret = sha256_hex("secret " + std::to_string(request.request));
    request.secret = {sha256_hex(secret), secret.substr(0, 8)};
    secrets_[request.request] = secret;
    const int64_t id = request.request;
    apply(std::move(request));
    return id;
}

Response TestHub::answer(int64_t request) {
    const auto found = responses_.find(request);
    if (found == responses_.end()) return {};
    Response response = std::move(found->second);
    responses_.erase(found);
    secrets_.erase(request);
    return response;
}

int64_t TestHub::begin(const std::string& target, const std::string& token, const std::string& accept,
                       const std::string& last_event_id) {
    HttpRequest request;
    request.request = next_request_++;
    request.method = Method::get;
    const size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.accept = accept;
    request.last_event_id = last_event_id;
    request.peer = "127.0.0.1";
    request.loopback = true;
    request.authorization = credential_of_token(token);
    request.flex_authorization = request.authorization;
    request.has_bearer = true;
    const int64_t id = request.request;
    apply(std::move(request));
    return id;
}

const Response* TestHub::response(int64_t request) const {
    const auto found = responses_.find(request);
    return found == responses_.end() ? nullptr : &found->second;
}

std::string TestHub::submit(const std::string& body) {
    if (!tables().contains<PrincipalRow>({1, "submitter"})) register_agent("submitter");
    const Response response = http(Method::post, "/api/tasks", body, token_of("submitter"));
    CAPTURE(response.body);
    REQUIRE((response.status == 201 || response.status == 200));
    return member(response.body, "task_id");
}

std::string TestHub::task(const std::string& id) {
    if (!tables().contains<PrincipalRow>({1, "submitter"})) register_agent("submitter");
    const Response response = http(Method::get, "/api/tasks/" + id, "", token_of("submitter"));
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    return response.body;
}

std::string TestHub::take_frame(int64_t connection, std::string_view type) {
    std::vector<std::string>& frames = frames_[connection];
    for (auto frame = frames.begin(); frame != frames.end(); ++frame) {
        if (member(*frame, "type") != type) continue;
        std::string text = std::move(*frame);
        frames.erase(frame);
        return text;
    }
    return {};
}

const Closed* TestHub::closed(int64_t connection) const {
    const auto found = closed_.find(connection);
    return found == closed_.end() ? nullptr : &found->second;
}

const TaskRow* TestHub::row(const std::string& task_id, int64_t workspace) const {
    return tables().find<TaskRow>({workspace, task_id});
}

std::string TestHub::member(const std::string& object, std::string_view name) {
    if (object.empty()) return {};
    const json::Object members = json::members(object);
    const json::Value* value = members.find(name);
    if (value == nullptr) return {};
    return value->kind == json::Kind::string ? json::decode_string(*value) : std::string(value->raw);
}

}  // namespace agentcom::test
