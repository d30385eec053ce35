// The catalogue itself: the fields of every operation, then one entry per frame type and per route.
#include <algorithm>
#include <array>

#include "core/base/assert.hpp"
#include "core/base/limits.hpp"
#include "core/protocol/operation.hpp"

namespace agentcom {
namespace {

// -- Fields -----------------------------------------------------------------------------------------------------------

constexpr Field string_field(std::string_view name, size_t max_code_points) {
    Field field;
    field.name = name;
    field.type = FieldType::string;
    field.max_code_points = static_cast<uint32_t>(max_code_points);
    return field;
}

constexpr Field typed_field(std::string_view name, FieldType type) {
    Field field;
    field.name = name;
    field.type = type;
    return field;
}

constexpr Field list_field(std::string_view name, size_t max_items) {
    Field field;
    field.name = name;
    field.type = FieldType::array_of_string;
    field.max_code_points = static_cast<uint32_t>(kMaxNameCodePoints);
    field.max_items = static_cast<uint32_t>(max_items);
    return field;
}

constexpr Field required(Field field) {
    field.required = true;
    return field;
}

constexpr Field since(uint8_t version, Field field) {
    field.since = version;
    return field;
}

// A field of a later protocol version in a frame of v1.1.
constexpr Field lenient(Field field) {
    field.since = 2;
    field.on_bad_value = OnBadValue::ignore;
    return field;
}

constexpr Field failure_text(std::string_view name) {
    Field field = string_field(name, kMaxFailureTextCodePoints);
    field.on_bad_value = OnBadValue::coerce;
    return field;
}

constexpr Field kAgentId = required(string_field("agent_id", kMaxAgentIdCodePoints));
constexpr Field kTaskId = required(string_field("task_id", kMaxNameCodePoints));
constexpr Field kGeneration = required(typed_field("generation", FieldType::integer));

constexpr std::array kIdentifyFields = {
    kAgentId,
    required(string_field("token", kMaxTokenCodePoints)),
    list_field("capabilities", kMaxCapabilities),
    lenient(string_field("client_type", kMaxAgentNameCodePoints)),
    string_field("name", kMaxAgentNameCodePoints),
    lenient(string_field("presence", kMaxKeyCodePoints)),
    lenient(typed_field("protocol_version", FieldType::integer)),
    lenient(typed_field("slots", FieldType::positive_integer)),
    string_field("status", kMaxStatusCodePoints),
};

constexpr std::array kMessageFrameFields = {
    required(typed_field("payload", FieldType::object)),
    lenient(typed_field("ack_by", FieldType::integer)),
    lenient(typed_field("ack_required", FieldType::boolean)),
    lenient(typed_field("expires_at", FieldType::integer)),
    since(2, string_field("idempotency_key", kMaxKeyCodePoints)),
    lenient(string_field("importance", kMaxKeyCodePoints)),
    lenient(list_field("labels", kMaxLabels)),
    string_field("message_type", kMaxNameCodePoints),
    string_field("reply_to", kMaxNameCodePoints),
    lenient(string_field("thread_root", kMaxNameCodePoints)),
    string_field("to", kMaxNameCodePoints),
};

constexpr std::array kMessageAckFields = {required(typed_field("seq", FieldType::integer))};

constexpr std::array kStatusFields = {required(string_field("status", kMaxStatusCodePoints))};

constexpr Field kChannel = required(string_field("channel", kMaxChannelCodePoints));

constexpr std::array kChannelOnly = {kChannel};

constexpr std::array kChannelPublishFields = {
    kChannel,
    required(typed_field("payload", FieldType::object)),
    lenient(typed_field("ack_by", FieldType::integer)),
    lenient(typed_field("ack_required", FieldType::boolean)),
    lenient(typed_field("expires_at", FieldType::integer)),
    since(2, string_field("idempotency_key", kMaxKeyCodePoints)),
    lenient(string_field("importance", kMaxKeyCodePoints)),
    lenient(list_field("labels", kMaxLabels)),
    string_field("message_type", kMaxNameCodePoints),
    string_field("reply_to", kMaxNameCodePoints),
    lenient(string_field("thread_root", kMaxNameCodePoints)),
};

constexpr std::array kChannelHistoryFields = {
    kChannel,
    typed_field("limit", FieldType::integer),
    typed_field("since", FieldType::integer),
};

constexpr std::array kTaskIdOnly = {kTaskId};

constexpr std::array kTaskProgressFields = {kTaskId, typed_field("progress", FieldType::integer)};

constexpr std::array kTaskCompleteFields = {
    kGeneration,
    kTaskId,
    typed_field("result", FieldType::object),
    typed_field("tokens_used", FieldType::integer),
    lenient(typed_field("usage", FieldType::object)),
};

constexpr std::array kTaskFailedFields = {kGeneration, kTaskId, failure_text("error"), failure_text("reason")};

constexpr std::array kTaskRejectedFields = {
    kTaskId,
    typed_field("generation", FieldType::integer),
    failure_text("reason"),
};

constexpr std::array kTaskOutputFields = {
    kGeneration,
    required(typed_field("offset", FieldType::integer)),
    required(string_field("stream", kMaxNameCodePoints)),
    kTaskId,
    required(string_field("text", kMaxOutputCodePoints)),
};

constexpr std::array kTaskNoteFields = {kTaskId, required(string_field("text", kMaxNoteCodePoints)),
                                        typed_field("generation", FieldType::integer)};

constexpr std::array kTaskWaitingFields = {
    required(string_field("question", kMaxQuestionCodePoints)),
    kTaskId,
    typed_field("generation", FieldType::integer),
    list_field("options", kMaxOptions),
};

constexpr std::array kRegisterFields = {
    kAgentId,
    since(2, string_field("invite", kMaxTokenCodePoints)),
    since(2, string_field("workspace", kMaxAgentIdCodePoints)),
};

constexpr std::array kTokenFields = {
    kAgentId,
    since(2, typed_field("expires_at", FieldType::positive_integer)),
    since(2, string_field("kind", kMaxKeyCodePoints)),
    since(2, string_field("label", kMaxNameCodePoints)),
    since(2, string_field("role", kMaxKeyCodePoints)),
    since(2, list_field("scopes", kMaxScopes)),
    since(2, typed_field("ttl_ms", FieldType::positive_integer)),
    since(2, string_field("workspace", kMaxAgentIdCodePoints)),
};

constexpr std::array kInviteFields = {
    string_field("agent_id", kMaxAgentIdCodePoints),    string_field("role", kMaxKeyCodePoints),
    typed_field("ttl_ms", FieldType::positive_integer), typed_field("uses", FieldType::positive_integer),
    string_field("workspace", kMaxAgentIdCodePoints),
};

constexpr std::array kMessageBodyFields = {
    required(typed_field("payload", FieldType::object)),
    since(2, typed_field("ack_by", FieldType::integer)),
    since(2, typed_field("ack_required", FieldType::boolean)),
    since(2, typed_field("expires_at", FieldType::integer)),
    since(2, string_field("importance", kMaxKeyCodePoints)),
    since(2, list_field("labels", kMaxLabels)),
    string_field("reply_to", kMaxNameCodePoints),
    since(2, string_field("thread_root", kMaxNameCodePoints)),
    string_field("to", kMaxNameCodePoints),
    string_field("type", kMaxNameCodePoints),
};

constexpr std::array kChannelBodyFields = {
    required(string_field("name", kMaxChannelNameCodePoints)),
    string_field("description", kMaxDescriptionCodePoints),
};

constexpr std::array kChannelPublishBodyFields = {
    required(typed_field("payload", FieldType::object)),
    since(2, typed_field("ack_by", FieldType::integer)),
    since(2, typed_field("ack_required", FieldType::boolean)),
    since(2, typed_field("expires_at", FieldType::integer)),
    since(2, string_field("importance", kMaxKeyCodePoints)),
    since(2, list_field("labels", kMaxLabels)),
    string_field("reply_to", kMaxNameCodePoints),
    since(2, string_field("thread_root", kMaxNameCodePoints)),
    string_field("type", kMaxNameCodePoints),
};

constexpr std::array kMailboxAckFields = {required(typed_field("seq", FieldType::integer))};

constexpr std::array kTaskSubmitFields = {
    required(string_field("description", kMaxDescriptionCodePoints)),
    since(2, list_field("blocked_by", kMaxBlockedBy)),
    typed_field("complete_by", FieldType::integer),
    since(2, string_field("fairness_key", kMaxKeyCodePoints)),
    since(2, string_field("kind", kMaxKeyCodePoints)),
    since(2, list_field("labels", kMaxLabels)),
    typed_field("max_retries", FieldType::integer),
    since(2, typed_field("max_run_ms", FieldType::positive_integer)),
    typed_field("metadata", FieldType::object),
    list_field("needed_capabilities", kMaxCapabilities),
    since(2, typed_field("not_before", FieldType::integer)),
    since(2, string_field("on_blocker_failure", kMaxKeyCodePoints)),
    since(2, string_field("origin", kMaxKeyCodePoints)),
    since(2, string_field("parent_id", kMaxNameCodePoints)),
    string_field("priority", kMaxNameCodePoints),
    since(2, string_field("trace", kMaxTraceCodePoints)),
    since(2, string_field("unique_key", kMaxKeyCodePoints)),
};

constexpr std::array kBatchFields = {required(typed_field("tasks", FieldType::any))};

constexpr std::array kClaimFields = {
    list_field("capabilities", kMaxCapabilities),         list_field("lanes", kMaxCapabilities),
    typed_field("lease_ms", FieldType::positive_integer), string_field("request_id", kMaxKeyCodePoints),
    typed_field("wait_ms", FieldType::integer),
};

// -- configuration and administration
constexpr std::array kConfigNameFields = {required(string_field("name", kMaxKeyCodePoints))};
constexpr std::array kHeartbeatFields = {required(typed_field("heartbeat_interval_ms", FieldType::positive_integer))};
constexpr std::array kMailRetentionFields = {required(typed_field("mailbox_ttl_ms", FieldType::positive_integer))};
constexpr std::array kUrlFields = {required(string_field("url", kMaxUrlCodePoints))};
constexpr std::array kThresholdFields = {
    since(2, typed_field("check_interval_ms", FieldType::integer)),
    since(2, typed_field("cooldowns", FieldType::object)),
    since(2, typed_field("error_count_hour", FieldType::integer)),
    since(2, typed_field("failure_rate_pct", FieldType::integer)),
    since(2, typed_field("queue_growing_checks", FieldType::integer)),
    since(2, typed_field("stuck_task_ms", FieldType::integer)),
};
// Any value: what is no level gets an answer of its own.
constexpr std::array kLogLevelFields = {since(2, typed_field("component", FieldType::any)),
                                        since(2, typed_field("level", FieldType::any))};
constexpr std::array kPushTaskFields = {
    kAgentId,
    required(string_field("description", kMaxDescriptionCodePoints)),
    typed_field("metadata", FieldType::object),
};

constexpr std::array kGenerationOnly = {kGeneration};

constexpr std::array kProgressBodyFields = {kGeneration, string_field("note", kMaxNoteCodePoints),
                                            typed_field("progress", FieldType::integer)};

constexpr std::array kCompleteBodyFields = {
    kGeneration,
    typed_field("result", FieldType::object),
    typed_field("tokens_used", FieldType::integer),
    typed_field("usage", FieldType::object),
};

constexpr std::array kFailBodyFields = {kGeneration, failure_text("error"), failure_text("reason")};

constexpr std::array kReleaseBodyFields = {kGeneration, failure_text("reason")};

constexpr std::array kCancelBodyFields = {typed_field("grace_ms", FieldType::integer), failure_text("reason")};

constexpr std::array kSayFields = {required(string_field("text", kMaxQuestionCodePoints))};

// Rate limits: their bodies have 422s of their own shape, so the handlers look at them.
constexpr std::array kExemptListFields = {typed_field("agent_ids", FieldType::any)};
constexpr std::array kExemptFields = {typed_field("agent_id", FieldType::any)};
constexpr std::array kOverrideFields = {typed_field("heavy", FieldType::any), typed_field("light", FieldType::any),
                                        typed_field("normal", FieldType::any)};
constexpr std::array kImportFields = {
    required(typed_field("items", FieldType::any)),
    required(string_field("source", kMaxKeyCodePoints)),
    typed_field("dry_run", FieldType::boolean),
};

// Web Push and webhooks. Of a push subscription v1.1 looked at the endpoint alone.
constexpr std::array kPushSubscribeFields = {
    required(string_field("endpoint", kMaxUrlCodePoints)),     since(2, typed_field("expirationTime", FieldType::any)),
    since(2, typed_field("keys", FieldType::object)),          since(2, list_field("kinds", kMaxEventKinds)),
    since(2, string_field("min_severity", kMaxKeyCodePoints)),
};
constexpr std::array kEndpointFields = {required(string_field("endpoint", kMaxUrlCodePoints))};
constexpr std::array kWebhookFields = {
    required(string_field("url", kMaxUrlCodePoints)),
    required(string_field("webhook_id", kMaxKeyCodePoints)),
    typed_field("enabled", FieldType::boolean),
    list_field("kinds", kMaxEventKinds),
};
constexpr std::array kWebhookReplaceFields = {
    required(string_field("url", kMaxUrlCodePoints)),
    typed_field("enabled", FieldType::boolean),
    list_field("kinds", kMaxEventKinds),
};
// -- storage care
constexpr std::array kWholeSetFields = {since(2, typed_field("whole_set", FieldType::boolean))};
constexpr std::array kDryRunFields = {typed_field("dry_run", FieldType::boolean)};

// -- Query parameters -------------------------------------------------------------------------------------------------

constexpr std::array kMessageQuery = {QueryField{"strict", FieldType::integer, 2}};

constexpr std::array kSentQuery = {
    QueryField{"before", FieldType::integer, 2},
    QueryField{"limit", FieldType::integer, 2},
};

constexpr std::array kMailboxQuery = {
    QueryField{"limit", FieldType::integer, 2},
    QueryField{"since", FieldType::integer, 1},
    QueryField{"wait_ms", FieldType::integer, 2},
};

constexpr std::array kMessagesQuery = {
    QueryField{"channel", FieldType::string, 1},   QueryField{"cursor", FieldType::integer, 1},
    QueryField{"end_time", FieldType::integer, 1}, QueryField{"from", FieldType::string, 1},
    QueryField{"limit", FieldType::integer, 1},    QueryField{"order", FieldType::string, 2},
    QueryField{"q", FieldType::string, 2},         QueryField{"start_time", FieldType::integer, 1},
    QueryField{"to", FieldType::string, 1},        QueryField{"type", FieldType::string, 2},
};

constexpr std::array kHistoryQuery = {
    QueryField{"limit", FieldType::integer, 1},
    QueryField{"since", FieldType::integer, 1},
};

constexpr std::array kWaitQuery = {QueryField{"wait_ms", FieldType::integer, 2}};

constexpr std::array kOutputQuery = {
    QueryField{"generation", FieldType::integer, 2},
    QueryField{"limit", FieldType::integer, 2},
    QueryField{"since", FieldType::integer, 2},
    QueryField{"wait_ms", FieldType::integer, 2},
};

constexpr std::array kTaskListQuery = {
    QueryField{"assigned_to", FieldType::string, 1}, QueryField{"cursor", FieldType::string, 2},
    QueryField{"limit", FieldType::integer, 2},      QueryField{"priority", FieldType::string, 1},
    QueryField{"status", FieldType::string, 1},
};

constexpr std::array kPageQuery = {
    QueryField{"cursor", FieldType::string, 2},
    QueryField{"limit", FieldType::integer, 2},
};

constexpr std::array kTokenRevokeQuery = {QueryField{"prefix", FieldType::string, 2}};

constexpr std::array kAuditQuery = {
    QueryField{"before", FieldType::integer, 2}, QueryField{"kind", FieldType::string, 2},
    QueryField{"limit", FieldType::integer, 2},  QueryField{"principal", FieldType::string, 2},
    QueryField{"since", FieldType::integer, 2},
};

constexpr std::array kRecordingQuery = {
    QueryField{"from", FieldType::integer, 2},
    QueryField{"strip", FieldType::string, 2},
    QueryField{"to", FieldType::integer, 2},
};

constexpr std::array kEventsQuery = {
    QueryField{"kind", FieldType::string, 2},     QueryField{"limit", FieldType::integer, 2},
    QueryField{"since", FieldType::string, 2},    QueryField{"subject", FieldType::string, 2},
    QueryField{"wait_ms", FieldType::integer, 2},
};

// metrics and alerts
constexpr std::array kMetricsHistoryQuery = {
    QueryField{"names", FieldType::string, 2},
    QueryField{"since", FieldType::integer, 2},
    QueryField{"step", FieldType::integer, 2},
    QueryField{"until", FieldType::integer, 2},
};

constexpr std::array kAlertHistoryQuery = {
    QueryField{"before", FieldType::integer, 2},
    QueryField{"limit", FieldType::integer, 2},
    QueryField{"rule_id", FieldType::string, 2},
};

constexpr std::array kAlertAcknowledgeFields = {
    lenient(typed_field("expires_in_ms", FieldType::positive_integer)),
    lenient(string_field("note", kMaxNoteCodePoints)),
};

constexpr std::array kAlertRuleFields = {
    required(since(2, string_field("metric", kMaxKeyCodePoints))),
    required(since(2, string_field("op", 2))),
    required(since(2, typed_field("threshold", FieldType::integer))),
    since(2, typed_field("for_ms", FieldType::integer)),
    since(2, string_field("message", kMaxNoteCodePoints)),
    since(2, string_field("severity", kMaxKeyCodePoints)),
};

// -- The catalogue ----------------------------------------------------------------------------------------------------

// What is never limited: whoever watches the hub must be answered.
constexpr bool is_exempt(OperationId id) {
    return id == OperationId::http_health || id == OperationId::http_livez || id == OperationId::http_readyz;
}

// The tier of v1.1 where it had one.
constexpr Tier limit_tier(const Operation& operation) {
    if (is_exempt(operation.id)) return Tier::none;
    if (operation.tier != Tier::none) return operation.tier;
    return operation.mutates ? Tier::normal : Tier::light;
}

struct FrameTraits {
    Tier tier = Tier::normal;
    uint32_t limit_per_min = 0;
    bool lifecycle = false;
    bool mutates = false;
    uint8_t since = 1;
    Auth auth = Auth::session;
};

constexpr Operation frame(OperationId id, std::string_view type, std::span<const Field> fields, FrameTraits traits,
                          std::string_view summary) {
    Operation operation{};
    operation.id = id;
    operation.name = type;
    operation.frame_type = type;
    operation.fields = fields;
    operation.auth = traits.auth;
    operation.tier = traits.tier;
    operation.rate_identity = RateIdentity::agent;
    operation.lifecycle = traits.lifecycle;
    operation.mutates = traits.mutates;
    operation.since = traits.since;
    operation.summary = summary;
    operation.limit = limit_tier(operation);
    operation.limit_per_min = traits.limit_per_min;
    return operation;
}

struct RouteTraits {
    Auth auth = Auth::none;
    Permission permission = Permission::work;
    Tier tier = Tier::none;
    RateIdentity rate_identity = RateIdentity::none;
    uint32_t limit_per_min = 0;
    std::span<const Field> fields = {};
    std::span<const QueryField> query = {};
    bool mutates = false;
    bool own_record = false;
    bool mints_secret = false;
    uint8_t since = 1;
    uint16_t success_status = 200;
};

constexpr Operation route(OperationId id, std::string_view name, Method method, std::string_view path,
                          RouteTraits traits, std::string_view summary) {
    Operation operation{};
    operation.id = id;
    operation.name = name;
    operation.method = method;
    operation.path = path;
    operation.fields = traits.fields;
    operation.query = traits.query;
    operation.auth = traits.auth;
    operation.permission = traits.permission;
    operation.tier = traits.tier;
    operation.rate_identity = traits.rate_identity;
    operation.mutates = traits.mutates;
    operation.own_record = traits.own_record;
    operation.mints_secret = traits.mints_secret;
    operation.since = traits.since;
    operation.success_status = traits.success_status;
    operation.summary = summary;
    operation.limit = limit_tier(operation);
    operation.limit_per_min = traits.limit_per_min;
    return operation;
}

using Id = OperationId;
constexpr auto kByAgent = RateIdentity::agent;
constexpr auto kByAddress = RateIdentity::address;

constexpr std::array kCatalogue = {
    frame(Id::ws_identify, "identify", kIdentifyFields, {.tier = Tier::heavy, .mutates = true, .auth = Auth::none},
          "Log in as an agent; the first frame of a socket."),
    frame(Id::ws_ping, "ping", {}, {.tier = Tier::light}, "Ask for a pong; a sign of life."),
    frame(Id::ws_message, "message", kMessageFrameFields, {.mutates = true},
          "Send a message to an agent, or to all when `to` is absent or \"broadcast\"."),
    frame(Id::ws_message_ack, "message_ack", kMessageAckFields, {.tier = Tier::light, .mutates = true, .since = 2},
          "Be done with all mail up to a sequence number."),
    frame(Id::ws_status, "status", kStatusFields, {.tier = Tier::light, .mutates = true},
          "Set the free status text that other agents see."),
    frame(Id::ws_list_agents, "list_agents", {}, {.tier = Tier::light}, "List the connected agents."),
    frame(Id::ws_channel_subscribe, "channel_subscribe", kChannelOnly, {.mutates = true},
          "Become a member of a channel."),
    frame(Id::ws_channel_unsubscribe, "channel_unsubscribe", kChannelOnly, {.mutates = true}, "Leave a channel."),
    frame(Id::ws_channel_publish, "channel_publish", kChannelPublishFields, {.mutates = true},
          "Send a message to the members of a channel."),
    frame(Id::ws_channel_history, "channel_history", kChannelHistoryFields, {.tier = Tier::light},
          "Read the newest messages of a channel, or those after `since`."),
    frame(Id::ws_list_channels, "list_channels", {}, {.tier = Tier::light}, "List the channels."),
    frame(Id::ws_task_accepted, "task_accepted", kTaskIdOnly, {.lifecycle = true, .mutates = true},
          "Confirm an assigned task."),
    frame(Id::ws_task_progress, "task_progress", kTaskProgressFields, {.lifecycle = true, .mutates = true},
          "Report that work on a task goes on."),
    frame(Id::ws_task_complete, "task_complete", kTaskCompleteFields, {.lifecycle = true, .mutates = true},
          "Report a finished task with its result."),
    frame(Id::ws_task_failed, "task_failed", kTaskFailedFields, {.lifecycle = true, .mutates = true},
          "Report a failed task; it is tried again while retries are left."),
    frame(Id::ws_task_rejected, "task_rejected", kTaskRejectedFields, {.lifecycle = true, .mutates = true},
          "Hand an assigned task back without spending a retry."),
    frame(Id::ws_task_recovering, "task_recovering", kTaskIdOnly, {.lifecycle = true, .mutates = true},
          "Ask after a restart whether a task is still one's own."),
    frame(Id::ws_task_output, "task_output", kTaskOutputFields,
          {.tier = Tier::light, .limit_per_min = 60'000, .lifecycle = true, .mutates = true, .since = 2},
          "Hand in a piece of what a task's program prints; it is kept, and shown to who follows."),
    frame(Id::ws_task_note, "task_note", kTaskNoteFields, {.lifecycle = true, .mutates = true, .since = 2},
          "Add a remark to a task's history."),
    frame(Id::ws_task_waiting, "task_waiting", kTaskWaitingFields, {.lifecycle = true, .mutates = true, .since = 2},
          "Ask a person something about a task; the answer comes as task_say."),

    route(Id::http_health, "get_health", Method::get, "/health", {.permission = Permission::none},
          "Whether the hub answers, for v1.1 clients."),
    route(Id::http_livez, "get_livez", Method::get, "/livez", {.permission = Permission::none, .since = 2},
          "Whether the process is alive."),
    route(Id::http_readyz, "get_readyz", Method::get, "/readyz", {.permission = Permission::none, .since = 2},
          "Whether the hub takes work: storage writable, loading done."),
    route(Id::http_schemas, "get_schemas", Method::get, "/api/schemas", {.permission = Permission::none},
          "List the fields of all frames and bodies."),
    route(Id::http_websocket_schemas, "get_websocket_schemas", Method::get, "/api/schemas/websocket",
          {.permission = Permission::none, .tier = Tier::light, .rate_identity = kByAddress, .since = 2},
          "Give the JSON Schema (2020-12) of every frame, of clients and of the hub."),
    route(Id::http_openapi, "get_openapi", Method::get, "/api/openapi.json",
          {.permission = Permission::none, .tier = Tier::light, .rate_identity = kByAddress, .since = 2},
          "Describe all routes as an OpenAPI 3.1 document."),
    route(Id::http_register, "post_onboard_register", Method::post, "/api/onboard/register",
          {.permission = Permission::none,
           .tier = Tier::heavy,
           .rate_identity = kByAddress,
           .fields = kRegisterFields,
           .mutates = true,
           .mints_secret = true,
           .success_status = 201},
          "Register a new agent and get its token."),
    route(Id::http_token_create, "post_admin_token", Method::post, "/admin/tokens",
          {.auth = Auth::strict,
           .permission = Permission::none,
           .fields = kTokenFields,
           .mutates = true,
           .mints_secret = true,
           .success_status = 201},
          "Make a further token for an agent."),
    route(Id::http_token_list, "get_admin_tokens", Method::get, "/admin/tokens",
          {.auth = Auth::strict, .permission = Permission::none}, "List tokens by agent and prefix."),
    route(Id::http_token_revoke, "delete_admin_token", Method::delete_, "/admin/tokens/:agent_id",
          {.auth = Auth::strict, .permission = Permission::none, .query = kTokenRevokeQuery, .mutates = true},
          "Revoke all tokens of an agent, or those that begin with `prefix`."),
    route(Id::http_token_rotate, "post_admin_token_rotate", Method::post, "/admin/tokens/:agent_id/rotate",
          {.auth = Auth::strict,
           .permission = Permission::none,
           .mutates = true,
           .mints_secret = true,
           .since = 2,
           .success_status = 201},
          "Make a new token for an agent and revoke all others."),
    route(Id::http_whoami, "get_whoami", Method::get, "/api/whoami",
          {.auth = Auth::strict, .permission = Permission::none, .since = 2}, "Show whose token this is."),
    route(Id::http_message_send, "post_message", Method::post, "/api/message",
          {.auth = Auth::strict,
           .tier = Tier::normal,
           .rate_identity = kByAgent,
           .fields = kMessageBodyFields,
           .query = kMessageQuery,
           .mutates = true},
          "Send a message to an agent, or to all when `to` is absent or \"broadcast\"."),
    route(Id::http_message_sent, "get_messages_sent", Method::get, "/api/messages/sent",
          {.auth = Auth::strict, .permission = Permission::read, .query = kSentQuery, .since = 2},
          "List one's own messages and what became of them."),
    route(Id::http_message_deliveries, "get_message_deliveries", Method::get, "/api/messages/:message_id/deliveries",
          {.auth = Auth::strict, .permission = Permission::read, .since = 2}, "Show what became of a message."),
    route(Id::http_mailbox_read, "get_mailbox", Method::get, "/api/mailbox/:agent_id",
          {.auth = Auth::flex_owner, .query = kMailboxQuery}, "Read the messages that wait for an agent."),
    route(Id::http_mailbox_ack, "post_mailbox_ack", Method::post, "/api/mailbox/:agent_id/ack",
          {.auth = Auth::flex_owner, .fields = kMailboxAckFields, .mutates = true},
          "Remove the messages up to a sequence number."),
    route(Id::http_message_find, "get_messages", Method::get, "/api/messages",
          {.auth = Auth::flex, .permission = Permission::read, .query = kMessagesQuery},
          "Find messages by sender, recipient, channel, type, time or words."),
    route(Id::http_thread, "get_thread", Method::get, "/api/threads/:message_id",
          {.auth = Auth::flex, .permission = Permission::read}, "Show the whole thread that a message is in."),
    route(Id::http_thread_replies, "get_thread_replies", Method::get, "/api/threads/:message_id/replies",
          {.auth = Auth::flex, .permission = Permission::read}, "List the direct replies to a message."),
    route(Id::http_thread_root, "get_thread_root", Method::get, "/api/threads/:message_id/root",
          {.auth = Auth::flex, .permission = Permission::read}, "Find the message that a thread began with."),
    route(Id::http_channel_list, "get_channels", Method::get, "/api/channels",
          {.permission = Permission::read, .tier = Tier::light, .rate_identity = kByAddress}, "List the channels."),
    route(Id::http_channel_create, "post_channel", Method::post, "/api/channels",
          {.auth = Auth::strict,
           .tier = Tier::heavy,
           .rate_identity = kByAgent,
           .fields = kChannelBodyFields,
           .mutates = true,
           .success_status = 201},
          "Create a channel."),
    route(Id::http_channel_get, "get_channel", Method::get, "/api/channels/:channel",
          {.permission = Permission::read, .tier = Tier::normal, .rate_identity = kByAddress},
          "Show a channel and its members."),
    route(Id::http_channel_subscribe, "post_channel_subscribe", Method::post, "/api/channels/:channel/subscribe",
          {.auth = Auth::strict, .tier = Tier::normal, .rate_identity = kByAgent, .mutates = true},
          "Become a member of a channel."),
    route(Id::http_channel_unsubscribe, "post_channel_unsubscribe", Method::post, "/api/channels/:channel/unsubscribe",
          {.auth = Auth::strict, .tier = Tier::normal, .rate_identity = kByAgent, .mutates = true}, "Leave a channel."),
    route(Id::http_channel_publish, "post_channel_publish", Method::post, "/api/channels/:channel/publish",
          {.auth = Auth::strict,
           .tier = Tier::normal,
           .rate_identity = kByAgent,
           .fields = kChannelPublishBodyFields,
           .mutates = true},
          "Send a message to the members of a channel."),
    route(Id::http_channel_history, "get_channel_history", Method::get, "/api/channels/:channel/history",
          {.permission = Permission::read, .query = kHistoryQuery},
          "Read the newest messages of a channel, or those after `since`."),
    route(Id::http_agent_subscriptions, "get_agent_subscriptions", Method::get, "/api/agents/:agent_id/subscriptions",
          {.permission = Permission::read}, "List the channels an agent is a member of."),
    route(Id::http_analytics_summary, "get_analytics_summary", Method::get, "/api/analytics/summary",
          {.permission = Permission::read}, "Count the agents at work and the messages of a day."),
    route(Id::http_analytics_agents, "get_analytics_agents", Method::get, "/api/analytics/agents",
          {.permission = Permission::read}, "Show what each agent has sent and received within a day."),
    route(Id::http_analytics_hourly, "get_analytics_hourly", Method::get, "/api/analytics/agents/:agent_id/hourly",
          {.permission = Permission::read}, "Show what an agent has sent and received, hour by hour."),
    route(Id::http_agents, "get_agents", Method::get, "/api/agents",
          {.permission = Permission::read, .tier = Tier::light, .rate_identity = kByAddress},
          "List the connected agents."),
    route(Id::http_agent_states, "get_agent_states", Method::get, "/api/agents/states",
          {.auth = Auth::strict, .permission = Permission::read}, "List the work states of the connected agents."),
    route(Id::http_agent_state, "get_agent_state", Method::get, "/api/agents/:agent_id/state",
          {.auth = Auth::strict, .permission = Permission::read}, "Show the work state of one agent."),
    route(Id::http_task_submit, "post_task", Method::post, "/api/tasks",
          {.auth = Auth::strict,
           .tier = Tier::heavy,
           .rate_identity = kByAgent,
           .fields = kTaskSubmitFields,
           .mutates = true,
           .success_status = 201},
          "Submit a task."),
    route(Id::http_task_list, "get_tasks", Method::get, "/api/tasks",
          {.auth = Auth::strict,
           .permission = Permission::read,
           .tier = Tier::light,
           .rate_identity = kByAgent,
           .query = kTaskListQuery},
          "List tasks, filtered and in pages."),
    route(Id::http_task_dead_letters, "get_tasks_dead_letter", Method::get, "/api/tasks/dead-letter",
          {.auth = Auth::strict, .permission = Permission::read, .query = kPageQuery},
          "List the tasks that failed for good."),
    route(Id::http_task_stats, "get_tasks_stats", Method::get, "/api/tasks/stats",
          {.auth = Auth::strict, .permission = Permission::read}, "Count tasks by status and priority."),
    route(Id::http_task_get, "get_task", Method::get, "/api/tasks/:task_id",
          {.auth = Auth::strict,
           .permission = Permission::read,
           .tier = Tier::normal,
           .rate_identity = kByAgent,
           .query = kWaitQuery},
          "Show one task; with `wait_ms`, once it has ended."),
    route(Id::http_task_retry, "post_task_retry", Method::post, "/api/tasks/:task_id/retry",
          {.auth = Auth::strict, .tier = Tier::normal, .rate_identity = kByAgent, .mutates = true},
          "Queue a dead-lettered task again."),
    route(Id::http_task_cancel, "delete_task", Method::delete_, "/api/tasks/:task_id",
          {.auth = Auth::strict, .tier = Tier::normal, .rate_identity = kByAgent, .mutates = true, .since = 2},
          "Cancel a task."),
    route(Id::http_task_cancel_gently, "post_task_cancel", Method::post, "/api/tasks/:task_id/cancel",
          {.auth = Auth::strict,
           .tier = Tier::normal,
           .rate_identity = kByAgent,
           .fields = kCancelBodyFields,
           .mutates = true,
           .since = 2},
          "Cancel a task, with time for its holder to end it."),
    route(Id::http_task_say, "post_task_say", Method::post, "/api/tasks/:task_id/say",
          {.auth = Auth::strict,
           .tier = Tier::normal,
           .rate_identity = kByAgent,
           .fields = kSayFields,
           .mutates = true,
           .since = 2},
          "Tell a task's holder something, or answer its question."),
    route(Id::http_task_batch, "post_task_batch", Method::post, "/api/tasks/batch",
          {.auth = Auth::strict,
           .tier = Tier::heavy,
           .rate_identity = kByAgent,
           .fields = kBatchFields,
           .mutates = true,
           .since = 2,
           .success_status = 201},
          "Submit up to 1 000 tasks, all or none."),
    route(Id::http_task_output, "get_task_output", Method::get, "/api/tasks/:task_id/output",
          {.auth = Auth::strict,
           .permission = Permission::read,
           .tier = Tier::light,
           .rate_identity = kByAgent,
           .query = kOutputQuery,
           .since = 2},
          "Read what a task's program has printed, or wait for more."),
    route(Id::http_task_claim, "post_task_claim", Method::post, "/api/tasks/claim",
          {.auth = Auth::strict,
           .tier = Tier::light,
           .rate_identity = kByAgent,
           .fields = kClaimFields,
           .mutates = true,
           .own_record = true,
           .since = 2},
          "Take a task to work on without a WebSocket, or wait for one."),
    route(Id::http_task_accept, "post_task_accept", Method::post, "/api/tasks/:task_id/accept",
          {.auth = Auth::strict, .fields = kGenerationOnly, .mutates = true, .since = 2}, "Confirm an assigned task."),
    route(Id::http_task_progress, "post_task_progress", Method::post, "/api/tasks/:task_id/progress",
          {.auth = Auth::strict, .fields = kProgressBodyFields, .mutates = true, .since = 2},
          "Report that work goes on, and hear what people say."),
    route(Id::http_task_complete, "post_task_complete", Method::post, "/api/tasks/:task_id/complete",
          {.auth = Auth::strict, .fields = kCompleteBodyFields, .mutates = true, .since = 2},
          "Report a finished task with its result."),
    route(Id::http_task_fail, "post_task_fail", Method::post, "/api/tasks/:task_id/fail",
          {.auth = Auth::strict, .fields = kFailBodyFields, .mutates = true, .since = 2},
          "Report a failed task; it is tried again while retries are left."),
    route(Id::http_task_release, "post_task_release", Method::post, "/api/tasks/:task_id/release",
          {.auth = Auth::strict, .fields = kReleaseBodyFields, .mutates = true, .since = 2},
          "Give a task back without spending a retry."),
    route(Id::http_events, "get_events", Method::get, "/api/events",
          {.auth = Auth::flex,
           .permission = Permission::read,
           .tier = Tier::light,
           .rate_identity = kByAgent,
           .query = kEventsQuery,
           .since = 2},
          "Read what happened from a cursor on: by long poll, or as a stream of server-sent events."),
    route(Id::http_overview, "get_overview", Method::get, "/api/overview",
          {.auth = Auth::strict,
           .permission = Permission::read,
           .tier = Tier::light,
           .rate_identity = kByAgent,
           .since = 2},
          "Show the workspace on one page: who is there and at work on what, the queue, what needs a person."),

    // Access
    route(Id::http_invite_create, "post_admin_invite", Method::post, "/api/admin/invites",
          {.auth = Auth::strict,
           .permission = Permission::administer,
           .fields = kInviteFields,
           .mutates = true,
           .mints_secret = true,
           .since = 2,
           .success_status = 201},
          "Make a code that lets its bearer register agents."),
    route(Id::http_invite_list, "get_admin_invites", Method::get, "/api/admin/invites",
          {.auth = Auth::strict, .permission = Permission::administer, .since = 2}, "List the codes that stand open."),
    route(Id::http_invite_revoke, "delete_admin_invite", Method::delete_, "/api/admin/invites/:id",
          {.auth = Auth::strict, .permission = Permission::administer, .mutates = true, .since = 2},
          "End an invite code."),
    route(Id::http_audit, "get_admin_audit", Method::get, "/api/admin/audit",
          {.auth = Auth::strict, .permission = Permission::administer, .query = kAuditQuery, .since = 2},
          "List who changed what: tokens, invites, limits, settings."),
    // -- limits and violations
    route(Id::http_limits, "get_rate_limits", Method::get, "/api/admin/rate-limits",
          {.auth = Auth::strict, .permission = Permission::administer},
          "Show the rate limits: defaults, overrides and who is exempt."),
    route(Id::http_limit_exempt_list, "get_rate_limit_whitelist", Method::get, "/api/admin/rate-limits/whitelist",
          {.auth = Auth::strict, .permission = Permission::administer}, "List who is exempt from rate limits."),
    route(Id::http_limit_exempt_replace, "put_rate_limit_whitelist", Method::put, "/api/admin/rate-limits/whitelist",
          {.auth = Auth::strict, .permission = Permission::administer, .fields = kExemptListFields, .mutates = true},
          "Say who is exempt from rate limits: agents, and addresses as \"ip:1.2.3.4\"."),
    route(Id::http_limit_exempt_add, "post_rate_limit_whitelist", Method::post, "/api/admin/rate-limits/whitelist",
          {.auth = Auth::strict, .permission = Permission::administer, .fields = kExemptFields, .mutates = true},
          "Exempt one more agent or address from rate limits."),
    route(Id::http_limit_exempt_remove, "delete_rate_limit_whitelist", Method::delete_,
          "/api/admin/rate-limits/whitelist/:agent_id",
          {.auth = Auth::strict, .permission = Permission::administer, .mutates = true},
          "Limit an agent or address again."),
    route(Id::http_limit_status, "get_rate_limit", Method::get, "/api/admin/rate-limits/:agent_id",
          {.auth = Auth::strict, .permission = Permission::administer, .since = 2},
          "Show how much of its limits an agent or address has used."),
    route(Id::http_limit_override, "put_rate_limit", Method::put, "/api/admin/rate-limits/:agent_id",
          {.auth = Auth::strict, .permission = Permission::administer, .fields = kOverrideFields, .mutates = true},
          "Give an agent or address limits of its own, by tier or by operation, in the place of all it had."),
    route(Id::http_limit_override_remove, "delete_rate_limit", Method::delete_, "/api/admin/rate-limits/:agent_id",
          {.auth = Auth::strict, .permission = Permission::administer, .mutates = true},
          "Take the limits of its own away."),
    route(Id::http_validation, "get_validation", Method::get, "/api/admin/validation",
          {.auth = Auth::strict, .permission = Permission::administer, .since = 2},
          "Show what validation found fault with, by agent, operation and field."),
    // configuration and administration
    route(Id::http_config_list, "get_config", Method::get, "/api/config",
          {.auth = Auth::strict, .permission = Permission::read, .since = 2},
          "Show what can be configured at run time, the value that counts and where it comes from."),
    route(Id::http_config_unset, "post_config_unset", Method::post, "/api/config/unset",
          {.auth = Auth::strict,
           .permission = Permission::administer_hub,
           .fields = kConfigNameFields,
           .mutates = true,
           .since = 2},
          "Forget a stored value: the settings of the process count again."),
    route(Id::http_heartbeat_get, "get_heartbeat_interval", Method::get, "/api/config/heartbeat-interval",
          {.auth = Auth::flex, .permission = Permission::read}, "Show how often clients shall give a sign of life."),
    route(Id::http_heartbeat_set, "put_heartbeat_interval", Method::put, "/api/config/heartbeat-interval",
          {.auth = Auth::strict, .permission = Permission::administer_hub, .fields = kHeartbeatFields, .mutates = true},
          "Set how often clients shall give a sign of life."),
    route(Id::http_mail_retention_get, "get_mailbox_retention", Method::get, "/api/config/mailbox-retention",
          {.auth = Auth::flex, .permission = Permission::read}, "Show how long mail is kept."),
    route(Id::http_mail_retention_set, "put_mailbox_retention", Method::put, "/api/config/mailbox-retention",
          {.auth = Auth::strict,
           .permission = Permission::administer_hub,
           .fields = kMailRetentionFields,
           .mutates = true},
          "Set how long mail is kept, that which is there too."),
    route(Id::http_default_repo_get, "get_default_repo", Method::get, "/api/config/default-repo",
          {.permission = Permission::none}, "Show the repository that new agents are pointed to."),
    route(Id::http_default_repo_set, "put_default_repo", Method::put, "/api/config/default-repo",
          {.auth = Auth::strict, .permission = Permission::administer_hub, .fields = kUrlFields, .mutates = true},
          "Set the repository that new agents are pointed to."),
    route(Id::http_public_url_get, "get_public_url", Method::get, "/api/config/public-url",
          {.auth = Auth::strict, .permission = Permission::read, .since = 2},
          "Show the address that new agents are told to reach the hub under."),
    route(Id::http_public_url_set, "put_public_url", Method::put, "/api/config/public-url",
          {.auth = Auth::strict,
           .permission = Permission::administer_hub,
           .fields = kUrlFields,
           .mutates = true,
           .since = 2},
          "Set the address that new agents are told to reach the hub under."),
    route(Id::http_thresholds_get, "get_alert_thresholds", Method::get, "/api/config/alert-thresholds",
          {.auth = Auth::strict, .permission = Permission::read}, "Show when the hub raises alerts."),
    route(Id::http_thresholds_set, "put_alert_thresholds", Method::put, "/api/config/alert-thresholds",
          {.auth = Auth::strict, .permission = Permission::administer_hub, .fields = kThresholdFields, .mutates = true},
          "Set some of the thresholds of alerts; the others stay."),
    route(Id::http_mailbox_evict, "post_mailbox_evict", Method::post, "/api/mailbox/evict",
          {.auth = Auth::strict, .permission = Permission::administer, .mutates = true},
          "Drop mail that is older than the retention now."),
    route(Id::http_reset, "post_admin_reset", Method::post, "/api/admin/reset",
          {.auth = Auth::strict, .permission = Permission::reset, .mutates = true},
          "Drop what is not stored, close agents' sockets and queue running tasks again, half a second later."),
    route(Id::http_log_level_get, "get_log_level", Method::get, "/api/admin/log-level",
          {.auth = Auth::strict, .permission = Permission::read, .since = 2}, "Show from which severity on is logged."),
    route(Id::http_log_level_set, "put_log_level", Method::put, "/api/admin/log-level",
          {.auth = Auth::strict, .permission = Permission::administer_hub, .fields = kLogLevelFields, .mutates = true},
          "Set from which severity on is logged, until the hub ends."),
    route(Id::http_push_task, "post_admin_push_task", Method::post, "/api/admin/push-task",
          {.auth = Auth::strict,
           .permission = Permission::operate,
           .tier = Tier::heavy,
           .rate_identity = kByAgent,
           .fields = kPushTaskFields,
           .mutates = true},
          "Submit a task that only this agent gets, before what others wait for."),
    // recordings
    route(Id::http_recording, "get_admin_recording", Method::get, "/api/admin/recording",
          {.auth = Auth::strict,
           .permission = Permission::administer_hub,
           .limit_per_min = 60,
           .query = kRecordingQuery,
           .since = 2},
          "Download what the hub was fed lately, to be played again: segments as docs/formats.md describes them."),
    route(Id::http_recording_segments, "get_admin_recording_segments", Method::get, "/api/admin/recording/segments",
          {.auth = Auth::strict, .permission = Permission::administer_hub, .since = 2},
          "List the segments of the recording and how far back they reach."),
    // outputs: Web Push and webhooks
    route(Id::http_vapid_key, "get_vapid_key", Method::get, "/api/dashboard/vapid-key",
          {.permission = Permission::none}, "Show the public key that browsers subscribe to notifications with."),
    route(Id::http_push_subscribe, "post_push_subscribe", Method::post, "/api/dashboard/push-subscribe",
          {.auth = Auth::strict, .permission = Permission::read, .fields = kPushSubscribeFields, .mutates = true},
          "Notify this browser of events; its subscription again changes what it is told."),
    route(
        Id::http_push_unsubscribe, "post_push_unsubscribe", Method::post, "/api/dashboard/push-unsubscribe",
        {.auth = Auth::strict, .permission = Permission::read, .fields = kEndpointFields, .mutates = true, .since = 2},
        "Notify this browser no more."),
    route(Id::http_push_list, "get_push_subscriptions", Method::get, "/api/push/subscriptions",
          {.auth = Auth::strict, .permission = Permission::read, .since = 2},
          "List one's own browsers that are notified; an administrator's list has all."),
    route(Id::http_push_delete, "delete_push_subscription", Method::delete_, "/api/push/subscriptions/:id",
          {.auth = Auth::strict, .permission = Permission::read, .mutates = true, .since = 2},
          "Notify a browser no more."),
    route(Id::http_push_test, "post_push_test", Method::post, "/api/push/test",
          {.auth = Auth::strict, .permission = Permission::read, .mutates = true, .since = 2},
          "Send a notification to one's own browsers."),
    route(Id::http_webhook_list, "get_webhooks", Method::get, "/api/webhooks",
          {.auth = Auth::strict, .permission = Permission::administer, .since = 2}, "List the webhooks."),
    route(Id::http_webhook_create, "post_webhook", Method::post, "/api/webhooks",
          {.auth = Auth::strict,
           .permission = Permission::administer,
           .fields = kWebhookFields,
           .mutates = true,
           .mints_secret = true,
           .since = 2,
           .success_status = 201},
          "Send events to an address, signed with a secret that is shown this once."),
    route(Id::http_webhook_get, "get_webhook", Method::get, "/api/webhooks/:webhook_id",
          {.auth = Auth::strict, .permission = Permission::administer, .since = 2},
          "Show a webhook and how it goes with it."),
    route(Id::http_webhook_replace, "put_webhook", Method::put, "/api/webhooks/:webhook_id",
          {.auth = Auth::strict,
           .permission = Permission::administer,
           .fields = kWebhookReplaceFields,
           .mutates = true,
           .since = 2},
          "Say anew where a webhook sends what; what waits for one that is disabled is dropped."),
    route(Id::http_webhook_delete, "delete_webhook", Method::delete_, "/api/webhooks/:webhook_id",
          {.auth = Auth::strict, .permission = Permission::administer, .mutates = true, .since = 2}, "End a webhook."),
    route(
        Id::http_webhook_secret, "post_webhook_secret", Method::post, "/api/webhooks/:webhook_id/secret",
        {.auth = Auth::strict, .permission = Permission::administer, .mutates = true, .mints_secret = true, .since = 2},
        "Make a new secret for a webhook; the old one counts no more."),
    route(Id::http_webhook_deliveries, "get_webhook_deliveries", Method::get, "/api/webhooks/:webhook_id/deliveries",
          {.auth = Auth::strict, .permission = Permission::administer, .since = 2},
          "List what waits for a webhook and what became of the last events, newest first."),
    route(Id::http_webhook_test, "post_webhook_test", Method::post, "/api/webhooks/:webhook_id/test",
          {.auth = Auth::strict, .permission = Permission::administer, .mutates = true, .since = 2},
          "Send an event of kind `webhook_tested` to a webhook."),
    // moving in from another hub
    route(Id::http_import, "post_admin_import", Method::post, "/api/admin/import",
          {.auth = Auth::strict,
           .permission = Permission::administer,
           .fields = kImportFields,
           .mutates = true,
           .own_record = true,
           .since = 2},
          "Take over what another hub had: tokens, tasks, messages, channels; up to 1 000 items, each once."),
    // metrics and alerts
    route(Id::http_metrics, "get_metrics", Method::get, "/api/metrics",
          {.permission = Permission::read, .tier = Tier::light, .rate_identity = kByAddress},
          "Show the figures of the workspace and of the hub."),
    route(Id::http_metrics_history, "get_metrics_history", Method::get, "/api/metrics/history",
          {.permission = Permission::metrics, .query = kMetricsHistoryQuery, .since = 2},
          "Show how figures went, up to 24 hours back."),
    route(Id::http_metrics_text, "get_metrics_text", Method::get, "/metrics",
          {.permission = Permission::metrics, .since = 2}, "The figures in the text format of Prometheus."),
    route(Id::http_alerts, "get_alerts", Method::get, "/api/alerts", {.permission = Permission::read},
          "List the alerts that stand."),
    route(Id::http_alert_history, "get_alerts_history", Method::get, "/api/alerts/history",
          {.permission = Permission::read, .query = kAlertHistoryQuery, .since = 2}, "List the alerts that are over."),
    route(Id::http_alert_acknowledge, "post_alert_acknowledge", Method::post, "/api/alerts/:rule_id/acknowledge",
          {.auth = Auth::strict, .permission = Permission::operate, .fields = kAlertAcknowledgeFields, .mutates = true},
          "Say that somebody looks after an alert: it is not told again while it stands."),
    route(Id::http_alert_rules, "get_alert_rules", Method::get, "/api/alert-rules",
          {.permission = Permission::read, .since = 2}, "List the rules of alerts, and the figures they may name."),
    route(Id::http_alert_rule_get, "get_alert_rule", Method::get, "/api/alert-rules/:rule_id",
          {.permission = Permission::read, .since = 2}, "Show a rule that somebody has made."),
    route(Id::http_alert_rule_set, "put_alert_rule", Method::put, "/api/alert-rules/:rule_id",
          {.auth = Auth::strict,
           .permission = Permission::administer,
           .fields = kAlertRuleFields,
           .mutates = true,
           .since = 2},
          "Make a rule, or put another in its place."),
    route(Id::http_alert_rule_remove, "delete_alert_rule", Method::delete_, "/api/alert-rules/:rule_id",
          {.auth = Auth::strict, .permission = Permission::administer, .mutates = true, .since = 2},
          "Take a rule away, and its alert with it."),
    // dashboards
    route(Id::http_dashboard_state, "get_dashboard_state", Method::get, "/api/dashboard/state",
          {.permission = Permission::read}, "Show the workspace as the dashboard of v1.1 did."),
    // storage care
    route(Id::http_backup, "post_admin_backup", Method::post, "/api/admin/backup",
          {.auth = Auth::strict, .permission = Permission::administer_hub, .mutates = true, .own_record = true},
          "Make a backup now: one consistent set, verified when it is written."),
    route(Id::http_storage_health, "get_admin_dets_health", Method::get, "/api/admin/dets-health",
          {.auth = Auth::strict, .permission = Permission::administer_hub},
          "Show what the stored tables hold, how much of the database is free pages, and how old the last backup is."),
    route(Id::http_compact, "post_admin_compact", Method::post, "/api/admin/compact",
          {.auth = Auth::strict, .permission = Permission::administer_hub, .mutates = true, .own_record = true},
          "Give the free pages of the database back to the file system, while it serves."),
    route(Id::http_compact_table, "post_admin_compact_table", Method::post, "/api/admin/compact/:table_name",
          {.auth = Auth::strict, .permission = Permission::administer_hub, .mutates = true, .own_record = true},
          "The same, asked for one table: they share a file, so that it is done for all."),
    route(Id::http_restore_table, "post_admin_restore_table", Method::post, "/api/admin/restore/:table_name",
          {.auth = Auth::strict,
           .permission = Permission::administer_hub,
           .fields = kWholeSetFields,
           .mutates = true,
           .own_record = true,
           .success_status = 202},
          "Restore the newest backup, all of it: a single table would not fit the others."),
    route(Id::http_storage, "get_admin_storage", Method::get, "/api/admin/storage",
          {.auth = Auth::strict, .permission = Permission::administer_hub, .since = 2},
          "Show the state of the data directory, the job that runs, and the last jobs of each kind."),
    route(Id::http_backup_list, "get_admin_backups", Method::get, "/api/admin/backups",
          {.auth = Auth::strict, .permission = Permission::administer_hub, .since = 2},
          "List the backups that there are, the newest first."),
    route(Id::http_backup_verify, "post_admin_backup_verify", Method::post, "/api/admin/backups/:name/verify",
          {.auth = Auth::strict,
           .permission = Permission::administer_hub,
           .mutates = true,
           .own_record = true,
           .since = 2},
          "Read a whole backup and compare it with its manifest."),
    route(Id::http_backup_restore, "post_admin_backup_restore", Method::post, "/api/admin/backups/:name/restore",
          {.auth = Auth::strict,
           .permission = Permission::administer_hub,
           .fields = kDryRunFields,
           .mutates = true,
           .own_record = true,
           .since = 2},
          "Go back to this backup: the hub restarts with it and keeps a backup of what was."),
};

constexpr bool all_are_limited() {
    for (const Operation& operation : kCatalogue) {
        if ((operation.limit == Tier::none) != is_exempt(operation.id)) return false;
    }
    return true;
}

constexpr bool ids_are_positions() {
    for (size_t i = 0; i < kCatalogue.size(); ++i) {
        if (static_cast<size_t>(kCatalogue[i].id) != i) return false;
    }
    return true;
}

constexpr bool fields_are_in_reporting_order() {
    for (const Operation& operation : kCatalogue) {
        for (size_t i = 1; i < operation.fields.size(); ++i) {
            const Field& before = operation.fields[i - 1];
            const Field& field = operation.fields[i];
            if (before.required == field.required ? before.name >= field.name : field.required) return false;
        }
    }
    return true;
}

constexpr bool required_fields_are_refused_when_bad() {
    for (const Operation& operation : kCatalogue) {
        for (const Field& field : operation.fields) {
            if (field.required && field.on_bad_value != OnBadValue::refuse) return false;
        }
    }
    return true;
}

static_assert(kCatalogue.size() == kOperationCount);
static_assert(ids_are_positions(), "operation(id) finds an entry by its position");
static_assert(fields_are_in_reporting_order(), "validation reports fields in the order of the catalogue");
static_assert(all_are_limited(), "a loop gone mad meets a limit whatever it calls");
static_assert(required_fields_are_refused_when_bad(), "handlers rely on required fields");

constexpr size_t kFrameCount = static_cast<size_t>(
    std::count_if(kCatalogue.begin(), kCatalogue.end(), [](const Operation& o) { return o.is_frame(); }));

constexpr std::array<std::string_view, kFrameCount> sorted_frame_types() {
    std::array<std::string_view, kFrameCount> types{};
    size_t count = 0;
    for (const Operation& operation : kCatalogue) {
        if (operation.is_frame()) types[count++] = operation.frame_type;
    }
    std::sort(types.begin(), types.end());
    return types;
}

constexpr std::array kFrameTypes = sorted_frame_types();

}  // namespace

const Operation& operation(OperationId id) {
    AGENTCOM_ASSERT(static_cast<size_t>(id) < kCatalogue.size(), "an operation id is one of the catalogue");
    return kCatalogue[static_cast<size_t>(id)];
}

std::span<const Operation> catalogue() { return kCatalogue; }

const Operation* find_frame(std::string_view type) {
    for (const Operation& operation : kCatalogue) {
        if (operation.is_frame() && operation.frame_type == type) return &operation;
    }
    return nullptr;
}

std::vector<std::string_view> known_frame_types(int64_t protocol_version) {
    std::vector<std::string_view> types;
    for (const std::string_view type : kFrameTypes) {
        if (find_frame(type)->since <= protocol_version) types.push_back(type);
    }
    return types;
}

}  // namespace agentcom
