#include "tools/cli/status_screen.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/json.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/text.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

constexpr int kWideColumns = 120;
// So that at 80 columns something is left for what the agent does.
constexpr size_t kNarrowAgentColumns = 12;
// Of what needs a person, this much is shown before agents lose their lines to it.
constexpr size_t kMaxNeeds = 8;
constexpr size_t kMinAgentRows = 3;

using Lines = std::vector<std::string>;

// One piece of a line: what it says and how it looks.
struct Span {
    std::string text;
    Colour colour = Colour::none;
};

// Spans behind one another, with what does not fit left out.
std::string spans_line(const Terminal& terminal, const std::vector<Span>& spans) {
    std::string line;
    auto room = static_cast<size_t>(terminal.columns);
    for (const Span& span : spans) {
        const std::string text = fitted(span.text, room);
        room -= display_width(text);
        line += coloured(terminal, span.colour, text);
        if (room == 0) break;
    }
    return line;
}

Colour state_colour(std::string_view state) {
    if (state == "offline") return Colour::red;
    if (state == "asks") return Colour::yellow;
    if (state == "working") return Colour::green;
    return Colour::none;
}

std::string state_word(std::string_view state) { return std::string(state == "waiting_input" ? "asks" : state); }

// "high 2" with the number lit up when it is not nothing.
void add_count(std::vector<Span>& spans, std::string_view name, int64_t count, Colour colour) {
    spans.push_back({"  " + std::string(name) + " ", Colour::dim});
    spans.push_back({std::to_string(count), count == 0 ? Colour::dim : colour});
}

std::string list_text(const json::Object& object, std::string_view key) {
    std::string text;
    for (const json::Value& value : elements_of(object, key)) {
        if (value.kind == json::Kind::string) text += (text.empty() ? "" : ", ") + json::decode_string(value);
    }
    return text;
}

// -- The hub and its queue --------------------------------------------------------------------------------------------

void add_head(Lines& out, const json::Object& overview, const StatusView& view) {
    const json::Object hub = members_of(raw_of(overview, "hub"));
    const int64_t now_ms = number_of(overview, "at");
    std::vector<Span> spans = {{"AgentCom " + text_of(hub, "version"), Colour::bold}, {"  " + view.hub}};
    if (const int64_t started_at = number_of(hub, "started_at"); started_at > 0) {
        spans.push_back({"  up " + span_text(now_ms - started_at), Colour::dim});
    }
    spans.push_back({"  " + instant_text(now_ms), Colour::dim});
    out.push_back(spans_line(view.terminal, spans));
    if (raw_of(hub, "read_only") == "true") {
        out.push_back(coloured(view.terminal, Colour::red,
                               fitted("READ ONLY: the hub cannot write to its disk; its log says why",
                                      static_cast<size_t>(view.terminal.columns))));
    }
    if (!view.warning.empty()) {
        out.push_back(
            coloured(view.terminal, Colour::red, fitted(view.warning, static_cast<size_t>(view.terminal.columns))));
    }

    const json::Object queue = members_of(raw_of(overview, "queue"));
    std::vector<Span> lanes = {{"queue", Colour::bold}};
    add_count(lanes, "urgent", number_of(queue, "urgent"), Colour::red);
    add_count(lanes, "high", number_of(queue, "high"), Colour::yellow);
    add_count(lanes, "normal", number_of(queue, "normal"), Colour::none);
    add_count(lanes, "low", number_of(queue, "low"), Colour::none);
    if (const int64_t oldest = number_of(overview, "oldest_queued_at"); oldest > 0) {
        lanes.push_back({"  the oldest for " + span_text(now_ms - oldest), Colour::dim});
    }
    out.push_back(spans_line(view.terminal, lanes));

    const json::Object counts = members_of(raw_of(overview, "counts"));
    std::vector<Span> tasks = {{"tasks", Colour::bold}};
    add_count(tasks, "queued", number_of(counts, "queued"), Colour::none);
    add_count(tasks, "held", number_of(counts, "held"), Colour::none);
    add_count(tasks, "assigned", number_of(counts, "assigned"), Colour::none);
    add_count(tasks, "working", number_of(counts, "working"), Colour::green);
    add_count(tasks, "asking", number_of(counts, "waiting_input"), Colour::yellow);
    add_count(tasks, "dead", number_of(counts, "dead_letter"), Colour::red);
    out.push_back(spans_line(view.terminal, tasks));
}

