#include "core/protocol/shape.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "core/base/assert.hpp"

namespace agentcom {
namespace {

struct Builtin {
    std::string_view name;
    Shape::Kind kind;
};

constexpr std::array<Builtin, 7> kBuiltins = {{
    {"any", Shape::Kind::any},
    {"null", Shape::Kind::null},
    {"boolean", Shape::Kind::boolean},
    {"integer", Shape::Kind::integer},
    {"number", Shape::Kind::number},
    {"string", Shape::Kind::string},
    {"object", Shape::Kind::object},
}};

constexpr bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

class Parser {
  public:
    Parser(std::string_view text, std::span<const NamedShape> known) : rest_(text), known_(known) {}

    Shape whole() {
        Shape shape = choice();
        skip_blanks();
        AGENTCOM_ASSERT(rest_.empty(), "nothing stands behind a shape");
        return shape;
    }

  private:
    void skip_blanks() {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
    }

    bool take(std::string_view sign) {
        skip_blanks();
        if (!rest_.starts_with(sign)) return false;
        rest_.remove_prefix(sign.size());
        return true;
    }

    void expect(std::string_view sign) { AGENTCOM_ASSERT(take(sign), "a shape is well-formed"); }

    std::string_view name() {
        skip_blanks();
        size_t size = 0;
        while (size < rest_.size() && is_name_character(rest_[size])) ++size;
        AGENTCOM_ASSERT(size > 0, "a name stands where a shape needs one");
        const std::string_view found = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return found;
    }

    Shape choice() {
        Shape first = single();
        if (!take("|")) return first;
        Shape shape;
        shape.kind = Shape::Kind::choice;
        shape.parts.push_back(std::move(first));
        do {
            shape.parts.push_back(single());
        } while (take("|"));
        return shape;
    }

    Shape single() {
        if (take("[")) {
            Shape shape = of_one(Shape::Kind::list);
            expect("]");
            return shape;
        }
        if (take("{")) return braces();
        if (take("'")) return literal();
        const std::string_view word = name();
        Shape shape;
        const auto builtin =
            std::find_if(kBuiltins.begin(), kBuiltins.end(), [&](const Builtin& each) { return each.name == word; });
        if (builtin != kBuiltins.end()) {
            shape.kind = builtin->kind;
            return shape;
        }
        AGENTCOM_ASSERT(word.front() >= 'A' && word.front() <= 'Z', "a named shape has a capital letter");
        shape.kind = Shape::Kind::named;
        shape.text = word;
        return shape;
    }

    Shape of_one(Shape::Kind kind) {
        Shape shape;
        shape.kind = kind;
        shape.parts.push_back(choice());
        return shape;
    }

    Shape literal() {
        const size_t end = rest_.find('\'');
        AGENTCOM_ASSERT(end != std::string_view::npos, "a literal has an end");
        Shape shape;
        shape.kind = Shape::Kind::literal;
        shape.text = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return shape;
    }

    Shape braces() {
        if (take("*")) {
            expect(":");
            Shape map = of_one(Shape::Kind::map);
            expect("}");
            return map;
        }
        Shape record;
        record.kind = Shape::Kind::record;
        if (take("}")) return record;
        do {
            if (take("...")) {
                take_over(record, name());
            } else {
                ShapeMember member;
                member.name = name();
                member.optional = take("?");
                expect(":");
                member.shape = choice();
                record.members.push_back(std::move(member));
            }
        } while (take(","));
        expect("}");
        return record;
    }

    void take_over(Shape& record, std::string_view from) const {
        const auto found =
            std::find_if(known_.begin(), known_.end(), [&](const NamedShape& each) { return each.name == from; });
        AGENTCOM_ASSERT(found != known_.end() && found->shape.kind == Shape::Kind::record,
                        "members are taken over from a record that is known");
        for (ShapeMember member : found->shape.members) {
            if (member.from.empty()) member.from = from;
            record.members.push_back(std::move(member));
        }
    }

