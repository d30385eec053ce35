// Every row of the hub's state.
//
// A durable row is what the store keeps and a restart brings back. A derived row is computed from durable ones when
// the hub starts, and is undone with them when a commit fails. A volatile row is the state of this run alone:
// sessions, timers, buckets; a restart begins without any. Archive rows are written once and read only through
// queries. All rows that lie in memory count in `Tables::digest()` and `Tables::save()`.
//
// Times: `..._at` and `..._ms` are wall-clock Unix milliseconds (or durations in ms where the name says so), `..._us`
// are microseconds of the monotonic clock of this run. Free-form JSON is kept as received.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/state/columns.hpp"

namespace agentcom {

enum class RowClass : uint8_t { durable, archive, derived, transient };

/// The number is part of the row's hash and of saved states: never reuse one.
enum class TableId : uint8_t {
    hub = 1,
    workspaces = 2,
    principals = 3,
    tokens = 4,
    mailboxes = 5,
    messages = 6,
    tasks = 7,
    task_inputs = 8,
    task_edges = 9,
    attempts = 10,
    events = 11,
    idempotency = 12,
    receipts = 13,
    task_outputs = 14,
    task_runs = 15,
    channels = 16,
    memberships = 17,
    invites = 18,
    config = 19,
    limit_overrides = 20,
    limit_exempt = 21,
    validation_failures = 22,
    imports = 23,
    metric_history = 24,
    alerts = 25,
    alert_episodes = 26,
    alert_rules = 27,
    storage_runs = 28,
    storage_job = 29,
    storage_state = 30,
    mail = 32,
    push_subscriptions = 33,
    webhooks = 34,
    deliveries = 35,
    finished_lots = 36,
    sessions = 64,
    liveness = 65,
    agents = 66,
    leases = 67,
    timers = 68,
    buckets = 69,
    cooldowns = 70,
    fairness = 71,
    runtime = 72,
    pending = 73,
    deferred = 74,
    claims = 76,
    waits = 77,
    feeds = 80,
    activity = 81,
    limit_violations = 82,
    validation_counts = 84,
    alert_watches = 85,
    live_alerts = 86,
    metrics = 87,
    receivers = 89,
    // dashboards
    completions = 90,
    dashboards = 91,
};

// ---------------------------------------------------------------------------------------------------------------
// Durable rows

/// The one row about this data directory.
struct HubRow {
    static constexpr TableId kTable = TableId::hub;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 1;
    int64_t id = 0;
    std::string epoch;  ///< random, made with the data directory and again by a restore: cursors carry it
    int64_t created_at = 0;
    int64_t next_workspace = 1;

    using Key = std::tuple<int64_t>;
    Key key() const { return {id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("id", self.id);
        visit("epoch", self.epoch);
        visit("created_at", self.created_at);
        visit("next_workspace", self.next_workspace);
    }
};

/// A workspace and the counters that order what happens in it. Counters never go back.
struct WorkspaceRow {
    static constexpr TableId kTable = TableId::workspaces;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 1;
    int64_t id = 0;
    std::string name;
    int64_t created_at = 0;
    int64_t event_seq = 0;      ///< last event
    int64_t message_seq = 0;    ///< last message; mailbox entries carry it as `seq`
    int64_t task_seq = 0;       ///< last submitted task: the order within a lane
    int64_t finished_seq = 0;   ///< last task that completed or was cancelled: the order of retention
    int64_t events_pruned = 0;  ///< archives are kept above these
    int64_t messages_pruned = 0;
    int64_t finished_pruned = 0;
    int64_t completed_seq = 0;     ///< how many of the finished tasks have completed, ever
    int64_t completed_pruned = 0;  ///< and how many of these are not kept any more
    int64_t receipt_seq = 0;       ///< last receipt
    int64_t receipts_pruned = 0;
    int64_t message_at = 0;   ///< when the last message was sent
    std::string clock_steps;  ///< "17,203": messages before which the wall clock went back; the newest so many
    std::string skipped;      ///< "7-12,20-30": numbers above `messages_pruned` that no message was given

    using Key = std::tuple<int64_t>;
    Key key() const { return {id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("id", self.id);
        visit("name", self.name);
        visit("created_at", self.created_at);
        visit("event_seq", self.event_seq);
        visit("message_seq", self.message_seq);
        visit("task_seq", self.task_seq);
        visit("finished_seq", self.finished_seq);
        visit("events_pruned", self.events_pruned);
        visit("messages_pruned", self.messages_pruned);
        visit("finished_pruned", self.finished_pruned);
        visit("completed_seq", self.completed_seq);
        visit("completed_pruned", self.completed_pruned);
        visit("receipt_seq", self.receipt_seq);
        visit("receipts_pruned", self.receipts_pruned);
        visit("message_at", self.message_at);
        visit("clock_steps", self.clock_steps);
        visit("skipped", self.skipped);
    }
};

enum class PrincipalKind : uint8_t { human, agent, system };
enum class Role : uint8_t { agent, viewer, operator_, admin };

std::string_view to_text(PrincipalKind);
bool from_text(std::string_view, PrincipalKind&);
std::string_view to_text(Role);
bool from_text(std::string_view, Role&);

/// Who may act. Workspace 0 holds the hub's own principals, who may act in every workspace.
struct PrincipalRow {
    static constexpr TableId kTable = TableId::principals;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string id;
    PrincipalKind kind = PrincipalKind::agent;
    int64_t created_at = 0;
    int64_t joined_seq = 0;  ///< message_seq when registered: earlier broadcasts are not its mail

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("id", self.id);
        visit("kind", self.kind);
        visit("created_at", self.created_at);
        visit("joined_seq", self.joined_seq);
    }
};

/// A credential: only its SHA-256 is known here.
struct TokenRow {
    static constexpr TableId kTable = TableId::tokens;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 1;
    std::string sha256;  ///< 64 lowercase hex digits
    int64_t workspace = 0;
    std::string principal;
    std::string prefix;  ///< the first 8 characters, shown in lists
    int64_t created_at = 0;
    Role role = Role::agent;
    std::vector<std::string>
        scopes;                ///< permissions to which it is narrowed (core/access/roles.hpp); empty = none are taken
    int64_t expires_at = 0;    ///< from then on it proves nothing; 0 = never
    int64_t last_used_at = 0;  ///< to the hour, so that reading does not write; 0 = not yet
    std::string label;         ///< what a person calls it

    using Key = std::tuple<std::string>;
    Key key() const { return {sha256}; }
    bool expired(int64_t wall_ms) const { return expires_at != 0 && wall_ms >= expires_at; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("sha256", self.sha256);
        visit("workspace", self.workspace);
        visit("principal", self.principal);
        visit("prefix", self.prefix);
        visit("created_at", self.created_at);
        visit("role", self.role);
        visit("scopes", self.scopes);
        visit("expires_at", self.expires_at);
        visit("last_used_at", self.last_used_at);
        visit("label", self.label);
    }
};

/// A code that lets its bearer register agents: only its SHA-256 is known here. The row goes with its last use.
struct InviteRow {
    static constexpr TableId kTable = TableId::invites;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 1;
    std::string sha256;  ///< 64 lowercase hex digits
    std::string id;      ///< by which administrators name it: "invite-" and 16 hex digits
    int64_t workspace = 0;
    std::string agent;  ///< the only id that it registers; "" = any
    Role role = Role::agent;
    int64_t uses_left = 1;
    int64_t created_at = 0;
    int64_t expires_at = 0;  ///< from then on it opens nothing
    std::string created_by;

    using Key = std::tuple<std::string>;
    Key key() const { return {sha256}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("sha256", self.sha256);
        visit("id", self.id);
        visit("workspace", self.workspace);
        visit("agent", self.agent);
        visit("role", self.role);
        visit("uses_left", self.uses_left);
        visit("created_at", self.created_at);
        visit("expires_at", self.expires_at);
        visit("created_by", self.created_by);
    }
};

/// How far a recipient has got with its mail. Mail is unread if its seq lies above `seen_seq` or in one of the
/// `unread` ranges below it (see core/messaging/mailbox.hpp).
struct MailboxRow {
    static constexpr TableId kTable = TableId::mailboxes;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string agent;
    int64_t seen_seq = 0;
    std::string unread;         ///< "3-7,9-9": closed ranges, ascending
    int64_t dropped_count = 0;  ///< entries lost to the limits, each lot told by an event
    int64_t pushed_seq = 0;  ///< receipts say up to here what was pushed; on sockets where a push ends mail, seen_seq
    int64_t read_seq = 0;    ///< and up to here what was read over HTTP

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, agent}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("agent", self.agent);
        visit("seen_seq", self.seen_seq);
        visit("unread", self.unread);
        visit("dropped_count", self.dropped_count);
        visit("pushed_seq", self.pushed_seq);
        visit("read_seq", self.read_seq);
    }
};

