// Holds JSON against a shape of core/protocol/shape.hpp, and an answer against what its route is said to answer.
#pragma once

#include <string>
#include <string_view>

#include "core/base/json.hpp"
#include "core/protocol/operation.hpp"
#include "core/protocol/shape.hpp"

namespace agentcom::test {

// What does not fit, with its place ("$.tasks[0].state: …"); "" when all does. Records are closed: what they do not
// list may not be there.
std::string mismatch(const Shape& shape, const json::Value& value, const std::string& place = "$");

// The same for the body of an answer; "" for paths that are no routes and for routes that are not described. Of each
// kind of answer the first thousands of a run are looked at.
std::string answer_mismatch(Method method, std::string_view target, int status, const std::string& body);

// The same for a frame of the hub, whenever it comes.
std::string frame_mismatch(const std::string& frame);
// The same for the first thousands of each type in a run: some tests send hundreds of thousands that are all alike.
std::string early_frame_mismatch(const std::string& frame);

}  // namespace agentcom::test
