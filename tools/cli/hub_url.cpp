#include "tools/cli/hub_url.hpp"

#include <algorithm>
#include <charconv>

namespace agentcom::cli {

namespace {

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

Failure bad_url(std::string_view text, std::string why) {
    return Failure{ExitCode::usage,
                   "'" + std::string(text) + "' is not a hub's address",
                   std::move(why),
                   "Give it as http://HOST:PORT or https://HOST:PORT, with --hub or in AGENTCOM_HUB.",
                   {}};
}

bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_address6_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.' || c == '%';
}

}  // namespace

Outcome<HubUrl> HubUrl::parse(std::string_view text) {
    const std::string lower = lower_case(text);
    std::string_view rest = lower;
    uint16_t port = 4000;
    bool tls = false;
    if (const size_t scheme_end = rest.find("://"); scheme_end != std::string_view::npos) {
        const std::string_view scheme = rest.substr(0, scheme_end);
        tls = scheme == "https" || scheme == "wss";
        if (!tls && scheme != "http" && scheme != "ws") return bad_url(text, "its scheme is neither http nor https");
        rest.remove_prefix(scheme_end + 3);
        port = tls ? 443 : 80;
    }
    if (const size_t slash = rest.find_first_of("/?#"); slash != std::string_view::npos) {
        const std::string_view path = rest.substr(slash);
        if (path != "/" && path != "/ws" && path != "/ws/") return bad_url(text, "it has a path");
        rest = rest.substr(0, slash);
    }
    if (rest.find('@') != std::string_view::npos) return bad_url(text, "it has a user name");

    std::string_view host = rest;
    std::string_view digits;
    bool has_port = false;
    const bool bracketed = rest.starts_with('[');
    if (bracketed) {
        const size_t close = rest.find(']');
        if (close == std::string_view::npos) return bad_url(text, "its ']' is missing");
        host = rest.substr(1, close - 1);
        const std::string_view tail = rest.substr(close + 1);
        has_port = tail.starts_with(':');
        if (!tail.empty() && !has_port) return bad_url(text, "only a port may follow ']'");
        if (has_port) digits = tail.substr(1);
    } else if (const size_t colon = rest.find(':'); colon != std::string_view::npos) {
        host = rest.substr(0, colon);
        digits = rest.substr(colon + 1);
        has_port = true;
    }
    if (host.empty() || !std::ranges::all_of(host, bracketed ? is_address6_character : is_host_character)) {
        return bad_url(text, "its host name is not one");
    }
    if (has_port) {
        const char* end = digits.data() + digits.size();
        const auto [stop, error] = std::from_chars(digits.data(), end, port);
        if (digits.empty() || error != std::errc{} || stop != end || port == 0) {
            return bad_url(text, "its port is not a number from 1 to 65535");
        }
    }
    return HubUrl{std::string(host), port, tls};
}

std::string HubUrl::authority() const {
    const bool address6 = host.find(':') != std::string::npos;
    return (address6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string HubUrl::key() const {
    return scheme() + (is_loopback() ? "localhost:" + std::to_string(port) : authority());
}

bool HubUrl::is_loopback() const {
    if (host == "localhost" || host == "::1") return true;
    // 127.0.0.0/8, written in full; "127.example.org" is a name.
    return host.starts_with("127.") && std::ranges::count(host, '.') == 3 &&
           host.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace agentcom::cli