// -- What needs a person ----------------------------------------------------------------------------------------------

struct Need {
    std::string_view kind;
    std::string_view word;
    Colour colour;
    std::string_view command;  // of ours, to do something about it; "" = none
};

constexpr std::array kNeeds = {
    Need{"waiting_input", "asks", Colour::yellow, "task answer ID TEXT"},
    Need{"stuck", "stuck", Colour::red, "task logs ID"},
    Need{"dead_letter", "failed", Colour::red, "task retry ID"},
    Need{"unresponsive", "silent", Colour::red, ""},
    Need{"undeliverable", "unread", Colour::yellow, "sent ID"},
};

const Need* need_of(std::string_view kind) {
    const auto found = std::ranges::find(kNeeds, kind, &Need::kind);
    return found == kNeeds.end() ? nullptr : &*found;
}

void add_needs(Lines& out, const json::Object& overview, const StatusView& view) {
    const std::vector<json::Value> needs = elements_of(overview, "needs_you");
    if (needs.empty()) return;
    const int64_t now_ms = number_of(overview, "at");
    const int64_t total = std::max(number_of(overview, "needs_you_total"), static_cast<int64_t>(needs.size()));
    const size_t shown = view.lines > 0 ? std::min(needs.size(), kMaxNeeds) : needs.size();
    out.emplace_back();
    out.push_back(coloured(view.terminal, Colour::bold, "NEEDS YOU  " + std::to_string(total)));
    std::string hints;
    for (size_t i = 0; i < shown; ++i) {
        const json::Object need = members_of(needs[i].raw);
        const Need* known = need_of(text_of(need, "kind"));
        const std::string agent = text_of(need, "agent_id");
        const std::string subject = text_of(need, "subject");
        std::string text = text_of(need, "text");
        if (!agent.empty() && agent != subject) text = agent + ": " + text;
        out.push_back(
            spans_line(view.terminal,
                       {{"  " + padded(known == nullptr ? text_of(need, "kind") : std::string(known->word), 6) + "  ",
                         known == nullptr ? Colour::none : known->colour},
                        {padded(age_text(now_ms, number_of(need, "since")), 4) + "  ", Colour::dim},
                        {padded(subject, std::max<size_t>(display_width(subject), 21)) + "  "},
                        {text}}));
        const bool new_hint = known != nullptr && !known->command.empty() &&
                              hints.find("(" + std::string(known->word) + ")") == std::string::npos;
        if (new_hint) {
            hints += (hints.empty() ? "  agentcom " : ", ") + std::string(known->command) + " (" +
                     std::string(known->word) + ")";
        }
    }
    if (total > static_cast<int64_t>(shown)) {
        out.push_back("  … and " + std::to_string(total - static_cast<int64_t>(shown)) + " more");
    }
    if (!hints.empty()) {
        out.push_back(coloured(view.terminal, Colour::dim, fitted(hints, static_cast<size_t>(view.terminal.columns))));
    }
}

// -- Who does what ----------------------------------------------------------------------------------------------------

struct AgentRow {
    std::string agent;
    std::string state;
    std::string age;
    std::string progress;
    std::string task;
    std::string description;
    // Of the agent, in its first row.
    std::string slots;
    std::string mail;
    std::string seen;
    std::string can;
    bool is_alarming = false;
};

std::string flags_text(const json::Object& agent) {
    std::string flags = list_text(agent, "flags");
    std::ranges::replace(flags, '_', ' ');
    return flags.empty() ? "" : "[" + flags + "] ";
}

AgentRow agent_columns(const json::Object& agent, int64_t now_ms, size_t held) {
    AgentRow row;
    row.agent = text_of(agent, "agent_id");
    row.slots = std::to_string(held) + "/" + std::to_string(number_of(agent, "slots", 1));
    row.mail = number_of(agent, "mail_pending") == 0 ? "-" : std::to_string(number_of(agent, "mail_pending"));
    row.seen = age_text(now_ms, number_of(agent, "last_seen_at"));
    row.can = list_text(agent, "capabilities");
    return row;
}

