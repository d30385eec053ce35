#include "core/protocol/validation.hpp"

#include <catch2/catch.hpp>

#include "core/base/assert.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"

using namespace agentcom;

namespace {

constexpr ValidationRules kStrict{.lenient_failure_text = false};

json::Document document(const std::string& text) {
    auto parsed = json::Document::parse(text, json::Duplicates::first_wins);
    REQUIRE(parsed);
    return std::move(*parsed);
}

// The whole reply to a frame, or "" when it is valid.
std::string reply(const std::string& frame, ValidationRules rules = kStrict) {
    const json::Document parsed = document(frame);
    const FrameCheck check = check_frame(parsed, rules);
    return check.ok() ? std::string() : ws_validation_error(check.message_type_raw, check.errors);
}

std::string invalid(std::string_view message_type, std::string_view errors) {
    std::string text = R"({"type":"error","error":"validation_failed","message_type":)";
    text += message_type;
    text += R"(,"errors":[)";
    text += errors;
    return text + "]}";
}

std::string error_of(std::string_view field, std::string_view error, std::string_view detail,
                     std::string_view value = {}) {
    std::string text = R"({"field":")";
    text.append(field).append(R"(","error":")").append(error).append(R"(","detail":")").append(detail).append("\"");
    if (!value.empty()) text.append(",\"value\":").append(value);
    return text + "}";
}

std::string required_error(std::string_view field) { return error_of(field, "required", "field is required"); }

std::string type_error(std::string_view field, std::string_view expected, std::string_view got,
                       std::string_view value) {
    return error_of(field, "wrong_type", std::string("expected ").append(expected).append(", got ").append(got), value);
}

std::string repeat(std::string_view text, size_t times) {
    std::string out;
    for (size_t i = 0; i < times; ++i) out += text;
    return out;
}

std::string body_errors(OperationId id, const std::string& body) {
    auto parsed = json::Document::parse(body, json::Duplicates::last_wins);
    REQUIRE(parsed);
    const auto errors = validate(operation(id), parsed->object());
    return errors.empty() ? std::string() : http_validation_error(errors);
}

std::string http_invalid(std::string_view errors) {
    return std::string(R"({"error":"validation_failed","errors":[)").append(errors).append("]}");
}

}  // namespace

TEST_CASE("frames: the validation examples of the v1.1 transcripts") {
    struct Row {
        std::string frame;
        std::string reply;
    };
    const std::string es = repeat("e", 2001);
    const Row rows[] = {
        {"{}", invalid(R"("unknown")", required_error("type"))},
        {R"({"type":5})", invalid("5", type_error("type", "string", "integer", "5"))},
        {R"({"type":null})", invalid("null", type_error("type", "string", "null", "null"))},
        {R"({"type":[1]})", invalid("[1]", type_error("type", "string", "array", "[1]"))},
        {R"({"type":1.0})", invalid("1.0", type_error("type", "string", "float", "1.0"))},
        {R"({"type":true})", invalid("true", type_error("type", "string", "boolean", "true"))},
        {R"({"type":{"a":1}})", invalid(R"({"a":1})", type_error("type", "string", "object", R"({"a":1})"))},
        {R"({"type":"identify"})",
         invalid(R"("identify")", required_error("agent_id") + "," + required_error("token"))},
        {R"({"type":"message","to":5,"message_type":[],"reply_to":1.5,"payload":"x"})",
         invalid(R"("message")", type_error("payload", "object", "string", "\"x\"") + "," +
                                     type_error("message_type", "string", "array", "[]") + "," +
                                     type_error("reply_to", "string", "float", "1.5") + "," +
                                     type_error("to", "string", "integer", "5"))},
        {R"({"type":"identify","agent_id":"a","token":"","capabilities":["a",1,null]})",
         invalid(R"("identify")", type_error("capabilities[1]", "string", "integer", "1"))},
        {R"({"type":"identify","agent_id":"a","token":"","capabilities":"code"})",
         invalid(R"("identify")", type_error("capabilities", "array", "string", "\"code\""))},
        {R"({"type":"task_failed","task_id":"t","generation":"1","reason":{"a":1},"error":")" + es + "\"}",
         invalid(R"("task_failed")", type_error("generation", "integer", "string", "\"1\"") + "," +
                                         error_of("error", "too_long", "exceeds maximum length of 2000 characters",
                                                  "\"" + repeat("e", 50) + "...\"") +
                                         "," + type_error("reason", "string", "object", R"({"a":1})"))},
        {R"({"type":"task_complete","task_id":null,"generation":1.0})",
         invalid(R"("task_complete")",
                 type_error("generation", "integer", "float", "1.0") + "," + required_error("task_id"))},
        {R"({"type":"task_complete","task_id":"t","generation":1e2})",
         invalid(R"("task_complete")", type_error("generation", "integer", "float", "1e2"))},
        {R"({"type":"status","status":5})", invalid(R"("status")", type_error("status", "string", "integer", "5"))},
        // The first of two equal keys counts.
        {R"({"type":5,"type":"ping"})", invalid("5", type_error("type", "string", "integer", "5"))},
    };
    for (const Row& row : rows) {
        CAPTURE(row.frame);
        CHECK(reply(row.frame) == row.reply);
    }
}

