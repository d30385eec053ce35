#include "tools/cli/event_feed.hpp"

#include <algorithm>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

using std::chrono::milliseconds;

EventFeed::EventFeed(const CommandContext& context, HubClient& client, EventFilter filter)
    : context_(context),
      client_(client),
      filter_(std::move(filter)),
      cursor_(filter_.since),
      patience_(context.surroundings, true) {}

Outcome<EventPage> EventFeed::ask(milliseconds wait) {
    QueryTarget target("/api/events");
    target.add("since", cursor_);
    std::string kinds;
    for (const std::string& kind : filter_.kinds) kinds += (kinds.empty() ? "" : ",") + kind;
    target.add("kind", kinds);
    target.add("subject", filter_.subject);
    // The first answer comes at once: it says where "now" is, so that what happens while the hub is away is not lost.
    if (!cursor_.empty()) target.add("wait_ms", std::to_string(wait.count()));
    const milliseconds asked_at = context_.surroundings.now();
    const bool first = cursor_.empty();
    Outcome<std::string> answer = client_.long_poll("cannot follow the events", target.text(), wait);
    if (!answer) {
        if (answer.failure().code == ExitCode::timeout) return answer.failure();
        if (Trouble trouble = patience_.after_long_poll(answer, asked_at, wait, context_.time_left())) return *trouble;
        return EventPage{};
    }
    patience_.hub_answered();
    const json::Object members = members_of(*answer);
    EventPage page;
    page.cursor = text_of(members, "cursor");
    page.resync_reason = text_of(members_of(raw_of(members, "resync")), "reason");
    for (const json::Value& event : elements_of(members, "events")) page.events_raw.emplace_back(event.raw);
    if (!page.cursor.empty()) cursor_ = page.cursor;
    const bool nothing = page.events_raw.empty() && page.resync_reason.empty();
    if (nothing && !first) {
        if (Trouble trouble = patience_.after_long_poll(answer, asked_at, wait, context_.time_left())) return *trouble;
    }
    return page;
}

Outcome<EventPage> EventFeed::next() {
    for (;;) {
        const milliseconds wait = context_.long_poll();
        if (wait <= milliseconds{0}) return time_is_over("the watch has ended", "");
        Outcome<EventPage> page = ask(wait);
        if (!page && page.failure().code == ExitCode::timeout) continue;
        if (!page || !page->events_raw.empty() || !page->resync_reason.empty()) return page;
    }
}

Outcome<EventPage> EventFeed::next_within(milliseconds time) { return ask(std::min(time, context_.long_poll())); }

}  // namespace agentcom::cli