void add_rows_of(std::vector<AgentRow>& rows, const json::Object& agent, int64_t now_ms) {
    const std::vector<json::Value> tasks = elements_of(agent, "tasks");
    const std::string flags = flags_text(agent);
    AgentRow first = agent_columns(agent, now_ms, tasks.size());
    if (tasks.empty()) {
        first.state = state_word(text_of(agent, "state"));
        first.age = age_text(now_ms, number_of(agent, "connected_at"));
        first.description = flags;
        first.is_alarming = !flags.empty();
        rows.push_back(std::move(first));
        return;
    }
    for (size_t i = 0; i < tasks.size(); ++i) {
        const json::Object task = members_of(tasks[i].raw);
        AgentRow row = i == 0 ? first : AgentRow{};
        // An agent that is away holds its tasks for a while: that it is away matters more than what they do.
        const bool away = text_of(agent, "state") == "offline";
        row.state = away ? "offline" : state_word(text_of(task, "state"));
        row.age = age_text(now_ms, number_of(task, "since"));
        const int64_t progress = number_of(task, "progress", -1);
        row.progress = progress < 0 ? "" : std::to_string(progress) + "%";
        row.task = text_of(task, "task_id");
        std::string question = text_of(members_of(raw_of(task, "question")), "question");
        if (question.empty()) question = text_of(task, "question");
        const bool stuck = raw_of(task, "stuck") == "true";
        row.is_alarming = stuck || !flags.empty() || away;
        row.description = flags + (stuck ? "[stuck] " : "") +
                          (question.empty() ? text_of(task, "description") : "“" + question + "”");
        rows.push_back(std::move(row));
    }
}

size_t widest(const std::vector<AgentRow>& rows, std::string AgentRow::*cell, size_t at_least, size_t at_most) {
    size_t width = at_least;
    for (const AgentRow& row : rows) width = std::max(width, display_width(terminal_safe(row.*cell)));
    return std::min(width, at_most);
}

struct AgentColumns {
    size_t agent;
    size_t progress;
    size_t task;
    bool wide;
    size_t can;
    size_t description;
};

AgentColumns columns_for(const std::vector<AgentRow>& rows, int columns) {
    AgentColumns widths{};
    widths.wide = columns >= kWideColumns;
    widths.agent = widest(rows, &AgentRow::agent, 5, widths.wide ? 32 : kNarrowAgentColumns);
    widths.progress = widest(rows, &AgentRow::progress, 0, 4);
    widths.task = widest(rows, &AgentRow::task, 4, 24);
    widths.can = widths.wide ? widest(rows, &AgentRow::can, 3, 28) : 0;
    // Gaps of two between all of them; state 8, age 4; slots 5, mail 5, seen 4.
    size_t used = widths.agent + 2 + 8 + 2 + 4 + 2 + widths.task + 2;
    if (widths.progress > 0) used += 4 + 2;
    if (widths.wide) used += 2 + 5 + 2 + 5 + 2 + 4 + 2 + widths.can;
    const auto all = static_cast<size_t>(columns);
    widths.description = widest(rows, &AgentRow::description, 11, all > used + 11 ? all - used : 8);
    return widths;
}

std::string agent_line(const Terminal& terminal, const AgentRow& row, const AgentColumns& widths, bool heading) {
    const Colour plain = heading ? Colour::dim : Colour::none;
    std::vector<Span> spans = {{padded(row.agent, widths.agent) + "  ", heading ? Colour::dim : Colour::bold},
                               {padded(row.state, 8) + "  ", heading ? Colour::dim : state_colour(row.state)},
                               {padded(row.age, 4) + "  ", plain}};
    if (widths.progress > 0) spans.push_back({padded(row.progress, 4) + "  ", plain});
    spans.push_back({padded(row.task, widths.task) + "  ", plain});
    const std::string description =
        widths.wide ? padded(row.description, widths.description) + "  " : fitted(row.description, widths.description);
    spans.push_back({description, row.is_alarming ? Colour::red : plain});
    if (widths.wide) {
        spans.push_back({padded(row.slots, 5) + "  " + padded(row.mail, 5) + "  " + padded(row.seen, 4) + "  ", plain});
        spans.push_back({fitted(row.can, widths.can), Colour::dim});
    }
    std::string line = spans_line(terminal, spans);
    while (line.ends_with(' ')) line.pop_back();
    return line;
}

