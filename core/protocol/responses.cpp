#include "core/protocol/responses.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>

#include "core/base/assert.hpp"

namespace agentcom {
namespace {

// -- Shapes with a name -----------------------------------------------------------------------------------------------

struct NamedText {
    std::string_view name;
    std::string_view text;
    std::string_view summary;
};

constexpr NamedText kNamed[] = {
    {"Error", "{error: string, message?: string}", "What went wrong: a word for programs, a sentence for people."},
    {"FieldError", "{field: string, error: string, detail: string, value?: any, known_types?: [string]}",
     "One field that is not as it should be."},
    {"ValidationFailed", "{error: 'validation_failed', errors: [FieldError]}",
     "Fields or query parameters that are not as they should be."},
    {"Unauthorized", "{error: 'unauthorized', hint?: string}", "No token, or one that does not do here."},
    {"RateLimited", "{error: 'rate_limited', retry_after_ms: integer, tier: string}",
     "Too many requests; try again later."},

    {"Agent",
     "{agent_id: string, name: string | null, status: string | null, capabilities: [string] | null,"
     " connected_at: integer}",
     "An agent that is connected, as others see it."},
    {"AgentState",
     "{agent_id: string, fsm_state: FsmState, current_task_id: string | null, capabilities: [{name: string}],"
     " flags: [string], connected_at: integer, name: string | null, slots: integer, task_ids: [string]}",
     "What a connected agent is at."},
    {"FsmState", "'offline' | 'idle' | 'assigned' | 'working' | 'blocked'",
     "What an agent is at, in the words of v1.1; blocked: one of its tasks waits for an answer."},
    {"WorkState", "'offline' | 'idle' | 'assigned' | 'working' | 'waiting_input'", "What an agent is at."},

    {"Backup",
     "{name: string, made_at: integer, duration_ms: integer, hub_version: string, epoch: string, last_turn: integer,"
     " bytes: integer, sha256: string, rows: integer, trigger: string, status: 'ok' | 'unreadable',"
     " tables: [{table: string, rows: integer, bytes: integer}]}",
     "A backup as its manifest describes it."},
    {"StorageGoesOn", "{status: 'running', kind: string, job: integer, message: string}",
     "A job of storage care that goes on while nobody waits for it."},
    {"StorageRun",
     "{job: integer, kind: string, trigger: string, subject: string | null, by: string | null, began_at: integer,"
     " ended_at: integer, status: 'complete' | 'failed', result: object, message: string | null}",
     "A job of storage care that has ended."},
    {"StorageTable",
     "{table: string, record_count: integer, file_size_bytes: integer, fragmentation_ratio: number,"
     " status: 'ok' | 'unavailable'}",
     "A table of storage care."},

    {"Importance", "'low' | 'normal' | 'high' | 'urgent'", "How much a message matters, in its sender's eyes."},
    {"Message",
     "{seq?: integer, id: string, from: string, to: string | null, type: string, payload: object,"
     " reply_to: string | null, timestamp: integer, thread_root?: string, importance?: Importance,"
     " ack_required?: boolean, ack_by?: integer, expires_at?: integer, labels?: [string], channel?: string,"
     " channel_seq?: integer}",
     "A message as mailboxes and lists hold it; of its envelope what is set."},
    {"Delivery",
     "{agent_id: string,"
     " state: 'undeliverable' | 'stored' | 'pushed' | 'read' | 'acked' | 'expired',"
     " stored_at: integer, pushed_at: integer | null, read_at: integer | null, acked_at: integer | null}",
     "What became of a message for one of its recipients."},
    {"SentMessage",
     "{id: string, seq: integer, to: string | null, type: string, sent_at: integer, expires_at: integer,"
     " importance: Importance, ack_required: boolean, ack_by: integer | null, labels: [string],"
     " undeliverable: boolean, deliveries: [Delivery], truncated: boolean}",
     "One of the caller's own messages."},

    {"TaskStatus", "'queued' | 'assigned' | 'completed' | 'dead_letter'", "The state of a task in the words of v1.1."},
    {"TaskState",
     "'held' | 'queued' | 'assigned' | 'working' | 'waiting_input' | 'completed' | 'cancelled' | 'dead_letter'",
     "The state of a task."},
    {"HoldReason", "'not_before' | 'retry_delay' | 'paused' | 'blocked_by' | 'approval' | 'quota'",
     "Why a task is not in the queue."},
    {"Submitted", "{status: TaskStatus, task_id: string, priority: integer, created_at: integer, duplicate?: boolean}",
     "A task that was submitted."},
    {"HistoryEntry", "{event: string, timestamp: integer, details: any}", "Something that happened to a task."},
    {"Attempt",
     "{generation: integer, agent_id: string, assigned_at: integer, accepted_at: integer | null, ended_at: integer,"
     " outcome: 'completed' | 'retried' | 'dead_letter' | 'rejected' | 'released' | 'acceptance_timeout' | 'silent' |"
     " 'stuck' | 'max_run' | 'deadline' | 'disconnect' | 'cancelled', error: string | null}",
     "An attempt at a task that has ended."},
    {"Question", "{question: string, options: [string] | null, asked_at: integer}",
     "What the holder of a task wants to know before it goes on."},
    {"Waiting",
     "{reason: 'held' | 'target_offline' | 'no_capable_agent' | 'agents_backing_off' | 'agents_busy',"
     " position: integer | null, held_by?: HoldReason, until?: integer,"
     " blockers?: [{task_id: string, state: TaskState}], detail: string}",
     "Why nobody works on a task."},
    {"Task",
     "{id: string, description: string, metadata: object, priority: integer, status: TaskStatus,"
     " assigned_to: string | null, assigned_at: integer | null, generation: integer, retry_count: integer,"
     " max_retries: integer, needed_capabilities: [string], last_error: string | null, complete_by: integer | null,"
     " result: object | null, tokens_used: any, submitted_by: string, created_at: integer, updated_at: integer,"
     " history: [HistoryEntry], state: TaskState, held_by: HoldReason | null, kind: string | null, labels: [string],"
     " parent_id: string | null, root_id: string, blocked_by: [string],"
     " on_blocker_failure: 'hold' | 'cancel' | 'run', not_before: integer | null, max_run_ms: integer | null,"
     " unique_key: string | null, fairness_key: string | null, origin: string | null, requested_by: string,"
     " trace: string | null, usage: object | null, accepted_at: integer | null, queued_at: integer | null,"
     " finished_at: integer | null, reclaim_count: integer, progress: integer | null, stuck: boolean,"
     " question: Question | null, cancel_requested: {by: string, reason: string, until: integer} | null,"
     " output_end: integer, attempts: [Attempt]}",
     "A task."},
    {"TaskDetail", "{...Task, waiting: Waiting | null}", "A task, and why nobody works on it."},
    {"TaskPage", "{tasks: [Task], count: integer, next_cursor: string | null}", "A page of tasks."},
    {"ClaimedTask",
     "{task_id: string, description: string, metadata: object, generation: integer, priority: integer,"
     " kind: string | null, labels: [string], needed_capabilities: [string], attempt: integer,"
     " assigned_at: integer | null, lease_ms: integer, max_run_ms: integer, complete_by: integer | null,"
     " parent_id: string | null, root_id: string, trace: string | null, fairness_key: string | null,"
     " requested_by: string}",
     "A task as whoever claimed it sees it."},
    {"Said", "{seq: integer, from: string, text: string, at: integer}", "Something that was said to a task's holder."},

    {"Event",
     "{seq: integer, cursor: string, at: integer, kind: string, subject: string, principal: string | null,"
     " cause: string | null, data: object}",
     "Something that happened in a workspace."},
    {"Overview",
     "{at: integer, cursor: string, hub: {version: string, started_at: integer, read_only: boolean},"
     " counts: {queued: integer, held: integer, assigned: integer, working: integer, waiting_input: integer,"
     "  dead_letter: integer},"
     " queue: {urgent: integer, high: integer, normal: integer, low: integer}, oldest_queued_at: integer | null,"
     " agents: [{agent_id: string, state: WorkState, connected_at: integer | null, last_seen_at: integer | null,"
     "  slots: integer, capabilities: [string], flags: ['unresponsive' | 'limited' | 'backing_off'],"
     "  client_type: string | null, protocol_version: integer | null, mail_pending: integer,"
     "  tasks: [{task_id: string, description: string, state: TaskState, since: integer | null, generation: integer,"
     "   progress: integer | null, stuck: boolean, question: string | null}]}], agents_truncated: boolean,"
     " needs_you: [{kind: 'waiting_input' | 'stuck' | 'dead_letter' | 'unresponsive' | 'undeliverable',"
     "  subject: string, text: string, since: integer | null, agent_id: string | null}], needs_you_total: integer}",
     "A workspace on one page."},
    {"SchemaField", "{name: string, type: string}", "A field of a v1.1 schema."},
    {"Field",
     "{name: string, type: string, required: boolean, since: integer, max_length?: integer, max_items?: integer}",
     "A field of a frame or body."},
    {"Role", "'agent' | 'viewer' | 'operator' | 'admin'", "What a principal may do."},
    {"Channel", "{name: string, description: string, subscriber_count: integer, created_at: integer}", "A channel."},
    {"ChannelMessage", "{seq: integer, message: Message, stored_at: integer}",
     "A message in the history of a channel."},
    {"Rate", "{capacity: integer, refill_rate_per_min: number}",
     "A limit: what a bucket holds, and how fast it fills."},
    {"BucketState", "{remaining: integer, capacity: integer, usage_pct: number}", "How full a bucket is."},
    {"Token",
     "{agent_id: string, token_prefix: string, role: Role, scopes: [string], created_at: integer,"
     " expires_at: integer | null, last_used_at: integer | null, label: string | null}",
     "A token, without its secret."},
    {"Invite",
     "{id: string, agent_id: string | null, role: Role, uses_left: integer, workspace: string, created_at: integer,"
     " expires_at: integer, created_by: string}",
     "A code that new agents register with, without its secret."},
    // metrics and alerts
    {"Percentiles", "{p50: integer, p90: integer, p99: integer, count: integer}", "How long something takes, in ms."},
    {"Durations", "{window: {...Percentiles, min: integer, max: integer, mean: integer}, cumulative: Percentiles}",
     "How long something takes, in ms: in the last hour and in this run."},
    {"ErrorRate", "{total_tasks: integer, failed: integer, dead_letter: integer, failure_rate_pct: number}",
     "How attempts at tasks end."},
    {"TaskCounts",
     "{submitted: integer, assigned: integer, completed: integer, failed: integer, dead_letter: integer,"
     " reclaimed: integer, returned: integer, cancelled: integer, retried: integer}",
     "What happened to tasks, each time counted once."},
    {"AlertSeverity", "'notice' | 'warning' | 'critical'", "How bad it is."},
    {"Alert",
     "{rule_id: string, severity: AlertSeverity, message: string, details: object, fired_at: integer,"
     " acknowledged: boolean, acknowledged_by: string | null, acknowledged_at: integer | null, note: string | null,"
     " acknowledged_until: integer | null, told_at: integer | null, of_hub: boolean}",
     "Something that an operator should know."},
    {"AlertEpisode",
     "{number: integer, rule_id: string, severity: AlertSeverity, message: string, details: object,"
     " fired_at: integer, cleared_at: integer, acknowledged: boolean, acknowledged_by: string | null,"
     " acknowledged_at: integer | null, note: string | null, of_hub: boolean}",
     "An alert that is over."},
    {"AlertRule",
     "{rule_id: string, metric: string, op: '>' | '>=' | '<' | '<=', threshold: integer, for_ms: integer,"
     " severity: AlertSeverity, message: string | null, set_at: integer, set_by: string}",
     "A rule of alerts that somebody has made."},
    {"MetricName", "{name: string, type: 'gauge' | 'counter', unit: string}", "A figure by name."},
    {"Webhook",
     "{webhook_id: string, url: string, kinds: [string], enabled: boolean,"
     " state: 'ok' | 'failing' | 'disabled' | 'gone', failing_since: integer | null, waiting: integer,"
     " created_by: string, created_at: integer}",
     "An address that events are sent to."},
    // dashboards
    {"DashboardMetrics",
     "{timestamp: integer,"
     " queue_depth: {current: integer, trend: [integer], trend_at: [integer], max_1h: integer, avg_1h: number,"
     "  oldest_ms: integer}, task_latency: Durations,"
     " agent_utilization: {system: {total_agents: integer, agents_online: integer, agents_idle: integer,"
     "   agents_working: integer, agents_blocked: integer, agents_registered: integer, utilization_pct: number},"
     "  per_agent: [{agent_id: string, state: string, idle_pct_1h: number, working_pct_1h: number,"
     "   blocked_pct_1h: number, offline_pct_1h: number, tasks_completed_1h: integer, tasks_failed_1h: integer,"
     "   avg_task_duration_ms: integer}]},"
     " error_rates: {window: ErrorRate, cumulative: ErrorRate}}",
     "The figures of a workspace."},
    {"DashboardEvent",
     "{type: 'task_event', task_id: string, event: string, agent_id: string | null, timestamp: integer}"
     " | {type: 'agent_joined', agent_id: string, name: string, capabilities: [string]}"
     " | {type: 'agent_left', agent_id: string} | {type: 'status_changed', agent_id: string, status: string}"
     " | {type: 'metrics_snapshot', data: DashboardMetrics} | {type: 'alert_fired', data: Alert}"
     " | {type: 'alert_cleared' | 'alert_acknowledged', rule_id: string}"
     " | {type: 'backup_complete', timestamp: integer, tables_backed_up: [string]}"
     " | {type: 'compaction_complete', timestamp: integer,"
     "  results: [{table: string, status: string, duration_ms: integer, reason?: string}]}"
     " | {type: 'compaction_failed', timestamp: integer, failures: [{table: string, reason: string}]}"
     " | {type: 'recovery_complete', timestamp: integer, table: string, trigger: string, backup_used: string,"
     "  record_count: integer | null}"
     " | {type: 'recovery_failed', timestamp: integer, table: string, reason: string | null}",
     "Something that happened, as the dashboard of v1.1 was told it."},
    {"CompactionRun",
     "{timestamp: integer, results: [{table: string, status: 'compacted' | 'skipped' | 'error', duration_ms: integer,"
     " reason?: string}]}",
     "A compaction, table by table."},
    {"StorageHealth",
     "{tables: [StorageTable], last_backup_at: integer | null,"
     " last_backup_results: [{status: 'ok', table: string, path: string, size: integer, rows: integer}"
     "  | {status: 'error', table: string, reason: string}] | null,"
     " last_compaction_at: integer | null, compaction_history: [CompactionRun]}",
     "How the storage is and was cared for."},
    {"TierLevels", "{light: BucketState, normal: BucketState, heavy: BucketState}",
     "Of each tier the limit that is used up most."},
    {"DashboardState",
     "{uptime_ms: integer, timestamp: integer,"
     " health: {status: 'ok' | 'warning' | 'critical', conditions: [string]},"
     " agents: [{agent_id: string, name: string | null, fsm_state: FsmState, current_task_id: string | null,"
     "  capabilities: [{name: string}], connected_at: integer, last_state_change: integer,"
     "  last_seen_at: integer | null}],"
     " queue: {by_status: {queued: integer, assigned: integer, completed: integer}, by_priority: {*: integer},"
     "  dead_letter: integer},"
     " queued_tasks: [{id: string, description: string, priority: integer, submitted_by: string,"
     "  created_at: integer}],"
     " dead_letter_tasks: [{id: string, description: string, last_error: string | null, retry_count: integer,"
     "  created_at: integer}],"
     " recent_completions: [{task_id: string, agent_id: string | null, description: string, duration_ms: integer,"
     "  tokens_used: integer | null, completed_at: integer, pr_url: string | null}],"
     " throughput: {completed_last_hour: integer, avg_completion_ms: integer, total_tokens_hour: integer},"
     " dets_health: StorageHealth | null, compaction_history: [CompactionRun],"
     " validation: {recent_failures: [{agent_id: string | null, message_type: string, error_count: integer,"
     "   timestamp: integer}], failure_counts_by_agent: {*: integer},"
     "  recent_disconnects: [{agent_id: string | null, timestamp: integer}], total_failures_this_hour: integer},"
     " active_alerts: [Alert],"
     " rate_limits: {summary: {total_violations_1h: integer, active_rate_limited: integer, exempt_count: integer,"
     "   top_offenders: [{agent_id: string, violations: integer, rate_limited: boolean}]},"
     "  per_agent: {*: {ws: TierLevels, http: TierLevels,"
     "   violations: {consecutive: integer, total_in_window: integer}, rate_limited: boolean, exempt: boolean}}}}",
     "A workspace as the dashboard of v1.1 shows it."},
    {"ViewAgent",
     "{agent_id: string, name: string, state: WorkState, status: string | null, task_ids: [string],"
     " capabilities: [string], flags: ['unresponsive' | 'limited' | 'backing_off' | 'exempt'], slots: integer,"
     " connected_at: integer | null, last_seen_at: integer | null, changed_at: integer | null, refusals: integer,"
     " mail_waiting: integer, client_type: string | null, protocol_version: integer | null}",
     "An agent in the view model."},
    {"ViewTask",
     "{task_id: string, description: string, state: TaskState, seq: integer, priority: integer, kind: string | null,"
     " labels: [string], needed_capabilities: [string], target_agent: string | null, submitted_by: string,"
     " created_at: integer, updated_at: integer, agent_id: string | null, generation: integer,"
     " since: integer | null, progress: integer | null, stuck: boolean, output_line: string | null,"
     " question: string | null, options: [string] | null, held_by: HoldReason | null, waits_for: string | null,"
     " complete_by: integer | null, retry_count: integer, max_retries: integer, last_error: string | null,"
     " parent_id: string | null}",
     "A task in the view model that has not ended, or is a dead letter."},
    {"ViewCompletion",
     "{task_id: string, number: integer, state: 'completed' | 'cancelled', description: string,"
     " agent_id: string | null, duration_ms: integer, tokens_used: integer | null, pr_url: string | null,"
     " ended_at: integer}",
     "A task in the view model that has ended."},
    {"ViewAlert",
     "{rule_id: string, severity: AlertSeverity, message: string, details: object, fired_at: integer,"
     " acknowledged: boolean, acknowledged_by: string | null, acknowledged_at: integer | null,"
     " acknowledged_until: integer | null, note: string | null, of_hub: boolean}",
     "An alert in the view model."},
    {"ViewNeed",
     "{kind: 'alert' | 'waiting_input' | 'stuck' | 'dead_letter' | 'unresponsive' | 'undeliverable',"
     " subject: string, text: string, since: integer | null, agent_id: string | null}",
     "Something in the view model that needs a person."},
    {"ViewSample",
     "{at: integer, queue_depth: integer, working_tasks: integer, agents_online: integer, agents_working: integer,"
     " wait_p50_ms: integer, wait_p99_ms: integer, run_p50_ms: integer, run_p99_ms: integer,"
     " failure_rate_pct: integer, tasks_submitted: integer, tasks_completed: integer, tasks_failed: integer}",
     "The figures at one moment, for charts; counters count from the start of the run."},
    {"ViewHub", "{version: string, workspace: string, started_at: integer, read_only: boolean, event_cursor: string}",
     "The hub and the workspace in the view model."},
    {"ViewCounts",
     "{held: integer, queued: integer, assigned: integer, working: integer, waiting_input: integer,"
     " dead_letter: integer, urgent: integer, high: integer, normal: integer, low: integer,"
     " oldest_queued_at: integer | null, agents_online: integer, needs_you: integer}",
     "How many there are, also of what the lists of the view model have no room for."},
    {"ViewRates",
     "{completed_1h: integer, failed_1h: integer, dead_letter_1h: integer, submitted_1h: integer,"
     " reclaimed_1h: integer, tokens_1h: integer, invalid_1h: integer, failure_rate_pct: integer,"
     " run_mean_ms: integer, run_p50_ms: integer, run_p90_ms: integer, run_p99_ms: integer, wait_p50_ms: integer,"
     " wait_p90_ms: integer, wait_p99_ms: integer, commit_p99_us: integer}",
     "The last hour."},
    {"ViewStorage",
     "{database_bytes: integer, free_percent: integer, disk_free_bytes: integer, measured_at: integer,"
     " last_backup_at: integer | null, backup_overdue: boolean, backup_failure: string | null,"
     " running: string | null, lost_rows: integer, damage: string | null, tables: [StorageTable]}",
     "How it stands with the stored data."},
    {"ViewLists",
     "{agents?: [ViewAgent], tasks?: [ViewTask], completions?: [ViewCompletion], alerts?: [ViewAlert],"
     " needs?: [ViewNeed], samples?: [ViewSample]}",
     "Entries of the view model, by list."},
    {"ViewFigures", "{hub?: ViewHub, counts?: ViewCounts, rates?: ViewRates, storage?: ViewStorage}",
     "What the view model has one of."},
};

// -- What routes answer -----------------------------------------------------------------------------------------------

// Entries of `answers` are separated by semicolons: a status, then a shape, a media type, or the words of an error with
// what its body has beside them.
struct RouteText {
    OperationId id;
    std::string_view answers;
};

using Id = OperationId;

constexpr RouteText kRoutes[] = {
    // Discovery
    {Id::http_health,
     "200 {status: 'ok', service: 'agent_com', agents_connected: integer,"
     " problems?: [string]}"},
    {Id::http_livez, "200 {status: 'ok'}"},
    {Id::http_readyz, "200 {status: 'ready'}; 503 {status: 'storage_unavailable' | 'stopping'}"},
    {Id::http_schemas,
     "200 {version: '1.0', schemas: {version: '1.0',"
     " websocket: [{type: string, description: string, required_fields: [SchemaField], optional_fields: "
     "[SchemaField]}],"
     " http: [{key: string, description: string, required_fields: [SchemaField], optional_fields: [SchemaField]}],"
     " websocket_v2: [{type: string, description: string, since: integer, fields: [Field]}],"
     " websocket_dashboard: [{type: string, description: string, since: integer, fields: [Field]}],"
     " routes: [{key: string, description: string, since: integer, method: string, path: string, auth: string,"
     "  fields: [Field], query: [Field]}]}}"},
    {Id::http_websocket_schemas, "200 object"},
    {Id::http_openapi, "200 object"},

    // Access

    // Messages
    {Id::http_message_send,
     "200 {status: 'sent', id: string, undeliverable?: boolean}; 404 unknown_recipient {to: string, near: [string]}"},
    {Id::http_message_sent, "200 {messages: [SentMessage], next_before: integer | null}"},
    {Id::http_message_deliveries,
     "200 {message_id: string, to: string | null, deliveries: [Delivery], truncated: boolean};"
     "404 message_not_found {message_id: string}"},
    {Id::http_mailbox_read, "200 {agent_id: string, messages: [Message], last_seq: integer, count: integer}"},
    {Id::http_mailbox_ack, "200 {status: 'acked', up_to: integer}"},

    // Agents
    {Id::http_agents, "200 {agents: [{...Agent, fsm_state: FsmState}]}"},
    {Id::http_agent_states, "200 {agents: [AgentState]}"},
    {Id::http_agent_state, "200 {...AgentState, last_state_change: integer}; 404 agent_not_found"},

    // Tasks
    {Id::http_task_submit, "201 Submitted; 200 Submitted; 503 queue_full"},
    {Id::http_task_list, "200 TaskPage"},
    {Id::http_task_dead_letters, "200 TaskPage"},
    {Id::http_task_stats,
     "200 {by_status: {*: integer}, by_priority: {*: integer}, dead_letter: integer, queued_index_size: integer}"},
    {Id::http_task_get, "200 TaskDetail; 404 task_not_found {task_id: string}"},
    {Id::http_task_retry,
     "200 {status: 'requeued', task_id: string, priority: integer}; 404 task_not_found {task_id: string};"
     "409 unique_key_taken; 503 queue_full"},
    {Id::http_task_cancel,
     "200 {status: 'cancelled', task_id: string, priority: integer}; 404 task_not_found {task_id: string};"
     "409 invalid_state"},
    {Id::http_task_cancel_gently,
     "200 {status: 'cancelled' | 'cancelling', task_id: string, priority: integer, until?: integer};"
     "404 task_not_found {task_id: string}; 409 invalid_state"},
    {Id::http_task_say,
     "200 {status: 'said', task_id: string, seq: integer, delivered: boolean};"
     "404 task_not_found {task_id: string}; 409 not_running | not_supported | too_many_says"},
    {Id::http_task_batch, "201 {tasks: [Submitted], count: integer}; 503 queue_full"},
    {Id::http_task_output,
     "200 {task_id: string, generation: integer | null, start: integer, end: integer,"
     " chunks: [{position: integer, stream: 'stdout' | 'stderr', text: string}], next: integer, ended: boolean};"
     "404 task_not_found {task_id: string}"},
    {Id::http_task_claim, "200 {task: ClaimedTask | null}; 409 slots_full"},
    {Id::http_task_accept,
     "200 {status: 'accepted', task_id: string, generation: integer}; 404 task_not_found {task_id: string};"
     "409 stale_generation | not_assigned | invalid_state {task_id: string}"},
    {Id::http_task_progress,
     "200 {status: 'progress', task_id: string, generation: integer, lease_ms: integer, say: [Said],"
     " cancel: {reason: string, until: integer} | null}; 404 task_not_found {task_id: string};"
     "409 stale_generation | not_assigned | invalid_state {task_id: string}"},
    {Id::http_task_complete,
     "200 {status: 'complete', task_id: string, generation: integer}; 404 task_not_found {task_id: string};"
     "409 stale_generation | not_assigned | invalid_state {task_id: string}"},
    {Id::http_task_fail,
     "200 {status: 'retried' | 'dead_letter' | 'cancelled', task_id: string, generation: integer};"
     "404 task_not_found {task_id: string}; 409 stale_generation | not_assigned | invalid_state {task_id: string}"},
    {Id::http_task_release,
     "200 {status: 'released', task_id: string, generation: integer}; 404 task_not_found {task_id: string};"
     "409 stale_generation | not_assigned | invalid_state {task_id: string}"},

    // Observation
    {Id::http_events,
     "200 {epoch: string, cursor: string, events: [Event], more: boolean,"
     " resync: {reason: 'epoch' | 'pruned', snapshot: Overview} | null};"
     "200 text/event-stream; 503 too_many_readers | stopping"},
    {Id::http_overview, "200 Overview"},

    // Access (replaces http_register, http_token_*, http_whoami)
    {Id::http_register,
     "201 {agent_id: string, token: string, hub_ws_url: string, hub_api_url: string, default_repo: string | null};"
     "403 registration_closed | admin_only | invalid_invite; 409 'agent_id already registered'"},
    {Id::http_token_create,
     "201 {agent_id: string, token: string, role?: Role, scopes?: [string], created_at?: integer,"
     " expires_at?: integer | null, last_used_at?: integer | null, label?: string | null}; 403 admin_only | forbidden"},
    {Id::http_token_list, "200 {tokens: [Token]}"},
    {Id::http_token_revoke, "200 {status: 'revoked', agent_id: string}; 403 admin_only; 404 token_not_found"},
    {Id::http_token_rotate, "201 {agent_id: string, token: string}; 403 admin_only | forbidden; 404 agent_not_found"},
    {Id::http_whoami,
     "200 {principal: string, kind: 'human' | 'agent' | 'system', role: Role, workspace: string, of_hub: boolean,"
     " token_prefix: string, scopes: [string], expires_at: integer | null}"},
    {Id::http_invite_create, "201 {code: string, ...Invite}; 403 forbidden"},
    {Id::http_invite_list, "200 {invites: [{...Invite, expired: boolean}]}"},
    {Id::http_invite_revoke, "200 {status: 'revoked', id: string}; 404 invite_not_found"},
    {Id::http_audit,
     "200 {entries: [{seq: integer, at: integer, kind: string, principal: string | null, subject: string, before: any,"
     " after: any}], next: integer | null}"},

    // Limits
    {Id::http_limits,
     "200 {defaults: {*: Rate}, overrides: {*: {*: Rate}}, whitelist: [string], enabled: boolean, by_operation: "
     "boolean,"
     " operations: {*: {tier: string, capacity: integer, refill_rate_per_min: number}},"
     " limited: [{agent_id: string, violations: integer, consecutive: integer}]}"},
    {Id::http_limit_exempt_list, "200 {whitelist: [string]}"},
    {Id::http_limit_exempt_replace,
     "200 {status: 'updated', whitelist: [string]}; 422 invalid_whitelist | too_many_entries {detail: string}"},
    {Id::http_limit_exempt_add,
     "200 {status: 'added', agent_id: string}; 422 invalid_agent_id | too_many_entries {detail: string}"},
    {Id::http_limit_exempt_remove, "200 {status: 'removed', agent_id: string}"},
    {Id::http_limit_status,
     "200 {agent_id: string, ws: {*: BucketState}, http: {*: BucketState},"
     " violations: {consecutive: integer, total_in_window: integer}, rate_limited: boolean, exempt: boolean,"
     " overrides: {*: Rate}}"},
    {Id::http_limit_override,
     "200 {status: 'updated', agent_id: string, overrides: object};"
     "422 invalid_overrides | invalid_agent_id | too_many_entries {detail: string}"},
    {Id::http_limit_override_remove, "200 {status: 'removed', agent_id: string}"},
    {Id::http_validation,
     "200 {mode: {*: 'enforce' | 'observe'},"
     " counts: [{agent_id: string, operation: string, field: string, count: integer, refused: integer,"
     "  last_error: string, last_at: integer}],"
     " recent_failures: [{at: integer, agent_id: string, operation: string, field: string, error: string,"
     "  refused: boolean}], recent_disconnects: [{at: integer, agent_id: string}]}"},

    // Messages, channels, analytics
    {Id::http_message_find,
     "200 {messages: [Message], cursor: integer, count: integer, next_cursor?: integer, searched_up_to?: integer}"},
    {Id::http_thread, "200 {root: string, messages: [Message], count: integer, truncated?: boolean}"},
    {Id::http_thread_replies, "200 {parent: string, replies: [Message], count: integer, truncated?: boolean}"},
    {Id::http_thread_root, "200 {message_id: string, root: string}"},
    {Id::http_channel_list, "200 {channels: [Channel]}"},
    {Id::http_channel_create, "201 {status: 'created', channel: string}; 409 channel_exists; 503 too_many_channels"},
    {Id::http_channel_get,
     "200 {name: string, description: string, subscribers: [string], subscriber_count: integer, created_at: integer,"
     " created_by: string}; 404 channel_not_found"},
    {Id::http_channel_subscribe,
     "200 {status: 'subscribed', channel: string} | {status: 'already_subscribed'}; 404 channel_not_found;"
     "503 too_many_members"},
    {Id::http_channel_unsubscribe, "200 {status: 'unsubscribed', channel: string}; 404 channel_not_found"},
    {Id::http_channel_publish, "200 {status: 'published', seq: integer, id: string}; 404 channel_not_found"},
    {Id::http_channel_history, "200 {channel: string, messages: [ChannelMessage], count: integer}"},
    {Id::http_agent_subscriptions, "200 {agent_id: string, channels: [string]}"},
    {Id::http_analytics_summary,
     "200 {total_agents: integer, agents_connected: integer, agents_active: integer, agents_idle: integer,"
     " agents_offline: integer, total_messages_24h: integer, timestamp: integer}"},
    {Id::http_analytics_agents,
     "200 {agents: [{agent_id: string, connected: boolean, idle_ms: integer | null, status: 'active' | 'idle' | "
     "'offline',"
     " messages_sent_24h: integer, messages_received_24h: integer, messages_sent_this_hour: integer,"
     " connection_time_24h_ms: integer, last_active: integer | null, last_seen: integer | null,"
     " total_connections: integer}]}"},
    {Id::http_analytics_hourly,
     "200 {agent_id: string, hourly: [{bucket: integer, hour: string, sent: integer, received: integer}]}"},

    // Configuration and administration
    {Id::http_config_list,
     "200 {config: [{name: string, value: any, source: 'stored' | 'settings', set_at: integer | null,"
     " set_by: string | null}]}"},
    {Id::http_config_unset, "200 {status: 'unset', name: string, value: any}"},
    {Id::http_heartbeat_get, "200 {heartbeat_interval_ms: integer}"},
    {Id::http_heartbeat_set, "200 {heartbeat_interval_ms: integer, status: 'updated'}"},
    {Id::http_mail_retention_get, "200 {mailbox_ttl_ms: integer}"},
    {Id::http_mail_retention_set, "200 {mailbox_ttl_ms: integer, status: 'updated'}"},
    {Id::http_default_repo_get, "200 {default_repo: string | null, configured: boolean, url: string | null}"},
    {Id::http_default_repo_set, "200 {status: 'ok', default_repo: string}"},
    {Id::http_public_url_get, "200 {public_url: string | null, configured: boolean}"},
    {Id::http_public_url_set, "200 {status: 'ok', public_url: string}"},
    {Id::http_thresholds_get, "200 object"},
    {Id::http_thresholds_set, "200 {status: 'updated', effective: 'next_check_cycle'}"},
    {Id::http_mailbox_evict, "200 {status: 'eviction_triggered'}"},
    {Id::http_reset, "200 {status: 'reset_scheduled', triggered_by: string}; 403 admin_only; 409 reset_in_progress"},
    {Id::http_log_level_get, "200 {level: string, components: {*: string}}"},
    {Id::http_log_level_set,
     "200 {status: 'ok', level: string, component?: string}; 422 invalid_level {valid: [string]}"},
    {Id::http_push_task,
     "200 {status: 'pushed', task_id: string, agent_id: string}; 404 agent_not_connected {agent_id: string};"
     "503 queue_full"},

    // Recordings
    {Id::http_recording, "200 application/octet-stream; 404 nothing_recorded; 422 bad_value"},
    {Id::http_recording_segments,
     "200 {recording: boolean, reaches_back_to: integer | null, bytes: integer,"
     " segments: [{segment: integer, run: string, hub_version: string, from: integer | null, to: integer | null,"
     " inputs: integer, bytes: integer, snapshot: boolean, ended: 'next_segment' | 'stopped' | 'gap' | null}]}"},
    // Web Push and webhooks
    {Id::http_vapid_key, "200 {vapid_public_key: string}; 503 push_unavailable"},
    {Id::http_push_subscribe,
     "200 {status: 'subscribed', id: string}; 409 too_many_subscriptions; 422 endpoint_not_allowed"},
    {Id::http_push_unsubscribe, "200 {status: 'unsubscribed' | 'not_subscribed'}"},
    {Id::http_push_list,
     "200 {subscriptions: [{id: string, agent_id: string, service: string, kinds: [string],"
     " min_severity: 'notice' | 'warning' | 'critical', created_at: integer, delivered_at: integer | null,"
     " last_error: string | null}]}"},
    {Id::http_push_delete, "200 {status: 'unsubscribed', id: string}; 404 subscription_not_found"},
    {Id::http_push_test, "200 {status: 'queued', count: integer}; 404 subscription_not_found"},
    {Id::http_webhook_list, "200 {webhooks: [Webhook]}"},
    {Id::http_webhook_create, "201 {secret: string, ...Webhook}; 409 webhook_exists | too_many_webhooks"},
    {Id::http_webhook_get, "200 Webhook; 404 webhook_not_found"},
    {Id::http_webhook_replace, "200 Webhook; 404 webhook_not_found"},
    {Id::http_webhook_delete, "200 {status: 'deleted', webhook_id: string}; 404 webhook_not_found"},
    {Id::http_webhook_secret, "200 {secret: string, webhook_id: string}; 404 webhook_not_found"},
    {Id::http_webhook_deliveries,
     "200 {webhook_id: string, deliveries: [{delivery: string, kind: string,"
     " state: 'waiting' | 'delivered' | 'failed', created_at: integer, attempts: integer, last_at: integer | null,"
     " last_status: integer | null, last_error: string | null}]}; 404 webhook_not_found"},
    {Id::http_webhook_test,
     "200 {status: 'queued', webhook_id: string, delivery: string}; 404 webhook_not_found; 409 webhook_disabled"},

    // Moving in
    {Id::http_import,
     "200 {items: [{kind: string, key: string, status: 'created' | 'known' | 'skipped', id?: string, reason?: string}],"
     " created: integer, known: integer, skipped: integer, dry_run: boolean}; 422 too_many_items"},

    // Metrics and alerts
    {Id::http_metrics,
     "200 {...DashboardMetrics, window_ms: integer, task_wait: Durations,"
     " tasks: {window: TaskCounts, cumulative: TaskCounts}, hub: {*: integer | null},"
     " dets_health: StorageHealth | null}"},
    {Id::http_metrics_history,
     "200 {since: integer, until: integer, step_ms: integer, metrics: [MetricName], points: [[integer | null]]};"
     "422 unknown_metric | too_many_values"},
    {Id::http_metrics_text, "200 text/plain"},
    {Id::http_alerts, "200 {alerts: [Alert], timestamp: integer}"},
    {Id::http_alert_history, "200 {alerts: [AlertEpisode], next: integer | null}"},
    {Id::http_alert_acknowledge,
     "200 {status: 'acknowledged', rule_id: string, acknowledged_until: integer | null}; 404 alert_not_found"},
    {Id::http_alert_rules,
     "200 {builtin: [{rule_id: string, severity: AlertSeverity, summary: string, of_hub: boolean,"
     "  raise_after: integer, clear_after: integer, rest_ms: integer | null}], rules: [AlertRule],"
     " metrics: [{...MetricName, of_hub: boolean, summary: string}]}"},
    {Id::http_alert_rule_get, "200 AlertRule; 404 rule_not_found"},
    {Id::http_alert_rule_set, "200 AlertRule; 201 AlertRule; 409 builtin_rule | too_many_rules"},
    {Id::http_alert_rule_remove, "200 {status: 'removed', rule_id: string}; 404 rule_not_found"},
    // Dashboards
    {Id::http_dashboard_state, "200 DashboardState"},

    // Storage care
    {Id::http_backup,
     "200 {status: 'complete', tables_total: integer, tables_success: integer,"
     " results: [{table: string, status: 'ok', path: string, size: integer, rows: integer}], backup: string,"
     " bytes: integer, sha256: string, verified: boolean, copied_to: string | null}; 202 StorageGoesOn;"
     "409 storage_busy {running: string, job: integer}; 500 backup_failed"},
    {Id::http_storage_health,
     "200 {health_status: 'healthy' | 'warning' | 'unhealthy', stale_backup: boolean, high_fragmentation: boolean,"
     " last_backup_at: integer | null, tables: [StorageTable]}"},
    {Id::http_compact,
     "200 {status: 'complete', tables_total: integer, tables_compacted: integer, tables_skipped: integer,"
     " results: [{table: string, status: 'compacted' | 'skipped', duration_ms: integer, reason?: string}],"
     " freed_bytes: integer}; 202 StorageGoesOn; 409 storage_busy {running: string, job: integer};"
     "500 compaction_failed"},
    {Id::http_compact_table,
     "200 {table: string, status: 'compacted' | 'skipped' | 'error', duration_ms: integer, reason?: string};"
     "202 StorageGoesOn; 404 unknown_table {table: string}; 409 storage_busy {running: string, job: integer}"},
    {Id::http_restore_table,
     "202 {status: 'restoring', backup: string, result: object} | StorageGoesOn; 404 unknown_table {table: string};"
     "409 no_backup; 409 whole_set_only {backup: string}; 409 storage_busy {running: string, job: integer};"
     "500 restore_failed"},
    {Id::http_storage,
     "200 {database_bytes: integer, free_percent: integer, disk_free_bytes: integer, measured_at: integer,"
     " last_backup_at: integer | null, backup_age_ms: integer | null, backup_overdue: boolean,"
     " checked_at: integer | null, lost_rows: integer,"
     " damage: string | null,"
     " running: {job: integer, kind: string, trigger: string, began_at: integer} | null, runs: [StorageRun]}"},
    {Id::http_backup_list, "200 {backups: [Backup]}"},
    {Id::http_backup_verify,
     "200 {status: 'verified', backup: string, result: object}; 202 StorageGoesOn;"
     "404 backup_not_found {backup: string}; 409 storage_busy {running: string, job: integer};"
     "500 verification_failed"},
    {Id::http_backup_restore,
     "200 {status: 'dry_run', backup: string, result: object};"
     "202 {status: 'restoring', backup: string, result: object} | StorageGoesOn;"
     "404 backup_not_found {backup: string}; 409 storage_busy {running: string, job: integer}; 500 restore_failed"},
};

// -- Frames of the hub ------------------------------------------------------------------------------------------------

struct FrameText {
    std::string_view type;
    bool reply;
    std::string_view shape;  // without `type`
    std::string_view summary;
};

constexpr bool kReply = true;
constexpr bool kPush = false;

constexpr FrameText kFrames[] = {
    {"agent_joined", kPush, "{agent: Agent}", "Another agent has identified."},
    {"agent_left", kPush, "{agent_id: string}", "Another agent's socket has ended."},
    {"agents", kReply, "{agents: [Agent]}", "Who is connected, by id."},
    {"error", kReply,
     "{error: 'validation_failed', message_type: any, errors: [FieldError]}"
     " | {error: 'unknown_recipient', to: string, near: [string]} | {error: string}",
     "The frame was not carried out."},
    {"identified", kReply,
     "{agent_id: string, protocol_version?: integer, hub_version?: string, features?: [string],"
     " mailbox_pending?: integer, heartbeat_interval_ms?: integer}",
     "The agent is logged in; beyond `agent_id` for protocol 2."},
    {"message", kPush,
     "{id: string, from: string, message_type: string, payload: object, reply_to: string | null, timestamp: integer,"
     " seq?: integer, thread_root?: string, importance?: Importance, ack_required?: boolean, ack_by?: integer,"
     " expires_at?: integer, labels?: [string]}",
     "A message to this agent or to all; `seq` and the envelope for protocol 2."},
    {"message_acked", kReply, "{seq: integer}", "All mail up to that number is done."},
    {"message_sent", kReply, "{id: string}", "The message is stored."},
    {"pong", kReply, "{timestamp: integer}", "The hub is there."},
    {"rate_limit_warning", kPush, "{tier: string, remaining: integer, capacity: integer}",
     "Over 80 % of a limit is used up."},
    {"rate_limited", kReply, "{tier: string, retry_after_ms: integer}", "Over the limit: the frame was dropped."},
    {"status_changed", kPush, "{agent: Agent}", "An agent has set its status text."},
    {"status_updated", kReply, "{}", "The status text is set."},
    {"task_ack", kReply,
     "{task_id: string, status: 'accepted' | 'complete' | 'retried' | 'dead_letter' | 'cancelled' | 'rejected' |"
     " 'noted' | 'waiting'}",
     "A report about a task has been taken."},
    {"task_assign", kPush,
     "{task_id: string, description: string, metadata: object, generation: integer, assigned_at: integer}",
     "A task for this agent."},
    {"task_cancelled", kPush, "{task_id: string, generation: integer, reason: string, grace_ms?: integer}",
     "A task is this agent's no more, or only for `grace_ms`; for protocol 2."},
    {"task_continue", kReply, "{task_id: string, generation: integer}", "The task is still this agent's."},
    {"task_reassign", kReply, "{task_id: string}", "The task is not this agent's."},
    {"task_say", kPush, "{task_id: string, generation: integer, seq: integer, from: string, text: string, at: integer}",
     "Somebody says something about a task that this agent holds; for protocol 2."},
    {"channel_agent_joined", kPush, "{channel: string, agent_id: string}",
     "An agent has become a member of a channel."},
    {"channel_history", kReply, "{channel: string, messages: [ChannelMessage]}",
     "Messages of a channel, oldest first."},
    {"channel_message", kPush,
     "{channel: string, id: string, from: string, message_type: string, payload: object, reply_to: string | null,"
     " timestamp: integer, seq?: integer, channel_seq?: integer, thread_root?: string, importance?: Importance,"
     " ack_required?: boolean, ack_by?: integer, expires_at?: integer, labels?: [string]}",
     "A message to a channel that this agent is a member of; `seq` and what follows for protocol 2."},
    {"channel_published", kReply, "{channel: string, seq: integer, id: string}", "The message is stored."},
    {"channel_subscribed", kReply, "{channel: string, note?: 'already_subscribed'}", "The agent is a member."},
    {"channel_unsubscribed", kReply, "{channel: string}", "The agent is no member."},
    {"channels", kReply, "{channels: [Channel]}", "All channels."},
};

// Those for dashboards. None of them repeats a request_id.
constexpr FrameText kDashboardFrames[] = {
    {"alert_ack_result", kPush, "{rule_id: any, status: string}",
     "What became of `acknowledge_alert`: `acknowledged`, `not_found`, or the word of an error."},
    {"authenticated", kPush, "{principal: string, role: Role, workspace: string, permissions: [string]}",
     "The dashboard is admitted, and may do this."},
    {"delta", kPush, "{cursor: string, at: integer, put: ViewLists, drop: {*: [string]}, figures: ViewFigures}",
     "What changed in the view model."},
    {"error", kPush, "{error: string}", "The frame was not carried out."},
    {"events", kPush, "{data: [DashboardEvent]}", "What happened since the last such frame, in its order."},
    {"model", kPush,
     "{cursor: string, at: integer, reason: 'start' | 'epoch' | 'too_old' | 'lagged', lists: ViewLists,"
     " figures: ViewFigures}",
     "The view model as a whole."},
    {"rate_limited", kPush, "{tier: string, retry_after_ms: integer}", "Over the limit: the frame was dropped."},
    {"retry_result", kPush, "{task_id: any, status: string}",
     "What became of `retry_task`: `requeued`, `not_found`, or the word of an error."},
    {"snapshot", kPush, "{data: DashboardState, alerts?: [Alert]}", "The workspace as v1.1 shows it."},
    {"subscribed", kPush, "{mode: 'delta' | 'events'}", "The dashboard will be told what happens in this way."},
};

// -- Reading the tables -----------------------------------------------------------------------------------------------

std::vector<NamedShape> read_named() {
    std::vector<NamedShape> shapes;
    for (const NamedText& each : kNamed) {
        shapes.push_back({each.name, parse_shape(each.text, shapes)});
    }
    return shapes;
}

Shape text_shape() {
    Shape shape;
    shape.kind = Shape::Kind::string;
    return shape;
}

// The words before `{`, separated by '|'; one with blanks in it stands in quotes.
std::vector<std::string> codes_of(std::string_view text) {
    std::vector<std::string> codes;
    while (!text.empty()) {
        std::string_view code = text.substr(0, text.find('|'));
        text.remove_prefix(std::min(code.size() + 1, text.size()));
        const size_t from = code.find_first_not_of(" '");
        const size_t to = code.find_last_not_of(" '");
        AGENTCOM_ASSERT(from != std::string_view::npos, "an error has a word");
        codes.emplace_back(code.substr(from, to - from + 1));
    }
    return codes;
}

// {error: 'word' | 'word', message?: string, …members of `extra`}
Shape error_shape(const std::vector<std::string>& codes, std::string_view extra) {
    std::string text = "{error: ";
    for (const std::string& code : codes) text.append(&code == codes.data() ? "'" : " | '").append(code).append("'");
    text += ", message?: string";
    if (!extra.empty()) text.append(", ").append(extra.substr(1));
    return parse_shape(extra.empty() ? text + "}" : text, named_shapes());
}

AnswerShape error(int status, const std::vector<std::string>& codes, std::string_view name) {
    AnswerShape answer;
    answer.status = status;
    answer.shape = parse_shape(name, named_shapes());
    answer.codes = codes;
    return answer;
}

AnswerShape read_answer(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    AnswerShape answer;
    const auto status = std::from_chars(text.data(), text.data() + text.size(), answer.status);
    AGENTCOM_ASSERT(status.ec == std::errc{}, "an answer begins with its status");
    text.remove_prefix(static_cast<size_t>(status.ptr - text.data()) + 1);
    const bool of_words = text.front() == '\'' || (text.front() >= 'a' && text.front() <= 'z' && text != "object");
    if (of_words && text.find('/') != std::string_view::npos) {
        answer.media_type = text;
        answer.shape = text_shape();
    } else if (of_words) {
        const size_t brace = std::min(text.find('{'), text.size());
        answer.codes = codes_of(text.substr(0, brace));
        answer.shape = error_shape(answer.codes, text.substr(brace));
    } else {
        answer.shape = parse_shape(text, named_shapes());
    }
    return answer;
}

const RouteText* find_text(OperationId id) {
    const auto found =
        std::find_if(std::begin(kRoutes), std::end(kRoutes), [id](const RouteText& r) { return r.id == id; });
    return found == std::end(kRoutes) ? nullptr : found;
}

// Errors that come from what the catalogue says about a route, or from the machine around it.
void add_common(std::vector<AnswerShape>& all, const Operation& route) {
    const bool open = route.auth == Auth::none;
    const bool public_route = open && route.permission == Permission::none;
    all.push_back(error(400, {"bad_request"}, "Error"));
    all.push_back(error(403, {"forbidden"}, "Error"));
    all.push_back(error(500, {"internal_error"}, "Error"));
    if (!public_route) all.push_back(error(401, {"unauthorized"}, "Unauthorized"));
    if (!open) all.push_back(error(404, {"workspace_not_found"}, "Error"));
    if (!route.fields.empty() || !route.query.empty() || route.mutates || !open) {
        all.push_back(error(422, {"validation_failed"}, "ValidationFailed"));
    }
    if (route.mutates) all.push_back(error(422, {"idempotency_conflict"}, "Error"));
    if (route.tier != Tier::none || !public_route) all.push_back(error(429, {"rate_limited"}, "RateLimited"));
    all.push_back(error(503, {"storage_unavailable"}, "Error"));
}

void read_frames(std::span<const FrameText> texts, bool dashboard, std::vector<HubFrame>& frames) {
    for (const FrameText& each : texts) {
        HubFrame frame{each.type, each.reply, each.summary, parse_shape(each.shape, named_shapes()), dashboard};
        Shape type;
        type.kind = Shape::Kind::literal;
        type.text = each.type;
        frame.shape = with_first_member(std::move(frame.shape), {"type", false, std::move(type)});
        frames.push_back(std::move(frame));
    }
}

std::vector<HubFrame> read_all_frames() {
    std::vector<HubFrame> frames;
    read_frames(kFrames, false, frames);
    read_frames(kDashboardFrames, true, frames);
    std::sort(frames.begin(), frames.end(), [](const HubFrame& a, const HubFrame& b) {
        return std::tie(a.dashboard, a.type) < std::tie(b.dashboard, b.type);
    });
    return frames;
}

}  // namespace

std::span<const NamedShape> named_shapes() {
    static const std::vector<NamedShape> shapes = read_named();
    return shapes;
}

std::string_view named_shape_summary(std::string_view name) {
    const auto found =
        std::find_if(std::begin(kNamed), std::end(kNamed), [name](const NamedText& each) { return each.name == name; });
    AGENTCOM_ASSERT(found != std::end(kNamed), "a shape that is named is in the table");
    return found->summary;
}

bool has_answers(OperationId id) { return find_text(id) != nullptr; }

std::vector<AnswerShape> answers(const Operation& route) {
    std::vector<AnswerShape> all;
    if (const RouteText* found = find_text(route.id)) {
        std::string_view text = found->answers;
        while (!text.empty()) {
            const std::string_view one = text.substr(0, text.find(';'));
            text.remove_prefix(std::min(one.size() + 1, text.size()));
            all.push_back(read_answer(one));
        }
    }
    add_common(all, route);
    std::stable_sort(all.begin(), all.end(),
                     [](const AnswerShape& a, const AnswerShape& b) { return a.status < b.status; });
    return all;
}

std::span<const HubFrame> hub_frames() {
    static const std::vector<HubFrame> frames = read_all_frames();
    return frames;
}

}  // namespace agentcom
