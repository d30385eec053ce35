#include "native-server/push/base64url.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

TEST_CASE("base64url, by the vectors of RFC 4648") {
    struct {
        const char* bytes;
        const char* text;
    } const cases[] = {{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
                       {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "__79"}};
    for (const auto& each : cases) {
        CHECK(to_base64url(each.bytes) == each.text);
        CHECK(from_base64url(each.text) == std::string(each.bytes));
    }
    CHECK(from_base64url("Zg==") == "f");
    for (const char* bad : {"Z", "Zm9v+", "Zm9/", "Z g", "=Zg", "Zm9vY"}) {
        INFO(bad);
        CHECK(!from_base64url(bad));
    }
}
