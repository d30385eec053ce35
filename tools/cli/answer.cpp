#include "tools/cli/answer.hpp"

#include <algorithm>

#include "core/base/json.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

// The JSON at a path, or "null".
std::string value_at(std::string_view data_raw, std::string_view path) {
    std::string current(data_raw);
    while (!path.empty()) {
        // Names with a dot of their own come before paths.
        const json::Object members = members_of(current);
        if (members.contains(path)) return std::string(raw_of(members, path));
        const size_t dot = path.find('.');
        if (dot == std::string_view::npos) return "null";
        std::string next(raw_of(members, path.substr(0, dot)));
        current = std::move(next);
        path.remove_prefix(dot + 1);
    }
    return current;
}

std::string picked_object(std::string_view row_raw, const std::vector<std::string>& fields) {
    json::Writer out;
    out.begin_object();
    for (const std::string& field : fields) out.raw_member(field, value_at(row_raw, field));
    return out.end_object().take();
}

std::string picked_line(std::string_view row_raw, const std::vector<std::string>& fields) {
    std::string line;
    for (const std::string& field : fields) {
        if (&field != &fields.front()) line += '\t';
        const std::string raw = value_at(row_raw, field);
        const json::Value value = json::parse_value(raw);
        if (value.kind == json::Kind::null) continue;
        std::string text = terminal_safe(value.kind == json::Kind::string ? json::decode_string(value) : raw);
        // A row is one line, whatever stands in it.
        std::ranges::replace(text, '\n', ' ');
        std::ranges::replace(text, '\t', ' ');
        line += text;
    }
    return line + "\n";
}

}  // namespace

std::string data_document(std::string_view data_raw) {
    json::Writer out;
    out.begin_object().member("schema_version", kOutputSchemaVersion).raw_member("data", data_raw).end_object();
    return out.take() + "\n";
}

std::string picked_json(const Answer& answer, const std::vector<std::string>& fields) {
    if (answer.rows.empty()) return picked_object(answer.data_raw, fields);
    const json::Object data = members_of(answer.data_raw);
    json::Writer out;
    out.begin_object();
    for (const json::Member& member : data) {
        if (member.key != answer.rows) {
            out.raw_member(member.key, member.value.raw);
            continue;
        }
        out.key(member.key).begin_array();
        for (const json::Value& row : elements_of(data, answer.rows)) out.raw(picked_object(row.raw, fields));
        out.end_array();
    }
    return out.end_object().take();
}

std::string picked_lines(const Answer& answer, const std::vector<std::string>& fields) {
    if (answer.rows.empty()) return picked_line(answer.data_raw, fields);
    std::string lines;
    const json::Object data = members_of(answer.data_raw);
    for (const json::Value& row : elements_of(data, answer.rows)) lines += picked_line(row.raw, fields);
    return lines;
}

std::string rendered(const Answer& answer, bool as_json, const std::vector<std::string>& fields) {
    if (as_json) return data_document(fields.empty() ? answer.data_raw : picked_json(answer, fields));
    return fields.empty() ? answer.text() : picked_lines(answer, fields);
}

}  // namespace agentcom::cli
