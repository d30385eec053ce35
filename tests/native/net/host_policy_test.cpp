#include "native-server/net/host_policy.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

namespace {

HostPolicy policy_of(const std::string& listen, HostPolicy::Options options = {}) {
    options.listen = *parse_address(listen);
    return HostPolicy(options);
}

bool allows(const HostPolicy& policy, std::string_view host, std::string_view origin = "") {
    RequestOrigin request;
    request.host = host;
    request.origin = origin;
    request.has_origin = !origin.empty();
    return !policy.refusal(request);
}

}  // namespace

TEST_CASE("on loopback only this machine's own names are names of the hub", "[access]") {
    const HostPolicy policy = policy_of("127.0.0.1:4000");
    for (const char* host : {"127.0.0.1", "127.0.0.1:4000", "127.9.9.9:1", "localhost", "LOCALHOST:4000", "localhost.",
                             "[::1]:4000", "[::1]", "hub.localhost:80", ""}) {
        CAPTURE(host);
        CHECK(allows(policy, host));
    }
    for (const char* host :
         {"evil.test", "evil.test:4000", "127.0.0.1.evil.test", "localhost.evil.test", "10.0.0.1:4000", "[fe80::1]",
          "127.0.0.1:4000@evil.test", "127.0.0.1/", "[::1", "127.0.0.1:x", "127.0.0.1:99999", "notlocalhost"}) {
        CAPTURE(host);
        CHECK_FALSE(allows(policy, host));
    }
}

TEST_CASE("beyond loopback any address is one of the hub, but no name that was not given", "[access]") {
    const HostPolicy policy = policy_of("0.0.0.0:4000");
    CHECK(allows(policy, "10.1.2.3:4000"));
    CHECK(allows(policy, "[fe80::1]:4000"));
    CHECK(allows(policy, "localhost:4000"));
    CHECK_FALSE(allows(policy, "hub.example"));
    HostPolicy::Options options;
    options.public_url = "https://Hub.Example";
    options.allowed_hosts = {"hub.lan", "other.example:4000"};
    const HostPolicy named = policy_of("10.1.2.3:4000", options);
    for (const char* host : {"hub.example", "HUB.example:443", "hub.lan:4000", "other.example", "10.1.2.3"}) {
        CAPTURE(host);
        CHECK(allows(named, host));
    }
    CHECK_FALSE(allows(named, "evil.test"));
    options.allowed_hosts = {"*"};
    CHECK(allows(policy_of("127.0.0.1:1", options), "evil.test"));
}

TEST_CASE("a page uses the hub that served it, or one that lets its place in", "[access]") {
    HostPolicy::Options options;
    options.allowed_origins = {"https://tools.example"};
    options.public_url = "https://hub.example";
    const HostPolicy policy = policy_of("127.0.0.1:4000", options);
    CHECK(allows(policy, "127.0.0.1:4000", "http://127.0.0.1:4000"));
    CHECK(allows(policy, "localhost:4000", "http://LOCALHOST:4000"));
    CHECK(allows(policy, "[::1]:4000", "http://[::1]:4000"));
    CHECK(allows(policy, "localhost", "http://localhost"));
    CHECK(allows(policy, "hub.example", "https://hub.example"));
    CHECK(allows(policy, "127.0.0.1:4000", "https://hub.example:443"));  // a proxy that names us by address
    CHECK(allows(policy, "127.0.0.1:4000", "https://tools.example"));
    for (const char* origin : {"null", "http://evil.test", "http://127.0.0.1:5000", "http://127.0.0.1",
                               "http://localhost:4000", "http://tools.example", "https://tools.example.evil.test",
                               "file://", "chrome-extension://abc", "http://127.0.0.1:4000/x", "127.0.0.1:4000"}) {
        CAPTURE(origin);
        CHECK_FALSE(allows(policy, "127.0.0.1:4000", origin));
    }
    CHECK_FALSE(allows(policy, "evil.test:4000", "http://evil.test:4000"));
    options.allowed_origins = {"*"};
    CHECK(allows(policy_of("127.0.0.1:4000", options), "127.0.0.1:4000", "http://evil.test"));
}

TEST_CASE("what a browser sends without an Origin is told by its fetch metadata", "[access]") {
    const HostPolicy policy = policy_of("127.0.0.1:4000");
    struct Row {
        const char* site;
        const char* mode;
        const char* dest;
        bool is_get;
        bool allowed;
    };
    constexpr Row kRows[] = {
        {"same-origin", "cors", "empty", true, true},       {"none", "navigate", "document", true, true},
        {"cross-site", "no-cors", "image", true, false},    {"same-site", "no-cors", "script", true, false},
        {"cross-site", "navigate", "document", true, true}, {"cross-site", "navigate", "iframe", true, false},
        {"same-site", "navigate", "document", true, true},  {"cross-site", "navigate", "document", false, false},
        {"cross-site", "websocket", "empty", true, false},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.site, row.mode, row.dest);
        RequestOrigin request;
        request.host = "127.0.0.1:4000";
        request.fetch_site = row.site;
        request.fetch_mode = row.mode;
        request.fetch_dest = row.dest;
        request.is_get = row.is_get;
        CHECK(!policy.refusal(request) == row.allowed);
    }
}