/// A message as routed; written once. `recipient` is null for a broadcast and for what was published to a channel.
/// What the sender did not say is null or false, which costs a byte each.
struct MessageRow {
    static constexpr TableId kTable = TableId::messages;
    static constexpr RowClass kClass = RowClass::archive;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    int64_t seq = 0;
    std::string id;
    std::string sender;
    std::optional<std::string> recipient;
    std::string type;
    std::optional<std::string> reply_to;
    int64_t sent_at = 0;
    int64_t expires_at = 0;    ///< by then it is no mail any more: what the sender said, or the end of the mailbox TTL
    bool expires_set = false;  ///< the sender said it
    std::optional<std::string> thread_root;
    std::optional<std::string> importance;  ///< low, normal, high, urgent
    bool ack_required = false;
    std::optional<int64_t> ack_by;
    std::optional<std::string> labels;  ///< JSON array of strings
    /// The channel it was published to, or (`channel_seq` 0) the one that the payload of any other message names, by
    /// which it can be found.
    std::optional<std::string> channel;
    int64_t channel_seq = 0;  ///< counts the messages of the channel from 1
    Body payload;

    using Key = std::tuple<int64_t, int64_t>;
    Key key() const { return {workspace, seq}; }
    bool of_channel() const { return channel.has_value() && channel_seq > 0; }
    bool is_broadcast() const { return !recipient && !of_channel(); }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("seq", self.seq);
        visit("id", self.id);
        visit("sender", self.sender);
        visit("recipient", self.recipient);
        visit("type", self.type);
        visit("reply_to", self.reply_to);
        visit("sent_at", self.sent_at);
        visit("expires_at", self.expires_at);
        visit("expires_set", self.expires_set);
        visit("thread_root", self.thread_root);
        visit("importance", self.importance);
        visit("ack_required", self.ack_required);
        visit("ack_by", self.ack_by);
        visit("labels", self.labels);
        visit("channel", self.channel);
        visit("channel_seq", self.channel_seq);
        visit("payload", self.payload);
    }
};

/// What became of a lot of mail.
enum class ReceiptKind : uint8_t {
    pushed,     ///< left the outbox of a socket
    delivered,  ///< likewise, of a socket on which that ends it: pushed and acknowledged at once
    read,       ///< given to its recipient over HTTP
    acked,      ///< acknowledged
    dropped,    ///< lost to a limit of the mailbox
};
std::string_view to_text(ReceiptKind);
bool from_text(std::string_view, ReceiptKind&);

/// All mail of an agent from `first_seq` to `last_seq` (that was not ended before) came so far at that time. One row
/// per lot, so that a message costs none of its own; lots of one agent and kind do not overlap. `seq` has no gaps
/// within a workspace.
struct ReceiptRow {
    static constexpr TableId kTable = TableId::receipts;
    static constexpr RowClass kClass = RowClass::archive;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    int64_t seq = 0;
    std::string agent;
    ReceiptKind kind = ReceiptKind::pushed;
    int64_t first_seq = 0;
    int64_t last_seq = 0;
    int64_t at = 0;

    using Key = std::tuple<int64_t, int64_t>;
    Key key() const { return {workspace, seq}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("seq", self.seq);
        visit("agent", self.agent);
        visit("kind", self.kind);
        visit("first_seq", self.first_seq);
        visit("last_seq", self.last_seq);
        visit("at", self.at);
    }
};

enum class TaskState : uint8_t { held, queued, assigned, working, completed, cancelled, dead_letter };
/// Why a held task does not queue yet; several can hold at once, the most lasting one is kept in the row.
enum class HoldReason : uint8_t { none, not_before, retry_delay, paused, blocked_by, approval, quota };

std::string_view to_text(TaskState);
bool from_text(std::string_view, TaskState&);
std::string_view to_text(HoldReason);
bool from_text(std::string_view, HoldReason&);

/// What becomes of a task when one that it waits for is cancelled or becomes a dead letter.
enum class BlockerFailure : uint8_t {
    hold,    ///< it waits on, until a person does something about either
    cancel,  ///< it is cancelled
    run      ///< it counts as if the other had completed
};
std::string_view to_text(BlockerFailure);
bool from_text(std::string_view, BlockerFailure&);

/// A task. While `state` is assigned or working, {assigned_to, generation, state} is its lease.
struct TaskRow {
    static constexpr TableId kTable = TableId::tasks;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string id;
    int64_t seq = 0;
    bool live = true;  ///< in memory; false once completed or cancelled
    TaskState state = TaskState::queued;
    HoldReason hold = HoldReason::none;
    int64_t priority = 2;  ///< 0 urgent, 1 high, 2 normal, 3 low
    int64_t lane = 2;      ///< the priority it is scheduled with: ageing lowers it
    std::string kind;
    std::vector<std::string> labels;
    std::vector<std::string> needed_capabilities;
    std::string target_agent;  ///< metadata.target_agent; "" = anyone
    std::string fairness_key;
    std::string unique_key;  ///< "" = none; at most one live task of a workspace has it
    std::optional<std::string> parent_id;
    std::string root_id;
    std::optional<int64_t> complete_by;
    std::optional<int64_t> not_before;
    int64_t max_retries = 3;
    int64_t max_run_ms = 0;  ///< 0 = the setting
    std::string origin;
    std::string requested_by;
    std::string trace;
    int64_t generation = 0;
    int64_t retry_count = 0;
    int64_t reclaim_count = 0;
    int64_t retry_delay_ms = 0;  ///< the delay a held(retry_delay) task still owes; starts anew after a restart
    std::optional<std::string> assigned_to;
    std::optional<int64_t> assigned_at;
    std::optional<int64_t> accepted_at;
    int64_t lease_ms = 0;     ///< of a claimed lease: the silence that ends it; 0: a session holds it, or nobody
    std::string avoid_agent;  ///< who failed, rejected or lost it last: another one is preferred
    std::optional<std::string> last_error;
    int64_t created_at = 0;
    int64_t queued_at = 0;
    int64_t updated_at = 0;
    std::optional<int64_t> finished_at;
    int64_t finished_seq = 0;
    std::optional<std::string> tokens_used;  ///< JSON: v1.1 stores whatever the result carried
    std::optional<std::string> usage;        ///< JSON object {model, input_tokens, output_tokens, cost_micros}
    int64_t blocked_count = 0;               ///< unfinished tasks that block this one
    BlockerFailure on_blocker_failure = BlockerFailure::hold;
    bool has_result = false;
    Body result;  ///< JSON object, "" until completed

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, id}; }
    bool leased() const { return state == TaskState::assigned || state == TaskState::working; }
    /// Held by a program without a session.
    bool claimed() const { return leased() && lease_ms > 0; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("id", self.id);
        visit("seq", self.seq);
        visit("live", self.live);
        visit("state", self.state);
        visit("hold", self.hold);
        visit("priority", self.priority);
        visit("lane", self.lane);
        visit("kind", self.kind);
        visit("labels", self.labels);
        visit("needed_capabilities", self.needed_capabilities);
        visit("target_agent", self.target_agent);
        visit("fairness_key", self.fairness_key);
        visit("unique_key", self.unique_key);
        visit("parent_id", self.parent_id);
        visit("root_id", self.root_id);
        visit("complete_by", self.complete_by);
        visit("not_before", self.not_before);
        visit("max_retries", self.max_retries);
        visit("max_run_ms", self.max_run_ms);
        visit("origin", self.origin);
        visit("requested_by", self.requested_by);
        visit("trace", self.trace);
        visit("generation", self.generation);
        visit("retry_count", self.retry_count);
        visit("reclaim_count", self.reclaim_count);
        visit("retry_delay_ms", self.retry_delay_ms);
        visit("assigned_to", self.assigned_to);
        visit("assigned_at", self.assigned_at);
        visit("accepted_at", self.accepted_at);
        visit("lease_ms", self.lease_ms);
        visit("avoid_agent", self.avoid_agent);
        visit("last_error", self.last_error);
        visit("created_at", self.created_at);
        visit("queued_at", self.queued_at);
        visit("updated_at", self.updated_at);
        visit("finished_at", self.finished_at);
        visit("finished_seq", self.finished_seq);
        visit("tokens_used", self.tokens_used);
        visit("usage", self.usage);
        visit("blocked_count", self.blocked_count);
        visit("on_blocker_failure", self.on_blocker_failure);
        visit("has_result", self.has_result);
        visit("result", self.result);
    }
};

