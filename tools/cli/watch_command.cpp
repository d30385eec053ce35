#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/event_feed.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/text.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

constexpr int kRoomForDates = 120;
constexpr size_t kDateLength = 11;

// What a person should look at, and what has gone well.
Colour colour_of(std::string_view kind) {
    for (const std::string_view bad : {"task_dead_letter", "task_stuck", "task_reclaimed", "message_undeliverable"}) {
        if (kind == bad) return Colour::red;
    }
    for (const std::string_view attention : {"task_waiting_input", "task_retried", "task_rejected", "agent_offline",
                                             "task_cancel_requested", "task_cancelled"}) {
        if (kind == attention) return Colour::yellow;
    }
    if (kind == "task_completed" || kind == "agent_online") return Colour::green;
    return Colour::none;
}

// The members of `data` that say most, as "name=value"; texts without quotes.
std::string details_of(const json::Object& event) {
    std::string text;
    for (const json::Member& member : members_of(raw_of(event, "data"))) {
        // Which attempt it is matters to programs; who did it has been said.
        if (member.value.kind == json::Kind::null || member.key == "generation") continue;
        if (member.key == "agent_id" && member.value.raw == raw_of(event, "principal")) continue;
        if (!text.empty()) text += "  ";
        text += member.key + "=" +
                (member.value.kind == json::Kind::string ? json::decode_string(member.value)
                                                         : std::string(member.value.raw));
    }
    return text;
}

std::string event_line(const Terminal& terminal, const json::Object& event) {
    const std::string kind = text_of(event, "kind");
    const std::string principal = text_of(event, "principal");
    constexpr size_t kKind = 20;
    constexpr size_t kSubject = 22;
    std::string head = instant_text(number_of(event, "at")) + "  ";
    // "2026-01-31 18:00:00Z" is a quarter of a small window; who watches knows the day.
    if (terminal.is_terminal && terminal.columns < kRoomForDates && head.size() > kDateLength) {
        head = head.substr(kDateLength);
    }
    std::string tail = "  " + padded(text_of(event, "subject"), kSubject);
    std::string more = principal.empty() || principal == text_of(event, "subject") ? "" : "by " + principal + "  ";
    more += details_of(event);
    const size_t used = head.size() + kKind + 2 + kSubject + 2;
    const auto columns = static_cast<size_t>(terminal.columns);
    // A pipe gets everything.
    const size_t room = terminal.is_terminal ? (columns > used ? columns - used : 0) : 100'000;
    std::string line = head + coloured(terminal, colour_of(kind), padded(kind, kKind)) + tail;
    if (room > 0 && !more.empty()) line += "  " + coloured(terminal, Colour::dim, fitted(more, room));
    while (line.ends_with(' ')) line.pop_back();
    return line + "\n";
}

Trouble print_gap(const CommandContext& context, const EventPage& page) {
    context.surroundings.notice(page.resync_reason == "epoch"
                                    ? "the hub's data was made anew or restored; going on with what happens from now on"
                                    : "the hub no longer keeps the events in between; going on with what it has");
    if (!context.options.json) return std::nullopt;
    json::Writer data;
    data.begin_object().member("kind", "resync").member("reason", page.resync_reason);
    data.member("cursor", page.cursor).end_object();
    return emit_line(context, data.take(), nullptr);
}

}  // namespace

Trouble run(const CommandContext& context, const WatchCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    EventFeed feed(context, *client, {command.kinds, command.subject, command.since});
    int64_t left = command.count.value_or(0);
    for (;;) {
        Outcome<EventPage> page = feed.next();
        if (!page) return page.failure();
        if (!page->resync_reason.empty()) {
            if (Trouble trouble = print_gap(context, *page)) return trouble;
        }
        for (const std::string& event_raw : page->events_raw) {
            const auto as_text = [&] { return event_line(context.terminal, members_of(event_raw)); };
            if (Trouble trouble = emit_line(context, event_raw, as_text)) return trouble;
            if (command.count && --left == 0) return std::nullopt;
        }
    }
}

}  // namespace agentcom::cli
