#include "core/messaging/message_id.hpp"

#include <catch2/catch.hpp>

#include <set>

#include "core/base/prng.hpp"

using namespace agentcom;

TEST_CASE("a message's id gives its number back") {
    const uint64_t seed = 7;
    CAPTURE(seed);
    Prng prng(seed);
    for (int i = 0; i < 1'000; ++i) {
        const int64_t seq = static_cast<int64_t>(prng.below(uint64_t{1} << (1 + prng.below(40))));
        const std::string id = make_message_id(seq, prng.next());
        CAPTURE(seq, id);
        REQUIRE(id.size() == 16);
        REQUIRE(seq_of_message_id(id) == seq);
    }
    CHECK(make_message_id(1, 2) == make_message_id(1, 2 + (uint64_t{1} << 24U)));
    CHECK(make_message_id(1, 2) != make_message_id(1, 3));
}

TEST_CASE("ids of neighbours differ from their first digits on") {
    std::set<std::string> beginnings;
    for (int64_t seq = 1; seq <= 100; ++seq) beginnings.insert(make_message_id(seq, 0).substr(0, 8));
    CHECK(beginnings.size() == 100);
}

TEST_CASE("what is no id has no number") {
    for (const char* bad : {"", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcdeg"}) {
        CAPTURE(bad);
        CHECK_FALSE(seq_of_message_id(bad));
    }
}