/// What a task was submitted with; never changed.
struct TaskInputRow {
    static constexpr TableId kTable = TableId::task_inputs;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string task_id;
    Body description;  ///< text
    Body metadata;     ///< JSON object

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, task_id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("task_id", self.task_id);
        visit("description", self.description);
        visit("metadata", self.metadata);
    }
};

/// `task_id` waits until `blocked_by` has completed.
struct TaskEdgeRow {
    static constexpr TableId kTable = TableId::task_edges;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 3;
    int64_t workspace = 0;
    std::string task_id;
    std::string blocked_by;
    bool satisfied = false;

    using Key = std::tuple<int64_t, std::string, std::string>;
    Key key() const { return {workspace, task_id, blocked_by}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("task_id", self.task_id);
        visit("blocked_by", self.blocked_by);
        visit("satisfied", self.satisfied);
    }
};

/// How a lease ended.
enum class Outcome : uint8_t {
    completed,
    retried,      ///< failed, will be tried again
    dead_letter,  ///< failed for the last time
    rejected,
    released,
    acceptance_timeout,
    silent,
    stuck,
    max_run,
    deadline,
    disconnect,
    cancelled,
};
std::string_view to_text(Outcome);
bool from_text(std::string_view, Outcome&);

/// One ended lease of a task; written when it ends.
struct AttemptRow {
    static constexpr TableId kTable = TableId::attempts;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 3;
    int64_t workspace = 0;
    std::string task_id;
    int64_t generation = 0;
    std::string agent;
    int64_t assigned_at = 0;
    std::optional<int64_t> accepted_at;
    int64_t ended_at = 0;
    Outcome outcome = Outcome::completed;
    std::optional<std::string> error;

    using Key = std::tuple<int64_t, std::string, int64_t>;
    Key key() const { return {workspace, task_id, generation}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("task_id", self.task_id);
        visit("generation", self.generation);
        visit("agent", self.agent);
        visit("assigned_at", self.assigned_at);
        visit("accepted_at", self.accepted_at);
        visit("ended_at", self.ended_at);
        visit("outcome", self.outcome);
        visit("error", self.error);
    }
};

/// What passes between a running task's holder and people, beyond its life itself. There is a row only when there is
/// something to say; it ends with the lease.
struct RunRow {
    static constexpr TableId kTable = TableId::task_runs;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string task_id;
    std::optional<std::string> question;  ///< JSON object {question, options}: the holder waits for an answer
    int64_t asked_at = 0;
    std::optional<std::string> cancel_by;  ///< who asked for its end; the holder has until `cancel_until`
    std::string cancel_reason;
    int64_t cancel_grace_ms = 0;
    int64_t cancel_until = 0;
    std::vector<std::string> says;  ///< what people said to the holder: JSON objects {seq, from, text, at}
    int64_t handed_says = 0;        ///< so many of them a holder without a session has been given
    int64_t output_start = 0;       ///< the output of this attempt is kept from here
    int64_t output_end = 0;         ///< up to here

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, task_id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("task_id", self.task_id);
        visit("question", self.question);
        visit("asked_at", self.asked_at);
        visit("cancel_by", self.cancel_by);
        visit("cancel_reason", self.cancel_reason);
        visit("cancel_grace_ms", self.cancel_grace_ms);
        visit("cancel_until", self.cancel_until);
        visit("says", self.says);
        visit("handed_says", self.handed_says);
        visit("output_start", self.output_start);
        visit("output_end", self.output_end);
    }
};

/// A piece of an attempt's output. Positions count the bytes of both streams together.
struct TaskOutputRow {
    static constexpr TableId kTable = TableId::task_outputs;
    static constexpr RowClass kClass = RowClass::archive;
    static constexpr int kKeyColumns = 4;
    int64_t workspace = 0;
    std::string task_id;
    int64_t generation = 0;
    int64_t position = 0;
    std::string stream;  ///< stdout or stderr
    Body text;

    using Key = std::tuple<int64_t, std::string, int64_t, int64_t>;
    Key key() const { return {workspace, task_id, generation, position}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("task_id", self.task_id);
        visit("generation", self.generation);
        visit("position", self.position);
        visit("stream", self.stream);
        visit("text", self.text);
    }
};

/// One transition of a task, agent, token or setting. `seq` has no gaps within a workspace.
struct EventRow {
    static constexpr TableId kTable = TableId::events;
    static constexpr RowClass kClass = RowClass::archive;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    int64_t seq = 0;
    int64_t at = 0;
    std::string kind;       ///< e.g. "task_submitted"
    std::string subject;    ///< the task, agent, ... it is about
    std::string principal;  ///< who caused it; "" = the hub itself
    std::string cause;      ///< why: a reason word
    std::string data;       ///< JSON object

    using Key = std::tuple<int64_t, int64_t>;
    Key key() const { return {workspace, seq}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("seq", self.seq);
        visit("at", self.at);
        visit("kind", self.kind);
        visit("subject", self.subject);
        visit("principal", self.principal);
        visit("cause", self.cause);
        visit("data", self.data);
    }
};

/// The answer given to a request that carried an idempotency key.
struct IdempotencyRow {
    static constexpr TableId kTable = TableId::idempotency;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 4;
    int64_t workspace = 0;
    std::string principal;
    std::string operation;
    std::string idempotency_key;
    std::string body_hash;  ///< 32 hex digits
    int64_t status = 0;     ///< HTTP status; 0 = a WebSocket reply
    int64_t expires_at = 0;
    std::string answer;

    using Key = std::tuple<int64_t, std::string, std::string, std::string>;
    Key key() const { return {workspace, principal, operation, idempotency_key}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("principal", self.principal);
        visit("operation", self.operation);
        visit("idempotency_key", self.idempotency_key);
        visit("body_hash", self.body_hash);
        visit("status", self.status);
        visit("expires_at", self.expires_at);
        visit("answer", self.answer);
    }
};

/// Who draws from a token bucket. Agents are named within their workspace, addresses are the hub's (workspace 0), and a
/// connection's `workspace` is its number: no name of one kind can stand for another.
enum class LimitOwner : uint8_t { agent, address, connection };
std::string_view to_text(LimitOwner);
bool from_text(std::string_view, LimitOwner&);

/// A limit of one agent's or address's own (core/access/limits.hpp).
struct LimitOverrideRow {
    static constexpr TableId kTable = TableId::limit_overrides;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 4;
    LimitOwner owner = LimitOwner::agent;
    int64_t workspace = 0;
    std::string name;
    std::string limit_name;                 ///< a tier or an operation
    int64_t capacity = 0;                   ///< whole tokens
    int64_t refill_millionths_per_min = 0;  ///< millionths of a token per minute

    using Key = std::tuple<LimitOwner, int64_t, std::string, std::string>;
    Key key() const { return {owner, workspace, name, limit_name}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("owner", self.owner);
        visit("workspace", self.workspace);
        visit("name", self.name);
        visit("limit_name", self.limit_name);
        visit("capacity", self.capacity);
        visit("refill_millionths_per_min", self.refill_millionths_per_min);
    }
};

/// An agent or address that no rate limit concerns.
struct LimitExemptRow {
    static constexpr TableId kTable = TableId::limit_exempt;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 3;
    LimitOwner owner = LimitOwner::agent;
    int64_t workspace = 0;
    std::string name;
    int64_t position = 0;  ///< lists show the highest first

    using Key = std::tuple<LimitOwner, int64_t, std::string>;
    Key key() const { return {owner, workspace, name}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("owner", self.owner);
        visit("workspace", self.workspace);
        visit("name", self.name);
        visit("position", self.position);
    }
};

/// A value that an administrator has set while the hub ran (core/state/config.hpp); it holds for every workspace.
struct ConfigRow {
    static constexpr TableId kTable = TableId::config;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 1;
    std::string name;
    std::string value;  ///< JSON
    int64_t set_at = 0;
    std::string set_by;

    using Key = std::tuple<std::string>;
    Key key() const { return {name}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("name", self.name);
        visit("value", self.value);
        visit("set_at", self.set_at);
        visit("set_by", self.set_by);
    }
};

/// A channel. Its counters never go back, so that a number is never given twice.
struct ChannelRow {
    static constexpr TableId kTable = TableId::channels;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string name;  ///< as `channels::normalized` makes it
    std::string description;
    std::string created_by;
    int64_t created_at = 0;
    int64_t last_seq = 0;     ///< of its last message
    int64_t dropped_seq = 0;  ///< its messages up to here are kept no more
    int64_t joins = 0;        ///< how often somebody joined it

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, name}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("name", self.name);
        visit("description", self.description);
        visit("created_by", self.created_by);
        visit("created_at", self.created_at);
        visit("last_seq", self.last_seq);
        visit("dropped_seq", self.dropped_seq);
        visit("joins", self.joins);
    }
};

