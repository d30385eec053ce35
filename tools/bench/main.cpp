#include <csignal>
#include <iostream>

#include "tools/bench/bench.hpp"

int main(int argc, char** argv) {
    // A hub that goes away is an error of the write that meets it.
    std::signal(SIGPIPE, SIG_IGN);
    return agentcom::bench::run_bench(std::vector<std::string>(argv + 1, argv + argc), std::cout, std::cerr);
}
