#include "native-server/server/turn_queue.hpp"

#include <iterator>
#include <optional>
#include <utility>

namespace agentcom {

void TurnQueue::add(int64_t turn, bool changes_rows, int64_t bytes, std::vector<Effect> effects) {
    turns_.push_back({turn, changes_rows, bytes, std::move(effects)});
    ++added_;
    if (changes_rows) bytes_in_flight_ += bytes;
}

void TurnQueue::stop_waiting(Held& held) {
    if (!std::exchange(held.waits, false)) return;
    bytes_in_flight_ -= held.bytes;
}

void TurnQueue::committed(int64_t turn) {
    for (Held& held : turns_) {
        if (held.turn > turn) break;
        stop_waiting(held);
    }
}

void TurnQueue::failed(int64_t first_turn) {
    for (Held& held : turns_) {
        if (held.turn < first_turn) continue;
        stop_waiting(held);
        std::vector<Effect> replaced;
        for (const Effect& effect : held.effects) {
            if (std::optional<Effect> other = effect_of_failed_turn(effect)) replaced.push_back(std::move(*other));
        }
        held.effects = std::move(replaced);
    }
}

std::vector<Effect> TurnQueue::take_ready() {
    std::vector<Effect> ready;
    while (!turns_.empty() && !turns_.front().waits) {
        std::vector<Effect>& effects = turns_.front().effects;
        if (ready.empty()) {
            ready = std::move(effects);
        } else {
            ready.insert(ready.end(), std::make_move_iterator(effects.begin()), std::make_move_iterator(effects.end()));
        }
        turns_.pop_front();
    }
    return ready;
}

}  // namespace agentcom
