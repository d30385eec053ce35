// The frames of the delta mode of /ws/dashboard: a model as a whole, and what changed in it.
//
//     {"type":"model","cursor":"<epoch>.<seq>","at":…,"reason":"start","lists":{"agents":[…],…},"figures":{"hub":{…},…}}
//     {"type":"delta","cursor":"<epoch>.<seq>","at":…,"put":{"tasks":[…]},"drop":{"tasks":["…"]},"figures":{"counts":{…}}}
//
// A delta puts whole entries in the place of those with the same key, drops others by key, and replaces whole figures.
// Its cursor's number is one more than that of the frame before. Whoever has a gap subscribes again with the cursor it
// has: the hub goes on from there if it can, and sends a model if it cannot.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/view/model.hpp"

namespace agentcom::view {

/// The frame of a whole model; `reason` says why it is sent: "start", or why it is not deltas ("epoch", "too_old",
/// "lagged").
std::string model_frame(const Model& model, std::string_view reason);

/// The frame that makes `before` into `after`, whose cursor it carries; nullopt when they show the same.
std::optional<std::string> delta_frame(const Model& before, const Model& after);

enum class Change : uint8_t {
    none,   ///< a frame that is not about the model
    whole,  ///< it is another model now
    some,
};

/// Folds a frame of the hub into the model. Errors, after which the model is as it was: `bad_frame` for a text that is
/// no such frame, `gap` for a delta that does not follow: subscribe again with `model.cursor()`.
Result<Change> take(Model& model, std::string_view frame);

}  // namespace agentcom::view
