#include "tools/bench/message_load.hpp"

#include <string>
#include <utility>

namespace agentcom::bench {

MessageLoad::MessageLoad(LoadLoop& loop, AgentSocket& sender, std::vector<AgentSocket*> receivers, std::string_view to,
                         int64_t window, size_t payload_bytes, Meter& meter, int64_t limit)
    : loop_(loop),
      sender_(sender),
      meter_(meter),
      message_(to, payload_bytes),
      window_(window),
      limit_(limit),
      ring_(static_cast<size_t>(window)),
      delivered_(receivers.size(), -1),
      hints_(receivers.size(), 0) {
    sender.on_text([this](std::string_view text) { on_answer(text); });
    for (size_t i = 0; i < receivers.size(); ++i) {
        receivers[i]->on_text([this, i](std::string_view text) { on_push(i, text); });
    }
}

void MessageLoad::send_more() {
    if (sent_ >= limit_ || sent_ - oldest_ >= window_) return;
    const int64_t now_ns = monotonic_ns();
    if (now_ns < paused_until_ns_) return;
    for (; sent_ < limit_ && sent_ - oldest_ < window_; ++sent_) {
        operation(sent_) = Operation{now_ns, delivered_.size(), false};
        sender_.send_frames(message_.frame(sent_));
    }
}

void MessageLoad::on_answer(std::string_view text) {
    const std::string_view type = frame_type(text);
    if (type == "message_sent") {
        if (acknowledged_ == sent_) return loop_.fail("a message was acknowledged twice");
        Operation& done = operation(acknowledged_++);
        done.acknowledged = true;
        meter_.latencies[0].second.record(loop_.now_ns() - done.sent_ns);
        forget_done();
    } else if (type == "rate_limited") {
        on_refusal(text);
    } else if (type == "error") {
        loop_.fail("a message was refused: " + std::string(text.substr(0, 300)));
    }
    // The rest (a broadcast's echo, warnings) is none of our business.
}

// Stands in the place of an acknowledgement; nobody gets the message.
void MessageLoad::on_refusal(std::string_view text) {
    if (acknowledged_ == sent_) return loop_.fail("more frames were refused than sent");
    Operation& refused = operation(acknowledged_++);
    refused.acknowledged = true;
    refused.deliveries_left = 0;
    ++meter_.refused;
    paused_until_ns_ = loop_.now_ns() + find_integer(text, "retry_after_ms").value_or(1000) * 1'000'000;
    forget_done();
}

void MessageLoad::on_push(size_t receiver, std::string_view text) {
    if (frame_type(text) != "message") return;
    const int64_t number = message_number(text, hints_[receiver]);
    if (number < oldest_ || number >= sent_) return loop_.fail("a message came that was not under way");
    // Refused ones are left out, so that numbers may have gaps but never go back.
    if (number <= delivered_[receiver]) return loop_.fail("a message came twice or out of order");
    delivered_[receiver] = number;
    Operation& done = operation(number);
    if (done.deliveries_left == 0) return loop_.fail("a message came that had been refused");
    --done.deliveries_left;
    ++meter_.operations;
    meter_.latencies[1].second.record(loop_.now_ns() - done.sent_ns);
    forget_done();
}

void MessageLoad::forget_done() {
    while (oldest_ < sent_ && operation(oldest_).acknowledged && operation(oldest_).deliveries_left == 0) ++oldest_;
}

}  // namespace agentcom::bench
