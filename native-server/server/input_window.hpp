// How much of one connection's input may be under way: applied, while its turn still waits for the store.
//
// Without such a bound one client that pipelines thousands of frames fills the store's queue, and everybody waits
// behind it. With it a flood takes turns with everybody else: what is over stays unread until earlier input is done.
// Turns are counted as TurnQueue counts them.
#pragma once

#include <cstdint>
#include <vector>

namespace agentcom {

class InputWindow {
  public:
    /// One input was applied in the turn that will be the `turn`th of the queue. Turns never descend.
    void add(int64_t turn) {
        if (under_way_.empty() || under_way_.back().turn != turn) under_way_.push_back({turn, 0});
        ++under_way_.back().inputs;
        ++size_;
    }

    /// The first `turns` turns are done. True if there is room for another input then.
    bool has_room(int64_t turns, int64_t limit) {
        auto first = under_way_.begin();
        for (; first != under_way_.end() && first->turn <= turns; ++first) size_ -= first->inputs;
        under_way_.erase(under_way_.begin(), first);
        return size_ < limit;
    }

  private:
    struct OfTurn {
        int64_t turn = 0;
        int64_t inputs = 0;
    };

    std::vector<OfTurn> under_way_;
    int64_t size_ = 0;
};

}  // namespace agentcom
