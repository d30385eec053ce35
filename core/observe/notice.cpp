#include "core/observe/notice.hpp"

#include <algorithm>
#include <optional>

#include "core/base/utf8.hpp"

namespace agentcom::notices {

namespace {

constexpr size_t kBodyCodePoints = 400;
constexpr size_t kTagCodePoints = 100;

/// A string member of the event's data; "" if there is none.
std::string member(const json::Object& data, std::string_view name) {
    const json::Value* value = data.find(name);
    return value != nullptr && value->kind == json::Kind::string ? json::decode_string(*value) : std::string{};
}

std::string question_in(const json::Object& data) {
    const json::Value* question = data.find("question");
    if (question == nullptr || question->kind != json::Kind::object) return {};
    return member(json::members(question->raw), "question");
}

/// "agent_online" as "agent online".
std::string words_of(std::string kind) {
    std::replace(kind.begin(), kind.end(), '_', ' ');
    return kind;
}

/// What the event itself says of its reason.
std::string reason_in(const EventRow& event, const json::Object& data) {
    for (const std::string_view name : {"message", "error", "reason", "text"}) {
        if (std::string text = member(data, name); !text.empty()) return text;
    }
    return event.cause;
}

std::string with_reason(std::string text, const std::string& reason) {
    if (!reason.empty()) text += ": " + reason;
    return text;
}

/// Other kinds that begin with alert_ are about rules.
bool is_of_alert(std::string_view kind) {
    return kind == "alert_fired" || kind == "alert_refired" || kind == "alert_cleared" || kind == "alert_acknowledged";
}

void tell_alert(Notice& notice, const EventRow& event, const json::Object& data) {
    const std::string message = member(data, "message");
    const json::Value* notify = data.find("notify");
    notice.quiet = notify != nullptr && notify->raw == "false";
    notice.severity = member(data, "severity");
    notice.tag = "alert-" + event.subject;
    if (event.kind == "alert_fired" || event.kind == "alert_refired") {
        const bool critical = notice.severity == "critical";
        notice.title = critical                      ? "AgentCom CRITICAL"
                       : notice.severity == "notice" ? "AgentCom notice"
                                                     : "AgentCom WARNING";
        notice.urgent = critical;
        notice.body = message.empty() ? event.subject : message;
    } else if (event.kind == "alert_cleared") {
        notice.title = "AgentCom: over";
        notice.body = with_reason("no longer: " + event.subject, message);
    } else {
        notice.title = "AgentCom Alert";
        notice.body = event.subject + " is acknowledged" + (event.principal.empty() ? "" : " by " + event.principal);
    }
}

}  // namespace

void write_event(json::Writer& out, const EventRow& event, const std::string& epoch) {
    out.begin_object().member("seq", event.seq).member("cursor", epoch + "." + std::to_string(event.seq));
    out.member("at", event.at).member("kind", event.kind).member("subject", event.subject);
    out.member("principal", event.principal.empty() ? std::nullopt : std::optional(event.principal));
    out.member("cause", event.cause.empty() ? std::nullopt : std::optional(event.cause));
    out.raw_member("data", event.data).end_object();
}

Notice of(const EventRow& event) {
    const json::Object data = json::members(event.data);
    Notice notice;
    notice.title = "AgentCom Alert";
    notice.tag = event.kind + "-" + event.subject;
    if (is_of_alert(event.kind)) {
        tell_alert(notice, event, data);
    } else if (event.kind == "alert_rule_set" || event.kind == "alert_rule_removed") {
        notice.title = "AgentCom";
        notice.body = "the alert rule " + event.subject +
                      (event.kind == "alert_rule_set" ? " was set" : " was removed") +
                      (event.principal.empty() ? "" : " by " + event.principal);
    } else if (event.kind == "agent_offline") {
        notice.body = event.subject + (event.cause == "lost" ? " is offline: its connection was lost" : " has left");
        notice.tag = "agent-" + event.subject;
    } else if (event.kind == "task_dead_letter") {
        notice.body = with_reason("task " + event.subject + " has failed for good", reason_in(event, data));
    } else if (event.kind == "task_waiting_input") {
        notice.title = "AgentCom asks";
        notice.body = with_reason("task " + event.subject + " waits for an answer", question_in(data));
        notice.urgent = true;
    } else if (event.kind == "task_stuck") {
        notice.body = "task " + event.subject + " makes no progress";
    } else if (event.kind == "task_completed") {
        notice.title = "AgentCom";
        notice.body = "task " + event.subject + " is done";
    } else if (event.kind.ends_with("_failed")) {
        notice.urgent = event.kind.starts_with("restore");
        notice.title = notice.urgent ? "AgentCom Critical" : "AgentCom Alert";
        notice.body = with_reason(words_of(event.kind) + " " + event.subject, reason_in(event, data));
    } else {
        notice.title = "AgentCom";
        notice.body = with_reason(words_of(event.kind) + " " + event.subject, member(data, "message"));
    }
    notice.body = short_text(notice.body, kBodyCodePoints);
    notice.tag = short_text(notice.tag, kTagCodePoints);
    return notice;
}

std::string short_text(std::string_view text, size_t code_points) {
    // As JSON a code point may take six bytes. Of a push message each text gets its share: three bytes for each.
    size_t kept = code_points;
    std::string_view begin = truncate_code_points(text, kept);
    while (json::encode_string(begin).size() > 3 * code_points + 2) {
        kept = kept * 3 / 4;
        begin = truncate_code_points(text, kept);
    }
    return begin.size() == text.size() ? std::string(text) : std::string(begin) + "…";
}

int severity_rank(std::string_view severity) { return severity == "critical" ? 2 : severity == "warning" ? 1 : 0; }

bool is_choice(std::string_view text) {
    if (text.size() > kMaxChoiceBytes) return false;
    if (text == "*") return true;
    if (text.ends_with("_*")) text.remove_suffix(2);
    return !text.empty() && text.front() >= 'a' && text.front() <= 'z' &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

std::string first_bad_choice(const std::vector<std::string>& kinds) {
    const auto bad = std::find_if_not(kinds.begin(), kinds.end(), [](const auto& kind) { return is_choice(kind); });
    return bad == kinds.end() ? std::string{} : bad->empty() ? std::string("\"\"") : *bad;
}

}  // namespace agentcom::notices
