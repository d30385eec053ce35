// Keeps a flood of one kind of line from filling the disk: of each event so many lines are written per second, the rest
// is counted and told as `lines_suppressed` when the second is over.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace agentcom {

class LogSampler {
  public:
    /// `lines_per_s`: of each event; 0 = all of them.
    explicit LogSampler(int64_t lines_per_s) : lines_per_s_(lines_per_s) {}

    /// Whether a line of this event may be written now. Events are few: their names come from a catalogue.
    bool admit(std::string_view event, int64_t now_ms);

    struct Suppressed {
        std::string event;
        int64_t lines = 0;
    };
    /// What was suppressed in seconds that are over by `now_ms`, by event; each is given once.
    std::vector<Suppressed> take(int64_t now_ms);

  private:
    struct Window {
        int64_t since_ms = 0;
        int64_t lines = 0;
        int64_t suppressed = 0;
    };
    int64_t lines_per_s_;
    std::map<std::string, Window, std::less<>> windows_;
    int64_t next_take_ms_ = INT64_MAX;  // when the first second with suppressed lines is over
};

}  // namespace agentcom