TEST_CASE("frames: what is not an object") {
    for (const char* text : {"[]", "5", "\"ping\"", "null", "true", "[{\"type\":\"ping\"}]"}) {
        CAPTURE(text);
        CHECK(reply(text) == invalid(R"("unknown")", error_of("message", "wrong_type", "expected JSON object")));
    }
}

TEST_CASE("frames: an unknown type") {
    const json::Document frame = document(R"({"type":"nope","request_id":"r1"})");
    ValidationRules rules;
    rules.protocol_version = 1;
    const FrameCheck check = check_frame(frame, rules);
    CHECK(check.unknown_type);
    CHECK(check.operation == nullptr);
    const std::string known =
        R"(["channel_history","channel_publish","channel_subscribe","channel_unsubscribe","identify","list_agents",)"
        R"("list_channels","message","ping","status","task_accepted","task_complete","task_failed","task_progress",)"
        R"("task_recovering","task_rejected"])";
    CHECK(
        ws_validation_error(check.message_type_raw, check.errors) ==
        invalid(
            R"("nope")",
            R"({"field":"type","error":"unknown_message_type","detail":"unknown message type 'nope'","known_types":)" +
                known + "}"));
    CHECK(check.request_id_raw == "\"r1\"");
    CHECK_FALSE(check_frame(document(R"({"type":5})")).unknown_type);
}

TEST_CASE("frames: what v1.1 accepted is accepted") {
    const std::string long_text = repeat("x", 256);
    for (
        const std::string& frame : {
            std::string(R"({"type":"ping","extra":[1]})"),
            std::string(R"({"type":"p\u0069ng"})"),
            std::string(R"({"type":"message","payload":{}})"),
            std::string(R"({"type":"message","payload":{"a":1e400},"to":null,"message_type":null,"reply_to":null})"),
            std::string(R"({"type":"message","payload":{},"to":""})"),
            std::string(R"({"type":"status","status":""})"),
            std::string(R"({"type":"task_complete","task_id":"","generation":-123456789012345678901234567890})"),
            std::string(R"({"type":"task_progress","task_id":"t","progress":-5})"),
            std::string(R"({"type":"task_rejected","task_id":"t","reason":"busy","protocol_version":1})"),
            R"({"type":"identify","agent_id":"a","token":")" + long_text + R"(","name":")" + long_text + "\"}",
            std::string(
                R"({"type":"identify","agent_id":"a","token":"","name":null,"status":null,"capabilities":null})"),
            // Fields that came later and that v1.1 ignored.
            std::string(
                R"({"type":"identify","agent_id":"a","token":"","client_type":5,"protocol_version":"x","slots":0,"presence":[]})"),
            std::string(R"({"type":"task_complete","task_id":"t","generation":1,"usage":"12 tokens"})"),
        }) {
        CAPTURE(frame);
        CHECK(reply(frame).empty());
    }
}

TEST_CASE("lengths are limited in code points, one by one field") {
    struct Row {
        const char* before;
        const char* after;
        size_t limit;
        const char* field;
    };
    const Row rows[] = {
        {R"({"type":"identify","token":"","agent_id":")", "\"}", 128, "agent_id"},
        {R"({"type":"identify","agent_id":"a","token":")", "\"}", 256, "token"},
        {R"({"type":"identify","agent_id":"a","token":"","name":")", "\"}", 256, "name"},
        {R"({"type":"status","status":")", "\"}", 256, "status"},
        {R"({"type":"message","payload":{},"to":")", "\"}", kMaxNameCodePoints, "to"},
        {R"({"type":"task_failed","generation":1,"task_id":"t","reason":")", "\"}", 2000, "reason"},
        {R"({"type":"identify","agent_id":"a","token":"","capabilities":[")", "\"]}", kMaxNameCodePoints,
         "capabilities[0]"},
    };
    for (const Row& row : rows) {
        // One character in one to four bytes, and as an escape.
        for (const char* unit : {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\\ud83d\\ude00", "\\n"}) {
            CAPTURE(row.field, unit);
            CHECK(reply(row.before + repeat(unit, row.limit) + row.after).empty());
            const json::Document frame = document(row.before + repeat(unit, row.limit + 1) + row.after);
            const FrameCheck check = check_frame(frame, kStrict);
            REQUIRE(check.errors.size() == 1);
            const FieldError& error = check.errors.front();
            CHECK(error.field == row.field);
            CHECK(error.error == "too_long");
            CHECK(error.detail == "exceeds maximum length of " + std::to_string(row.limit) + " characters");
            REQUIRE(error.value_raw);
            const std::string value = json::decode_string(json::parse_value(*error.value_raw));
            CHECK(count_code_points(value) == 53);
            CHECK(value.ends_with("..."));
        }
    }
}

