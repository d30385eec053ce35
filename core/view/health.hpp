// Whether anything is wrong with a workspace: one verdict for GET /api/dashboard/state and for whoever draws the view
// model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/view/model.hpp"

namespace agentcom::view {

/// Of a database, in pages that hold nothing: more is much.
inline constexpr int64_t kFragmentedPercent = 50;
/// More bad frames and requests within an hour are many.
inline constexpr int64_t kManyInvalid = 50;

/// What a verdict rests on.
struct Signs {
    std::vector<std::string> offline_agents;  ///< that were there within the last hour
    std::vector<Alert> alerts;                ///< that stand, acknowledged or not
    int64_t free_percent = 0;                 ///< of the database
    int64_t invalid_1h = 0;                   ///< frames and requests that validation found fault with
};
Signs signs_of(const Model& model);

struct Health {
    std::string_view status;              ///< ok, warning, critical
    std::vector<std::string> conditions;  ///< what is wrong, for people
};
/// Critical is what an alert calls so; everything else that is wrong is a warning. An acknowledged alert still counts:
/// somebody knows, but it is still so. Notices do not count.
Health judge(const Signs& signs);

}  // namespace agentcom::view
