#include "core/replay/crc32.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

TEST_CASE("CRC-32 of known texts") {
    CHECK(crc32("") == 0);
    CHECK(crc32("123456789") == 0xcbf43926U);
    CHECK(crc32("The quick brown fox jumps over the lazy dog") == 0x414fa339U);
    CHECK(crc32("56789", crc32("1234")) == 0xcbf43926U);
}