TEST_CASE("lists are limited in items") {
    const auto frame = [](size_t count) {
        return R"({"type":"identify","agent_id":"a","token":"","capabilities":[)" + repeat("\"c\",", count - 1) +
               "\"c\"]}";
    };
    CHECK(reply(frame(kMaxCapabilities)).empty());
    const json::Document over = document(frame(kMaxCapabilities + 1));
    const FrameCheck check = check_frame(over);
    REQUIRE(check.errors.size() == 1);
    CHECK(check.errors.front().field == "capabilities");
    CHECK(check.errors.front().error == "too_long");
    CHECK(check.errors.front().detail == "exceeds maximum length of 256 items");
}

TEST_CASE("huge offending values are not sent back") {
    const std::string huge = repeat("x", kMaxEchoBytes);
    for (const std::string& frame : {R"({"type":")" + huge + "\"}", R"({"type":[")" + huge + "\"]}",
                                     R"({"type":"status","status":[")" + huge + "\"]}",
                                     R"({"type":"task_complete","task_id":"t","generation":")" + huge + "\"}"}) {
        const std::string answer = reply(frame);
        CHECK(answer.size() < 1000);
        CHECK(json::validate(answer));
    }
}

TEST_CASE("failure texts: an agent's words are kept rather than refused") {
    const std::string frame = R"({"type":"task_failed","task_id":"t","generation":1,"reason":{"a": 1},"error":")" +
                              repeat("\xc3\xa9", 2001) + "\"}";
    CHECK(reply(frame, ValidationRules{}).empty());
    const json::Document parsed = document(frame);
    const Arguments arguments(operation(OperationId::ws_task_failed), parsed.object());
    CHECK(arguments.string("error") == repeat("\xc3\xa9", 2000));
    CHECK(arguments.string("reason") == R"({"a": 1})");
    const json::Document null = document(R"({"type":"task_failed","task_id":"t","generation":1,"error":null})");
    CHECK_FALSE(Arguments(operation(OperationId::ws_task_failed), null.object()).string("error").has_value());
    // The rest of the frame is still checked.
    CHECK_FALSE(reply(R"({"type":"task_failed","task_id":5,"generation":1,"error":5})", ValidationRules{}).empty());
}

TEST_CASE("arguments are read with their types") {
    const json::Document frame =
        document(R"({"type":"identify","agent_id":"\u00e9","token":"","name":null,"capabilities":["a","b"],"slots":3,)"
                 R"("protocol_version":99999999999999999999,"client_type":"sidecar"})");
    const Arguments arguments(operation(OperationId::ws_identify), frame.object());
    CHECK(arguments.text("agent_id") == "\xc3\xa9");
    CHECK(arguments.present("name"));
    CHECK(arguments.is_null("name"));
    CHECK_FALSE(arguments.has("name"));
    CHECK_FALSE(arguments.string("name").has_value());
    CHECK_FALSE(arguments.present("status"));
    CHECK(arguments.text("status").empty());
    CHECK(arguments.string_list("capabilities") == std::vector<std::string>{"a", "b"});
    CHECK(arguments.raw("capabilities") == R"(["a","b"])");
    CHECK(arguments.integer("slots") == 3);
    CHECK(arguments.integer("protocol_version") == INT64_MAX);
    CHECK(arguments.string("client_type") == "sidecar");
    CHECK_THROWS_AS(arguments.string("type"), CoreFault);
    CHECK_THROWS_AS(arguments.present("progress"), CoreFault);
}

TEST_CASE("an ignored bad value reads as absent") {
    const json::Document frame = document(
        R"({"type":"identify","agent_id":"a","token":"","slots":0,"presence":5,"protocol_version":"2","client_type":")" +
        repeat("x", 257) + "\"}");
    const Arguments arguments(operation(OperationId::ws_identify), frame.object());
    CHECK_FALSE(arguments.integer("slots").has_value());
    CHECK_FALSE(arguments.string("presence").has_value());
    CHECK_FALSE(arguments.integer("protocol_version").has_value());
    CHECK_FALSE(arguments.string("client_type").has_value());
}

