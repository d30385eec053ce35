// One keep-alive HTTP connection. Requests may be sent before earlier ones are answered; answers come in their order.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tools/bench/load_loop.hpp"
#include "tools/bench/wire.hpp"

namespace agentcom::bench {

class HttpLane final : private StreamUser {
  public:
    // The body is valid for the call.
    using OnAnswer = std::function<void(int status, std::string_view body)>;

    HttpLane(LoadLoop& loop, OnAnswer on_answer)
        : loop_(loop), stream_(loop, static_cast<StreamUser&>(*this)), on_answer_(std::move(on_answer)) {}

    void connect(const sockaddr_in& address) { stream_.connect(address); }
    // A whole request, as http_request() makes it.
    void send(std::string_view request) {
        ++unanswered_;
        stream_.send(request);
    }
    int64_t unanswered() const { return unanswered_; }

  private:
    void on_connected() override {}
    void on_bytes(std::string_view bytes) override;
    void on_end(std::string_view why) override;

    LoadLoop& loop_;
    Stream stream_;
    OnAnswer on_answer_;
    std::string partial_;
    int64_t unanswered_ = 0;
};

}  // namespace agentcom::bench
