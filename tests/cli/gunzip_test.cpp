#include "tools/cli/gunzip.hpp"

#include <catch2/catch.hpp>

using agentcom::cli::gunzip;

TEST_CASE("a gzip member is unpacked, anything else is not") {
    // gzip -n of "hello\n"
    const std::string packed(
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\xe7\x02\x00\x20\x30\x3a\x36\x06\x00\x00\x00", 26);
    CHECK(gunzip(packed, 6) == "hello\n");
    CHECK_FALSE(gunzip(packed, 5));
    CHECK_FALSE(gunzip(packed, 7));
    CHECK_FALSE(gunzip(packed.substr(0, 25), 6));
    CHECK_FALSE(gunzip(packed + "x", 6));
    CHECK_FALSE(gunzip("no gzip", 7));
}
