// Closed loops of messages: so many are under way per sender, and each that is acknowledged and delivered makes room
// for the next. A message that is lost, repeated or out of order ends the run.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "tools/bench/agent_socket.hpp"
#include "tools/bench/meter.hpp"
#include "tools/bench/wire.hpp"

namespace agentcom::bench {

inline constexpr int64_t kEndless = std::numeric_limits<int64_t>::max();

// The latencies of a message load, in this order: from sending to message_sent, and to the push.
inline const std::vector<std::string>& message_latency_names() {
    static const std::vector<std::string> kNames{"ack", "delivery"};
    return kNames;
}

// One sender and those who must get what it sends. One operation of the meter is one delivery whose message is
// acknowledged.
class MessageLoad {
  public:
    // `to`: the name of the only receiver, or empty for a broadcast. Sends at most `limit` messages.
    MessageLoad(LoadLoop& loop, AgentSocket& sender, std::vector<AgentSocket*> receivers, std::string_view to,
                int64_t window, size_t payload_bytes, Meter& meter, int64_t limit = kEndless);
    MessageLoad(const MessageLoad&) = delete;
    MessageLoad& operator=(const MessageLoad&) = delete;

    // Sends until the window is full. To be called once a round.
    void send_more();
    // Sends nothing more.
    void stop() { limit_ = sent_; }
    // All that was sent is acknowledged and delivered.
    bool drained() const { return oldest_ == sent_; }
    bool finished() const { return drained() && sent_ >= limit_; }

  private:
    struct Operation {
        int64_t sent_ns = 0;
        size_t deliveries_left = 0;
        bool acknowledged = false;
    };

    Operation& operation(int64_t number) { return ring_[static_cast<size_t>(number % window_)]; }
    void on_answer(std::string_view text);
    void on_push(size_t receiver, std::string_view text);
    void on_refusal(std::string_view text);
    void forget_done();

    LoadLoop& loop_;
    AgentSocket& sender_;
    Meter& meter_;
    MessageTemplate message_;
    int64_t window_;
    int64_t limit_;
    std::vector<Operation> ring_;
    std::vector<int64_t> delivered_;  // by receiver: the last number that came
    std::vector<size_t> hints_;       // by receiver: see message_number()
    int64_t sent_ = 0;
    int64_t acknowledged_ = 0;  // so many of those sent were answered
    int64_t oldest_ = 0;        // still under way
    int64_t paused_until_ns_ = 0;
};

}  // namespace agentcom::bench
