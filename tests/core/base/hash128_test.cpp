#include "core/base/hash128.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/prng.hpp"

using namespace agentcom;

TEST_CASE("sums of hashes carry from the low half to the high half") {
    Hash128 sum{UINT64_MAX, 7};
    sum += Hash128{1, 0};
    CHECK(sum == Hash128{0, 8});
    sum -= Hash128{1, 0};
    CHECK(sum == Hash128{UINT64_MAX, 7});
    sum += Hash128{UINT64_MAX, UINT64_MAX};  // that is, minus one
    CHECK(sum == Hash128{UINT64_MAX - 1, 7});

    Hash128 zero;
    zero -= Hash128{1, 0};
    CHECK(zero == Hash128{UINT64_MAX, UINT64_MAX});
}

TEST_CASE("a sum does not depend on the order, and each summand can be taken out again") {
    Prng prng(1);
    Hash128 forwards;
    Hash128 backwards;
    std::vector<Hash128> parts;
    for (int i = 0; i < 1000; ++i) parts.push_back({prng.next(), prng.next()});
    for (size_t i = 0; i < parts.size(); ++i) {
        forwards += parts[i];
        backwards += parts[parts.size() - 1 - i];
    }
    CHECK(forwards == backwards);
    for (const Hash128& part : parts) forwards -= part;
    CHECK(forwards == Hash128{});
}

TEST_CASE("hashes are those of XXH3 on every machine") {
    CHECK(hash128("").to_hex() == "99aa06d3014798d86001c324468d497f");  // the value xxHash publishes for XXH128("")
    CHECK(hash128("agentcom").to_hex() == "07b774b159c3f70480b32b5c76d691be");
    CHECK(hash128(std::string(1000, 'x')).to_hex() == "50a1af5a5f2dcf01c0a4877b962cba82");
    Hasher hasher;
    hasher.bytes("ab");
    hasher.i64(-2);
    hasher.u64(3);
    hasher.u8(4);
    hasher.boolean(true);
    const std::string same("\2\0\0\0\0\0\0\0ab\xfe\xff\xff\xff\xff\xff\xff\xff\3\0\0\0\0\0\0\0\4\1", 28);
    CHECK(hasher.finish() == hash128(same));
}

TEST_CASE("streaming gives the same hash at every length") {
    // Crosses the borders of XXH3: 16, 128, 240 and its 256-byte buffer.
    std::string bytes;
    Hasher hasher;
    for (int i = 0; i < 1500; ++i) {
        hasher.u8(static_cast<uint8_t>(i * 7));
        bytes += static_cast<char>(i * 7);
        if (hasher.finish() != hash128(bytes)) FAIL("differs at length " << i + 1);
    }
}

TEST_CASE("the borders between strings count") {
    Hasher left;
    left.bytes("ab");
    left.bytes("c");
    Hasher right;
    right.bytes("a");
    right.bytes("bc");
    CHECK(left.finish() != right.finish());
}

TEST_CASE("a hash goes to text and back") {
    const Hash128 hash{0x0123456789abcdefU, 0xfedcba9876543210U};
    CHECK(hash.to_hex() == "fedcba98765432100123456789abcdef");
    Hash128 read;
    REQUIRE(hash128_from_hex(hash.to_hex(), read));
    CHECK(read == hash);
    CHECK_FALSE(hash128_from_hex("00", read));
    CHECK_FALSE(hash128_from_hex(std::string(32, 'g'), read));
}

TEST_CASE("a container with StringHash is searched by views") {
    std::unordered_map<std::string, int, StringHash, std::equal_to<>> map;
    map.emplace("name", 1);
    CHECK(map.find(std::string_view("name"))->second == 1);
    CHECK(map.find(std::string_view("nam")) == map.end());
}
