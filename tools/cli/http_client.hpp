// One HTTP/1.1 request to a hub, on a connection of its own, waited for.
//
// Commands make one or a few requests and exit, so there is no pool and no keep-alive. The transport is a function, so
// that what is built on it can be tested without a network.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tools/cli/hub_url.hpp"

namespace agentcom::cli {

enum class HttpMethod : uint8_t { get, post, put, delete_ };

struct HttpRequest {
    HttpMethod method = HttpMethod::get;
    // Path and query, encoded.
    std::string target{};
    // JSON, or empty for none.
    std::string body{};
    // Sent as a bearer token unless empty.
    std::string token{};
    // Sent as Idempotency-Key unless empty.
    std::string idempotency_key{};
    // For the exchange, once connected; of a download, for each piece.
    std::chrono::milliseconds timeout{60'000};
    // Takes the body of a 2xx answer, which may be of any length, piece by piece. False: it can take no more.
    std::function<bool(std::string_view)> sink{};
};

struct HttpAnswer {
    unsigned status = 0;
    std::string body;
    std::optional<int64_t> retry_after_s;
};

// A request without an answer.
struct HttpLoss {
    enum class Stage : uint8_t {
        connect,   // the hub has not seen the request
        exchange,  // the hub may have carried it out
    };
    Stage stage = Stage::connect;
    std::string why;
};

using HttpReply = std::variant<HttpAnswer, HttpLoss>;
using HttpTransport = std::function<HttpReply(const HttpRequest&)>;

// A transport over TCP: at most 5 s to connect, answers of at most 64 MiB.
HttpTransport tcp_transport(HubUrl hub);

}  // namespace agentcom::cli
