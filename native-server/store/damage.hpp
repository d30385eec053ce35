// What counts as damage of a database, what a start does about it, and what is on record of earlier damage.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.hpp"

namespace agentcom {

/// What a start does with a damaged database.
enum class OnDamage : uint8_t {
    refuse,    ///< end, and let people look: perhaps a file can be put back and nothing is lost
    degraded,  ///< put it into quarantine, and go on with every row of it that can be read
    restore,   ///< put it into quarantine, and go back to the newest backup that is good; without one as `degraded`
};

/// Whether an error says that the stored data are damaged: not that they belong to a newer hub, are in use, or that
/// there is no room.
bool is_damage(const Error& error);

/// What salvages have cost whose files still lie in DIR/quarantine/.
struct DamageRecord {
    int64_t lost_rows = 0;
    std::string text;  ///< for people; "" = there were none
};
DamageRecord read_damage(const std::string& data_directory);

}  // namespace agentcom
