#include "native-server/net/proxies.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

TEST_CASE("a request through a proxy is not one of this machine", "[access]") {
    const Peer local{"127.0.0.1", true};
    const Peer remote{"10.0.0.9", false};
    struct Row {
        Peer socket;
        std::optional<std::string> forwarded_for;
        std::vector<std::string> trusted;
        std::string address;
        bool loopback;
    };
    const std::vector<Row> rows = {
        {local, std::nullopt, {}, "127.0.0.1", true},
        {remote, std::nullopt, {"10.0.0.9"}, "10.0.0.9", false},
        // Without trust nobody's word counts, but that there is a proxy does.
        {local, "127.0.0.1", {}, "127.0.0.1", false},
        {local, "", {}, "127.0.0.1", false},
        {remote, "127.0.0.1", {}, "10.0.0.9", false},
        // With trust the client is the last one that is no proxy.
        {local, "192.0.2.1", {"127.0.0.1"}, "192.0.2.1", false},
        {local, "127.0.0.1, 192.0.2.1", {"127.0.0.1"}, "192.0.2.1", false},
        {local, "203.0.113.5, 10.0.0.9", {"127.0.0.1", "10.0.0.9"}, "203.0.113.5", false},
        {local, "127.0.0.7", {"127.0.0.1"}, "127.0.0.7", true},
        {local, "[2001:db8::1]:5000", {"127.0.0.1"}, "2001:db8::1", false},
        {local, "192.0.2.1:5000", {"127.0.0.1"}, "192.0.2.1", false},
        {local, "unknown", {"127.0.0.1"}, "127.0.0.1", false},
        {local, "", {"127.0.0.1"}, "127.0.0.1", false},
        {local, ",,", {"127.0.0.1"}, "127.0.0.1", false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.socket.address, row.forwarded_for.value_or("-"));
        const Peer client = client_behind_proxies(row.socket, row.forwarded_for, row.trusted);
        CHECK(client.address == row.address);
        CHECK(client.loopback == row.loopback);
    }
}
