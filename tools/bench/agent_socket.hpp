// An agent on a WebSocket: connects, upgrades, identifies, and then gives each text frame to its owner. Answers the
// hub's pings.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "tools/bench/load_loop.hpp"
#include "tools/bench/wire.hpp"

namespace agentcom::bench {

struct AgentIdentity {
    std::string name;
    std::string token;
};

class AgentSocket final : private StreamUser {
  public:
    // Called with each text frame once the agent is identified; the text is valid for the call.
    using OnText = std::function<void(std::string_view text)>;

    // `slots`: tasks that it takes at a time.
    AgentSocket(LoadLoop& loop, AgentIdentity identity, int64_t slots);

    void connect(const sockaddr_in& address) { stream_.connect(address); }
    // It is identified.
    bool ready() const { return state_ == State::ready; }
    void on_text(OnText action) { on_text_ = std::move(action); }
    // Whole frames, as client_frame() makes them.
    void send_frames(std::string_view frames) { stream_.send(frames); }
    const std::string& name() const { return identity_.name; }

  private:
    enum class State : uint8_t { connecting, upgrading, identifying, ready };

    void on_connected() override;
    void on_bytes(std::string_view bytes) override;
    void on_end(std::string_view why) override;
    size_t take(std::string_view bytes);
    void take_frame(const ServerFrame& frame);
    void take_text(std::string_view text);

    LoadLoop& loop_;
    AgentIdentity identity_;
    int64_t slots_;
    Stream stream_;
    OnText on_text_;
    std::string partial_;  // of a frame that is not complete
    State state_ = State::connecting;
};

}  // namespace agentcom::bench
