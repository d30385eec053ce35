#include "core/protocol/field_notes.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "core/protocol/responses.hpp"

using namespace agentcom;

namespace {

void look(const Shape& shape, std::string_view owner, std::set<std::string>& missing) {
    for (const Shape& part : shape.parts) look(part, owner, missing);
    for (const ShapeMember& member : shape.members) {
        const std::string_view belongs_to = member.from.empty() ? owner : std::string_view(member.from);
        if (field_note(belongs_to, member.name).empty()) missing.insert(std::string(belongs_to) + "." + member.name);
        look(member.shape, belongs_to, missing);
    }
}

}  // namespace

TEST_CASE("every field, parameter and member is explained", "[schemas]") {
    std::set<std::string> missing;
    for (const Operation& operation : catalogue()) {
        const auto check = [&](std::string_view name) {
            if (field_note(operation.name, name).empty())
                missing.insert(std::string(operation.name) + "." + std::string(name));
        };
        for (const Field& field : operation.fields) check(field.name);
        for (const QueryField& query : operation.query) check(query.name);
        for (size_t at = operation.path.find(':'); at != std::string_view::npos;
             at = operation.path.find(':', at + 1)) {
            const std::string_view rest = operation.path.substr(at + 1);
            check(rest.substr(0, rest.find('/')));
        }
        if (operation.is_frame()) continue;
        for (const AnswerShape& answer : answers(operation)) look(answer.shape, operation.name, missing);
    }
    for (const HubFrame& frame : hub_frames()) look(frame.shape, frame.type, missing);
    for (const NamedShape& named : named_shapes()) look(named.shape, named.name, missing);
    std::string list;
    for (const std::string& each : missing) list += "\n  " + each;
    INFO("names without a note in core/protocol/field_notes.cpp:" << list);
    CHECK(missing.empty());
}

TEST_CASE("an owner's own note goes before the general one", "[schemas]") {
    CHECK(field_note("get_tasks", "limit") != field_note("", "limit"));
    CHECK(field_note("nobody", "limit") == field_note("", "limit"));
    CHECK(field_note("", "no such name").empty());
}
