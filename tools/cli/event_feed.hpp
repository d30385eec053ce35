// The hub's events from a cursor on, by long polls: none lost, none twice, over lost connections and restarts of the
// hub.
//
//     EventFeed feed(context, client, {.kinds = {"task_*"}});
//     for (;;) { Outcome<EventPage> page = feed.next(); … }
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tools/cli/commands.hpp"
#include "tools/cli/patience.hpp"

namespace agentcom::cli {

struct EventFilter {
    std::vector<std::string> kinds;  // "task_completed", "task_*"; none = all
    std::string subject;
    std::string since;  // a cursor, "start", or "" = from now on
};

struct EventPage {
    std::vector<std::string> events_raw;
    std::string cursor;
    // "epoch" or "pruned" when events between the last page and this one cannot be had, else "".
    std::string resync_reason;
};

class EventFeed {
  public:
    EventFeed(const CommandContext& context, HubClient& client, EventFilter filter);

    // Waits for something to happen. Fails when the time given with --timeout is over, or the hub refuses.
    Outcome<EventPage> next();

    // At most one question to the hub: what has happened, or nothing within this time.
    Outcome<EventPage> next_within(std::chrono::milliseconds time);

  private:
    Outcome<EventPage> ask(std::chrono::milliseconds wait);

    const CommandContext& context_;
    HubClient& client_;
    EventFilter filter_;
    std::string cursor_;
    HubPatience patience_;
};

}  // namespace agentcom::cli
