#include "native-server/net/proxies.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "native-server/net/address.hpp"

namespace agentcom {

namespace {

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// The numeric address of an entry, without port and brackets; "" if it is none.
std::string address_of(std::string_view entry) {
    if (entry.starts_with('[')) {
        entry = entry.substr(1, entry.find(']') == std::string_view::npos ? 0 : entry.find(']') - 1);
    } else if (std::count(entry.begin(), entry.end(), ':') == 1) {
        entry = entry.substr(0, entry.find(':'));
    }
    sockaddr_storage address{};
    if (to_socket_address(Address{std::string(entry), 0}, address) == 0) return {};
    return from_socket_address(address).host;
}

}  // namespace

Peer client_behind_proxies(const Peer& socket, const std::optional<std::string>& forwarded_for,
                           const std::vector<std::string>& trusted) {
    if (!forwarded_for) return socket;
    const auto is_trusted = [&trusted](const std::string& address) {
        return std::find(trusted.begin(), trusted.end(), address) != trusted.end();
    };
    Peer client{socket.address, false};
    std::string_view rest = *forwarded_for;
    while (is_trusted(client.address) && !rest.empty()) {
        const size_t comma = rest.rfind(',');
        const std::string_view entry = comma == std::string_view::npos ? rest : rest.substr(comma + 1);
        rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(0, comma);
        const std::string address = address_of(trimmed(entry));
        // What is no address is not worth more than what passed it on.
        if (address.empty()) return {client.address, false};
        client = {address, is_loopback(Address{address, 0})};
    }
    return client;
}

}  // namespace agentcom