/// Since when an agent is a member of a channel, and when it was before. A message of the channel is mail of those who
/// were members when it was sent.
struct MembershipRow {
    static constexpr TableId kTable = TableId::memberships;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 3;
    int64_t workspace = 0;
    std::string channel;
    std::string agent;
    std::optional<int64_t> since_seq;  ///< message_seq when it joined: later messages are for it; null: it has left
    int64_t join = 0;                  ///< of the channel's joins the so many-th: the order of lists
    int64_t joined_at = 0;
    std::string past;  ///< "3-7,9-9": message_seqs of earlier stays, as long as they hold kept messages

    using Key = std::tuple<int64_t, std::string, std::string>;
    Key key() const { return {workspace, channel, agent}; }
    bool is_member() const { return since_seq.has_value(); }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("channel", self.channel);
        visit("agent", self.agent);
        visit("since_seq", self.since_seq);
        visit("join", self.join);
        visit("joined_at", self.joined_at);
        visit("past", self.past);
    }
};

/// Something that was taken over from another hub: its name there and its name here. What has such a row is not taken
/// over again.
struct ImportRow {
    static constexpr TableId kTable = TableId::imports;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 4;
    int64_t workspace = 0;
    std::string source;       ///< the kind of hub, e.g. "v1.1"
    std::string kind;         ///< of item, e.g. "task"
    std::string foreign_key;  ///< its name there
    std::string id;           ///< its name here
    int64_t imported_at = 0;

    using Key = std::tuple<int64_t, std::string, std::string, std::string>;
    Key key() const { return {workspace, source, kind, foreign_key}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("source", self.source);
        visit("kind", self.kind);
        visit("foreign_key", self.foreign_key);
        visit("id", self.id);
        visit("imported_at", self.imported_at);
    }
};

/// The samples of one minute of a workspace's figures, or of the hub's own (workspace 0): see
/// core/observe/metric_history.hpp.
struct MetricHistoryRow {
    static constexpr TableId kTable = TableId::metric_history;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    int64_t minute = 0;   ///< when it began, Unix ms
    std::string samples;  ///< "0:<when>,<when> 3:<value>,<value>"

    using Key = std::tuple<int64_t, int64_t>;
    Key key() const { return {workspace, minute}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("minute", self.minute);
        visit("samples", self.samples);
    }
};

enum class AlertSeverity : uint8_t { notice, warning, critical };
std::string_view to_text(AlertSeverity);
bool from_text(std::string_view, AlertSeverity&);

/// An alert that stands (core/observe/alerts.hpp). Workspace 0 holds those of the hub as a whole.
struct AlertColumns {
    int64_t workspace = 0;
    std::string rule;
    AlertSeverity severity = AlertSeverity::warning;
    std::string message;
    std::string details;  ///< JSON object
    int64_t fired_at = 0;
    int64_t told = 0;  ///< how often somebody was to be told of it; 0: it came back too soon after the last time
    int64_t told_at = 0;
    std::string acknowledged_by;  ///< "" = not acknowledged
    int64_t acknowledged_at = 0;
    std::string note;
    int64_t acknowledged_until = 0;  ///< 0: until it clears

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, rule}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("rule", self.rule);
        visit("severity", self.severity);
        visit("message", self.message);
        visit("details", self.details);
        visit("fired_at", self.fired_at);
        visit("told", self.told);
        visit("told_at", self.told_at);
        visit("acknowledged_by", self.acknowledged_by);
        visit("acknowledged_at", self.acknowledged_at);
        visit("note", self.note);
        visit("acknowledged_until", self.acknowledged_until);
    }
};

/// An alert as the store knows it. It follows LiveAlertRow whenever the store takes writes.
struct AlertRow : AlertColumns {
    static constexpr TableId kTable = TableId::alerts;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
};

/// Where a lot of finished tasks ends, which retention takes away as one.
struct FinishedLotRow {
    static constexpr TableId kTable = TableId::finished_lots;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    int64_t finished_seq = 0;   ///< of the last task in it
    int64_t completed_seq = 0;  ///< how many had completed by then

    using Key = std::tuple<int64_t, int64_t>;
    Key key() const { return {workspace, finished_seq}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("finished_seq", self.finished_seq);
        visit("completed_seq", self.completed_seq);
    }
};

/// An alert that is over.
struct AlertEpisodeRow {
    static constexpr TableId kTable = TableId::alert_episodes;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 1;
    int64_t number = 0;  ///< counts up
    int64_t workspace = 0;
    std::string rule;
    AlertSeverity severity = AlertSeverity::warning;
    std::string message;
    std::string details;  ///< JSON object
    int64_t fired_at = 0;
    int64_t cleared_at = 0;
    std::string acknowledged_by;  ///< "" = nobody did
    int64_t acknowledged_at = 0;
    std::string note;

    using Key = std::tuple<int64_t>;
    Key key() const { return {number}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("number", self.number);
        visit("workspace", self.workspace);
        visit("rule", self.rule);
        visit("severity", self.severity);
        visit("message", self.message);
        visit("details", self.details);
        visit("fired_at", self.fired_at);
        visit("cleared_at", self.cleared_at);
        visit("acknowledged_by", self.acknowledged_by);
        visit("acknowledged_at", self.acknowledged_at);
        visit("note", self.note);
    }
};

/// How a figure is held against a threshold.
enum class Comparison : uint8_t { above, at_least, below, at_most };
std::string_view to_text(Comparison);  ///< ">", ">=", "<", "<="
bool from_text(std::string_view, Comparison&);

/// A rule that somebody has made: an alert when a figure passes a threshold.
struct AlertRuleRow {
    static constexpr TableId kTable = TableId::alert_rules;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string rule;
    std::string metric;  ///< a name of core/observe/metric_names.hpp
    Comparison op = Comparison::above;
    int64_t threshold = 0;
    int64_t for_ms = 0;  ///< for so long without a break
    AlertSeverity severity = AlertSeverity::warning;
    std::string message;  ///< "" = one that is made from the rule
    int64_t set_at = 0;
    std::string set_by;

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, rule}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("rule", self.rule);
        visit("metric", self.metric);
        visit("op", self.op);
        visit("threshold", self.threshold);
        visit("for_ms", self.for_ms);
        visit("severity", self.severity);
        visit("message", self.message);
        visit("set_at", self.set_at);
        visit("set_by", self.set_by);
    }
};

// ---------------------------------------------------------------------------------------------------------------
// Derived rows

/// A message that somebody has not yet read: a direct one under its recipient, a broadcast under "". Of a channel it is
/// any message of its kept history, read or not; it too lies under "".
struct MailRow {
    static constexpr TableId kTable = TableId::mail;
    static constexpr RowClass kClass = RowClass::derived;
    static constexpr int kKeyColumns = 3;
    int64_t workspace = 0;
    std::string agent;
    int64_t seq = 0;
    int64_t sent_at = 0;         ///< the mailbox TTL counts from here
    int64_t expires_at = 0;      ///< what its sender said; INT64_MAX: nothing, the TTL alone ends it
    std::string sender;          ///< of a broadcast or of a channel (it is no mail of its sender's); "" for direct ones
    bool undeliverable = false;  ///< nobody is registered under this name
    std::string channel;         ///< "" = none
    int64_t channel_seq = 0;

    using Key = std::tuple<int64_t, std::string, int64_t>;
    Key key() const { return {workspace, agent, seq}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("agent", self.agent);
        visit("seq", self.seq);
        visit("sent_at", self.sent_at);
        visit("expires_at", self.expires_at);
        visit("sender", self.sender);
        visit("undeliverable", self.undeliverable);
        visit("channel", self.channel);
        visit("channel_seq", self.channel_seq);
    }
};

/// One of the last tasks that ended well or were cancelled: the tasks themselves lie only in the store by then. After a
/// restart there are none until tasks end again.
struct CompletionRow {
    static constexpr TableId kTable = TableId::completions;
    static constexpr RowClass kClass = RowClass::derived;
    static constexpr int kKeyColumns = 2;
    static constexpr int64_t kCompletedPlaces = 100;
    static constexpr int64_t kCancelledPlaces = 50;
    static constexpr int64_t kPlaces = kCompletedPlaces + kCancelledPlaces;
    int64_t workspace = 0;
    int64_t place = 0;   ///< in the ring of those that completed; behind it that of those that were cancelled
    int64_t number = 0;  ///< the task's finished_seq
    std::string task_id;
    std::string agent;  ///< "" = nobody held it
    std::string label;  ///< the beginning of its description
    TaskState state = TaskState::completed;
    int64_t duration_ms = 0;  ///< since it was given out for the last time
    std::optional<int64_t> tokens_used;
    std::optional<std::string> pr_url;
    int64_t ended_at = 0;

