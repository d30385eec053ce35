#include "core/base/result.hpp"

#include <catch2/catch.hpp>
#include <memory>

using namespace agentcom;

namespace {
const Error kNotFound{"not_found", 404, Blame::client, "There is no such task; list the tasks to find its id."};
}

TEST_CASE("a result holds a value or an error, and asserts that it is asked for the right one") {
    Result<int> good(5);
    CHECK(good);
    CHECK(good.value() == 5);
    CHECK_THROWS_AS(good.error(), CoreFault);

    const Result<int> bad(kNotFound);
    CHECK_FALSE(bad.ok());
    CHECK(bad.error() == kNotFound);
    CHECK_THROWS_AS(bad.value(), CoreFault);
}

TEST_CASE("a value that cannot be copied can be moved out") {
    Result<std::unique_ptr<int>> result(std::make_unique<int>(3));
    const std::unique_ptr<int> value = std::move(result).value();
    CHECK(*value == 3);
}

TEST_CASE("a status holds nothing or an error") {
    const Status good;
    CHECK(good);
    CHECK_THROWS_AS(good.error(), CoreFault);
    const Status bad(kNotFound);
    CHECK_FALSE(bad);
    CHECK(bad.error().http_status == 404);
}

TEST_CASE("a failed assertion says what and where") {
    try {
        AGENTCOM_ASSERT(1 + 1 == 3, "arithmetic is broken");
        FAIL("nothing was thrown");
    } catch (const CoreFault& fault) {
        CHECK(std::string(fault.what()) == "arithmetic is broken");
        CHECK(std::string(fault.file()).find("result_test.cpp") != std::string::npos);
        CHECK(fault.line() > 0);
    }
}
