// Turns whose effects wait for the store.
//
// Nothing that a turn puts out may leave before all rows changed up to its end are committed, or somebody could see a
// state that is taken back later. So the effects of each turn wait here, in order, until the store has caught up.
//
//     queue.add(turn, true, batch_bytes, std::move(effects));
//     queue.committed(turn);
//     for (Effect& effect : queue.take_ready()) carry_out(effect);
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "core/state/effect.hpp"

namespace agentcom {

class TurnQueue {
  public:
    /// Turns must ascend. `changes_rows`: it waits for its own commit, else only for those before it.
    void add(int64_t turn, bool changes_rows, int64_t bytes, std::vector<Effect> effects);
    /// All turns up to this one are in the store.
    void committed(int64_t turn);
    /// This turn and all later ones are taken back: what tells of them is replaced by what says so.
    void failed(int64_t first_turn);

    /// The effects that may leave now, in order.
    std::vector<Effect> take_ready();

    /// Turns that wait, for their own commit or for those before them, and the bytes of their rows.
    int64_t in_flight() const { return static_cast<int64_t>(turns_.size()); }
    int64_t bytes_in_flight() const { return bytes_in_flight_; }
    bool empty() const { return turns_.empty(); }
    /// How many turns were ever added, and how many of them have left.
    int64_t added() const { return added_; }
    int64_t released() const { return added_ - in_flight(); }

  private:
    struct Held {
        int64_t turn = 0;
        bool waits = false;
        int64_t bytes = 0;
        std::vector<Effect> effects;
    };

    void stop_waiting(Held& held);

    std::deque<Held> turns_;
    int64_t added_ = 0;
    int64_t bytes_in_flight_ = 0;
};

}  // namespace agentcom