    using Key = std::tuple<int64_t, int64_t>;
    Key key() const { return {workspace, place}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("place", self.place);
        visit("number", self.number);
        visit("task_id", self.task_id);
        visit("agent", self.agent);
        visit("label", self.label);
        visit("state", self.state);
        visit("duration_ms", self.duration_ms);
        visit("tokens_used", self.tokens_used);
        visit("pr_url", self.pr_url);
        visit("ended_at", self.ended_at);
    }
};

// ---------------------------------------------------------------------------------------------------------------
// Transient rows: the state of this run

/// An open WebSocket connection and, once `agent` is set, the session on it.
struct SessionRow {
    static constexpr TableId kTable = TableId::sessions;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 1;
    int64_t connection = 0;
    std::string peer;
    bool loopback = false;
    bool closing = false;  ///< a close was sent: nothing more is read
    int64_t workspace = 0;
    std::string agent;  ///< "" until identified
    int64_t protocol_version = 1;
    std::optional<std::string> name;
    std::optional<std::string> status;
    bool capabilities_null = false;  ///< identify said null: shown as null, treated as none
    std::vector<std::string> capabilities;
    std::string client_type;
    bool hears_presence = true;
    bool pushes_end_mail = true;  ///< a push that has left the outbox ends the mail (protocol 1, no sidecar)
    int64_t connected_at = 0;
    int64_t identified_turn = 0;
    int64_t open_seq = 0;       ///< message_seq when identified: mail above it is pushed on this connection
    int64_t waiting_query = 0;  ///< frames are deferred until this query has been answered
    std::string token;          ///< digest of the token that identified: the session ends with it

    using Key = std::tuple<int64_t>;
    Key key() const { return {connection}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("connection", self.connection);
        visit("peer", self.peer);
        visit("loopback", self.loopback);
        visit("closing", self.closing);
        visit("workspace", self.workspace);
        visit("agent", self.agent);
        visit("protocol_version", self.protocol_version);
        visit("name", self.name);
        visit("status", self.status);
        visit("capabilities_null", self.capabilities_null);
        visit("capabilities", self.capabilities);
        visit("client_type", self.client_type);
        visit("hears_presence", self.hears_presence);
        visit("pushes_end_mail", self.pushes_end_mail);
        visit("connected_at", self.connected_at);
        visit("identified_turn", self.identified_turn);
        visit("open_seq", self.open_seq);
        visit("waiting_query", self.waiting_query);
        visit("token", self.token);
    }
};

/// What changes with every frame of a connection.
struct LivenessRow {
    static constexpr TableId kTable = TableId::liveness;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 1;
    int64_t connection = 0;
    int64_t last_inbound_us = 0;
    int64_t last_seen_at = 0;
    int64_t violations = 0;
    int64_t violations_since_us = 0;
    int64_t unknown_types = 0;
    int64_t pushed_seq = 0;  ///< highest mail seq that has left the outbox
    int64_t acked_from = 0;  ///< acknowledged by frames, no receipt yet: from here
    int64_t acked_seq = 0;   ///< to here; 0 = nothing
    int64_t deferred = 0;    ///< frames that wait behind a query
    int64_t deferred_next = 0;

    using Key = std::tuple<int64_t>;
    Key key() const { return {connection}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("connection", self.connection);
        visit("last_inbound_us", self.last_inbound_us);
        visit("last_seen_at", self.last_seen_at);
        visit("violations", self.violations);
        visit("violations_since_us", self.violations_since_us);
        visit("unknown_types", self.unknown_types);
        visit("pushed_seq", self.pushed_seq);
        visit("acked_from", self.acked_from);
        visit("acked_seq", self.acked_seq);
        visit("deferred", self.deferred);
        visit("deferred_next", self.deferred_next);
    }
};

/// An agent that is online, or holds a lease, or is in a back-off.
struct AgentRow {
    static constexpr TableId kTable = TableId::agents;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string agent;
    int64_t connection = 0;  ///< its worker attachment; 0 = offline
    int64_t slots = 1;
    std::vector<std::string> capabilities;
    int64_t idle_since_us = 0;     ///< when it last became less busy: the longest-idle agent is chosen
    int64_t backoff_until_us = 0;  ///< gets no work before this
    int64_t backoff_ms = 0;        ///< the last back-off's length: the next is twice as long
    bool limited = false;          ///< over its rate limit: gets no work
    bool unresponsive = false;
    int64_t changed_at = 0;

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, agent}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("agent", self.agent);
        visit("connection", self.connection);
        visit("slots", self.slots);
        visit("capabilities", self.capabilities);
        visit("idle_since_us", self.idle_since_us);
        visit("backoff_until_us", self.backoff_until_us);
        visit("backoff_ms", self.backoff_ms);
        visit("limited", self.limited);
        visit("unresponsive", self.unresponsive);
        visit("changed_at", self.changed_at);
    }
};

/// The running part of a lease, beside the durable part in TaskRow.
struct LeaseRow {
    static constexpr TableId kTable = TableId::leases;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string task_id;
    int64_t connection = 0;   ///< the attachment that renews it; 0 = none
    int64_t since_us = 0;     ///< when it began in this run
    int64_t renewed_us = 0;   ///< last sign of life of its holder
    int64_t progress_us = 0;  ///< last progress report
    std::optional<int64_t> progress;
    bool stuck = false;
    std::string output_line;   ///< the last line of its output that holds something, cut off
    bool output_open = false;  ///< that line goes on with the next piece

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, task_id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("task_id", self.task_id);
        visit("connection", self.connection);
        visit("since_us", self.since_us);
        visit("renewed_us", self.renewed_us);
        visit("progress_us", self.progress_us);
        visit("progress", self.progress);
        visit("stuck", self.stuck);
        visit("output_line", self.output_line);
        visit("output_open", self.output_open);
    }
};

/// Every kind of timer. The first group runs on the monotonic clock (microseconds), the second on the wall clock
/// (milliseconds).
enum class TimerKind : uint8_t {
    identify,            ///< connection: not identified in time
    idle,                ///< connection: nothing inbound
    ping,                ///< connection: send a WebSocket ping
    acceptance,          ///< task: not accepted in time
    lease,               ///< task: its holder is silent
    max_run,             ///< task: runs too long
    stuck,               ///< task: no progress
    grace,               ///< task: its holder is away
    retry_delay,         ///< task: held until tried again
    ageing,              ///< task: counts one lane higher
    backoff,             ///< agent: may work again
    limit_end,           ///< agent: no longer over its rate limit
    mail_flush,          ///< connection: write down what has been pushed
    cooldown,            ///< agent: strikes are forgotten
    bucket_sweep,        ///< all: full buckets are dropped
    cancel_grace,        ///< task: its holder has had its time to end
    wait_end,            ///< request: has waited long enough
    feed,                ///< request: a reader of events has waited long enough, or needs a sign of life
    feed_round,          ///< workspace: readers of events may be served again
    presence,            ///< agent: has been away for so long that it counts as offline
    reset,               ///< all: what is not stored is dropped, as an administrator asked
    delivery,            ///< receiver of events: may be tried again
    metrics_sample,      ///< all: the figures are written down
    alert_check,         ///< all: the rules of alerts are looked at
    storage_wait,        ///< storage job: the request that asked for it has waited long enough
    dashboard_round,     ///< workspace: its dashboards are brought up to date
    deadline,            ///< task: complete_by (wall)
    not_before,          ///< task: may start (wall)
    mail_expiry,         ///< workspace: oldest mail (wall)
    message_age,         ///< all: look for messages that are too old to be kept (wall)
    idempotency_expiry,  ///< all: oldest record (wall)
    token_expiry,        ///< token (its digest): what it opened ends (wall)
    backup_due,          ///< all: a backup is to be made (wall)
    compaction_due,      ///< all: the quiet hour has come (wall)
    dead_letter_age,     ///< all: look for dead letters that are too old to be kept (wall)
};
std::string_view to_text(TimerKind);
bool from_text(std::string_view, TimerKind&);
constexpr bool is_wall_timer(TimerKind kind) { return kind >= TimerKind::deadline; }

