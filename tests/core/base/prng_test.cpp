#include "core/base/prng.hpp"

#include <array>
#include <catch2/catch.hpp>

using namespace agentcom;

TEST_CASE("the generator is xoshiro256** as published") {
    Prng prng;
    prng.state = {1, 2, 3, 4};  // the test vector of the reference implementation's ports
    const uint64_t expected[] = {11520U, 0U, 1509978240U, 1215971899390074240U, 1216172134540287360U};
    for (const uint64_t value : expected) CHECK(prng.next() == value);
}

TEST_CASE("the seed is spread by SplitMix64 as published") {
    const Prng prng(1234567);
    const std::array<uint64_t, 4> expected = {6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                                              4593380528125082431U};
    CHECK(prng.state == expected);
}

TEST_CASE("numbers below a bound are below it and reach all of it") {
    Prng prng(7);
    std::array<int, 6> seen{};
    for (int i = 0; i < 6000; ++i) ++seen.at(prng.index_below(6));
    for (const int count : seen) CHECK(count > 800);
    CHECK(prng.below(1) == 0);
    for (int i = 0; i < 100; ++i) CHECK(prng.below((uint64_t{1} << 63U) + 1) <= uint64_t{1} << 63U);
    CHECK_THROWS_AS(prng.below(0), CoreFault);
}

TEST_CASE("ids are 16 lowercase hex digits of the next 64 bits") {
    Prng prng;
    prng.state = {1, 2, 3, 4};
    CHECK(prng.hex16() == "0000000000002d00");
    prng = Prng(9);
    const std::string id = prng.hex16();
    CHECK(id.size() == 16);
    CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(id != prng.hex16());
}

TEST_CASE("a copy of the state draws the same numbers") {
    Prng prng(3);
    prng.next();
    Prng copy = prng;
    for (int i = 0; i < 10; ++i) CHECK(prng.next() == copy.next());
    CHECK(prng == copy);
}
