#include <csignal>
#include <iostream>

#include "tools/cli/commands.hpp"

int main(int argc, char** argv) {
    // A reader that goes away, a hub's or a pipe's, is an error of the write that meets it.
    std::signal(SIGPIPE, SIG_IGN);
    return agentcom::cli::run_command_line(std::vector<std::string>(argv + 1, argv + argc), std::cin, std::cout,
                                           std::cerr);
}
