#include "tests/core/tasks/task_hub.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/base/json.hpp"
#include "core/tasks/leases.hpp"

namespace agentcom::test {

namespace {

template <class Row>
std::vector<Row> typed_rows(const sim::MemoryStore& store) {
    std::vector<Row> rows;
    for (RowValues& values : store.rows(Row::kTable)) rows.push_back(*row_from_values<Row>(std::move(values)));
    return rows;
}

}  // namespace

int64_t TaskHub::worker(const std::string& agent, const std::string& more) {
    if (!tables().contains<PrincipalRow>({1, agent})) register_agent(agent);
    return connect(agent, more);
}

std::string TaskHub::reply(int64_t connection, const std::string& frame) {
    std::vector<std::string>& all = frames(connection);
    const size_t before = all.size();
    send(connection, frame);
    for (size_t i = before; i < all.size(); ++i) {
        const std::string type = member(all[i], "type");
        if (type == "task_assign" || type == "agent_joined" || type == "agent_left" || type == "rate_limit_warning")
            continue;
        const std::string text = std::move(all[i]);
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
        if (type == "task_ack") return member(text, "status");
        if (type == "error") return member(text, "error");
        if (type == "task_continue") return type + " " + member(text, "generation");
        return type;
    }
    return {};
}

std::string TaskHub::report(int64_t connection, std::string_view type, const std::string& task,
                            const std::string& more) {
    return reply(connection, R"({"type":")" + std::string(type) + R"(","task_id":")" + task + "\"" +
                                 (more.empty() ? "" : "," + more) + "}");
}

std::string TaskHub::accept(int64_t connection, const std::string& task) {
    return report(connection, "task_accepted", task);
}

std::string TaskHub::complete(int64_t connection, const std::string& task, int64_t generation) {
    return report(connection, "task_complete", task, R"("generation":)" + std::to_string(generation));
}

std::string TaskHub::fail(int64_t connection, const std::string& task, int64_t generation, const std::string& error) {
    return report(connection, "task_failed", task,
                  R"("generation":)" + std::to_string(generation) + R"(,"error":")" + error + "\"");
}

std::string TaskHub::reject(int64_t connection, const std::string& task) {
    return report(connection, "task_rejected", task, R"("reason":"busy")");
}

std::string TaskHub::recover(int64_t connection, const std::string& task) {
    return report(connection, "task_recovering", task);
}

int TaskHub::cancel(const std::string& task) {
    return http(Method::delete_, "/api/tasks/" + task, "", token_of("submitter")).status;
}

int TaskHub::retry(const std::string& task) {
    return http(Method::post, "/api/tasks/" + task + "/retry", "", token_of("submitter")).status;
}

Names TaskHub::assignments(int64_t connection) {
    Names ids;
    while (true) {
        const std::string frame = take_frame(connection, "task_assign");
        if (frame.empty()) return ids;
        ids.push_back(member(frame, "task_id"));
    }
}

void TaskHub::advance_pinging(int64_t ms, const std::vector<int64_t>& connections) {
    constexpr int64_t kPingMs = 30'000;
    while (ms > 0) {
        const int64_t step = std::min(ms, kPingMs);
        advance_ms(step);
        ms -= step;
        if (step < kPingMs) break;
        for (const int64_t connection : connections) send(connection, R"({"type":"ping"})");
    }
}

HttpRequest TaskHub::submission(const std::string& body) {
    if (!tables().contains<PrincipalRow>({1, "submitter"})) register_agent("submitter");
    static int64_t number = 1'000'000;
    HttpRequest request;
    request.request = number++;
    request.method = Method::post;
    request.path = "/api/tasks";
    request.host = "127.0.0.1:4000";
    request.body = body;
    request.has_content_type = true;
    request.content_type = "application/json";
    request.loopback = true;
    request.peer = "127.0.0.1";
    request.authorization = credential_of_token(token_of("submitter"));
    request.flex_authorization = request.authorization;
    request.has_bearer = true;
    return request;
}

void TaskHub::apply_in_turn(InputBody body) { hub().apply(Input{time(), std::move(body)}); }

TaskRow TaskHub::stored(const std::string& task) const {
    for (TaskRow& row : typed_rows<TaskRow>(store())) {
        if (row.id == task) return std::move(row);
    }
    return {};
}

std::string TaskHub::state(const std::string& task) const {
    if (const TaskRow* live = row(task)) return std::string(to_text(live->state));
    return std::string(to_text(stored(task).state));
}

