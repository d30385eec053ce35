#include "core/hub/overview.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.hpp"
#include "core/base/utf8.hpp"
#include "core/hub/feeds.hpp"
#include "core/hub/sessions.hpp"
#include "core/messaging/mailbox.hpp"
#include "core/observe/metrics.hpp"
#include "core/tasks/completions.hpp"

namespace agentcom::overview {

namespace {

constexpr size_t kAgentsMax = 1'000;
constexpr int64_t kTasksMax = 4'000;  // over all agents shown
constexpr size_t kNeedsMax = 100;
constexpr size_t kErrorCodePoints = 300;
constexpr int64_t kMailCountMax = 1'000;
// Undeliverable messages that are looked through for the names they are for.
constexpr int kUndeliverableLooked = 1'000;

/// A moment of this run on the wall clock.
int64_t wall_ms_of(const Context& ctx, int64_t mono_us) {
    return ctx.now.wall_ms - ms_from_us(ctx.now.mono_us - mono_us);
}

/// The entries of an index that belong to a workspace.
template <class Map>
const typename Map::mapped_type* find_in(const Map& map, const typename Map::key_type& key) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
}

template <class Map>
int64_t count_in(const Map& map, int64_t workspace) {
    const auto* entries = find_in(map, workspace);
    return entries == nullptr ? 0 : static_cast<int64_t>(entries->size());
}

// -- the queue --------------------------------------------------------------------------------------------------------

void write_counts(json::Writer& out, const Context& ctx, int64_t workspace) {
    static constexpr std::array<std::int64_t, 5> kNone{};
    const auto* found = find_in(ctx.tables.indexes().state_counts, workspace);
    const auto& counts = found == nullptr ? kNone : *found;
    out.key("counts").begin_object().member("queued", counts[1]).member("held", counts[0]);
    const int64_t asking = count_in(ctx.tables.indexes().questions, workspace);
    out.member("assigned", counts[2]).member("working", counts[3] - asking).member("waiting_input", asking);
    out.member("dead_letter", counts[4]).end_object();
}

void write_queue(json::Writer& out, const Context& ctx, int64_t workspace) {
    static constexpr std::array<std::string_view, kLanes> kLaneNames{"urgent", "high", "normal", "low"};
    const TaskQueue* queue = find_in(ctx.tables.indexes().queues, workspace);
    out.key("queue").begin_object();
    for (int64_t lane = 0; lane < kLanes; ++lane) {
        out.member(kLaneNames.at(static_cast<size_t>(lane)), queue == nullptr ? 0 : queue->lane_size(lane));
    }
    out.end_object();
    const auto* since = find_in(ctx.tables.indexes().queued_since, workspace);
    out.member("oldest_queued_at", since == nullptr ? std::nullopt : std::optional(since->begin()->first));
}

// -- agents -----------------------------------------------------------------------------------------------------------

/// Agents that hold tasks, then those that are there without one, as many as are shown; sorted by name.
std::vector<std::string> agents_shown(const Context& ctx, int64_t workspace, bool& truncated) {
    const Indexes& indexes = ctx.tables.indexes();
    std::set<std::string> names;
    int64_t tasks = 0;
    truncated = false;
    const auto add = [&](const std::string& name, int64_t tasks_held) {
        if (names.contains(name)) return true;
        truncated = names.size() >= kAgentsMax || tasks + tasks_held > kTasksMax;
        if (truncated) return false;
        tasks += tasks_held;
        names.insert(name);
        return true;
    };
    for (auto held = indexes.leases.lower_bound({workspace, ""}); held != indexes.leases.end(); ++held) {
        if (held->first.first != workspace) break;
        if (!add(held->first.second, static_cast<int64_t>(held->second.size()))) break;
    }
    for (auto agent = indexes.agents().lower_bound({workspace, ""}); agent != indexes.agents().end(); ++agent) {
        if (agent->first.first != workspace || truncated) break;
        if (agent->second.connection != 0 && !add(agent->first.second, 0)) break;
    }
    return {names.begin(), names.end()};
}

void write_task(json::Writer& out, const Context& ctx, const TaskRow& task) {
    const std::optional<std::string> question = question_of(ctx, task.id, task.workspace);
    const LeaseRow* lease = ctx.tables.find<LeaseRow>({task.workspace, task.id});
    out.begin_object().member("task_id", task.id).member("description", tasks::label(ctx.tables, task));
    out.member("state", question ? std::string_view("waiting_input") : to_text(task.state))
        .member("since", task.accepted_at ? task.accepted_at : task.assigned_at);
    out.member("generation", task.generation);
    out.member("progress", lease == nullptr ? std::nullopt : lease->progress);
    out.member("stuck", lease != nullptr && lease->stuck).member("question", question).end_object();
}

void write_agent(json::Writer& out, const Context& ctx, int64_t workspace, const std::string& name) {
    const AgentRow* agent = ctx.tables.find<AgentRow>({workspace, name});
    const ConnectionId connection = agent == nullptr ? 0 : agent->connection;
    const SessionRow* session = ctx.tables.find<SessionRow>({connection});
    const LivenessRow* liveness = ctx.tables.find<LivenessRow>({connection});
    const auto* held = find_in(ctx.tables.indexes().leases, {workspace, name});
    out.begin_object().member("agent_id", name).member("state", agent_state_word(ctx, workspace, name));
    out.member("connected_at", session == nullptr ? std::nullopt : std::optional(session->connected_at));
    out.member("last_seen_at", liveness != nullptr ? std::optional(liveness->last_seen_at)
                               : agent != nullptr  ? std::optional(agent->changed_at)
                                                   : std::nullopt);
    out.member("slots", agent == nullptr ? 1 : agent->slots);
    out.raw_member("capabilities",
                   json::encode_strings(agent == nullptr ? std::vector<std::string>{} : agent->capabilities));
    out.key("flags").begin_array();
    if (agent != nullptr && agent->unresponsive) out.string("unresponsive");
    if (agent != nullptr && agent->limited) out.string("limited");
    if (agent != nullptr && agent->backoff_until_us != 0) out.string("backing_off");
    out.end_array();
    const bool named = session != nullptr && !session->client_type.empty();
    out.member("client_type", named ? std::optional(session->client_type) : std::nullopt);
    out.member("protocol_version", session == nullptr ? std::nullopt : std::optional(session->protocol_version));
    const int64_t read = mailbox::floor(ctx.tables, workspace, name);
    out.member("mail_pending", static_cast<int64_t>(mailbox::unread(ctx, workspace, name, read, kMailCountMax).size()));
    out.key("tasks").begin_array();
    if (held != nullptr) {
        for (const std::string& task_id : *held) write_task(out, ctx, *ctx.tables.find<TaskRow>({workspace, task_id}));
    }
    out.end_array().end_object();
}

// -- what needs a person ----------------------------------------------------------------------------------------------

/// Those that have waited longest first.
void add_questions(std::vector<Need>& needs, const Context& ctx, int64_t workspace) {
    const auto* questions = find_in(ctx.tables.indexes().questions, workspace);
    if (questions == nullptr) return;
    for (const auto& [asked_at, task_id] : *questions) {
        if (needs.size() >= kNeedsMax) return;
        const TaskRow& task = *ctx.tables.find<TaskRow>({workspace, task_id});
        std::string text(truncate_code_points(question_of(ctx, task_id, workspace).value_or(""), kErrorCodePoints));
        needs.push_back({"waiting_input", task_id, std::move(text), asked_at, task.assigned_to});
    }
}

void add_stuck(std::vector<Need>& needs, const Context& ctx, int64_t workspace) {
    const auto* stuck = find_in(ctx.tables.indexes().stuck_leases, workspace);
    if (stuck == nullptr) return;
    for (const auto& [progress_us, task_id] : *stuck) {
        if (needs.size() >= kNeedsMax) return;
        const TaskRow& task = *ctx.tables.find<TaskRow>({workspace, task_id});
        needs.push_back(
            {"stuck", task_id, tasks::label(ctx.tables, task), wall_ms_of(ctx, progress_us), task.assigned_to});
    }
}

/// The newest first: they are what somebody can still make sense of.
void add_dead_letters(std::vector<Need>& needs, const Context& ctx, int64_t workspace) {
    const auto* dead = find_in(ctx.tables.indexes().dead_letters, workspace);
    if (dead == nullptr) return;
    for (auto entry = dead->rbegin(); entry != dead->rend() && needs.size() < kNeedsMax; ++entry) {
        const TaskRow& task = *ctx.tables.find<TaskRow>({workspace, entry->second});
        std::string text = tasks::label(ctx.tables, task);
        if (task.last_error) text.append(": ").append(truncate_code_points(*task.last_error, kErrorCodePoints));
        needs.push_back({"dead_letter", task.id, std::move(text), entry->first, std::nullopt});
    }
}

void add_unresponsive(std::vector<Need>& needs, const Context& ctx, int64_t workspace) {
    const auto* silent = find_in(ctx.tables.indexes().unresponsive, workspace);
    if (silent == nullptr) return;
    for (const auto& [since, agent] : *silent) {
        if (needs.size() >= kNeedsMax) return;
        needs.push_back({"unresponsive", agent, "does not accept the tasks it is given", since, agent});
    }
}

/// One entry for each name, beginning with the one whose mail is oldest. Gives the number of names.
int64_t add_undeliverable(std::vector<Need>& needs, const Context& ctx, int64_t workspace) {
    const auto* mail = find_in(ctx.tables.indexes().undeliverable, workspace);
    if (mail == nullptr) return 0;
    std::vector<std::pair<std::string, int64_t>> names;
    int looked = 0;
    for (const auto& [seq, name] : *mail) {
        if (++looked > kUndeliverableLooked) break;
        const auto known =
            std::find_if(names.begin(), names.end(), [&name = name](const auto& each) { return each.first == name; });
        if (known != names.end()) {
            ++known->second;
        } else {
            names.emplace_back(name, 1);
        }
    }
    for (const auto& [name, count] : names) {
        if (needs.size() >= kNeedsMax) break;
        std::string text = count == 1 ? "a message waits" : std::to_string(count) + " messages wait";
        text += " for this name, which nobody has";
        needs.push_back({"undeliverable", name, std::move(text), std::nullopt, std::nullopt});
    }
    return static_cast<int64_t>(names.size());
}

void write_needs(json::Writer& out, const Context& ctx, int64_t workspace) {
    const Needs all = needs(ctx, workspace);
    out.key("needs_you").begin_array();
    for (const Need& need : all.shown) {
        out.begin_object().member("kind", need.kind).member("subject", need.subject).member("text", need.text);
        out.member("since", need.since).member("agent_id", need.agent).end_object();
    }
    out.end_array();
    out.member("needs_you_total", all.total);
}

}  // namespace

