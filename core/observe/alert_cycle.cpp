#include "core/observe/alert_cycle.hpp"

#include "core/base/time.hpp"

namespace agentcom {

namespace {

void note(AlertWatchRow& watch, bool bad, int64_t now_us) {
    if (!bad) {
        watch.bad_checks = 0;
        ++watch.good_checks;
        return;
    }
    if (watch.bad_checks == 0) watch.bad_since_us = now_us;
    ++watch.bad_checks;
    watch.good_checks = 0;
}

}  // namespace

bool has_rested(const AlertWatchRow& watch, const AlertTempo& tempo, int64_t now_us) {
    return !watch.told_us || now_us - *watch.told_us >= us_from_ms(tempo.rest_ms);
}

AlertStep alert_step(AlertWatchRow& watch, const AlertStanding& standing, bool bad, bool worse, const AlertTempo& tempo,
                     int64_t now_us) {
    note(watch, bad, now_us);
    const bool rested = has_rested(watch, tempo, now_us);
    const auto told = [&](AlertStep step) {
        watch.told_us = now_us;
        return step;
    };
    if (!standing.active) {
        const bool lasts = now_us - watch.bad_since_us >= us_from_ms(tempo.for_ms);
        if (!bad || watch.bad_checks < tempo.raise_after || !lasts) return AlertStep::none;
        return rested ? told(AlertStep::raise) : AlertStep::raise_quietly;
    }
    if (!bad) return watch.good_checks >= tempo.clear_after ? AlertStep::clear : AlertStep::none;
    if (worse) return told(AlertStep::tell);
    if (standing.acknowledged || !rested) return AlertStep::none;
    if (standing.told && !tempo.repeats) return AlertStep::none;
    return told(AlertStep::tell);
}

}  // namespace agentcom
