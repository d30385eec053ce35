#include "core/protocol/schemas.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/limits.hpp"
#include "core/protocol/dashboard_frames.hpp"
#include "core/protocol/field_notes.hpp"
#include "core/protocol/responses.hpp"

namespace agentcom {
namespace {

// The bodies that v1.1 published; its other routes read theirs without a schema.
constexpr std::array<std::string_view, 12> kV11Bodies = {
    "post_admin_push_task",  "post_admin_token",       "post_channel",
    "post_channel_publish",  "post_mailbox_ack",       "post_message",
    "post_onboard_register", "post_push_subscribe",    "post_task",
    "put_default_repo",      "put_heartbeat_interval", "put_mailbox_retention",
};

std::string_view auth_name(Auth auth) {
    switch (auth) {
        case Auth::none:
            return "none";
        case Auth::session:
            return "session";
        case Auth::strict:
            return "strict";
        case Auth::flex:
            return "flex";
        case Auth::flex_owner:
            return "flex_owner";
    }
    return "none";
}

std::vector<const Operation*> sorted(bool frames) {
    std::vector<const Operation*> found;
    for (const Operation& operation : catalogue()) {
        if (operation.is_frame() == frames) found.push_back(&operation);
    }
    std::sort(found.begin(), found.end(), [](const Operation* a, const Operation* b) { return a->name < b->name; });
    return found;
}

// -- The listing ------------------------------------------------------------------------------------------------------

struct ListedField {
    std::string_view name;
    std::string_view type;
};

void write_v11_fields(json::Writer& out, const Operation& operation, bool required) {
    std::vector<ListedField> fields;
    if (operation.is_frame() && required) fields.push_back({"type", field_type_name(FieldType::string)});
    for (const Field& field : operation.fields) {
        if (field.since == 1 && field.required == required) fields.push_back({field.name, field_type_name(field.type)});
    }
    std::sort(fields.begin(), fields.end(), [](const ListedField& a, const ListedField& b) { return a.name < b.name; });
    out.begin_array();
    for (const ListedField& field : fields) {
        out.begin_object().member("name", field.name).member("type", field.type).end_object();
    }
    out.end_array();
}

void write_v11_entry(json::Writer& out, std::string_view key, const Operation& operation) {
    out.begin_object().member(key, operation.name).member("description", operation.summary);
    out.key("required_fields");
    write_v11_fields(out, operation, true);
    out.key("optional_fields");
    write_v11_fields(out, operation, false);
    out.end_object();
}

void write_field(json::Writer& out, const Field& field) {
    out.begin_object().member("name", field.name).member("type", field_type_name(field.type));
    out.member("required", field.required).member("since", static_cast<int64_t>(field.since));
    if (field.max_code_points != 0) out.member("max_length", static_cast<int64_t>(field.max_code_points));
    if (field.max_items != 0) out.member("max_items", static_cast<int64_t>(field.max_items));
    out.end_object();
}

void write_fields(json::Writer& out, const Operation& operation) {
    out.key("fields").begin_array();
    for (const Field& field : operation.fields) write_field(out, field);
    out.end_array();
}

void write_route(json::Writer& out, const Operation& route) {
    out.begin_object().member("key", route.name).member("description", route.summary);
    out.member("since", static_cast<int64_t>(route.since)).member("method", method_name(route.method));
    out.member("path", route.path).member("auth", auth_name(route.auth));
    write_fields(out, route);
    out.key("query").begin_array();
    for (const QueryField& query : route.query) {
        out.begin_object().member("name", query.name).member("type", field_type_name(query.type));
        out.member("required", false).member("since", static_cast<int64_t>(query.since)).end_object();
    }
    out.end_array().end_object();
}

// -- Fields as JSON Schema --------------------------------------------------------------------------------------------

void write_type(json::Writer& out, const Field& field, std::string_view type) {
    // null counts as absent.
    if (field.required) {
        out.member("type", type);
    } else {
        out.key("type").begin_array().string(type).string("null").end_array();
    }
}

void write_string_limit(json::Writer& out, const Field& field) {
    if (field.max_code_points != 0) out.member("maxLength", static_cast<int64_t>(field.max_code_points));
}

void write_field_schema(json::Writer& out, const Operation& operation, const Field& field,
                        std::string_view reference_prefix) {
    out.begin_object();
    if (operation.id == OperationId::http_task_batch && field.name == "tasks") {
        out.member("type", "array").member("minItems", 1).member("maxItems", static_cast<int64_t>(kMaxBatchTasks));
        const Operation& submit = agentcom::operation(OperationId::http_task_submit);
        out.key("items").begin_object().member("$ref", std::string(reference_prefix) + body_name(submit)).end_object();
    } else if (field.on_bad_value == OnBadValue::refuse) {
        switch (field.type) {
            case FieldType::string:
                write_type(out, field, "string");
                write_string_limit(out, field);
                break;
            case FieldType::integer:
                write_type(out, field, "integer");
                break;
            case FieldType::positive_integer:
                write_type(out, field, "integer");
                out.member("minimum", 1);
                break;
            case FieldType::boolean:
                write_type(out, field, "boolean");
                break;
            case FieldType::object:
                write_type(out, field, "object");
                break;
            case FieldType::array_of_string:
                write_type(out, field, "array");
                if (field.max_items != 0) out.member("maxItems", static_cast<int64_t>(field.max_items));
                out.key("items").begin_object().member("type", "string");
                write_string_limit(out, field);
                out.end_object();
                break;
            case FieldType::any:
                break;
        }
    }
    // What is not refused has no type here: a schema must not reject what the hub takes.
    std::string note(field_note(operation.name, field.name));
    if (field.on_bad_value == OnBadValue::ignore) {
        note += std::string(note.empty() ? "" : " ") + "A " + std::string(field_type_name(field.type)) +
                "; anything else counts as absent.";
    }
    if (field.since > 1) note += std::string(note.empty() ? "" : " ") + "Since protocol 2.";
    if (!note.empty()) out.member("description", note);
    out.end_object();
}

// -- Frames -----------------------------------------------------------------------------------------------------------

void write_frame_schema(json::Writer& out, const Operation& frame) {
    out.begin_object();
    write_fields_schema(out, frame, "");
    out.end_object();
}

void write_references(json::Writer& out, std::string_view name, std::string_view keyword,
                      const std::vector<std::string>& names) {
    out.key(name).begin_object().key(keyword).begin_array();
    for (const std::string& each : names) out.begin_object().member("$ref", "#/$defs/" + each).end_object();
    out.end_array().end_object();
}

}  // namespace

std::string schema_listing() {
    json::Writer out;
    out.begin_object().member("version", "1.0").key("schemas").begin_object().member("version", "1.0");
    out.key("websocket").begin_array();
    for (const Operation* frame : sorted(true)) {
        if (frame->since == 1) write_v11_entry(out, "type", *frame);
    }
    out.end_array().key("http").begin_array();
    for (const Operation* route : sorted(false)) {
        if (std::find(kV11Bodies.begin(), kV11Bodies.end(), route->name) != kV11Bodies.end()) {
            write_v11_entry(out, "key", *route);
        }
    }
    out.end_array().key("websocket_v2").begin_array();
    for (const Operation* frame : sorted(true)) {
        out.begin_object().member("type", frame->frame_type).member("description", frame->summary);
        out.member("since", static_cast<int64_t>(frame->since));
        write_fields(out, *frame);
        out.end_object();
    }
    out.end_array().key("websocket_dashboard").begin_array();
    for (const Operation& frame : dashboard_frames()) {
        out.begin_object().member("type", frame.frame_type).member("description", frame.summary);
        out.member("since", static_cast<int64_t>(frame.since));
        write_fields(out, frame);
        out.end_object();
    }
    out.end_array().key("routes").begin_array();
    for (const Operation* route : sorted(false)) write_route(out, *route);
    return out.end_array().end_object().end_object().take();
}

std::string websocket_schemas() {
    json::Writer out;
    out.begin_object().member("$schema", "https://json-schema.org/draft/2020-12/schema");
    out.member("$id", "urn:agentcom:websocket").member("title", "AgentCom WebSocket frames");
    out.member("description",
               "Frames of clients are to_hub.<type>, those of the hub from_hub.<type>; on /ws/dashboard "
               "to_hub_dashboard.<type> and from_hub_dashboard.<type>. Objects may have more members than "
               "are listed: the hub does not look at them, and a later hub may send them.");
    out.key("anyOf").begin_array();
    for (const std::string_view name :
         {"#/$defs/to_hub", "#/$defs/from_hub", "#/$defs/to_hub_dashboard", "#/$defs/from_hub_dashboard"}) {
        out.begin_object().member("$ref", name).end_object();
    }
    out.end_array().key("$defs").begin_object();
    std::vector<std::string> names;
    for (const Operation* frame : sorted(true)) {
        names.push_back("to_hub." + std::string(frame->frame_type));
        out.key(names.back());
        write_frame_schema(out, *frame);
    }
    write_references(out, "to_hub", "oneOf", names);
    names.clear();
    for (const Operation& frame : dashboard_frames()) {
        names.push_back("to_hub_dashboard." + std::string(frame.frame_type));
        out.key(names.back());
        write_frame_schema(out, frame);
    }
    write_references(out, "to_hub_dashboard", "oneOf", names);
    names.clear();
    std::vector<std::string> to_dashboards;
    SchemaWriter schemas(out, "#/$defs/", field_note);
    for (const HubFrame& frame : hub_frames()) {
        std::vector<std::string>& list = frame.dashboard ? to_dashboards : names;
        list.push_back((frame.dashboard ? "from_hub_dashboard." : "from_hub.") + std::string(frame.type));
        Shape shape = frame.shape;
        if (frame.reply) {
            shape = with_first_member(std::move(shape), {"request_id", true, parse_shape("string | integer", {})});
        }
        out.key(list.back()).begin_object().member("description", frame.summary);
        schemas.write_keywords(shape, frame.type);
        out.end_object();
    }
    write_references(out, "from_hub", "oneOf", names);
    write_references(out, "from_hub_dashboard", "oneOf", to_dashboards);
    for (const NamedShape& named : named_shapes()) {
        out.key(named.name).begin_object().member("description", named_shape_summary(named.name));
        schemas.write_keywords(named.shape, named.name);
        out.end_object();
    }
    return out.end_object().end_object().take();
}

void write_fields_schema(json::Writer& out, const Operation& operation, std::string_view reference_prefix) {
    out.member("type", "object").member("description", operation.summary);
    out.key("properties").begin_object();
    if (operation.is_frame()) {
        out.key("type").begin_object().member("const", operation.frame_type).end_object();
        // Dashboards have none.
        if (find_frame(operation.frame_type) != nullptr) {
            out.key("request_id").begin_object().member("description", field_note("", "request_id")).end_object();
        }
    }
    for (const Field& field : operation.fields) {
        out.key(field.name);
        write_field_schema(out, operation, field, reference_prefix);
    }
    out.end_object();
    std::vector<std::string> required;
    if (operation.is_frame()) required.emplace_back("type");
    for (const Field& field : operation.fields) {
        if (field.required) required.emplace_back(field.name);
    }
    if (!required.empty()) out.raw_member("required", json::encode_strings(required));
}

std::string body_name(const Operation& route) {
    std::string name;
    bool capital = true;
    for (const char c : route.name) {
        if (c == '_') {
            capital = true;
        } else {
            name += capital && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
            capital = false;
        }
    }
    return name + "Body";
}

}  // namespace agentcom
