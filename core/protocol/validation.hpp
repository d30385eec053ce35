// Checks what clients send against the catalogue, before any state is touched.
//
// Strict types, no coercion (1.0 is not an integer, "1" neither), unknown fields ignored, null counts as absent. All
// bad fields are reported, each once, required ones first, both groups in alphabetical order. The texts are those of
// AgentCom v1.1: clients show them.
//
//     FrameCheck check = check_frame(frame, rules);
//     if (!check.ok()) return send(ws_validation_error(check.message_type_raw, check.errors));
//     Arguments arguments(*check.operation, frame.object());
//     std::string task_id = arguments.text("task_id");
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/protocol/operation.hpp"

namespace agentcom {

struct ValidationRules {
    // Whether `error` and `reason` of task_failed are cut off and made strings rather than refused. Off in profile
    // v1.1, which refuses them.
    bool lenient_failure_text = true;
    // Frame types of later versions are unknown.
    int64_t protocol_version = 2;
};

struct FieldError {
    std::string field;
    std::string error;   // required, wrong_type, too_long, unknown_message_type
    std::string detail;  // for people
    // The offending value as JSON. Clients rely on it being there for wrong_type and too_long only.
    std::optional<std::string> value_raw;
    // Not 0: adds `known_types` of this protocol version to the reply.
    int64_t known_types_of = 0;

    bool operator==(const FieldError&) const = default;
};

// Whether a handler can do without the fields that are bad: they are all optional ones of the catalogue, so that
// Arguments with BadOptional::absent reads well without them.
bool are_all_optional(const Operation& operation, const std::vector<FieldError>& errors);

// The field that an error is about: its place in a list is cut off.
std::string_view field_of(const FieldError& error);

// Checks the members of a frame or body. Empty means valid.
std::vector<FieldError> validate(const Operation& operation, const json::Object& members, ValidationRules rules = {});

// Checks the query parameters that the operation knows: an integer must be one.
std::vector<FieldError> validate_query(const Operation& operation, const Query& query);

struct FrameCheck {
    // Set when the type is known, even if a field is bad.
    const Operation* operation = nullptr;
    // Empty when the frame is valid.
    std::vector<FieldError> errors;
    // The frame's own `type` as JSON, whatever it is; "unknown" (with quotes) when it has none.
    std::string message_type_raw;
    // `request_id` as JSON when it is a string of at most kMaxKeyCodePoints or an integer, else empty. Replies to
    // sessions of protocol 2 repeat it.
    std::string request_id_raw;
    // The type is a string that no operation has: counts less as a violation, since newer clients may send it.
    bool unknown_type = false;

    bool ok() const { return errors.empty(); }
};

// Checks a whole frame: that it is an object, its type, its fields.
FrameCheck check_frame(const json::Document& frame, ValidationRules rules = {});

// The reply to an invalid frame.
std::string ws_validation_error(std::string_view message_type_raw, const std::vector<FieldError>& errors);

// The body of a 422.
std::string http_validation_error(const std::vector<FieldError>& errors);

// The fields of a valid frame or body, typed. A field that is null, or that validation ignored for its bad value, reads
// as absent. Refers to the members it was made from. Asking for a field that the operation does not have is a fault.
class Arguments {
  public:
    // What an optional field reads as that breaks its rule: validation has made sure that there is none, or it is
    // absent.
    enum class BadOptional : uint8_t { none, absent };

    Arguments(const Operation& operation, const json::Object& members, BadOptional bad_optional = BadOptional::none)
        : operation_(&operation), members_(&members), bad_optional_(bad_optional) {}

    // Whether the field has a value other than null.
    bool has(std::string_view name) const { return find(name) != nullptr; }
    // Whether the field is there and null, which identify tells from absent.
    bool is_null(std::string_view name) const;
    // Whether the field is there, null or not.
    bool present(std::string_view name) const { return is_null(name) || has(name); }

    std::optional<std::string> string(std::string_view name) const;
    // The string, or "" when absent: for required fields and those whose default is empty.
    std::string text(std::string_view name) const { return string(name).value_or(std::string{}); }
    // A number that does not fit is the nearest that does.
    std::optional<int64_t> integer(std::string_view name) const;
    std::optional<bool> boolean(std::string_view name) const;
    // The bytes of any value.
    std::optional<std::string_view> raw(std::string_view name) const;
    // Empty when absent.
    std::vector<std::string> string_list(std::string_view name) const;

  private:
    const Field& field(std::string_view name) const;
    const json::Value* find(std::string_view name) const;

    const Operation* operation_;
    const json::Object* members_;
    BadOptional bad_optional_;
};

// The integer of a query parameter: saturated; nothing when absent or not an integer.
std::optional<int64_t> query_integer(const Query& query, std::string_view name);

}  // namespace agentcom