std::string TaskHub::work_state(const std::string& agent) {
    return member(http(Method::get, "/api/agents/" + agent + "/state", "", token_of(agent)).body, "fsm_state");
}

std::vector<EventRow> TaskHub::events(const std::string& task) const {
    std::vector<EventRow> rows = typed_rows<EventRow>(store());
    std::erase_if(rows, [&](const EventRow& event) { return event.subject != task; });
    return rows;
}

Names TaskHub::kinds(const std::string& task) const {
    Names kinds;
    for (const EventRow& event : events(task)) kinds.push_back(event.kind);
    return kinds;
}

std::string TaskHub::last_event(const std::string& task) const {
    const std::vector<EventRow> all = events(task);
    return all.empty() ? std::string{} : all.back().kind + "/" + all.back().cause;
}

Names TaskHub::attempts(const std::string& task) const {
    Names texts;
    for (const AttemptRow& row : typed_rows<AttemptRow>(store())) {
        if (row.task_id != task) continue;
        texts.push_back(std::to_string(row.generation) + " " + row.agent + " " + std::string(to_text(row.outcome)));
    }
    return texts;
}

std::string TaskHub::broken_rule() const {
    std::map<WorkspaceName, int64_t> held_by;
    std::map<WorkspaceName, int64_t> claimed_by;
    std::vector<const TaskRow*> queued;
    for (const TaskRow::Key& key : tables().sorted_keys<TaskRow>()) {
        const TaskRow& task = *tables().find<TaskRow>(key);
        const LeaseRow* lease = tables().find<LeaseRow>(key);
        if (task.leased() != (lease != nullptr)) return task.id + " is leased and has no lease, or the other way round";
        if (task.leased() != task.assigned_to.has_value() && task.state != TaskState::dead_letter) {
            return task.id + " is assigned to nobody, or has a holder and no lease";
        }
        if ((task.state == TaskState::held) != (task.hold != HoldReason::none))
            return task.id + " is held for no reason";
        if (task.state == TaskState::queued) queued.push_back(&task);
        if (lease == nullptr) continue;
        ++(task.claimed() ? claimed_by : held_by)[{task.workspace, *task.assigned_to}];
        const AgentRow* holder = tables().find<AgentRow>({task.workspace, *task.assigned_to});
        if (holder == nullptr) return task.id + " has a holder that is not known";
        if (task.claimed() && lease->connection != 0) return task.id + " was claimed and hangs on a connection";
        if (task.claimed()) continue;
        if (lease->connection != holder->connection) return task.id + " waits for another connection than its holder's";
        const bool in_grace = tables().contains<TimerRow>({TimerKind::grace, task.workspace, task.id, task.generation});
        if ((holder->connection == 0) != in_grace) return task.id + " has a holder that is away without grace";
    }
    if (static_cast<int64_t>(tables().count<LeaseRow>()) > tables().count<TaskRow>()) return "a lease without a task";
    for (const RunRow::Key& key : tables().sorted_keys<RunRow>()) {
        if (!tables().contains<LeaseRow>(key)) return std::get<1>(key) + " is not running and has talk of a run";
    }
    std::set<int64_t> attached;
    for (const AgentRow::Key& key : tables().sorted_keys<AgentRow>()) {
        const AgentRow& agent = *tables().find<AgentRow>(key);
        const int64_t leases = held_by[{agent.workspace, agent.agent}];
        if (agent.connection == 0) continue;  // how many slots it has is known once it is here
        if (leases > agent.slots) return agent.agent + " holds more than its slots";
        attached.insert(agent.connection);
        const SessionRow* session = tables().find<SessionRow>({agent.connection});
        if (session == nullptr || session->closing || session->agent != agent.agent) {
            return agent.agent + " is attached to a connection that is not its own";
        }
        const int64_t busy = leases + claimed_by[{agent.workspace, agent.agent}];
        if (agent.limited || agent.backoff_until_us != 0 || busy >= agent.slots) continue;
        for (const TaskRow* task : queued) {
            if (task->workspace != agent.workspace) continue;
            if (!task->target_agent.empty() && task->target_agent != agent.agent) continue;
            const bool can = std::all_of(
                task->needed_capabilities.begin(), task->needed_capabilities.end(), [&](const std::string& need) {
                    return std::find(agent.capabilities.begin(), agent.capabilities.end(), need) !=
                           agent.capabilities.end();
                });
            if (can) return task->id + " waits although " + agent.agent + " could do it";
        }
    }
    for (const SessionRow::Key& key : tables().sorted_keys<SessionRow>()) {
        const SessionRow& session = *tables().find<SessionRow>(key);
        if (!session.agent.empty() && !session.closing && !attached.contains(session.connection)) {
            return session.agent + " is connected and gets no work";
        }
    }
    return {};
}

