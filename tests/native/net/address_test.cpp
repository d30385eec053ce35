#include "native-server/net/address.hpp"

#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <string>

namespace agentcom {

TEST_CASE("addresses to listen on", "[net]") {
    struct Row {
        std::string text;
        std::string host;
        int port;
    };
    for (const Row& row : {Row{"127.0.0.1:4000", "127.0.0.1", 4000}, Row{"0.0.0.0:0", "0.0.0.0", 0},
                           Row{"[::1]:80", "::1", 80}, Row{"localhost:1", "127.0.0.1", 1}, Row{":9", "0.0.0.0", 9}}) {
        INFO(row.text);
        const auto address = parse_address(row.text);
        REQUIRE(address.has_value());
        CHECK(address->host == row.host);
        CHECK(address->port == row.port);
        sockaddr_storage storage{};
        CHECK(to_socket_address(*address, storage) > 0);
        CHECK(from_socket_address(storage) == *address);
        CHECK(parse_address(to_text(*address)) == address);
    }
    for (const char* bad : {"", "4000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
                            "example.org:80", "1.2.3:80", "127.0.0.1:80x"}) {
        INFO(bad);
        CHECK_FALSE(parse_address(bad).has_value());
    }
    CHECK(is_loopback(*parse_address("127.8.8.8:1")));
    CHECK(is_loopback(*parse_address("[::1]:1")));
    CHECK_FALSE(is_loopback(*parse_address("0.0.0.0:1")));
}

}  // namespace agentcom
