#include "core/state/context.hpp"

#include "core/base/prng.hpp"
#include "core/state/log_catalogue.hpp"

namespace agentcom {

namespace {

/// What the log says of an event.
LogEvent line_of(const EventRow& event, const std::string& workspace, const std::string& request_name) {
    LogEvent line{event.kind, {}, event.data, true};
    line.fields.reserve(6);
    if (!request_name.empty()) line.fields.emplace_back("request_id", request_name);
    line.fields.emplace_back("workspace", workspace);
    const LogKind* kind = find_log_kind(event.kind);
    const std::string_view subject = kind == nullptr || kind->subject.empty() ? "subject" : kind->subject;
    if (!event.subject.empty()) line.fields.emplace_back(std::string(subject), event.subject);
    if (!event.principal.empty()) line.fields.emplace_back("principal", event.principal);
    if (!event.cause.empty()) line.fields.emplace_back("cause", event.cause);
    line.fields.emplace_back("event_seq", event.seq);
    return line;
}

}  // namespace

void Context::reply(ConnectionId connection, std::string text) {
    emit(SendFrame{{connection}, std::make_shared<const std::string>(std::move(text)), true, 0});
}

void Context::push(ConnectionId connection, std::string text, int64_t mail_seq) {
    emit(SendFrame{{connection}, std::make_shared<const std::string>(std::move(text)), false, mail_seq});
}

void Context::push(std::vector<ConnectionId> connections, std::string text, int64_t mail_seq) {
    if (connections.empty()) return;
    emit(SendFrame{std::move(connections), std::make_shared<const std::string>(std::move(text)), false, mail_seq});
}

void Context::close(ConnectionId connection, int code, std::string reason) {
    emit(CloseConnection{connection, code, std::move(reason)});
}

void Context::log(std::string event, std::vector<LogField> fields) {
    if (!request_name.empty()) fields.emplace_back("request_id", request_name);
    emit(LogEvent{std::move(event), std::move(fields)});
}

void Context::arm(TimerKind kind, int64_t workspace, const std::string& subject, int64_t deadline, int64_t generation) {
    TimerRow timer;
    timer.kind = kind;
    timer.workspace = workspace;
    timer.subject = subject;
    timer.generation = generation;
    timer.deadline = deadline;
    tables.put(std::move(timer));
}

void Context::disarm(TimerKind kind, int64_t workspace, const std::string& subject, int64_t generation) {
    tables.erase<TimerRow>({kind, workspace, subject, generation});
}

const RuntimeRow& Context::runtime() const {
    const RuntimeRow* row = tables.find<RuntimeRow>({0});
    AGENTCOM_ASSERT(row != nullptr, "a run has been started");
    return *row;
}

template <class Draw>
auto Context::draw(Draw&& draw) {
    RuntimeRow row = runtime();
    Prng prng;
    prng.state = {static_cast<uint64_t>(row.prng0), static_cast<uint64_t>(row.prng1), static_cast<uint64_t>(row.prng2),
                  static_cast<uint64_t>(row.prng3)};
    auto drawn = draw(prng);
    row.prng0 = static_cast<int64_t>(prng.state[0]);
    row.prng1 = static_cast<int64_t>(prng.state[1]);
    row.prng2 = static_cast<int64_t>(prng.state[2]);
    row.prng3 = static_cast<int64_t>(prng.state[3]);
    tables.put(row);
    return drawn;
}

std::string Context::random_id() {
    return draw([](Prng& prng) { return prng.hex16(); });
}

int64_t Context::random_below(int64_t bound) {
    return draw([bound](Prng& prng) { return static_cast<int64_t>(prng.below(static_cast<uint64_t>(bound))); });
}

bool Context::read_only() const { return runtime().read_only; }

void Context::event(int64_t workspace, std::string kind, std::string subject, std::string principal, std::string cause,
                    std::string data) {
    // Archives are cut in lots, so that retention costs one range deletion now and then.
    constexpr int64_t kPruneLot = 1'000;
    int64_t seq = 0;
    std::string workspace_name;
    tables.modify<WorkspaceRow>({workspace}, [&](WorkspaceRow& row) {
        workspace_name = row.name;
        seq = ++row.event_seq;
        if (row.event_seq - row.events_pruned >= settings.event_history + kPruneLot) {
            row.events_pruned += kPruneLot;
            tables.prune(Prune{Prune::What::events, workspace, row.events_pruned, {}});
        }
    });
    facts.push_back({Fact::What::event, workspace, kind, 0, Outcome::completed});
    EventRow event;
    event.workspace = workspace;
    event.seq = seq;
    event.at = now.wall_ms;
    event.kind = std::move(kind);
    event.subject = std::move(subject);
    event.principal = std::move(principal);
    event.cause = std::move(cause);
    event.data = std::move(data);
    emit(line_of(event, workspace_name, request_name));
    tables.append(event);
    news.insert(workspace);
    if (tables.indexes().event_dashboards.contains(workspace)) shown.push_back(event);
    const auto& listeners = tables.indexes().listeners;
    if (!listeners.empty() && !tables.indexes().listeners_of(workspace, event.kind).empty()) {
        announced.push_back(std::move(event));
    }
}

void Context::show(int64_t workspace, std::string kind, std::string subject, std::string principal, std::string data) {
    if (!tables.indexes().event_dashboards.contains(workspace)) return;
    EventRow event;
    event.workspace = workspace;
    event.at = now.wall_ms;
    event.kind = std::move(kind);
    event.subject = std::move(subject);
    event.principal = std::move(principal);
    event.data = std::move(data);
    shown.push_back(std::move(event));
}

void Context::notify(int64_t workspace, WaitTopic topic, const std::string& subject) {
    const auto& waits = tables.indexes().waits;
    const auto first = waits.lower_bound({workspace, topic, subject, 0});
    if (first == waits.end() || std::tie(std::get<0>(*first), std::get<1>(*first), std::get<2>(*first)) !=
                                    std::tie(workspace, topic, subject)) {
        return;
    }
    happened.emplace(workspace, topic, subject);
}

void Context::notify_all(int64_t workspace, WaitTopic topic) {
    const auto& waits = tables.indexes().waits;
    for (auto wait = waits.lower_bound({workspace, topic, std::string{}, 0});
         wait != waits.end() && std::get<0>(*wait) == workspace && std::get<1>(*wait) == topic; ++wait) {
        happened.emplace(workspace, topic, std::get<2>(*wait));
    }
}

int64_t Context::query(StoreQuery what, PendingRow pending) {
    RuntimeRow row = runtime();
    const int64_t number = row.next_query++;
    tables.put(row);
    pending.query = number;
    tables.put(std::move(pending));
    emit(RunQuery{number, std::move(what)});
    return number;
}

}  // namespace agentcom