std::string TaskHub::broken_history() const {
    struct Life {
        std::string at = "none";  // none, waiting, assigned, working, dead, ended
        int64_t generation = 0;
        int64_t leases_ended = 0;
    };
    std::map<std::string, Life> lives;
    int64_t last_seq = 0;
    for (const EventRow& event : typed_rows<EventRow>(store())) {
        if (event.seq != last_seq + 1) return "events have a gap before " + std::to_string(event.seq);
        last_seq = event.seq;
        if (!event.kind.starts_with("task_")) continue;
        Life& life = lives[event.subject];
        const std::string at = life.at;
        const bool leased = at == "assigned" || at == "working";
        bool fits = false;
        const auto move = [&](bool allowed, const std::string& to) {
            fits = allowed;
            if (leased && to != "working") ++life.leases_ended;
            life.at = to;
        };
        if (event.kind == "task_submitted") {
            move(at == "none", "waiting");
        } else if (event.kind == "task_assigned") {
            const int64_t generation = std::stoll(member(event.data, "generation"));
            move(at == "waiting" && generation > life.generation, "assigned");
            life.generation = generation;
        } else if (event.kind == "task_accepted") {
            move(at == "assigned", "working");
        } else if (event.kind == "task_completed") {
            move(leased, "ended");
        } else if (event.kind == "task_retried" || event.kind == "task_rejected" || event.kind == "task_released" ||
                   event.kind == "task_reclaimed") {
            move(leased, "waiting");
        } else if (event.kind == "task_dead_letter") {
            move(leased || at == "waiting", "dead");
        } else if (event.kind == "task_requeued") {
            move(at == "dead", "waiting");
        } else if (event.kind == "task_cancelled") {
            move(at != "none" && at != "ended", "ended");
        } else if (event.kind == "task_unheld" || event.kind == "task_unblocked") {
            fits = at == "waiting";
        } else if (event.kind == "task_stuck" || event.kind == "task_note" || event.kind == "task_waiting_input" ||
                   event.kind == "task_question_withdrawn" || event.kind == "task_said" ||
                   event.kind == "task_cancel_requested") {
            fits = leased;
        }
        if (!fits) return event.subject + ": " + event.kind + " while " + at;
    }
    std::map<std::string, int64_t> ended;
    for (const AttemptRow& row : typed_rows<AttemptRow>(store())) ++ended[row.task_id];
    for (const TaskRow& task : typed_rows<TaskRow>(store())) {
        const Life& life = lives[task.id];
        const std::string is(to_text(task.state));
        const bool agrees = life.at == "waiting" ? is == "held" || is == "queued"
                            : life.at == "dead"  ? is == "dead_letter"
                            : life.at == "ended" ? is == "completed" || is == "cancelled"
                                                 : is == life.at;
        if (!agrees) return task.id + " is " + is + ", its events say " + life.at;
        if (ended[task.id] != life.leases_ended) return task.id + " has not one attempt for each lease that ended";
        if (task.generation < life.generation) return task.id + " has gone back to an earlier generation";
    }
    return {};
}

Bench::Bench(Settings settings_in) : settings(std::move(settings_in)) {
    tables.begin_input();
    RuntimeRow runtime;
    runtime.prng0 = 1;
    tables.put(runtime);
    WorkspaceRow workspace;
    workspace.id = 1;
    workspace.name = "default";
    tables.put(workspace);
    tables.end_input();
}

std::optional<TaskRow> claim(Bench& bench, const std::string& agent, std::vector<std::string> capabilities,
                             int64_t lease_ms) {
    ClaimRow wanted;
    wanted.request = 1;
    wanted.workspace = 1;
    wanted.agent = agent;
    wanted.capabilities = std::move(capabilities);
    wanted.lanes = kAllLanes;
    wanted.lease_ms = lease_ms;
    return bench.run([&](Context& ctx) -> std::optional<TaskRow> {
        tasks::claim(ctx, wanted, 0);
        const std::string id = ctx.granted_claims.at(0).task_id;
        if (id.empty()) return std::nullopt;
        return *ctx.tables.find<TaskRow>({1, id});
    });
}

}  // namespace agentcom::test
