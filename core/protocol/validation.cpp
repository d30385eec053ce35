#include "core/protocol/validation.hpp"

#include "core/base/assert.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"

namespace agentcom {
namespace {

using json::Kind;
using json::Value;

// The first characters of a text that is too long to repeat, as JSON.
std::string shortened(std::string_view text) {
    return json::encode_string(std::string(truncate_code_points(text, kEchoCodePoints)) + "...");
}

// An offending value as it is repeated to the client: verbatim, unless it is huge.
std::string echoed(const Value& value) {
    if (value.raw.size() <= kMaxEchoBytes) return std::string(value.raw);
    return shortened(value.kind == Kind::string ? json::decode_string(value) : std::string(value.raw));
}

FieldError missing(std::string_view field) {
    return {std::string(field), "required", "field is required", std::nullopt, 0};
}

FieldError wrong_type(std::string field, std::string_view expected, std::string_view got, const Value& value) {
    std::string detail = "expected ";
    detail += expected;
    detail += ", got ";
    detail += got;
    return {std::move(field), "wrong_type", std::move(detail), echoed(value), 0};
}

std::string too_long_detail(size_t limit, std::string_view unit) {
    std::string detail = "exceeds maximum length of ";
    detail += std::to_string(limit);
    detail += ' ';
    detail += unit;
    return detail;
}

std::optional<FieldError> check_string(std::string field, uint32_t max_code_points, const Value& value) {
    if (value.kind != Kind::string) return wrong_type(std::move(field), "string", json::kind_name(value.kind), value);
    // The raw text, quotes included, is never shorter than what it stands for.
    if (max_code_points == 0 || value.raw.size() <= max_code_points) return std::nullopt;
    const std::string text = json::decode_string(value);
    if (!exceeds_code_points(text, max_code_points)) return std::nullopt;
    return FieldError{std::move(field), "too_long", too_long_detail(max_code_points, "characters"), shortened(text), 0};
}

std::optional<FieldError> check_list(const Field& field, const Value& value) {
    if (value.kind != Kind::array) {
        return wrong_type(std::string(field.name), "array", json::kind_name(value.kind), value);
    }
    const std::vector<Value> items = json::elements(value.raw);
    for (size_t i = 0; i < items.size(); ++i) {
        std::string name(field.name);
        name += '[';
        name += std::to_string(i);
        name += ']';
        if (auto error = check_string(std::move(name), field.max_code_points, items[i])) return error;
    }
    if (field.max_items != 0 && items.size() > field.max_items) {
        return FieldError{std::string(field.name), "too_long", too_long_detail(field.max_items, "items"),
                          shortened(value.raw), 0};
    }
    return std::nullopt;
}

// Checks a value that is there and not null.
std::optional<FieldError> check_value(const Field& field, const Value& value) {
    const auto expect = [&](Kind kind) -> std::optional<FieldError> {
        if (value.kind == kind) return std::nullopt;
        return wrong_type(std::string(field.name), json::kind_name(kind), json::kind_name(value.kind), value);
    };
    switch (field.type) {
        case FieldType::string:
            return check_string(std::string(field.name), field.max_code_points, value);
        case FieldType::integer:
            return expect(Kind::integer);
        case FieldType::positive_integer:
            if (value.kind == Kind::integer) {
                if (json::to_int64_saturated(value) > 0) return std::nullopt;
                return wrong_type(std::string(field.name), "positive integer",
                                  truncate_code_points(value.raw, kEchoCodePoints), value);
            }
            return wrong_type(std::string(field.name), "positive integer", json::kind_name(value.kind), value);
        case FieldType::boolean:
            return expect(Kind::boolean);
        case FieldType::object:
            return expect(Kind::object);
        case FieldType::array_of_string:
            return check_list(field, value);
        case FieldType::any:
            return std::nullopt;
    }
    return std::nullopt;
}

bool must_be_good(const Field& field, ValidationRules rules) {
    switch (field.on_bad_value) {
        case OnBadValue::refuse:
            return true;
        case OnBadValue::ignore:
            return false;
        case OnBadValue::coerce:
            return !rules.lenient_failure_text;
    }
    return true;
}

bool is_integer_literal(std::string_view text) {
    if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
    if (text.empty()) return false;
    for (const char c : text) {
        if (c < '0' || c > '9') return false;
    }
    return true;
}

std::string request_id_of(const json::Object& members) {
    const Value* id = members.find("request_id");
    if (id == nullptr || id->raw.size() > kMaxEchoBytes) return {};
    if (id->kind == Kind::integer) return std::string(id->raw);
    if (id->kind != Kind::string || exceeds_code_points(json::decode_string(*id), kMaxKeyCodePoints)) return {};
    return std::string(id->raw);
}

FieldError unknown_type(std::string_view type, int64_t protocol_version) {
    std::string detail = "unknown message type '";
    if (exceeds_code_points(type, kMaxNameCodePoints)) {
        detail += truncate_code_points(type, kEchoCodePoints);
        detail += "...";
    } else {
        detail += type;
    }
    detail += '\'';
    return {"type", "unknown_message_type", std::move(detail), std::nullopt, protocol_version};
}

void write_errors(json::Writer& out, const std::vector<FieldError>& errors) {
    out.key("errors").begin_array();
    for (const FieldError& error : errors) {
        out.begin_object();
        out.member("field", error.field).member("error", error.error).member("detail", error.detail);
        if (error.value_raw) out.raw_member("value", *error.value_raw);
        if (error.known_types_of > 0) {
            out.key("known_types").begin_array();
            for (const std::string_view type : known_frame_types(error.known_types_of)) out.string(type);
            out.end_array();
        }
        out.end_object();
    }
    out.end_array();
}

}  // namespace

std::vector<FieldError> validate(const Operation& operation, const json::Object& members, ValidationRules rules) {
    std::vector<FieldError> errors;
    for (const Field& field : operation.fields) {
        const Value* value = members.find(field.name);
        if (value == nullptr || value->kind == Kind::null) {
            if (field.required) errors.push_back(missing(field.name));
        } else if (must_be_good(field, rules)) {
            if (auto error = check_value(field, *value)) errors.push_back(std::move(*error));
        }
    }
    return errors;
}

std::string_view field_of(const FieldError& error) {
    return std::string_view(error.field).substr(0, error.field.find('['));
}

bool are_all_optional(const Operation& operation, const std::vector<FieldError>& errors) {
    for (const FieldError& error : errors) {
        const Field* field = find_field(operation, field_of(error));
        if (field == nullptr || field->required) return false;
    }
    return true;
}

std::vector<FieldError> validate_query(const Operation& operation, const Query& query) {
    std::vector<FieldError> errors;
    for (const QueryField& field : operation.query) {
        const std::string* value = find_parameter(query, field.name);
        if (value == nullptr) continue;
        const std::string as_json = json::encode_string(*value);
        if (field.type == FieldType::integer && !is_integer_literal(*value)) {
            errors.push_back(wrong_type(std::string(field.name), "integer", "string", {Kind::string, as_json}));
        } else if (exceeds_code_points(*value, kMaxNameCodePoints)) {
            errors.push_back({std::string(field.name), "too_long", too_long_detail(kMaxNameCodePoints, "characters"),
                              shortened(*value), 0});
        }
    }
    return errors;
}

FrameCheck check_frame(const json::Document& frame, ValidationRules rules) {
    FrameCheck check;
    check.message_type_raw = "\"unknown\"";
    if (!frame.is_object()) {
        check.errors.push_back({"message", "wrong_type", "expected JSON object", std::nullopt, 0});
        return check;
    }
    check.request_id_raw = request_id_of(frame.object());
    const Value* type = frame.object().find("type");
    if (type == nullptr) {
        check.errors.push_back(missing("type"));
        return check;
    }
    check.message_type_raw = echoed(*type);
    if (type->kind != Kind::string) {
        check.errors.push_back(wrong_type("type", "string", json::kind_name(type->kind), *type));
        return check;
    }
    const std::string name = json::decode_string(*type);
    check.operation = find_frame(name);
    if (check.operation == nullptr || check.operation->since > rules.protocol_version) {
        check.operation = nullptr;
        check.unknown_type = true;
        check.errors.push_back(unknown_type(name, rules.protocol_version));
        return check;
    }
    check.errors = validate(*check.operation, frame.object(), rules);
    return check;
}

std::string ws_validation_error(std::string_view message_type_raw, const std::vector<FieldError>& errors) {
    json::Writer out;
    out.begin_object().member("type", "error").member("error", "validation_failed");
    out.raw_member("message_type", message_type_raw);
    write_errors(out, errors);
    return out.end_object().take();
}

std::string http_validation_error(const std::vector<FieldError>& errors) {
    json::Writer out;
    out.begin_object().member("error", "validation_failed");
    write_errors(out, errors);
    return out.end_object().take();
}

const Field& Arguments::field(std::string_view name) const {
    const Field* field = find_field(*operation_, name);
    AGENTCOM_ASSERT(field != nullptr, "a handler reads only fields that the catalogue gives its operation");
    return *field;
}

const Value* Arguments::find(std::string_view name) const {
    const Field& expected = field(name);
    const Value* value = members_->find(name);
    if (value == nullptr || value->kind == Kind::null) return nullptr;
    const bool may_be_bad = expected.on_bad_value == OnBadValue::ignore ||
                            (bad_optional_ == BadOptional::absent && expected.on_bad_value == OnBadValue::refuse);
    if (may_be_bad && check_value(expected, *value)) return nullptr;
    return value;
}

bool Arguments::is_null(std::string_view name) const {
    const Value* value = members_->find(field(name).name);
    return value != nullptr && value->kind == Kind::null;
}

std::optional<std::string> Arguments::string(std::string_view name) const {
    const Value* value = find(name);
    if (value == nullptr) return std::nullopt;
    const Field& expected = field(name);
    if (expected.on_bad_value != OnBadValue::coerce) return json::decode_string(*value);
    const std::string text = value->kind == Kind::string ? json::decode_string(*value) : std::string(value->raw);
    return std::string(truncate_code_points(text, expected.max_code_points));
}

std::optional<int64_t> Arguments::integer(std::string_view name) const {
    const Value* value = find(name);
    if (value == nullptr) return std::nullopt;
    return json::to_int64_saturated(*value);
}

std::optional<bool> Arguments::boolean(std::string_view name) const {
    const Value* value = find(name);
    if (value == nullptr) return std::nullopt;
    return json::to_bool(*value);
}

std::optional<std::string_view> Arguments::raw(std::string_view name) const {
    const Value* value = find(name);
    if (value == nullptr) return std::nullopt;
    return value->raw;
}

std::vector<std::string> Arguments::string_list(std::string_view name) const {
    std::vector<std::string> list;
    const Value* value = find(name);
    if (value == nullptr) return list;
    for (const Value& item : json::elements(value->raw)) list.push_back(json::decode_string(item));
    return list;
}

std::optional<int64_t> query_integer(const Query& query, std::string_view name) {
    const std::string* text = find_parameter(query, name);
    if (text == nullptr || !is_integer_literal(*text)) return std::nullopt;
    std::string_view digits = *text;
    if (digits.front() == '+') digits.remove_prefix(1);
    return json::to_int64_saturated({Kind::integer, digits});
}

}  // namespace agentcom
