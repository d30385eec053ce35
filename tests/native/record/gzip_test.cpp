#include "native-server/record/gzip.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

TEST_CASE("what was packed unpacks to the same bytes") {
    GzipPacker packer;
    for (const std::string& raw :
         {std::string(), std::string("a"), std::string(300'000, 'x'), std::string("\0\xff", 2)}) {
        const auto packed = packer.pack(raw);
        REQUIRE(packed);
        CHECK(packed->substr(0, 2) == "\x1f\x8b");
        CHECK(gunzip(*packed, raw.size()) == raw);
        CHECK_FALSE(gunzip(*packed, raw.size() + 1));
        if (!raw.empty()) CHECK_FALSE(gunzip(*packed, raw.size() - 1));
        CHECK_FALSE(gunzip(packed->substr(0, packed->size() - 1), raw.size()));
        CHECK_FALSE(gunzip(*packed + "x", raw.size()));
    }
    CHECK_FALSE(gunzip("no gzip", 7));
}
