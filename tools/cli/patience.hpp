// Waiting for a hub over many requests: a hub that restarts is waited for, one that stays away is not, and one that
// answers a long poll at once is not asked again without a pause.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "tools/cli/failure.hpp"
#include "tools/cli/hub_client.hpp"

namespace agentcom::cli {

class HubPatience {
  public:
    // A hub that restarts is back long before; one that stays away this long needs a person.
    static constexpr std::chrono::milliseconds kMaxAbsence{300'000};

    // `for_ever`: no absence is too long.
    explicit HubPatience(const Surroundings& surroundings, bool for_ever = false)
        : surroundings_(surroundings), for_ever_(for_ever) {}

    // To be called with each answer that is not the end of the wait; sleeps before the next question, if it should.
    // Gives the failure to stop with, if there is one.
    Trouble after_long_poll(const Outcome<std::string>& answer, std::chrono::milliseconds asked_at,
                            std::chrono::milliseconds asked_for, std::chrono::milliseconds time_left);

    // To be called with each answer that is worth something.
    void hub_answered();

    // Whether the last question got no answer.
    bool is_absent() const { return absent_since_.has_value(); }

  private:
    const Surroundings& surroundings_;
    bool for_ever_;
    std::optional<std::chrono::milliseconds> absent_since_;
    std::chrono::milliseconds pause_{0};
};

}  // namespace agentcom::cli
