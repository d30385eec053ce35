#include "tests/core/support/shape_check.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "core/protocol/responses.hpp"

namespace agentcom::test {

namespace {

using json::Kind;
using json::Value;

// Answers and frames of a kind that are looked at; what comes after them in a run of all tests is taken as it is.
constexpr int kLookedAt = 2'000;

std::string wrong(const std::string& place, std::string_view expected, const Value& value) {
    return place + ": " + std::string(value.raw.substr(0, 200)) + " is no " + std::string(expected);
}

std::string expect(bool fits, const std::string& place, std::string_view expected, const Value& value) {
    return fits ? std::string{} : wrong(place, expected, value);
}

std::string record_mismatch(const Shape& shape, const Value& value, const std::string& place) {
    if (value.kind != Kind::object) return wrong(place, "object", value);
    const json::Object members = json::members(value.raw);
    for (const ShapeMember& member : shape.members) {
        const Value* found = members.find(member.name);
        const std::string at = place + "." + member.name;
        if (found == nullptr && !member.optional) return at + " is missing";
        if (found == nullptr) continue;
        if (std::string wrong_inside = mismatch(member.shape, *found, at); !wrong_inside.empty()) return wrong_inside;
    }
    for (const json::Member& member : members) {
        const bool listed = std::any_of(shape.members.begin(), shape.members.end(),
                                        [&](const ShapeMember& each) { return each.name == member.key; });
        if (!listed) return place + "." + member.key + " is not listed";
    }
    return {};
}

std::string choice_mismatch(const Shape& shape, const Value& value, const std::string& place) {
    std::string all;
    for (const Shape& part : shape.parts) {
        std::string why = mismatch(part, value, place);
        if (why.empty()) return {};
        all.append(all.empty() ? "" : "; ").append(why);
    }
    return all;
}

std::string parts_mismatch(const Shape& shape, const Value& value, const std::string& place) {
    if (shape.kind == Shape::Kind::list) {
        if (value.kind != Kind::array) return wrong(place, "array", value);
        const std::vector<Value> items = json::elements(value.raw);
        for (size_t i = 0; i < items.size(); ++i) {
            std::string why = mismatch(shape.parts.front(), items[i], place + "[" + std::to_string(i) + "]");
            if (!why.empty()) return why;
        }
        return {};
    }
    if (value.kind != Kind::object) return wrong(place, "object", value);
    const json::Object members = json::members(value.raw);
    for (const json::Member& member : members) {
        std::string why = mismatch(shape.parts.front(), member.value, place + "." + member.key);
        if (!why.empty()) return why;
    }
    return {};
}

}  // namespace

std::string mismatch(const Shape& shape, const Value& value, const std::string& place) {
    switch (shape.kind) {
        case Shape::Kind::any:
            return {};
        case Shape::Kind::null:
            return expect(value.kind == Kind::null, place, "null", value);
        case Shape::Kind::boolean:
            return expect(value.kind == Kind::boolean, place, "boolean", value);
        case Shape::Kind::integer:
            return expect(value.kind == Kind::integer, place, "integer", value);
        case Shape::Kind::number:
            return expect(value.kind == Kind::integer || value.kind == Kind::real, place, "number", value);
        case Shape::Kind::string:
            return expect(value.kind == Kind::string, place, "string", value);
        case Shape::Kind::object:
            return expect(value.kind == Kind::object, place, "object", value);
        case Shape::Kind::literal:
            return expect(value.kind == Kind::string && json::decode_string(value) == shape.text, place,
                          "'" + shape.text + "'", value);
        case Shape::Kind::named: {
            const auto named = std::find_if(named_shapes().begin(), named_shapes().end(),
                                            [&](const NamedShape& each) { return each.name == shape.text; });
            if (named == named_shapes().end()) return place + ": there is no shape " + shape.text;
            return mismatch(named->shape, value, place);
        }
        case Shape::Kind::list:
        case Shape::Kind::map:
            return parts_mismatch(shape, value, place);
        case Shape::Kind::record:
            return record_mismatch(shape, value, place);
        case Shape::Kind::choice:
            return choice_mismatch(shape, value, place);
    }
    return {};
}

std::string answer_mismatch(Method method, std::string_view target, int status, const std::string& body) {
    const RouteMatch match = match_route(method, target.substr(0, target.find('?')));
    if (match.operation == nullptr || method == Method::head || !has_answers(match.operation->id) || body.empty()) {
        return {};
    }
    static std::map<std::pair<OperationId, int>, int> looked_at;
    if (++looked_at[{match.operation->id, status}] > kLookedAt) return {};
    std::string all = std::string(match.operation->name) + " does not answer " + std::to_string(status);
    static std::map<OperationId, std::vector<AnswerShape>> known;
    std::vector<AnswerShape>& all_answers = known[match.operation->id];
    if (all_answers.empty()) all_answers = answers(*match.operation);
    for (const AnswerShape& answer : all_answers) {
        if (answer.status == status && answer.media_type == "text/plain") return {};
        if (answer.status != status || answer.media_type != "application/json") continue;
        std::string why = mismatch(answer.shape, json::parse_value(body));
        if (why.empty()) return {};
        all.append("; ").append(why);
    }
    return all;
}

std::string early_frame_mismatch(const std::string& frame) {
    static std::map<std::string, int> looked_at;
    const json::Object members = json::members(frame);
    const Value* type = members.find("type");
    if (type != nullptr && ++looked_at[json::decode_string(*type)] > kLookedAt) return {};
    return frame_mismatch(frame);
}

std::string frame_mismatch(const std::string& frame) {
    const Value value = json::parse_value(frame);
    const json::Object members = json::members(value.raw);
    const Value* type = members.find("type");
    if (type == nullptr) return "a frame without type";
    const std::string name = json::decode_string(*type);
    for (const HubFrame& each : hub_frames()) {
        if (each.type != name) continue;  // those for agents come first: they also fit errors for dashboards
        if (!each.reply || !members.contains("request_id")) return mismatch(each.shape, value);
        return mismatch(with_first_member(each.shape, {"request_id", true, parse_shape("string | integer", {})}),
                        value);
    }
    return "a frame of a type that the hub does not say it sends: " + name;
}

}  // namespace agentcom::test