struct TimerRow {
    static constexpr TableId kTable = TableId::timers;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 4;
    TimerKind kind = TimerKind::identify;
    int64_t workspace = 0;   ///< or the connection, for timers of one
    std::string subject;     ///< task or agent id, or ""
    int64_t generation = 0;  ///< of the lease it belongs to; 0 = none
    int64_t deadline = 0;

    using Key = std::tuple<TimerKind, int64_t, std::string, int64_t>;
    Key key() const { return {kind, workspace, subject, generation}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("kind", self.kind);
        visit("workspace", self.workspace);
        visit("subject", self.subject);
        visit("generation", self.generation);
        visit("deadline", self.deadline);
    }
};

/// A token bucket (core/access/token_bucket.hpp) of one owner and limit.
struct BucketRow {
    static constexpr TableId kTable = TableId::buckets;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 4;
    LimitOwner owner = LimitOwner::agent;
    int64_t workspace = 0;
    std::string name;
    int64_t slot = 0;    ///< channel and limit, see core/access/limits.hpp
    int64_t tokens = 0;  ///< whole ones
    int64_t fraction = 0;
    int64_t filled_us = 0;
    int64_t blocked_until_us = 0;  ///< refuses until then, whatever it holds

    using Key = std::tuple<LimitOwner, int64_t, std::string, int64_t>;
    Key key() const { return {owner, workspace, name, slot}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("owner", self.owner);
        visit("workspace", self.workspace);
        visit("name", self.name);
        visit("slot", self.slot);
        visit("tokens", self.tokens);
        visit("fraction", self.fraction);
        visit("filled_us", self.filled_us);
        visit("blocked_until_us", self.blocked_until_us);
    }
};

/// What an owner of buckets was refused lately.
struct LimitViolationRow {
    static constexpr TableId kTable = TableId::limit_violations;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 3;
    LimitOwner owner = LimitOwner::agent;
    int64_t workspace = 0;
    std::string name;
    int64_t consecutive = 0;  ///< refusals that ignored the wait before them
    int64_t total = 0;        ///< all refusals since the last quiet period
    int64_t last_us = 0;

    using Key = std::tuple<LimitOwner, int64_t, std::string>;
    Key key() const { return {owner, workspace, name}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("owner", self.owner);
        visit("workspace", self.workspace);
        visit("name", self.name);
        visit("consecutive", self.consecutive);
        visit("total", self.total);
        visit("last_us", self.last_us);
    }
};

/// How often validation found fault with a field (core/access/validation_watch.hpp).
struct ValidationCountRow {
    static constexpr TableId kTable = TableId::validation_counts;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 4;
    int64_t workspace = 0;
    std::string agent;      ///< "" = nobody in particular
    std::string operation;  ///< "" = of unknown type
    std::string field;
    int64_t count = 0;
    int64_t refused = 0;  ///< of them those that were refused
    int64_t last_at = 0;
    std::string last_error;

    using Key = std::tuple<int64_t, std::string, std::string, std::string>;
    Key key() const { return {workspace, agent, operation, field}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("agent", self.agent);
        visit("operation", self.operation);
        visit("field", self.field);
        visit("count", self.count);
        visit("refused", self.refused);
        visit("last_at", self.last_at);
        visit("last_error", self.last_error);
    }
};

/// One of the last failures of validation, or of the last connections that were closed for them.
struct ValidationFailureRow {
    static constexpr TableId kTable = TableId::validation_failures;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 3;
    int64_t workspace = 0;
    bool disconnect = false;
    int64_t place = 0;   ///< in the ring
    int64_t number = 0;  ///< counts up: the order
    int64_t first = 0;   ///< the number of the first error of the same frame or request
    int64_t at = 0;
    std::string agent;
    std::string operation;
    std::string field;
    std::string error;
    bool refused = true;
    bool is_request = false;  ///< it came over HTTP

    using Key = std::tuple<int64_t, bool, int64_t>;
    Key key() const { return {workspace, disconnect, place}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("disconnect", self.disconnect);
        visit("place", self.place);
        visit("number", self.number);
        visit("first", self.first);
        visit("at", self.at);
        visit("agent", self.agent);
        visit("operation", self.operation);
        visit("field", self.field);
        visit("error", self.error);
        visit("refused", self.refused);
        visit("is_request", self.is_request);
    }
};

/// An alert as it stands in this run, also while nothing can be stored.
struct LiveAlertRow : AlertColumns {
    static constexpr TableId kTable = TableId::live_alerts;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 2;
};

/// What a rule has seen so far (core/observe/alert_cycle.hpp).
struct AlertWatchRow {
    static constexpr TableId kTable = TableId::alert_watches;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string rule;
    int64_t bad_checks = 0;   ///< in a row
    int64_t good_checks = 0;  ///< in a row
    int64_t bad_since_us = 0;
    std::optional<int64_t> told_us;                       ///< when somebody was last told of it
    AlertSeverity told_severity = AlertSeverity::notice;  ///< and how severe it was then
    std::optional<int64_t> last_value;
    int64_t grown_checks = 0;  ///< in a row, `last_value` was larger than the time before

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, rule}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("rule", self.rule);
        visit("bad_checks", self.bad_checks);
        visit("good_checks", self.good_checks);
        visit("bad_since_us", self.bad_since_us);
        visit("told_us", self.told_us);
        visit("told_severity", self.told_severity);
        visit("last_value", self.last_value);
        visit("grown_checks", self.grown_checks);
    }
};

/// An agent that was closed for too many violations.
struct CooldownRow {
    static constexpr TableId kTable = TableId::cooldowns;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string agent;
    int64_t strikes = 0;
    int64_t since_us = 0;

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, agent}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("agent", self.agent);
        visit("strikes", self.strikes);
        visit("since_us", self.since_us);
    }
};

/// When a fairness key of a lane was last served: the round robin's memory.
struct FairnessRow {
    static constexpr TableId kTable = TableId::fairness;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 3;
    int64_t workspace = 0;
    int64_t lane = 0;
    std::string fairness_key;
    int64_t served = 0;

    using Key = std::tuple<int64_t, int64_t, std::string>;
    Key key() const { return {workspace, lane, fairness_key}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("lane", self.lane);
        visit("fairness_key", self.fairness_key);
        visit("served", self.served);
    }
};

/// The one row of this run's own counters.
struct RuntimeRow {
    static constexpr TableId kTable = TableId::runtime;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 1;
    int64_t id = 0;
    int64_t prng0 = 0, prng1 = 0, prng2 = 0, prng3 = 0;
    int64_t served = 0;  ///< counts dispatches, for the round robin
    int64_t next_query = 1;
    bool read_only = false;          ///< the store fails: writes are refused
    int64_t wall_hold_until_us = 0;  ///< wall timers rest after a clock jump
    bool stopping = false;
    int64_t started_at = 0;
    std::string log_levels = "info";  ///< from which severities on the machine logs
    std::string vapid_public_key;     ///< of the key pair that the machine signs Web Push with

    using Key = std::tuple<int64_t>;
    Key key() const { return {id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("id", self.id);
        visit("prng0", self.prng0);
        visit("prng1", self.prng1);
        visit("prng2", self.prng2);
        visit("prng3", self.prng3);
        visit("served", self.served);
        visit("next_query", self.next_query);
        visit("read_only", self.read_only);
        visit("wall_hold_until_us", self.wall_hold_until_us);
        visit("stopping", self.stopping);
        visit("started_at", self.started_at);
        visit("log_levels", self.log_levels);
        visit("vapid_public_key", self.vapid_public_key);
    }
};

/// A program without a session that waits for a task: one request for one task.
struct ClaimRow {
    static constexpr TableId kTable = TableId::claims;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 1;
    int64_t request = 0;
    int64_t workspace = 0;
    std::string agent;
    std::vector<std::string> capabilities;
    int64_t lanes = 0;  ///< bit n: takes tasks of lane n
    int64_t lease_ms = 0;
    int64_t since_us = 0;
    std::string request_id;  ///< the client's name for it; "" = none
    std::string body_hash;   ///< of what it asked with this name
    std::string token;       ///< digest of the token that asked

