#include "native-server/push/public_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

#include "native-server/net/address.hpp"

using namespace agentcom;

namespace {

bool is_public(const std::string& host) {
    sockaddr_storage address{};
    INFO(host);
    REQUIRE(to_socket_address(Address{host, 80}, address) != 0);
    return is_public_address(reinterpret_cast<const sockaddr*>(&address));
}

}  // namespace

TEST_CASE("W-32: addresses that a webhook does not reach") {
    for (const char* host : {"127.0.0.1",
                             "127.255.255.254",
                             "0.0.0.0",
                             "10.0.0.1",
                             "172.16.0.1",
                             "172.31.255.255",
                             "192.168.1.1",
                             "169.254.169.254",
                             "100.64.0.1",
                             "100.127.255.255",
                             "192.0.0.1",
                             "192.0.2.1",
                             "198.18.0.1",
                             "198.19.255.255",
                             "198.51.100.1",
                             "203.0.113.1",
                             "224.0.0.1",
                             "239.255.255.255",
                             "240.0.0.1",
                             "255.255.255.255",
                             "::",
                             "::1",
                             "fe80::1",
                             "fc00::1",
                             "fd12:3456::1",
                             "ff02::1",
                             "::ffff:127.0.0.1",
                             "::ffff:10.0.0.1",
                             "64:ff9b::7f00:1",
                             "2002:7f00:1::",
                             "2002:a00:1::1",
                             "2001:db8::1",
                             "2001::1",
                             "3fff::1",
                             "::127.0.0.1",
                             "100::1"}) {
        INFO(host);
        CHECK(!is_public(host));
    }
}

TEST_CASE("addresses of the public internet") {
    for (const char* host : {"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
                             "192.167.255.255", "198.17.0.1", "223.255.255.255", "2606:4700:4700::1111",
                             "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"}) {
        INFO(host);
        CHECK(is_public(host));
    }
    sockaddr other{};
    other.sa_family = AF_UNIX;
    CHECK(!is_public_address(&other));
}
