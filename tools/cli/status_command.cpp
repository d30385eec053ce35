#include <unistd.h>

#include <csignal>
#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/event_feed.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/status_screen.hpp"

namespace agentcom::cli {

namespace {

using std::chrono::milliseconds;

// Between two pictures, however much happens.
constexpr milliseconds kShortestInterval{300};
constexpr milliseconds kAbsenceInterval{1'000};

constexpr std::string_view kEnterScreen = "\x1B[?1049h\x1B[?25l";
constexpr std::string_view kLeaveScreen = "\x1B[?25h\x1B[?1049l";
constexpr std::string_view kHome = "\x1B[H";
constexpr std::string_view kClearLine = "\x1B[K\n";
constexpr std::string_view kClearBelow = "\x1B[J";

// Leaves the terminal as it was, whatever ends the program. Only what a signal handler may call.
void leave_screen_on_signal(int signal) {
    [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, kLeaveScreen.data(), kLeaveScreen.size());
    ::_exit(signal == SIGINT ? 0 : 128 + signal);
}

// The terminal's other screen, for as long as this lives.
class OtherScreen {
  public:
    explicit OtherScreen(const CommandContext& context) : context_(context) {
        for (const int signal : {SIGINT, SIGTERM, SIGHUP}) std::signal(signal, leave_screen_on_signal);
        context_.out << kEnterScreen << std::flush;
    }
    ~OtherScreen() { context_.out << kLeaveScreen << std::flush; }
    OtherScreen(const OtherScreen&) = delete;
    OtherScreen& operator=(const OtherScreen&) = delete;

    // Writes over the last picture, so that nothing flickers.
    void draw(std::string_view text) {
        std::string picture(kHome);
        for (const char c : text) {
            if (c == '\n') {
                picture += kClearLine;
            } else {
                picture += c;
            }
        }
        // Without its last line end the picture may fill the whole window.
        picture.pop_back();
        picture += kClearBelow;
        context_.out << picture << std::flush;
    }

  private:
    const CommandContext& context_;
};

// Draws again when something happens, and so often that ages are right.
Trouble watch_status(const CommandContext& context, HubClient& client, const StatusCommand& command) {
    // What the feed has to say while the hub is away is on the screen already.
    CommandContext quiet = context;
    quiet.surroundings.notice = [](std::string_view) {};
    EventFeed feed(quiet, client, {});
    OtherScreen screen(context);
    std::string overview = "{}";
    for (;;) {
        Outcome<std::string> answer = client.get("cannot show the status", "/api/overview");
        if (!answer && answer.failure().code == ExitCode::timeout) return std::nullopt;
        if (!answer && answer.failure().code != ExitCode::unavailable) return answer.failure();
        const Terminal terminal = Terminal::of_standard_output();
        StatusView view{terminal, context.hub().text(), terminal.lines, ""};
        if (answer) {
            overview = *answer;
        } else {
            view.warning = "THE HUB IS AWAY, and this is how it was: " + answer.failure().why;
        }
        screen.draw(status_screen(overview, view));
        if (context.time_left() <= milliseconds{0}) return std::nullopt;
        context.surroundings.sleep(answer ? kShortestInterval : kAbsenceInterval);
        if (!answer) continue;
        Outcome<EventPage> page = feed.next_within(milliseconds(command.interval_ms));
        const bool over = !page && page.failure().code == ExitCode::timeout;
        if (!page && !over) return page.failure();
    }
}

}  // namespace

Trouble run(const CommandContext& context, const StatusCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    if (command.watch && !context.options.json && context.terminal.is_terminal) {
        return watch_status(context, *client, command);
    }
    if (command.watch) {
        return Failure{ExitCode::usage,
                       "wrong usage",
                       "status --watch draws on a terminal, and this is none",
                       "For programs: agentcom watch --json, or agentcom status --json.",
                       {}};
    }
    Outcome<std::string> answer = client->get("cannot show the status", "/api/overview");
    if (!answer) return answer.failure();
    return emit(context, {*answer, "", [&] {
                              const int lines = context.terminal.is_terminal ? context.terminal.lines - 1 : 0;
                              return status_screen(*answer, {context.terminal, context.hub().text(), lines, ""});
                          }});
}

Trouble run(const CommandContext& context, const AgentsCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->get("cannot list the agents", "/api/overview");
    if (!answer) return answer.failure();
    const json::Object overview = members_of(*answer);
    json::Writer data;
    data.begin_object().key("agents").begin_array();
    for (const json::Value& value : elements_of(overview, "agents")) {
        const json::Object agent = members_of(value.raw);
        if (!command.state.empty() && text_of(agent, "state") != command.state) continue;
        bool can = command.capability.empty();
        for (const json::Value& capability : elements_of(agent, "capabilities")) {
            can = can || json::decode_string(capability) == command.capability;
        }
        if (can) data.raw(value.raw);
    }
    data.end_array().raw_member("agents_truncated", raw_of(overview, "agents_truncated")).end_object();
    const std::string data_raw = data.take();
    return emit(context, {data_raw, "agents",
                          [&] { return agents_table(data_raw, number_of(overview, "at"), context.terminal); }});
}

}  // namespace agentcom::cli