    using Key = std::tuple<int64_t>;
    Key key() const { return {request}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("request", self.request);
        visit("workspace", self.workspace);
        visit("agent", self.agent);
        visit("capabilities", self.capabilities);
        visit("lanes", self.lanes);
        visit("lease_ms", self.lease_ms);
        visit("since_us", self.since_us);
        visit("request_id", self.request_id);
        visit("body_hash", self.body_hash);
        visit("token", self.token);
    }
};

/// What a request can wait for.
enum class WaitTopic : uint8_t {
    mail,      ///< subject: agent
    task_end,  ///< subject: task
    output     ///< subject: task
};
std::string_view to_text(WaitTopic);
bool from_text(std::string_view, WaitTopic&);

/// A request that waits until something happens; it is then run again from its input.
struct WaitRow {
    static constexpr TableId kTable = TableId::waits;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 1;
    int64_t request = 0;
    int64_t workspace = 0;
    WaitTopic topic = WaitTopic::mail;
    std::string subject;
    int64_t until_us = 0;
    std::string input;  ///< the encoded input (core/hub/input.hpp)
    std::string token;  ///< digest of the token that asked; "" = none

    using Key = std::tuple<int64_t>;
    Key key() const { return {request}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("request", self.request);
        visit("workspace", self.workspace);
        visit("token", self.token);
        visit("topic", self.topic);
        visit("subject", self.subject);
        visit("until_us", self.until_us);
        visit("input", self.input);
    }
};

/// An operation that waits for a query; it is run again from its input when the answer is there.
struct PendingRow {
    static constexpr TableId kTable = TableId::pending;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 1;
    int64_t query = 0;
    int64_t connection = 0;  ///< of a frame; 0 otherwise
    int64_t workspace = 0;
    std::string purpose;               ///< "rerun" or what the rows are for
    std::string input;                 ///< the encoded input (core/hub/input.hpp), or a task id
    std::vector<std::string> wanted;   ///< of a rerun: the tasks asked for so far, the last one by this query
    std::vector<std::string> fetched;  ///< the encoded answers to all but the last

    using Key = std::tuple<int64_t>;
    Key key() const { return {query}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("query", self.query);
        visit("connection", self.connection);
        visit("workspace", self.workspace);
        visit("purpose", self.purpose);
        visit("input", self.input);
        visit("wanted", self.wanted);
        visit("fetched", self.fetched);
    }
};

/// A frame that waits until an earlier one of its connection has been answered.
struct DeferredRow {
    static constexpr TableId kTable = TableId::deferred;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 2;
    int64_t connection = 0;
    int64_t position = 0;
    std::string input;

    using Key = std::tuple<int64_t, int64_t>;
    Key key() const { return {connection, position}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("connection", self.connection);
        visit("position", self.position);
        visit("input", self.input);
    }
};

/// Somebody who reads events: a long poll that waits, or an open stream (core/hub/feeds.hpp).
struct FeedRow {
    static constexpr TableId kTable = TableId::feeds;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 1;
    int64_t request = 0;
    int64_t workspace = 0;
    std::string token;               ///< its digest: nothing is shown once it is revoked
    std::vector<std::string> kinds;  ///< empty = all
    std::string subject;             ///< "" = all
    int64_t limit = 0;               ///< events at a time
    int64_t since = 0;               ///< seq up to which everything that matches was given out
    bool stream = false;             ///< else a long poll
    bool waits = false;              ///< a long poll that may still wait for events
    bool busy = false;               ///< a piece of the stream has not yet left the outbox
    int64_t query = 0;               ///< that looks for its events; 0 = none
    int64_t emitted_turn = 0;        ///< that last sent it something

    using Key = std::tuple<int64_t>;
    Key key() const { return {request}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("request", self.request);
        visit("workspace", self.workspace);
        visit("token", self.token);
        visit("kinds", self.kinds);
        visit("subject", self.subject);
        visit("limit", self.limit);
        visit("since", self.since);
        visit("stream", self.stream);
        visit("waits", self.waits);
        visit("busy", self.busy);
        visit("query", self.query);
        visit("emitted_turn", self.emitted_turn);
    }
};

/// What a dashboard is sent from now on.
enum class DashboardMode : uint8_t {
    events,  ///< v1.1's: a snapshot, then what happens
    deltas,  ///< the view model, then what changes in it
};
std::string_view to_text(DashboardMode);
bool from_text(std::string_view, DashboardMode&);

/// An open connection on /ws/dashboard (core/hub/dashboards.hpp).
struct DashboardRow {
    static constexpr TableId kTable = TableId::dashboards;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 1;
    int64_t connection = 0;
    std::string peer;
    bool closing = false;   ///< a close was sent: nothing more is read
    bool admitted = false;  ///< it may look at the workspace
    int64_t workspace = 0;
    std::string token;  ///< digest of the token that admitted it; "" = none was needed
    DashboardMode mode = DashboardMode::events;
    int64_t asked = 0;  ///< how often it has asked for a snapshot, or to go on from a cursor
    std::string since;  ///< that cursor; "" = a snapshot
    int64_t last_inbound_us = 0;

    using Key = std::tuple<int64_t>;
    Key key() const { return {connection}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("connection", self.connection);
        visit("peer", self.peer);
        visit("closing", self.closing);
        visit("admitted", self.admitted);
        visit("workspace", self.workspace);
        visit("token", self.token);
        visit("mode", self.mode);
        visit("asked", self.asked);
        visit("since", self.since);
        visit("last_inbound_us", self.last_inbound_us);
    }
};

// -- Outputs: who is told of events outside the hub (core/observe/deliveries.hpp)

/// A browser that a person has asked to be notified in (core/observe/push.hpp).
struct PushSubscriptionRow {
    static constexpr TableId kTable = TableId::push_subscriptions;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;        ///< whose events it is told of
    std::string id;               ///< made of the owner and the endpoint, so that these have one row
    int64_t owner_workspace = 0;  ///< of the principal; 0: the hub's own
    std::string principal;
    std::string endpoint;
    std::string p256dh;              ///< the browser's public key, base64url
    std::string auth;                ///< the browser's authentication secret, base64url
    std::vector<std::string> kinds;  ///< of events, each in full or "begin_*"
    std::string min_severity;        ///< of alerts: notice, warning or critical
    int64_t created_at = 0;
    int64_t delivered_at = 0;  ///< last notification that was taken; 0: none
    std::string last_error;    ///< of the last one that was not; "": it was taken

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("id", self.id);
        visit("owner_workspace", self.owner_workspace);
        visit("principal", self.principal);
        visit("endpoint", self.endpoint);
        visit("p256dh", self.p256dh);
        visit("auth", self.auth);
        visit("kinds", self.kinds);
        visit("min_severity", self.min_severity);
        visit("created_at", self.created_at);
        visit("delivered_at", self.delivered_at);
        visit("last_error", self.last_error);
    }
};

/// A program elsewhere that gets events by HTTP (core/observe/webhooks.hpp). Its secret is known to the machine alone.
struct WebhookRow {
    static constexpr TableId kTable = TableId::webhooks;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string id;
    std::string url;
    std::vector<std::string> kinds;  ///< of events, each in full or "begin_*"
    bool enabled = true;
    bool gone = false;  ///< its server answered 410, which disabled it
    std::string secret_sha256;
    std::string created_by;
    int64_t created_at = 0;
    int64_t failing_since = 0;  ///< 0: it is not known to fail
    int64_t gap_since = 0;      ///< events behind this one were left out since the last that was queued; 0: none

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("id", self.id);
        visit("url", self.url);
        visit("kinds", self.kinds);
        visit("enabled", self.enabled);
        visit("gone", self.gone);
        visit("secret_sha256", self.secret_sha256);
        visit("created_by", self.created_by);
        visit("created_at", self.created_at);
        visit("failing_since", self.failing_since);
        visit("gap_since", self.gap_since);
    }
};

enum class DeliveryState : uint8_t { waiting, delivered, failed };
std::string_view to_text(DeliveryState);
bool from_text(std::string_view, DeliveryState&);

/// One event on its way to one receiver, or what became of it.
struct DeliveryRow {
    static constexpr TableId kTable = TableId::deliveries;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 3;
    int64_t workspace = 0;
    std::string receiver;  ///< "webhook/ID" or "push/ID"
    int64_t seq = 0;       ///< of the event
    std::string kind;      ///< likewise
    DeliveryState state = DeliveryState::waiting;
    int64_t created_at = 0;
    int64_t attempts = 0;
    int64_t last_at = 0;      ///< of the last attempt
    int64_t last_status = 0;  ///< what it was answered with; 0: nothing
    std::string last_error;
    bool urgent = false;
    std::string body;  ///< JSON; "" once it is not needed any more

    using Key = std::tuple<int64_t, std::string, int64_t>;
    Key key() const { return {workspace, receiver, seq}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("receiver", self.receiver);
        visit("seq", self.seq);
        visit("kind", self.kind);
        visit("state", self.state);
        visit("created_at", self.created_at);
        visit("attempts", self.attempts);
        visit("last_at", self.last_at);
        visit("last_status", self.last_status);
        visit("last_error", self.last_error);
        visit("urgent", self.urgent);
        visit("body", self.body);
    }
};

