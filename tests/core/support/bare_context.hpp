// Tables with a run begun, and a clock: for tests of what works on a Context without a hub around it.
#pragma once

#include <utility>
#include <vector>

#include "core/state/context.hpp"
#include "core/state/tables.hpp"

namespace agentcom::test {

struct BareContext {
    explicit BareContext(Settings settings_in = {}) : settings(std::move(settings_in)) {
        tables.begin_input();
        tables.put(RuntimeRow{});
        tables.end_input();
    }

    /// One input at `now_us`; its wall clock shows the same time.
    template <class Body>
    void run(Body&& body, int64_t now_us = 0) {
        tables.begin_input();
        Context ctx(tables, settings, Time{now_us / 1'000, now_us}, 1, effects);
        body(ctx);
        tables.end_input();
    }

    Settings settings;
    Tables tables;
    std::vector<Effect> effects;
};

}  // namespace agentcom::test
