// The shape of a JSON text, in a notation that fits on a line, and as JSON Schema.
//
//     parse_shape("{agent_id: string, messages: [Message], last_seq: integer, next?: string | null}", known)
//
//   string integer number boolean null    the types of JSON
//   any                                   whatever it is
//   object                                an object of the client's own making
//   'queued'                              this very string
//   Message                               a named shape
//   [S]                                   a list of S
//   {*: S}                                an object whose values are S
//   {name: S, other?: S}                  an object with these members; `other` may be absent
//   {...Message, more: S}                 the members of a named shape and more
//   S | T                                 either
//
// Shapes are part of the program: a text that cannot be read is a broken invariant, not an error.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"

namespace agentcom {

struct ShapeMember;

struct Shape {
    enum class Kind : uint8_t {
        any,
        null,
        boolean,
        integer,
        number,
        string,
        object,   // free form
        literal,  // the string `text`
        named,    // the shape of the name `text`
        list,     // of parts[0]
        map,      // to parts[0]
        record,   // of `members`, and no others
        choice,   // of `parts`
    };
    Kind kind = Kind::any;
    std::string text;
    std::vector<Shape> parts;
    std::vector<ShapeMember> members;
};

struct ShapeMember {
    std::string name;
    bool optional = false;
    Shape shape;
    std::string from{};  // the named shape that it was taken over from
};

struct NamedShape {
    std::string_view name;
    Shape shape;
};

// `known` are the shapes whose members may be taken over; other names are not looked up.
Shape parse_shape(std::string_view text, std::span<const NamedShape> known);

// The same shape with one more member in front: of a record, or of every record of a choice.
Shape with_first_member(Shape shape, const ShapeMember& member);

// Writes a shape as JSON Schema 2020-12. Records are written open, since a later hub may know more members; whoever
// wants to see that there are none adds `additionalProperties: false`.
class SchemaWriter {
  public:
    // What a member of something is for, as prose; "" when there is nothing to say.
    using Notes = std::string_view (*)(std::string_view owner, std::string_view member);

    // Named shapes are referred to as `reference_prefix` and their name, e.g. "#/$defs/Message".
    SchemaWriter(json::Writer& out, std::string_view reference_prefix, Notes notes)
        : out_(out), reference_prefix_(reference_prefix), notes_(notes) {}

    // One schema. `owner` is what the members belong to, for their notes.
    void write(const Shape& shape, std::string_view owner);
    // The keywords of one schema, without braces.
    void write_keywords(const Shape& shape, std::string_view owner);

  private:
    void type(std::string_view name) { out_.member("type", name); }
    void write_choice(const Shape& shape, std::string_view owner);
    void write_record(const Shape& shape, std::string_view owner);

    json::Writer& out_;
    std::string_view reference_prefix_;
    Notes notes_;
};

}  // namespace agentcom