/// How it goes with a receiver in this run; without a row, well, and nothing is on its way.
struct ReceiverRow {
    static constexpr TableId kTable = TableId::receivers;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 2;
    int64_t workspace = 0;
    std::string receiver;
    std::vector<std::string> sending;  ///< the seqs of deliveries that the machine has at hand
    int64_t failures = 0;              ///< attempts in a row that failed
    int64_t not_before_us = 0;         ///< it rests until then

    using Key = std::tuple<int64_t, std::string>;
    Key key() const { return {workspace, receiver}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("workspace", self.workspace);
        visit("receiver", self.receiver);
        visit("sending", self.sending);
        visit("failures", self.failures);
        visit("not_before_us", self.not_before_us);
    }
};

// ---------------------------------------------------------------------------------------------------------------
// Storage care (core/hub/storage_jobs.hpp)

enum class StorageJobKind : uint8_t { backup, compaction, verification, restore };

std::string_view to_text(StorageJobKind);
bool from_text(std::string_view, StorageJobKind&);

/// A job that has ended: the last 20 of each kind.
struct StorageRunRow {
    static constexpr TableId kTable = TableId::storage_runs;
    static constexpr RowClass kClass = RowClass::durable;
    static constexpr int kKeyColumns = 1;
    int64_t id = 0;
    StorageJobKind kind{};
    std::string trigger;  ///< "manual" or "scheduled"
    std::string subject;  ///< the backup that it was about, or the table that was asked for; "" = all
    std::string by;       ///< who asked; "" = the schedule
    int64_t began_at = 0;
    int64_t ended_at = 0;
    bool ok = false;
    std::string result;  ///< JSON object, "{}" after a failure
    std::string error;

    using Key = std::tuple<int64_t>;
    Key key() const { return {id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("id", self.id);
        visit("kind", self.kind);
        visit("trigger", self.trigger);
        visit("subject", self.subject);
        visit("by", self.by);
        visit("began_at", self.began_at);
        visit("ended_at", self.ended_at);
        visit("ok", self.ok);
        visit("result", self.result);
        visit("error", self.error);
    }
};

/// The one job that runs: jobs exclude one another.
struct StorageJobRow {
    static constexpr TableId kTable = TableId::storage_job;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 1;
    int64_t id = 0;   ///< always 0
    int64_t job = 0;  ///< the id of the StorageRunRow that it will leave; 0: none
    StorageJobKind kind{};
    std::string trigger;
    std::string subject;
    std::string by;
    bool dry_run = false;
    int64_t began_at = 0;
    int64_t request = 0;  ///< that waits for its end; 0 = none
    std::string route;    ///< of that request: how it is answered

    using Key = std::tuple<int64_t>;
    Key key() const { return {id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("id", self.id);
        visit("job", self.job);
        visit("kind", self.kind);
        visit("trigger", self.trigger);
        visit("subject", self.subject);
        visit("by", self.by);
        visit("dry_run", self.dry_run);
        visit("began_at", self.began_at);
        visit("request", self.request);
        visit("route", self.route);
    }
};

/// What the machine has last said about its files.
struct StorageStateRow {
    static constexpr TableId kTable = TableId::storage_state;
    static constexpr RowClass kClass = RowClass::transient;
    static constexpr int kKeyColumns = 1;
    int64_t id = 0;  ///< always 0
    int64_t measured_at = 0;
    int64_t database_bytes = 0;
    int64_t free_bytes = 0;       ///< of these, in pages that hold nothing
    int64_t disk_free_bytes = 0;  ///< of the file system
    int64_t lost_rows = 0;        ///< as in StorageFigures
    std::string damage;           ///< what was found damaged, for people; "" = nothing
    int64_t checked_at = 0;       ///< when the last background check has gone through everything; 0: not in this run
    std::string tables = "[]";    ///< JSON array of {table, record_count, file_size_bytes}, of kCareTables
    std::string backups = "[]";   ///< JSON array of manifests, the newest first

    using Key = std::tuple<int64_t>;
    Key key() const { return {id}; }
    template <class Self, class Visit>
    static void columns(Self& self, Visit&& visit) {
        visit("id", self.id);
        visit("measured_at", self.measured_at);
        visit("database_bytes", self.database_bytes);
        visit("free_bytes", self.free_bytes);
        visit("disk_free_bytes", self.disk_free_bytes);
        visit("lost_rows", self.lost_rows);
        visit("damage", self.damage);
        visit("checked_at", self.checked_at);
        visit("tables", self.tables);
        visit("backups", self.backups);
    }
};

/// Calls `f.template operator()<Row>()` for every row type that a store keeps, in the order in which a store should
/// create and load them.
template <class F>
void for_each_stored_row(F&& f) {
    f.template operator()<HubRow>();
    f.template operator()<WorkspaceRow>();
    f.template operator()<PrincipalRow>();
    f.template operator()<TokenRow>();
    f.template operator()<InviteRow>();
    f.template operator()<ConfigRow>();
    f.template operator()<MailboxRow>();
    f.template operator()<MessageRow>();
    f.template operator()<ReceiptRow>();
    f.template operator()<TaskRow>();
    f.template operator()<TaskInputRow>();
    f.template operator()<TaskEdgeRow>();
    f.template operator()<AttemptRow>();
    f.template operator()<EventRow>();
    f.template operator()<IdempotencyRow>();
    f.template operator()<RunRow>();
    f.template operator()<TaskOutputRow>();
    f.template operator()<ChannelRow>();
    f.template operator()<MembershipRow>();
    f.template operator()<LimitOverrideRow>();
    f.template operator()<LimitExemptRow>();
    f.template operator()<ImportRow>();
    f.template operator()<MetricHistoryRow>();
    f.template operator()<AlertRow>();
    f.template operator()<AlertEpisodeRow>();
    f.template operator()<AlertRuleRow>();
    f.template operator()<PushSubscriptionRow>();
    f.template operator()<WebhookRow>();
    f.template operator()<DeliveryRow>();
    f.template operator()<FinishedLotRow>();
    f.template operator()<StorageRunRow>();
}

/// Likewise for every row type that lies in memory.
template <class F>
void for_each_resident_row(F&& f) {
    f.template operator()<HubRow>();
    f.template operator()<WorkspaceRow>();
    f.template operator()<PrincipalRow>();
    f.template operator()<TokenRow>();
    f.template operator()<InviteRow>();
    f.template operator()<ConfigRow>();
    f.template operator()<MailboxRow>();
    f.template operator()<TaskRow>();
    f.template operator()<TaskInputRow>();
    f.template operator()<TaskEdgeRow>();
    f.template operator()<AttemptRow>();
    f.template operator()<IdempotencyRow>();
    f.template operator()<MailRow>();
    f.template operator()<SessionRow>();
    f.template operator()<LivenessRow>();
    f.template operator()<AgentRow>();
    f.template operator()<LeaseRow>();
    f.template operator()<TimerRow>();
    f.template operator()<BucketRow>();
    f.template operator()<CooldownRow>();
    f.template operator()<FairnessRow>();
    f.template operator()<RuntimeRow>();
    f.template operator()<PendingRow>();
    f.template operator()<DeferredRow>();
    f.template operator()<RunRow>();
    f.template operator()<ClaimRow>();
    f.template operator()<WaitRow>();
    f.template operator()<FeedRow>();
    f.template operator()<ChannelRow>();
    f.template operator()<MembershipRow>();
    f.template operator()<LimitOverrideRow>();
    f.template operator()<LimitExemptRow>();
    f.template operator()<LimitViolationRow>();
    f.template operator()<ValidationCountRow>();
    f.template operator()<ValidationFailureRow>();
    f.template operator()<ImportRow>();
    f.template operator()<MetricHistoryRow>();
    f.template operator()<AlertRow>();
    f.template operator()<AlertEpisodeRow>();
    f.template operator()<AlertRuleRow>();
    f.template operator()<LiveAlertRow>();
    f.template operator()<AlertWatchRow>();
    f.template operator()<PushSubscriptionRow>();
    f.template operator()<WebhookRow>();
    f.template operator()<DeliveryRow>();
    f.template operator()<FinishedLotRow>();
    f.template operator()<ReceiverRow>();
    f.template operator()<StorageRunRow>();
    f.template operator()<StorageJobRow>();
    f.template operator()<StorageStateRow>();
    f.template operator()<CompletionRow>();
    f.template operator()<DashboardRow>();
}

}  // namespace agentcom
