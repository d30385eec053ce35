// The operation catalogue: everything a client can ask of the hub, as data.
//
// One entry per WebSocket frame type and per HTTP route. Dispatch, validation, authentication, rate limits, the
// published schemas and the documentation are read from this table; nothing of it is written a second time. To add an
// operation: add its id, its fields and its entry, and a handler.
//
//     const Operation* operation = find_frame("ping");
//     RouteMatch match = match_route(Method::get, "/api/tasks/task-1");   // match.params == {"task-1"}
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agentcom {

// In catalogue order: operation(id) is catalogue()[id].
enum class OperationId : uint8_t {
    ws_identify,
    ws_ping,
    ws_message,
    ws_message_ack,
    ws_status,
    ws_list_agents,
    ws_channel_subscribe,
    ws_channel_unsubscribe,
    ws_channel_publish,
    ws_channel_history,
    ws_list_channels,
    ws_task_accepted,
    ws_task_progress,
    ws_task_complete,
    ws_task_failed,
    ws_task_rejected,
    ws_task_recovering,
    ws_task_output,
    ws_task_note,
    ws_task_waiting,
    http_health,
    http_livez,
    http_readyz,
    http_schemas,
    http_websocket_schemas,
    http_openapi,
    http_register,
    http_token_create,
    http_token_list,
    http_token_revoke,
    http_token_rotate,
    http_whoami,
    http_message_send,
    http_message_sent,
    http_message_deliveries,
    http_mailbox_read,
    http_mailbox_ack,
    http_message_find,
    http_thread,
    http_thread_replies,
    http_thread_root,
    http_channel_list,
    http_channel_create,
    http_channel_get,
    http_channel_subscribe,
    http_channel_unsubscribe,
    http_channel_publish,
    http_channel_history,
    http_agent_subscriptions,
    http_analytics_summary,
    http_analytics_agents,
    http_analytics_hourly,
    http_agents,
    http_agent_states,
    http_agent_state,
    http_task_submit,
    http_task_list,
    http_task_dead_letters,
    http_task_stats,
    http_task_get,
    http_task_retry,
    http_task_cancel,
    http_task_cancel_gently,
    http_task_say,
    http_task_batch,
    http_task_output,
    http_task_claim,
    http_task_accept,
    http_task_progress,
    http_task_complete,
    http_task_fail,
    http_task_release,
    http_events,
    http_overview,
    http_invite_create,
    http_invite_list,
    http_invite_revoke,
    http_audit,
    // limits and violations
    http_limits,
    http_limit_exempt_list,
    http_limit_exempt_replace,
    http_limit_exempt_add,
    http_limit_exempt_remove,
    http_limit_status,
    http_limit_override,
    http_limit_override_remove,
    http_validation,
    // configuration and administration
    http_config_list,
    http_config_unset,
    http_heartbeat_get,
    http_heartbeat_set,
    http_mail_retention_get,
    http_mail_retention_set,
    http_default_repo_get,
    http_default_repo_set,
    http_public_url_get,
    http_public_url_set,
    http_thresholds_get,
    http_thresholds_set,
    http_mailbox_evict,
    http_reset,
    http_log_level_get,
    http_log_level_set,
    http_push_task,
    // recordings
    http_recording,
    http_recording_segments,
    // outputs: Web Push and webhooks
    http_vapid_key,
    http_push_subscribe,
    http_push_unsubscribe,
    http_push_list,
    http_push_delete,
    http_push_test,
    http_webhook_list,
    http_webhook_create,
    http_webhook_get,
    http_webhook_replace,
    http_webhook_delete,
    http_webhook_secret,
    http_webhook_deliveries,
    http_webhook_test,
    // moving in from another hub
    http_import,
    // metrics and alerts
    http_metrics,
    http_metrics_history,
    http_metrics_text,
    http_alerts,
    http_alert_history,
    http_alert_acknowledge,
    http_alert_rules,
    http_alert_rule_get,
    http_alert_rule_set,
    http_alert_rule_remove,
    // dashboards
    http_dashboard_state,
    // storage care
    http_backup,
    http_storage_health,
    http_compact,
    http_compact_table,
    http_restore_table,
    http_storage,
    http_backup_list,
    http_backup_verify,
    http_backup_restore,
};
inline constexpr size_t kOperationCount = static_cast<size_t>(OperationId::http_backup_restore) + 1;

enum class FieldType : uint8_t { string, integer, positive_integer, boolean, object, array_of_string, any };

// The name of a type in schemas: "string", "positive_integer", "array<string>", ...
std::string_view field_type_name(FieldType type);

// What a field does that breaks its rule.
enum class OnBadValue : uint8_t {
    refuse,  // the whole request is invalid
    ignore,  // the field counts as absent: v1.1 never looked at it, so no v1.1 frame may become invalid by it
    // Too long is cut off and another type becomes its JSON text, unless ValidationRules says otherwise: the text of a
    // failure is whatever an agent found, and refusing it would hang the task.
    coerce,
};

struct Field {
    std::string_view name;
    FieldType type = FieldType::string;
    bool required = false;
    // For strings and for the items of a list; 0 = unlimited.
    uint32_t max_code_points = 0;
    // For lists; 0 = unlimited.
    uint32_t max_items = 0;
    // The protocol version that brought the field.
    uint8_t since = 1;
    OnBadValue on_bad_value = OnBadValue::refuse;
};

// A query parameter; all are optional. Only string and integer occur.
struct QueryField {
    std::string_view name;
    FieldType type = FieldType::string;
    uint8_t since = 1;
};

/// `other` is any method that no operation has.
enum class Method : uint8_t { get, head, post, put, patch, delete_, options, other };

// Case-sensitive, as HTTP methods are. Nothing for one that no operation has.
std::optional<Method> parse_method(std::string_view name);
std::string_view method_name(Method method);

// How the caller proves who it is.
enum class Auth : uint8_t {
    none,
    session,     // a frame on an identified socket
    strict,      // exactly one "Authorization: Bearer <token>" header
    flex,        // that, or a `token` parameter in body or query
    flex_owner,  // flex, and the token must belong to the agent that the path names
};

// What a caller must be allowed to do; which role may do what is said in core/access.
enum class Permission : uint8_t {
    none,            // the answer shows no data of a workspace
    read,            // look at the workspace
    work,            // act in one's own name: send messages, use channels, submit, claim and report tasks
    operate,         // act on what others do
    administer,      // tokens, limits and settings
    administer_hub,  // likewise what is not of one workspace: administrators of the default one, and the hub's own
    reset,           // end everybody's connections; the setting open_admin does not give this
    metrics,         // figures about the hub and nothing else
};

// How dear an operation is. In v1.1 a tier is one bucket that all its operations share; here it says how many of each
// operation are allowed.
enum class Tier : uint8_t { none, light, normal, heavy };
std::string_view tier_name(Tier tier);

// Whose token bucket it is.
enum class RateIdentity : uint8_t { none, agent, address };

struct Operation {
    OperationId id;
    // A stable name for logs, metrics and idempotency keys: the frame type, or the schema key of a route.
    std::string_view name;
    // Set for frames, empty for routes.
    std::string_view frame_type;
    // Both for routes only. A segment that starts with ':' is a parameter.
    Method method = Method::get;
    std::string_view path;
    // Required ones in alphabetical order, then optional ones in alphabetical order: the order of validation errors.
    std::span<const Field> fields;
    std::span<const QueryField> query;
    Auth auth = Auth::none;
    Permission permission = Permission::work;
    // v1.1's tier; none where v1.1 did not limit.
    Tier tier = Tier::none;
    RateIdentity rate_identity = RateIdentity::none;
    // The tier that counts when each operation has a limit of its own; none for those that nothing limits.
    Tier limit = Tier::none;
    // Its limit per minute, which is also its burst; 0 = what settings say for `limit`.
    uint32_t limit_per_min = 0;
    // A task report: the rate limiter may warn, never refuse, since clients do not send it again.
    bool lifecycle = false;
    // Changes state, so it takes an idempotency key: the header Idempotency-Key of a route, `idempotency_key` of a
    // frame that has this field.
    bool mutates = false;
    // Its handler keeps the record of its idempotency key itself: the answer may come much later.
    bool own_record = false;
    // The answer holds a secret that the machine draws and fills in.
    bool mints_secret = false;
    uint8_t since = 1;
    uint16_t success_status = 200;
    std::string_view summary;

    constexpr bool is_frame() const { return !frame_type.empty(); }
};

const Operation& operation(OperationId id);
std::span<const Operation> catalogue();

// The field of this name, or nullptr.
const Field* find_field(const Operation& operation, std::string_view name);

// The operation of a frame type, or nullptr.
const Operation* find_frame(std::string_view type);

// The frame types of a protocol version in alphabetical order: the known_types of a reply to an unknown type.
std::vector<std::string_view> known_frame_types(int64_t protocol_version);

struct RouteMatch {
    const Operation* operation = nullptr;
    // The path's parameters in order, decoded: UTF-8 that may hold any character, '/' and U+0000 too.
    std::vector<std::string> params;
    // Without an operation: whether the path exists for other methods.
    bool path_known = false;
    // The methods of a known path, in the order of Method; HEAD wherever GET is.
    std::vector<Method> allowed;
};

// Finds the route of a request. `path` is what stands before '?', undecoded. It is split at '/', empty segments do not
// count, and segments are percent-decoded after that; a bad escape or invalid UTF-8 matches nothing. A literal segment
// beats a parameter whatever the method is: DELETE /api/tasks/stats does not cancel a task called "stats".
RouteMatch match_route(Method method, std::string_view path);

// Decodes %XX, and nothing else. Nothing when an escape is bad or the result is not UTF-8.
std::optional<std::string> percent_decode(std::string_view text);

using Query = std::vector<std::pair<std::string, std::string>>;

// Decodes a query string (what stands after '?') into its parameters in order, with '+' as a space. A parameter without
// '=' has an empty value. Nothing when an escape is bad or the result is not UTF-8.
std::optional<Query> parse_query(std::string_view query);

// The value of a parameter, or nullptr; the last one counts when it is repeated.
const std::string* find_parameter(const Query& query, std::string_view name);

}  // namespace agentcom
