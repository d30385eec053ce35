#include "native-server/net/host_policy.hpp"

#include <algorithm>
#include <charconv>

#include <netinet/in.h>
#include <sys/socket.h>

namespace agentcom {

namespace {

std::string folded(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
}

/// host[:port], the host without brackets and in lower case.
struct Authority {
    std::string host;
    std::optional<uint16_t> port;
    bool bracketed = false;
};

std::optional<Authority> parse_authority(std::string_view text) {
    Authority authority;
    std::string_view host = text;
    std::string_view port;
    bool has_port = false;
    if (text.starts_with('[')) {
        const size_t end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        host = text.substr(1, end - 1);
        const std::string_view rest = text.substr(end + 1);
        has_port = rest.starts_with(':');
        if (!rest.empty() && !has_port) return std::nullopt;
        if (has_port) port = rest.substr(1);
        authority.bracketed = true;
    } else if (const size_t colon = text.find(':'); colon != std::string_view::npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        has_port = true;
    }
    if (has_port) {
        uint16_t number = 0;
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
        if (error != std::errc{} || end != port.data() + port.size()) return std::nullopt;
        authority.port = number;
    }
    if (host.empty() || host.find_first_of("/@?#[] \t") != std::string_view::npos) return std::nullopt;
    authority.host = folded(host);
    // The root's dot: "hub.example." is the same name.
    if (!authority.bracketed && authority.host.size() > 1 && authority.host.back() == '.') authority.host.pop_back();
    return authority;
}

bool is_address_literal(const Authority& authority) {
    sockaddr_storage ignored{};
    return to_socket_address(Address{authority.host, 0}, ignored) != 0;
}

bool is_loopback_name(const std::string& host) {
    return host == "localhost" || host.ends_with(".localhost");  // RFC 6761 §6.3: never anything else
}

uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

template <class List>
bool is_among(const List& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

std::optional<std::string> normal_origin(std::string_view text) {
    const size_t scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos) return std::nullopt;
    const std::string scheme = folded(text.substr(0, scheme_end));
    if (scheme != "http" && scheme != "https") return std::nullopt;
    std::string_view rest = text.substr(scheme_end + 3);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    const std::optional<Authority> authority = parse_authority(rest);
    if (!authority) return std::nullopt;
    const std::string host = authority->bracketed ? "[" + authority->host + "]" : authority->host;
    return scheme + "://" + host + ":" + std::to_string(authority->port.value_or(default_port(scheme)));
}

HostPolicy::HostPolicy(const Options& options) : loopback_only_(is_loopback(options.listen)) {
    if (!is_wildcard(options.listen)) hosts_.push_back(options.listen.host);
    for (const std::string& host : options.allowed_hosts) {
        if (host == "*") any_host_ = true;
        if (const auto authority = parse_authority(host)) hosts_.push_back(authority->host);
    }
    for (const std::string& origin : options.allowed_origins) {
        if (origin == "*") any_origin_ = true;
        if (const auto normal = normal_origin(origin)) origins_.push_back(*normal);
    }
    if (const auto normal = normal_origin(options.public_url)) {
        origins_.push_back(*normal);
        hosts_.push_back(parse_authority(std::string_view(*normal).substr(normal->find("://") + 3))->host);
    }
}

bool HostPolicy::allows_host(std::string_view host_header) const {
    // Only HTTP/1.0 gets this far without one, and no browser speaks that.
    if (any_host_ || host_header.empty()) return true;
    const std::optional<Authority> authority = parse_authority(host_header);
    if (!authority) return false;
    if (is_loopback_name(authority->host) || is_among(hosts_, authority->host)) return true;
    if (!is_address_literal(*authority)) return false;
    // An address cannot be made to point elsewhere, a name can. Which addresses lead here is not for us to know where
    // the hub listens beyond this machine: there may be translation in between.
    return !loopback_only_ || is_loopback(Address{authority->host, 0});
}

bool HostPolicy::allows_origin(std::string_view origin, std::string_view host_header) const {
    if (any_origin_) return true;
    const std::optional<std::string> normal = normal_origin(origin);
    if (!normal) return false;  // also "null": a file, a sandboxed frame, a redirect
    if (is_among(origins_, *normal)) return true;
    const std::string scheme = normal->substr(0, normal->find("://"));
    return normal_origin(scheme + "://" + std::string(host_header)) == normal;
}

std::optional<std::string> HostPolicy::refusal(const RequestOrigin& request) const {
    if (!allows_host(request.host)) {
        return "the Host header names none of this hub's names: reach it by its address, or start it with "
               "--allowed-hosts or --public-url";
    }
    if (request.has_origin) {
        if (allows_origin(request.origin, request.host)) return std::nullopt;
        return "pages of another origin may not use this hub; --allowed-origins names those that may";
    }
    const bool foreign = request.fetch_site == "cross-site" || request.fetch_site == "same-site";
    if (!foreign || any_origin_) return std::nullopt;
    // Following a link to the dashboard is no misuse: the page that links sees nothing of what comes.
    const bool is_link = request.is_get && request.fetch_mode == "navigate" && request.fetch_dest == "document";
    if (is_link) return std::nullopt;
    return "pages of another origin may not use this hub; --allowed-origins names those that may";
}

}  // namespace agentcom