std::optional<std::string> question_of(const Context& ctx, const std::string& task_id, int64_t workspace) {
    const RunRow* run = ctx.tables.find<RunRow>({workspace, task_id});
    if (run == nullptr || !run->question) return std::nullopt;
    return json::decode_string(*json::members(*run->question).find("question"));
}

Needs needs(const Context& ctx, int64_t workspace) {
    const Indexes& indexes = ctx.tables.indexes();
    std::vector<Need> needs;
    add_questions(needs, ctx, workspace);
    add_stuck(needs, ctx, workspace);
    add_dead_letters(needs, ctx, workspace);
    // A heap of dead letters must not hide the few agents that need somebody.
    const auto first_dead =
        std::find_if(needs.begin(), needs.end(), [](const Need& need) { return need.kind == "dead_letter"; });
    std::vector<Need> others;
    add_unresponsive(others, ctx, workspace);
    const int64_t names = add_undeliverable(others, ctx, workspace);
    const size_t dead = static_cast<size_t>(needs.end() - first_dead);
    const size_t over = needs.size() + others.size() > kNeedsMax ? needs.size() + others.size() - kNeedsMax : 0;
    needs.resize(needs.size() - std::min(over, dead / 2));
    needs.insert(needs.end(), others.begin(), others.end());
    needs.resize(std::min(needs.size(), kNeedsMax));
    const int64_t total = count_in(indexes.questions, workspace) + count_in(indexes.stuck_leases, workspace) +
                          count_in(indexes.dead_letters, workspace) + count_in(indexes.unresponsive, workspace) + names;
    return {std::move(needs), total};
}

std::string text(const Context& ctx, int64_t workspace) {
    const WorkspaceRow& row = *ctx.tables.find<WorkspaceRow>({workspace});
    const RuntimeRow& runtime = ctx.runtime();
    json::Writer out;
    out.begin_object().member("at", ctx.now.wall_ms).member("cursor", feeds::cursor(ctx, row.event_seq));
    out.key("hub").begin_object().member("version", sessions::kHubVersion);
    out.member("started_at", runtime.started_at).member("read_only", runtime.read_only).end_object();
    write_counts(out, ctx, workspace);
    write_queue(out, ctx, workspace);
    bool truncated = false;
    const std::vector<std::string> names = agents_shown(ctx, workspace, truncated);
    out.key("agents").begin_array();
    for (const std::string& name : names) write_agent(out, ctx, workspace, name);
    out.end_array().member("agents_truncated", truncated);
    write_needs(out, ctx, workspace);
    out.end_object();
    return out.take();
}

}  // namespace agentcom::overview
