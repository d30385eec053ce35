// The main function of every Catch2 test program, compiled once: it costs seconds, the tests that link it do not.

#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
