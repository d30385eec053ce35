// The fleet on one screen, from an answer of GET /api/overview. Pure functions from JSON to lines; all ages are by the
// hub's clock.
//
// Most urgent first: the hub and its queue, what needs a person, who works on what, who is idle. At 80 columns it fits;
// with more, descriptions get longer, and from 120 on there is more about each agent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/cli/terminal.hpp"

namespace agentcom::cli {

struct StatusView {
    Terminal terminal;
    std::string hub;  // its address, for people
    // Lines to use at most; 0 = as many as it takes.
    int lines = 0;
    // Shown in the first line when it is not empty: the screen is old.
    std::string warning;
};

std::string status_screen(std::string_view overview_raw, const StatusView& view);

// All agents of an overview, a line each.
std::string agents_table(std::string_view overview_raw, int64_t now_ms, const Terminal& terminal);

}  // namespace agentcom::cli
