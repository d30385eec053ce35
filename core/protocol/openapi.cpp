#include "core/protocol/openapi.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/assert.hpp"
#include "core/base/limits.hpp"
#include "core/protocol/field_notes.hpp"
#include "core/protocol/operation.hpp"
#include "core/protocol/responses.hpp"
#include "core/protocol/schemas.hpp"

namespace agentcom {
namespace {

constexpr std::string_view kSchemas = "#/components/schemas/";

constexpr std::string_view kDescription =
    "A hub for fleets of AI agents: their messages, their tasks, and a view of what goes on. Times are Unix "
    "milliseconds "
    "unless a name says otherwise; lengths count Unicode code points. Objects may have more members than are listed, "
    "since "
    "a later hub may know more. Requests may hold members that the hub does not know; it does not look at them. Agents "
    "may "
    "also speak WebSocket at `/ws`: GET /api/schemas/websocket gives the schemas of its frames.";

// -- Words of the catalogue -------------------------------------------------------------------------------------------

struct Tag {
    std::string_view prefix;  // of the path
    std::string_view name;
};

// The first that fits counts.
constexpr std::array<Tag, 16> kTags = {{
    {"/api/onboard", "access"},
    {"/admin/tokens", "access"},
    {"/api/whoami", "access"},
    {"/api/admin/invites", "access"},
    {"/api/admin/rate-limits", "limits"},
    {"/api/admin/validation", "limits"},
    {"/api/admin", "administration"},
    {"/api/config", "administration"},
    {"/api/message", "messages"},
    {"/api/mailbox", "messages"},
    {"/api/threads", "messages"},
    {"/api/channels", "channels"},
    {"/api/agents", "agents"},
    {"/api/tasks", "tasks"},
    {"/api", "observation"},
    {"/", "discovery"},
}};

struct TagText {
    std::string_view name;
    std::string_view description;
};

constexpr std::array<TagText, 9> kTagTexts = {{
    {"discovery", "Whether the hub is there, and what it can do."},
    {"access", "Agents, their tokens, and who may do what."},
    {"messages", "Messages between agents, their mailboxes and threads."},
    {"channels", "Messages to all members of a channel."},
    {"agents", "Who is there, and at work on what."},
    {"tasks", "Tasks: submit, watch, claim, report, cancel."},
    {"observation", "What goes on: events, the overview, figures."},
    {"administration", "Settings of the running hub, and what only its administrators do."},
    {"limits", "Rate limits, exemptions, and what validation has refused."},
}};

std::string_view tag_of(const Operation& route) {
    if (route.path.starts_with("/api/schemas") || route.path == "/api/openapi.json") return "discovery";
    const auto found =
        std::find_if(kTags.begin(), kTags.end(), [&](const Tag& tag) { return route.path.starts_with(tag.prefix); });
    AGENTCOM_ASSERT(found != kTags.end(), "every path begins with a slash");
    return found->name;
}

std::string_view auth_word(Auth auth) {
    switch (auth) {
        case Auth::strict:
            return "strict";
        case Auth::flex:
            return "flex";
        case Auth::flex_owner:
            return "owner";
        default:
            return "none";
    }
}

std::string_view permission_word(Permission permission) {
    switch (permission) {
        case Permission::read:
            return "read";
        case Permission::work:
            return "work";
        case Permission::operate:
            return "operate";
        case Permission::administer:
            return "administer";
        case Permission::administer_hub:
            return "administer_hub";
        case Permission::reset:
            return "reset";
        case Permission::metrics:
            return "metrics";
        case Permission::none:
            break;
    }
    return "none";
}

// Examples of bodies, where one says more than the schema.
struct Example {
    OperationId id;
    std::string_view body;
};

constexpr Example kExamples[] = {
    {OperationId::http_register, R"({"agent_id":"alice"})"},
    {OperationId::http_message_send, R"({"to":"bob","type":"chat","payload":{"text":"hello"}})"},
    {OperationId::http_task_submit,
     R"({"description":"Fix the failing test","priority":"high","needed_capabilities":["code"]})"},
    {OperationId::http_task_claim, R"({"capabilities":["code"],"wait_ms":30000})"},
    {OperationId::http_task_complete, R"({"generation":1,"result":{"commit":"4f2c9e1"}})"},
};

// -- Parts of an operation --------------------------------------------------------------------------------------------

void reference(json::Writer& out, std::string_view to) {
    out.begin_object().member("$ref", std::string("#/components/") + std::string(to)).end_object();
}

// "/api/tasks/:task_id" as "/api/tasks/{task_id}", and its parameters.
std::string template_of(std::string_view path, std::vector<std::string_view>* parameters = nullptr) {
    std::string text;
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::string_view segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        if (segment.starts_with(':')) {
            text.append("/{").append(segment.substr(1)).append("}");
            if (parameters != nullptr) parameters->push_back(segment.substr(1));
        } else {
            text.append("/").append(segment);
        }
    }
    return text;
}

void write_parameter(json::Writer& out, const Operation& route, std::string_view in, std::string_view name,
                     FieldType type, uint8_t since) {
    out.begin_object().member("name", name).member("in", in).member("required", in == "path");
    std::string note(field_note(route.name, name));
    if (since > route.since) note += std::string(note.empty() ? "" : " ") + "Since protocol 2.";
    if (!note.empty()) out.member("description", note);
    out.key("schema").begin_object();
    out.member("type", type == FieldType::string ? "string" : "integer");
    if (type == FieldType::string && in == "query") out.member("maxLength", static_cast<int64_t>(kMaxNameCodePoints));
    out.end_object().end_object();
}

void write_parameters(json::Writer& out, const Operation& route) {
    out.key("parameters").begin_array();
    std::vector<std::string_view> path;
    template_of(route.path, &path);
    for (const std::string_view name : path) write_parameter(out, route, "path", name, FieldType::string, 1);
    for (const QueryField& query : route.query) {
        write_parameter(out, route, "query", query.name, query.type, query.since);
    }
    if (route.auth != Auth::none) reference(out, "parameters/Workspace");
    if (route.mutates) reference(out, "parameters/IdempotencyKey");
    reference(out, "parameters/RequestId");
    out.end_array();
}

void write_body(json::Writer& out, const Operation& route) {
    if (route.fields.empty()) return;
    const bool required =
        std::any_of(route.fields.begin(), route.fields.end(), [](const Field& field) { return field.required; });
    out.key("requestBody").begin_object().member("required", required);
    out.key("content").begin_object().key("application/json").begin_object();
    out.key("schema").begin_object().member("$ref", std::string(kSchemas) + body_name(route)).end_object();
    for (const Example& example : kExamples) {
        if (example.id == route.id) out.raw_member("example", example.body);
    }
    out.end_object().end_object().end_object();
}

void write_security(json::Writer& out, const Operation& route) {
    out.key("security").begin_array();
    if (route.auth == Auth::none && route.permission != Permission::none) out.begin_object().end_object();
    if (route.auth != Auth::none || route.permission != Permission::none) {
        out.begin_object().key("bearer").begin_array().end_array().end_object();
    }
    if (route.auth == Auth::flex || route.auth == Auth::flex_owner) {
        out.begin_object().key("token").begin_array().end_array().end_object();
    }
    out.end_array();
}

using Answers = std::vector<AnswerShape>;

std::string description_of(const Answers& all, size_t from, size_t to) {
    std::string text;
    for (size_t i = from; i < to; ++i) {
        for (const std::string& code : all[i].codes) text.append(text.empty() ? "`" : ", `").append(code).append("`");
    }
    if (!text.empty()) return text;
    const Shape& shape = all[from].shape;
    return shape.kind == Shape::Kind::named ? std::string(named_shape_summary(shape.text)) : "Done as asked.";
}

// Answers of one status and media type: one schema, or any of several.
void write_content(json::Writer& out, const Operation& route, const Answers& all, size_t from, size_t to) {
    SchemaWriter schemas(out, kSchemas, field_note);
    std::vector<std::string> written;
    out.key("content").begin_object();
    for (size_t i = from; i < to; ++i) {
        const std::string& media_type = all[i].media_type;
        if (std::find(written.begin(), written.end(), media_type) != written.end()) continue;
        written.push_back(media_type);
        std::vector<const Shape*> shapes;
        for (size_t j = i; j < to; ++j) {
            if (all[j].media_type == media_type) shapes.push_back(&all[j].shape);
        }
        out.key(media_type).begin_object().key("schema").begin_object();
        if (shapes.size() == 1) {
            schemas.write_keywords(*shapes.front(), route.name);
        } else {
            out.key("anyOf").begin_array();
            for (const Shape* shape : shapes) schemas.write(*shape, route.name);
            out.end_array();
        }
        out.end_object().end_object();
    }
    out.end_object();
}

void write_responses(json::Writer& out, const Operation& route) {
    const Answers all = answers(route);
    out.key("responses").begin_object();
    for (size_t from = 0; from < all.size();) {
        size_t to = from;
        std::vector<std::string> codes;
        for (; to < all.size() && all[to].status == all[from].status; ++to) {
            codes.insert(codes.end(), all[to].codes.begin(), all[to].codes.end());
        }
        const int status = all[from].status;
        out.key(std::to_string(status)).begin_object().member("description", description_of(all, from, to));
        out.key("headers").begin_object().key("X-Request-Id");
        reference(out, "headers/RequestId");
        if (status == 429 || status == 503) {
            out.key("Retry-After");
            reference(out, "headers/RetryAfter");
        }
        out.end_object();
        write_content(out, route, all, from, to);
        if (!codes.empty()) out.raw_member("x-agentcom-errors", json::encode_strings(codes));
        out.end_object();
        from = to;
    }
    out.end_object();
}

void write_operation(json::Writer& out, const Operation& route) {
    std::string method(method_name(route.method));
    std::transform(method.begin(), method.end(), method.begin(),
                   [](char c) { return static_cast<char>(c - 'A' + 'a'); });
    out.key(method).begin_object().member("operationId", route.name).member("summary", route.summary);
    out.key("tags").begin_array().string(tag_of(route)).end_array();
    write_security(out, route);
    write_parameters(out, route);
    write_body(out, route);
    write_responses(out, route);
    out.member("x-agentcom-auth", auth_word(route.auth));
    out.member("x-agentcom-permission", permission_word(route.permission));
    out.member("x-agentcom-tier", tier_name(route.tier));
    out.member("x-agentcom-since", static_cast<int64_t>(route.since));
    out.end_object();
}

// -- Parts of the document --------------------------------------------------------------------------------------------

void write_paths(json::Writer& out) {
    out.key("paths").begin_object();
    std::vector<std::string_view> written;
    for (const Operation& first : catalogue()) {
        if (first.is_frame() || std::find(written.begin(), written.end(), first.path) != written.end()) continue;
        written.push_back(first.path);
        out.key(template_of(first.path)).begin_object();
        for (const Operation& route : catalogue()) {
            if (!route.is_frame() && route.path == first.path) write_operation(out, route);
        }
        out.end_object();
    }
    out.end_object();
}

void write_tags(json::Writer& out) {
    out.key("tags").begin_array();
    for (const TagText& tag : kTagTexts) {
        const bool used = std::any_of(catalogue().begin(), catalogue().end(), [&](const Operation& operation) {
            return !operation.is_frame() && tag_of(operation) == tag.name;
        });
        if (used) out.begin_object().member("name", tag.name).member("description", tag.description).end_object();
    }
    out.end_array();
}

void write_text_parameter(json::Writer& out, std::string_view key, std::string_view name, std::string_view in,
                          std::string_view description, size_t max_code_points) {
    out.key(key).begin_object().member("name", name).member("in", in).member("required", false);
    out.member("description", description).key("schema").begin_object().member("type", "string");
    out.member("maxLength", static_cast<int64_t>(max_code_points)).end_object().end_object();
}

void collect_names(const Shape& shape, std::vector<std::string_view>& names) {
    if (shape.kind == Shape::Kind::named && std::find(names.begin(), names.end(), shape.text) == names.end()) {
        const auto named = std::find_if(named_shapes().begin(), named_shapes().end(),
                                        [&](const NamedShape& each) { return each.name == shape.text; });
        AGENTCOM_ASSERT(named != named_shapes().end(), "a shape that is referred to is in the table");
        names.push_back(named->name);
        collect_names(named->shape, names);
    }
    for (const Shape& part : shape.parts) collect_names(part, names);
    for (const ShapeMember& member : shape.members) collect_names(member.shape, names);
}

// The named shapes that answers refer to; others occur in frames only.
std::vector<std::string_view> names_in_answers() {
    std::vector<std::string_view> names;
    for (const Operation& route : catalogue()) {
        if (route.is_frame()) continue;
        for (const AnswerShape& answer : answers(route)) collect_names(answer.shape, names);
    }
    return names;
}

void write_components(json::Writer& out) {
    out.key("components").begin_object().key("securitySchemes").begin_object();
    out.key("bearer").begin_object().member("type", "http").member("scheme", "bearer");
    out.member("description", "A token: `Authorization: Bearer TOKEN`, exactly once.").end_object();
    out.key("token").begin_object().member("type", "apiKey").member("in", "query").member("name", "token");
    out.member("description", "A token where a header cannot be set.").end_object().end_object();

    out.key("parameters").begin_object();
    write_text_parameter(out, "Workspace", "workspace", "query",
                         "The workspace to act in; only for tokens that administer the hub. Default: `default`, or the "
                         "token's own.",
                         kMaxNameCodePoints);
    write_text_parameter(out, "IdempotencyKey", "Idempotency-Key", "header",
                         "For 24 h the same request with the same key gets the first answer again, and nothing is done "
                         "twice.",
                         kMaxKeyCodePoints);
    write_text_parameter(out, "RequestId", "X-Request-Id", "header",
                         "A name for this request, given back with the answer and written to the log.", 128);
    out.end_object();

    out.key("headers").begin_object();
    out.key("RequestId").begin_object().member("description", "The name of the request: the client's, or one made up.");
    out.key("schema").begin_object().member("type", "string").end_object().end_object();
    out.key("RetryAfter").begin_object().member("description", "Seconds after which to try again.");
    out.key("schema").begin_object().member("type", "integer").end_object().end_object();
    out.end_object();

    out.key("schemas").begin_object();
    SchemaWriter schemas(out, kSchemas, field_note);
    const std::vector<std::string_view> names = names_in_answers();
    for (const NamedShape& named : named_shapes()) {
        if (std::find(names.begin(), names.end(), named.name) == names.end()) continue;
        out.key(named.name).begin_object().member("description", named_shape_summary(named.name));
        schemas.write_keywords(named.shape, named.name);
        out.end_object();
    }
    for (const Operation& route : catalogue()) {
        if (route.is_frame() || route.fields.empty()) continue;
        out.key(body_name(route)).begin_object();
        write_fields_schema(out, route, kSchemas);
        out.end_object();
    }
    out.end_object().end_object();
}

}  // namespace

std::string openapi_document(std::string_view hub_version) {
    json::Writer out;
    out.begin_object().member("openapi", "3.1.0");
    out.key("info").begin_object().member("title", "AgentCom").member("version", hub_version);
    out.member("description", kDescription);
    out.key("license").begin_object().member("name", "MIT").member("identifier", "MIT").end_object().end_object();
    out.key("servers").begin_array().begin_object().member("url", "/").member("description", "This hub.");
    out.end_object().end_array();
    write_tags(out);
    write_paths(out);
    write_components(out);
    return out.end_object().take();
}

}  // namespace agentcom
