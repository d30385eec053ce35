// When an alert begins, is told again, and ends: the state machine of one rule, without a hub around it.
//
//   inactive --bad often and long enough--> active --good often enough--> inactive
//
// An alert is told of when it begins and, as long as nobody acknowledges it, again after a rest. The rest counts over
// the end of an alert too: one that comes back soon begins without being told, and is told once the rest is over. So
// what flaps is heard of once in a rest, whatever its severity. What gets worse is told at once, unless it was told to
// be as bad within the rest: an alert that swings between two severities is heard of once for each of them.
#pragma once

#include <cstdint>

#include "core/state/rows.hpp"

namespace agentcom {

/// How fast a rule is.
struct AlertTempo {
    int64_t raise_after = 1;  ///< bad checks in a row until it begins
    int64_t clear_after = 1;  ///< good checks in a row until it ends
    int64_t for_ms = 0;       ///< and bad for so long
    int64_t rest_ms = 0;      ///< between two times that it is told
    bool repeats = true;      ///< false: told once, and again only when it gets worse
};

/// What is known of the alert of a rule.
struct AlertStanding {
    bool active = false;
    bool acknowledged = false;
    bool told = false;  ///< since it began
};

enum class AlertStep : uint8_t {
    none,
    raise,          ///< begins, and is told
    raise_quietly,  ///< begins; its rest is not over
    tell,           ///< is told again
    clear,          ///< ends
};

/// Whether the rest since the last telling is over.
bool has_rested(const AlertWatchRow& watch, const AlertTempo& tempo, int64_t now_us);

/// One check. `bad`: the condition holds; `worse`: more severely than before, which is to be told. Keeps count in
/// `watch`.
AlertStep alert_step(AlertWatchRow& watch, const AlertStanding& standing, bool bad, bool worse, const AlertTempo& tempo,
                     int64_t now_us);

}  // namespace agentcom