    std::string_view rest_;
    std::span<const NamedShape> known_;
};

bool is_simple(const Shape& shape) {
    switch (shape.kind) {
        case Shape::Kind::null:
        case Shape::Kind::boolean:
        case Shape::Kind::integer:
        case Shape::Kind::number:
        case Shape::Kind::string:
        case Shape::Kind::object:
            return true;
        default:
            return false;
    }
}

std::string_view type_name(Shape::Kind kind) {
    const auto found =
        std::find_if(kBuiltins.begin(), kBuiltins.end(), [kind](const Builtin& each) { return each.kind == kind; });
    AGENTCOM_ASSERT(found != kBuiltins.end(), "the shape is a type of JSON");
    return found->name;
}

}  // namespace

Shape parse_shape(std::string_view text, std::span<const NamedShape> known) { return Parser(text, known).whole(); }

Shape with_first_member(Shape shape, const ShapeMember& member) {
    if (shape.kind == Shape::Kind::choice) {
        for (Shape& part : shape.parts) part = with_first_member(std::move(part), member);
        return shape;
    }
    AGENTCOM_ASSERT(shape.kind == Shape::Kind::record, "only records have members");
    shape.members.insert(shape.members.begin(), member);
    return shape;
}

void SchemaWriter::write(const Shape& shape, std::string_view owner) {
    out_.begin_object();
    write_keywords(shape, owner);
    out_.end_object();
}

void SchemaWriter::write_keywords(const Shape& shape, std::string_view owner) {
    switch (shape.kind) {
        case Shape::Kind::any:
            return;
        case Shape::Kind::null:
        case Shape::Kind::boolean:
        case Shape::Kind::integer:
        case Shape::Kind::number:
        case Shape::Kind::string:
        case Shape::Kind::object:
            return type(type_name(shape.kind));
        case Shape::Kind::literal:
            type("string");
            out_.member("const", shape.text);
            return;
        case Shape::Kind::named:
            out_.member("$ref", std::string(reference_prefix_) + shape.text);
            return;
        case Shape::Kind::list:
            type("array");
            out_.key("items");
            return write(shape.parts.front(), owner);
        case Shape::Kind::map:
            type("object");
            out_.key("additionalProperties");
            return write(shape.parts.front(), owner);
        case Shape::Kind::record:
            return write_record(shape, owner);
        case Shape::Kind::choice:
            return write_choice(shape, owner);
    }
}

// Literals are one `enum` and plain types one `type`, which people read more easily than `anyOf`.
void SchemaWriter::write_choice(const Shape& shape, std::string_view owner) {
    const auto is_literal = [](const Shape& part) { return part.kind == Shape::Kind::literal; };
    const auto is_null = [](const Shape& part) { return part.kind == Shape::Kind::null; };
    if (std::all_of(shape.parts.begin(), shape.parts.end(), is_simple)) {
        out_.key("type").begin_array();
        for (const Shape& part : shape.parts) out_.string(type_name(part.kind));
        out_.end_array();
        return;
    }
    if (std::all_of(shape.parts.begin(), shape.parts.end(),
                    [&](const Shape& part) { return is_literal(part) || is_null(part); })) {
        const bool nullable = std::any_of(shape.parts.begin(), shape.parts.end(), is_null);
        if (nullable) {
            out_.key("type").begin_array().string("string").string("null").end_array();
        } else {
            type("string");
        }
        out_.key("enum").begin_array();
        for (const Shape& part : shape.parts) is_null(part) ? out_.null() : out_.string(part.text);
        out_.end_array();
        return;
    }
    out_.key("anyOf").begin_array();
    for (const Shape& part : shape.parts) write(part, owner);
    out_.end_array();
}

void SchemaWriter::write_record(const Shape& shape, std::string_view owner) {
    type("object");
    if (shape.members.empty()) return;
    out_.key("properties").begin_object();
    for (const ShapeMember& member : shape.members) {
        const std::string_view belongs_to = member.from.empty() ? owner : std::string_view(member.from);
        out_.key(member.name).begin_object();
        write_keywords(member.shape, belongs_to);
        const std::string_view note = notes_(belongs_to, member.name);
        if (!note.empty()) out_.member("description", note);
        out_.end_object();
    }
    out_.end_object();
    if (std::all_of(shape.members.begin(), shape.members.end(), [](const ShapeMember& m) { return m.optional; }))
        return;
    out_.key("required").begin_array();
    for (const ShapeMember& member : shape.members) {
        if (!member.optional) out_.string(member.name);
    }
    out_.end_array();
}

}  // namespace agentcom
