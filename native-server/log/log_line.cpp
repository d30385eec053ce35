#include "native-server/log/log_line.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <vector>

#include "core/base/json.hpp"
#include "core/base/utf8.hpp"
#include "core/state/log_catalogue.hpp"
#include "native-server/log/redaction.hpp"

namespace agentcom {

namespace {

std::string utc_text(int64_t wall_ms, const char* date_format) {
    const std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
    std::tm t{};
    gmtime_r(&seconds, &t);
    char text[48];
    const size_t size = std::strftime(text, sizeof text, date_format, &t);
    char millis[8];
    std::snprintf(millis, sizeof millis, ".%03d", static_cast<int>(wall_ms % 1000));
    return std::string(text, size) + millis;
}

// Log fields may hold what clients sent.
std::string valid_text(std::string_view text) {
    if (is_valid_utf8(text)) return std::string(text);
    std::string out;
    for (const char c : text) out.push_back(static_cast<unsigned char>(c) < 0x80 ? c : '?');
    return out;
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : valid_text(text)) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
            out.append(escaped);
        } else {
            out.push_back(c);
        }
    }
    return out;
}

/// A member of the line: its value as JSON, and as text for people.
struct Member {
    std::string name;
    std::string json;
    std::string text;
};

Member member_of(const LogField& field) {
    if (field.is_number) return {field.name, field.value, field.value};
    std::string text = is_secret_name(field.name) ? std::string(kRedacted) : redact_text(valid_text(field.value));
    std::string json = json::encode_string(text);
    return {field.name, std::move(json), std::move(text)};
}

Member member_of(const json::Member& member) {
    if (is_secret_name(member.key)) {
        return {member.key, json::encode_string(kRedacted), std::string(kRedacted)};
    }
    std::string json = redact_json(member.value.raw);
    std::string text = member.value.kind == json::Kind::string ? json::decode_string(json::parse_value(json)) : json;
    return {member.key, std::move(json), std::move(text)};
}

/// The members behind the first four: fields, then what the data holds beyond them. null says nothing.
std::vector<Member> members_of(const LogEvent& event) {
    static constexpr std::array<std::string_view, 4> kFirst = {"time", "severity", "event", "component"};
    std::vector<Member> members;
    const auto is_new = [&members](std::string_view name) {
        return std::find(kFirst.begin(), kFirst.end(), name) == kFirst.end() &&
               std::none_of(members.begin(), members.end(), [name](const Member& m) { return m.name == name; });
    };
    for (const LogField& field : event.fields) {
        if (is_new(field.name)) members.push_back(member_of(field));
    }
    if (event.data.empty()) return members;
    for (const json::Member& member : json::all_members(event.data)) {
        if (member.value.kind != json::Kind::null && is_new(member.key)) members.push_back(member_of(member));
    }
    return members;
}

std::string json_line(const LogEvent& event, int64_t wall_ms) {
    const LogClass kind = log_class(event.event);
    json::Writer out;
    out.begin_object()
        .member("time", utc_text(wall_ms, "%Y-%m-%dT%H:%M:%S") + "Z")
        .member("severity", to_text(kind.severity))
        .member("event", valid_text(event.event))
        .member("component", to_text(kind.component));
    for (const Member& member : members_of(event)) out.raw_member(member.name, member.json);
    out.end_object();
    return out.take();
}

std::string text_line(const LogEvent& event, int64_t wall_ms) {
    std::string line = utc_text(wall_ms, "%H:%M:%S");
    std::string severity(to_text(log_class(event.event).severity));
    severity.resize(8, ' ');
    line.append(" ").append(severity);
    const std::vector<Member> members = members_of(event);
    // An event with a text is told by it alone.
    const bool has_text = !members.empty() && members.front().name == "text";
    line.append(printable(has_text ? members.front().text : event.event));
    for (size_t i = has_text ? 1 : 0; i < members.size(); ++i) {
        line.append("  ").append(printable(members[i].name)).append("=").append(printable(members[i].text));
    }
    return line;
}

}  // namespace

LogClass log_class(std::string_view event) {
    const LogKind* kind = find_log_kind(event);
    return kind == nullptr ? LogClass{} : LogClass{kind->component, kind->severity};
}

std::string describe_log_events() {
    std::string out = "| event | severity | component | meaning |\n|---|---|---|---|\n";
    for (const LogKind& kind : log_catalogue()) {
        out.append("| `").append(kind.name).append("` | ").append(to_text(kind.severity)).append(" | ");
        out.append(to_text(kind.component)).append(" | ").append(kind.meaning).append(" |\n");
    }
    return out;
}

std::string format_log_line(const LogEvent& event, int64_t wall_ms, LogFormat format) {
    return format == LogFormat::json ? json_line(event, wall_ms) : text_line(event, wall_ms);
}

}  // namespace agentcom
