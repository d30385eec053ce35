#include "tools/cli/hub_url.hpp"

#include <catch2/catch.hpp>

using namespace agentcom::cli;

TEST_CASE("addresses of hubs") {
    struct Case {
        const char* text;
        const char* url;
        const char* key;
        bool loopback;
    };
    const Case cases[] = {
        {"http://127.0.0.1:4000", "http://127.0.0.1:4000", "http://localhost:4000", true},
        {"HTTP://LocalHost:4000/", "http://localhost:4000", "http://localhost:4000", true},
        {"ws://localhost:4000/ws", "http://localhost:4000", "http://localhost:4000", true},
        {"http://[::1]:99", "http://[::1]:99", "http://localhost:99", true},
        {"127.1.2.3:80", "http://127.1.2.3:80", "http://localhost:80", true},
        {"https://hub.example", "https://hub.example:443", "https://hub.example:443", false},
        {"WSS://[::1]:4443/ws", "https://[::1]:4443", "https://localhost:4443", true},
        {"localhost", "http://localhost:4000", "http://localhost:4000", true},
        {"http://hub.example", "http://hub.example:80", "http://hub.example:80", false},
        {"http://127.example.org.x", "http://127.example.org.x:80", "http://127.example.org.x:80", false},
        {"http://[fe80::1]", "http://[fe80::1]:80", "http://[fe80::1]:80", false},
    };
    for (const Case& c : cases) {
        INFO(c.text);
        Outcome<HubUrl> url = HubUrl::parse(c.text);
        REQUIRE(url);
        CHECK(url->text() == c.url);
        CHECK(url->key() == c.key);
        CHECK(url->is_loopback() == c.loopback);
    }
}

TEST_CASE("what is not the address of a hub") {
    for (const char* text :
         {"", "http://", "https://", "ftp://hub", "http://hub/api", "http://a@hub", "http://hub:0", "http://hub:70000",
          "http://hub:", "http://hub:4x", "http://[::1", "http://[::1]x", "http://a b", "http://hub\r\nX: y", "::1"}) {
        INFO(text);
        Outcome<HubUrl> url = HubUrl::parse(text);
        REQUIRE(!url);
        CHECK(url.failure().code == ExitCode::usage);
        CHECK(!url.failure().next.empty());
    }
}