void add_agents(Lines& out, const json::Object& overview, const StatusView& view) {
    const int64_t now_ms = number_of(overview, "at");
    std::vector<AgentRow> rows;
    std::vector<std::string> idle;
    size_t connected = 0;
    for (const json::Value& value : elements_of(overview, "agents")) {
        const json::Object agent = members_of(value.raw);
        if (text_of(agent, "state") != "offline") ++connected;
        const bool quiet = elements_of(agent, "tasks").empty() && elements_of(agent, "flags").empty();
        if (quiet) {
            idle.push_back(text_of(agent, "agent_id"));
        } else {
            add_rows_of(rows, agent, now_ms);
        }
    }
    const std::string more = raw_of(overview, "agents_truncated") == "true" ? " or more" : "";
    out.emplace_back();
    out.push_back(coloured(
        view.terminal, Colour::bold,
        "AGENTS  " + std::to_string(connected) + more + " connected, " + std::to_string(idle.size()) + more + " idle"));
    if (connected == 0 && rows.empty()) {
        out.push_back("  nobody is here; start one: agentcom register NAME; agentcom --as NAME worker -- COMMAND");
        out.back() = fitted(out.back(), static_cast<size_t>(view.terminal.columns));
        return;
    }
    Lines names;
    if (!idle.empty()) {
        std::string text;
        for (const std::string& name : idle) text += (text.empty() ? "" : ", ") + name;
        names = wrapped("idle: " + text, static_cast<size_t>(view.terminal.columns));
    }
    size_t room = rows.size();
    if (view.lines > 0) {
        const auto lines = static_cast<size_t>(view.lines);
        constexpr size_t kMaxIdleLines = 3;
        if (names.size() > kMaxIdleLines) {
            names.resize(kMaxIdleLines);
            names.back() = fitted(names.back() + "…………", static_cast<size_t>(view.terminal.columns));
        }
        const size_t taken = out.size() + 2 + names.size();
        room = std::max(kMinAgentRows, lines > taken ? lines - taken : 0);
    }
    if (!rows.empty()) {
        const AgentColumns widths = columns_for(rows, view.terminal.columns);
        const AgentRow heading{"AGENT", "STATE", "FOR", "DONE", "TASK", "DESCRIPTION", "SLOTS", "MAIL", "SEEN", "CAN"};
        out.push_back(agent_line(view.terminal, heading, widths, true));
        const size_t shown = rows.size() > room ? room - 1 : rows.size();
        for (size_t i = 0; i < shown; ++i) out.push_back(agent_line(view.terminal, rows[i], widths, false));
        if (shown < rows.size()) {
            out.push_back("… and " + std::to_string(rows.size() - shown) + " more; see `agentcom agents`");
        }
    }
    for (const std::string& line : names) out.push_back(coloured(view.terminal, Colour::dim, line));
}

std::string joined(const Lines& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
}

}  // namespace

std::string status_screen(std::string_view overview_raw, const StatusView& view) {
    const json::Object overview = members_of(overview_raw);
    Lines lines;
    add_head(lines, overview, view);
    add_needs(lines, overview, view);
    add_agents(lines, overview, view);
    return joined(lines);
}

std::string agents_table(std::string_view overview_raw, int64_t now_ms, const Terminal& terminal) {
    std::vector<std::vector<std::string>> rows;
    for (const json::Value& value : elements_of(members_of(overview_raw), "agents")) {
        const json::Object agent = members_of(value.raw);
        const std::vector<json::Value> tasks = elements_of(agent, "tasks");
        const AgentRow row = agent_columns(agent, now_ms, tasks.size());
        std::string works_on;
        for (const json::Value& task : tasks) {
            works_on += (works_on.empty() ? "" : ", ") + text_of(members_of(task.raw), "task_id");
        }
        rows.push_back({row.agent, state_word(text_of(agent, "state")), row.slots, row.mail, row.seen,
                        flags_text(agent) + works_on, row.can.empty() ? "-" : row.can});
    }
    if (rows.empty()) return "no agents\n";
    constexpr size_t kTasks = 5;
    return table_text({"AGENT", "STATE", "SLOTS", "MAIL", "SEEN", "TASKS", "CAN"}, std::move(rows), kTasks,
                      terminal.is_terminal ? static_cast<size_t>(terminal.columns) : 0);
}

}  // namespace agentcom::cli