TEST_CASE("bodies: the examples of the v1.1 API") {
    struct Row {
        OperationId id;
        std::string body;
        std::string reply;
    };
    const Row rows[] = {
        {OperationId::http_task_submit, "{}", http_invalid(required_error("description"))},
        {OperationId::http_task_submit, "[1,2]", http_invalid(required_error("description"))},
        {OperationId::http_task_submit, R"({"description":null,"max_retries":"3","needed_capabilities":["a",5]})",
         http_invalid(required_error("description") + "," + type_error("max_retries", "integer", "string", "\"3\"") +
                      "," + type_error("needed_capabilities[1]", "string", "integer", "5"))},
        {OperationId::http_task_submit,
         R"({"description":"","priority":"critical","complete_by":null,"max_retries":-1})", ""},
        {OperationId::http_task_submit, R"({"description":"d","max_run_ms":-1})",
         http_invalid(type_error("max_run_ms", "positive integer", "-1", "-1"))},
        {OperationId::http_task_submit, R"({"description":"d","max_run_ms":0})",
         http_invalid(type_error("max_run_ms", "positive integer", "0", "0"))},
        {OperationId::http_task_submit, R"({"description":"d","max_run_ms":"x"})",
         http_invalid(type_error("max_run_ms", "positive integer", "string", "\"x\""))},
        {OperationId::http_task_submit, R"({"description":"d","max_run_ms":1.5})",
         http_invalid(type_error("max_run_ms", "positive integer", "float", "1.5"))},
        {OperationId::http_task_submit, R"({"description":"d","labels":[1],"metadata":[],"blocked_by":"t"})",
         http_invalid(type_error("blocked_by", "array", "string", "\"t\"") + "," +
                      type_error("labels[0]", "string", "integer", "1") + "," +
                      type_error("metadata", "object", "array", "[]"))},
        {OperationId::http_register, R"({"agent_id":")" + repeat("a", 129) + "\"}",
         http_invalid(error_of("agent_id", "too_long", "exceeds maximum length of 128 characters",
                               "\"" + repeat("a", 50) + "...\""))},
        {OperationId::http_mailbox_ack, R"({"seq":1.0})", http_invalid(type_error("seq", "integer", "float", "1.0"))},
        {OperationId::http_mailbox_ack, R"({"seq":-7})", ""},
        // The last of two equal keys counts.
        {OperationId::http_mailbox_ack, R"({"seq":"x","seq":1})", ""},
        {OperationId::http_message_send, R"({"payload":{},"type":5})",
         http_invalid(type_error("type", "string", "integer", "5"))},
    };
    for (const Row& row : rows) {
        CAPTURE(row.body);
        CHECK(body_errors(row.id, row.body) == row.reply);
    }
}

TEST_CASE("query parameters are checked, and integers among them read") {
    const Operation& read = operation(OperationId::http_mailbox_read);
    for (const char* text :
         {"", "since=5", "since=-3", "limit=0&since=%2B4", "since=99999999999999999999", "other=x"}) {
        CAPTURE(text);
        CHECK(validate_query(read, *parse_query(text)).empty());
    }
    CHECK(http_validation_error(validate_query(read, *parse_query("since=1.5&limit="))) ==
          http_invalid(type_error("limit", "integer", "string", "\"\"") + "," +
                       type_error("since", "integer", "string", "\"1.5\"")));
    CHECK(query_integer(*parse_query("since=-12"), "since") == -12);
    CHECK(query_integer(*parse_query("since=%2B12"), "since") == 12);
    CHECK(query_integer(*parse_query("since=99999999999999999999"), "since") == INT64_MAX);
    CHECK_FALSE(query_integer(*parse_query("since=x"), "since").has_value());
    CHECK_FALSE(query_integer(*parse_query("since="), "since").has_value());
    CHECK_FALSE(query_integer({}, "since").has_value());
}

TEST_CASE("request ids are strings or integers of reasonable size") {
    const auto id_of = [](const std::string& raw) {
        const json::Document frame = document(R"({"type":"ping","request_id":)" + raw + "}");
        return check_frame(frame).request_id_raw;
    };
    CHECK(id_of("5") == "5");
    CHECK(id_of("\"a\\u0041\"") == "\"a\\u0041\"");
    CHECK(id_of("null").empty());
    CHECK(id_of("1.5").empty());
    CHECK(id_of("{}").empty());
    CHECK(id_of("\"" + repeat("x", kMaxKeyCodePoints + 1) + "\"").empty());
}
