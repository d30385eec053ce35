#include "core/base/bytes.hpp"

#include <catch2/catch.hpp>

#include <vector>

using namespace agentcom;

TEST_CASE("compact numbers come back, small ones in a byte") {
    const std::vector<int64_t> numbers = {0, -1, 1, 63, -64, 64, 300, INT32_MAX, INT64_MAX, INT64_MIN};
    CompactWriter out;
    for (const int64_t number : numbers) out.i64(number);
    out.u64(UINT64_MAX);
    out.text("abc");
    CompactReader in(out.bytes());
    for (const int64_t number : numbers) CHECK(in.i64() == number);
    CHECK(in.u64() == UINT64_MAX);
    CHECK(in.text() == "abc");
    CHECK(in.at_end());
    CHECK_FALSE(in.failed());
    CompactWriter small;
    for (const int64_t number : {0, -1, 1, 63, -64}) small.i64(number);
    CHECK(small.bytes().size() == 5);
    CHECK(small.take().size() == 5);
    CHECK(small.bytes().empty());
}

TEST_CASE("compact bytes that break a rule fail") {
    for (const std::string& bytes : {std::string("\x80"), std::string(11, '\x80'), std::string(9, '\xff') + "\x02",
                                     std::string("\x05"
                                                 "abc"),
                                     std::string()}) {
        CompactReader in(bytes);
        in.text();
        CHECK(in.failed());
        CHECK(in.at_end());
    }
    CompactReader count("\x7f");
    CHECK(count.count() == 0);
    CHECK(count.failed());
}

TEST_CASE("flat bytes: numbers, texts, and a length that lies") {
    ByteWriter out;
    out.i64(-5);
    out.text("abc");
    out.raw("de");
    ByteReader in(out.bytes());
    CHECK(in.i64() == -5);
    CHECK(in.text() == "abc");
    CHECK(in.raw(2) == "de");
    CHECK(in.at_end());
    ByteWriter lie;
    lie.u64(UINT64_MAX);
    ByteReader bad(lie.bytes());
    CHECK(bad.text().empty());
    CHECK(bad.failed());
}
