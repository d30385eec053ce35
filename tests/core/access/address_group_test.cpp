#include "core/access/address_group.hpp"

#include <catch2/catch.hpp>
#include <string>

using agentcom::address_group;

TEST_CASE("IPv4 addresses stand for themselves, IPv6 ones for their network", "[limits]") {
    struct Case {
        const char* address;
        const char* group;
    };
    for (const Case& c : {Case{"127.0.0.1", "127.0.0.1"},
                          {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
                          {"2001:db8:1:2::1", "2001:db8:1:2::/64"},
                          {"2001:DB8:0001:2::", "2001:db8:1:2::/64"},
                          {"2001:db8::1", "2001:db8:0:0::/64"},
                          {"::1", "0:0:0:0::/64"},
                          {"::", "0:0:0:0::/64"},
                          {"fe80::1%eth0", "fe80:0:0:0::/64"},
                          {"1:2:3::8", "1:2:3:0::/64"},
                          {"2001:db8:1:2::/64", "2001:db8:1:2::/64"}}) {
        CAPTURE(c.address);
        CHECK(address_group(c.address) == c.group);
        CHECK(address_group(address_group(c.address)) == c.group);
    }
}

TEST_CASE("text that is no address stands for itself", "[limits]") {
    for (const char* text : {"", "localhost", ":", "1:2", "1:2:3:4:5:6:7:8:9", "g::1", "1::2::3", "12345::1", "1:::2",
                             "1:2:3:4:5:6:7::8:9", ":1:2:3:4:5:6:7", "::1:"}) {
        CAPTURE(text);
        CHECK(address_group(text) == text);
    }
}
