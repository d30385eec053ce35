// What the hub answers, as data: the body of every route by status, and every frame that the hub sends.
//
// The counterpart of the catalogue, which says what clients may ask. The OpenAPI document, the JSON Schemas and the
// tables of docs/protocol.md are written from both; the tests hold every answer they get against it. To add an
// operation: add a line here. Errors that any route may give (no token, not allowed, over the limit, a failing store)
// follow from the operation's entry in the catalogue.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/protocol/operation.hpp"
#include "core/protocol/shape.hpp"

namespace agentcom {

struct AnswerShape {
    int status = 200;
    // "application/json", or that of a text which is no JSON; then the shape is a string.
    std::string media_type = "application/json";
    Shape shape;
    // The words that `error` may say in this answer; none for a success.
    std::vector<std::string> codes;
};

struct HubFrame {
    std::string_view type;
    // An answer to a frame (then it repeats its request_id); else it comes by itself.
    bool reply = false;
    std::string_view summary;
    // With `type`.
    Shape shape;
    // For dashboards (/ws/dashboard); else for agents (/ws).
    bool dashboard = false;
};

// The shapes that have a name, each after those it takes members over from.
std::span<const NamedShape> named_shapes();
// What a named shape is, as prose.
std::string_view named_shape_summary(std::string_view name);

// Whether the answers of a route are described. Frames have none: their replies are hub frames.
bool has_answers(OperationId id);
// The answers of a route by status, its own before the common errors; several may have the same status.
std::vector<AnswerShape> answers(const Operation& route);

// By type, in alphabetical order; those for agents before those for dashboards.
std::span<const HubFrame> hub_frames();

}  // namespace agentcom
