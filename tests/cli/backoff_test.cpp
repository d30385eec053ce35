#include "tools/cli/backoff.hpp"

#include <catch2/catch.hpp>
#include <vector>

using agentcom::cli::Backoff;
using std::chrono::milliseconds;

TEST_CASE("delays double up to a minute and begin anew after a welcome") {
    Backoff backoff;
    for (const int expected : {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000}) {
        CHECK(backoff.next(0).count() == expected);
    }
    backoff.reset();
    CHECK(backoff.next(0).count() == 1000);
}

TEST_CASE("delays are spread, but never over a minute unless the hub asks") {
    for (uint32_t random = 0; random < 100'000; random += 37) {
        Backoff backoff;
        CHECK(backoff.next(random).count() >= 1000);
        CHECK(backoff.next(random).count() <= 3000);
        for (int i = 0; i < 6; ++i) CHECK(backoff.next(random).count() <= 60'000);
    }
    Backoff backoff;
    CHECK(backoff.next(0, milliseconds(300'000)).count() == 300'000);
    CHECK(backoff.next(0, milliseconds(1'000)).count() == 2'000);
}
