#include "core/protocol/dashboard_frames.hpp"

#include <array>

#include "core/base/limits.hpp"

namespace agentcom {
namespace {

constexpr Field dashboard_text(std::string_view name, size_t max_code_points, bool required) {
    Field field;
    field.name = name;
    field.type = FieldType::string;
    field.required = required;
    field.max_code_points = static_cast<uint32_t>(max_code_points);
    return field;
}

constexpr Field dashboard_value(std::string_view name) {
    Field field;
    field.name = name;
    field.type = FieldType::any;
    field.required = true;
    return field;
}

constexpr std::array kDashboardAcknowledgeFields{dashboard_value("rule_id")};
constexpr std::array kDashboardAuthFields{dashboard_text("token", kMaxTokenCodePoints, true),
                                          dashboard_text("workspace", kMaxNameCodePoints, false)};
constexpr std::array kDashboardRetryFields{dashboard_value("task_id")};
constexpr std::array kDashboardSubscribeFields{dashboard_text("mode", kMaxKeyCodePoints, true),
                                               dashboard_text("since", kMaxKeyCodePoints, false)};

constexpr Operation dashboard_frame(std::string_view name, std::string_view type, std::span<const Field> fields,
                                    uint8_t since, std::string_view summary) {
    Operation operation{};
    operation.id = OperationId::http_dashboard_state;
    operation.name = name;
    operation.frame_type = type;
    operation.fields = fields;
    operation.since = since;
    operation.summary = summary;
    return operation;
}

constexpr std::array kDashboardFrameList = {
    dashboard_frame("dashboard_acknowledge_alert", "acknowledge_alert", kDashboardAcknowledgeFields, 1,
                    "Say that somebody looks after an alert."),
    dashboard_frame("dashboard_auth", "auth", kDashboardAuthFields, 2,
                    "Prove who looks; where reads are not open, the first frame."),
    dashboard_frame("dashboard_request_snapshot", "request_snapshot", {}, 1, "Ask for everything anew."),
    dashboard_frame("dashboard_retry_task", "retry_task", kDashboardRetryFields, 1,
                    "Put a dead letter back into the queue."),
    dashboard_frame("dashboard_subscribe", "subscribe", kDashboardSubscribeFields, 2,
                    "Say how to be told what happens."),
};

}  // namespace

std::span<const Operation> dashboard_frames() { return kDashboardFrameList; }

}  // namespace agentcom
