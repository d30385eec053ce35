#include "tools/cli/status_screen.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/base/json.hpp"
#include "tools/cli/table.hpp"

using namespace agentcom;
using namespace agentcom::cli;

namespace {

constexpr int64_t kNow = 1'795'225'796'809;

std::string agent(const std::string& id, const std::string& state, const std::string& tasks_raw) {
    return R"({"agent_id":)" + json::encode_string(id) + R"(,"state":")" + state +
           R"(","connected_at":1795225000000,"last_seen_at":1795225790000,"slots":2,"capabilities":["code","review"],)"
           R"("flags":[],"client_type":"worker","protocol_version":2,"mail_pending":3,"tasks":)" +
           tasks_raw + "}";
}

std::string overview(const std::string& agents_raw, const std::string& needs_raw = "[]") {
    return R"({"at":1795225796809,"cursor":"e.1","hub":{"version":"0.1.0","started_at":1795214276809,"read_only":false},)"
           R"("counts":{"queued":16,"held":2,"assigned":1,"working":4,"waiting_input":1,"dead_letter":3},)"
           R"("queue":{"urgent":0,"high":2,"normal":11,"low":3},"oldest_queued_at":1795225556809,"agents":)" +
           agents_raw + R"(,"agents_truncated":false,"needs_you":)" + needs_raw + R"(,"needs_you_total":0})";
}

const std::string kTask =
    R"([{"task_id":"task-6d0bce31d6eb35e7","description":"Build the release and 日本語 publish it\u001b[2J, all of it",)"
    R"("state":"working","since":1795225556809,"generation":1,"progress":40,"stuck":false,"question":null}])";

std::vector<std::string> lines_of(const std::string& screen) {
    std::vector<std::string> lines;
    for (size_t at = 0; at < screen.size();) {
        const size_t end = screen.find('\n', at);
        lines.push_back(screen.substr(at, end - at));
        at = end + 1;
    }
    return lines;
}

StatusView view(int columns, int lines = 0) {
    StatusView view;
    view.terminal.columns = columns;
    view.hub = "http://127.0.0.1:4000";
    view.lines = lines;
    return view;
}

}  // namespace

TEST_CASE("a fleet on 80 columns") {
    const std::string needs = R"([{"kind":"waiting_input","subject":"task-6d0bce31d6eb35e7","text":"Deploy?",)"
                              R"("since":1795225736809,"agent_id":"ann"}])";
    const std::string screen = status_screen(
        overview("[" + agent("ann", "working", kTask) + "," + agent("bob", "idle", "[]") + "]", needs), view(80));
    CHECK(screen ==
          "AgentCom 0.1.0  http://127.0.0.1:4000  up 3 h 12 min  2026-11-21 01:49:56Z\n"
          "queue  urgent 0  high 2  normal 11  low 3  the oldest for 4 min\n"
          "tasks  queued 16  held 2  assigned 1  working 4  asking 1  dead 3\n"
          "\n"
          "NEEDS YOU  1\n"
          "  asks    1m    task-6d0bce31d6eb35e7  ann: Deploy?\n"
          "  agentcom task answer ID TEXT (asks)\n"
          "\n"
          "AGENTS  2 connected, 1 idle\n"
          "AGENT  STATE     FOR   DONE  TASK                   DESCRIPTION\n"
          "ann    working   4m    40%   task-6d0bce31d6eb35e7  Build the release and 日本…\n"
          "idle: bob\n");
}

TEST_CASE("no line is wider than the window, whatever stands in it") {
    std::string agents;
    for (int i = 0; i < 30; ++i) {
        agents += (i == 0 ? "" : ",") + agent("agent-with-a-long-name-日本語-" + std::to_string(i), "working", kTask);
        agents += "," + agent("idle-" + std::to_string(i), "idle", "[]");
    }
    std::string needs;
    for (int i = 0; i < 30; ++i) {
        needs += std::string(i == 0 ? "" : ",") + R"({"kind":"dead_letter","subject":"task-1","text":")" +
                 std::string(300, 'x') + R"(","since":1795225736809,"agent_id":null})";
    }
    for (const int columns : {40, 60, 80, 119, 120, 200}) {
        for (const int lines : {0, 24, 50}) {
            const std::string screen =
                status_screen(overview("[" + agents + "]", "[" + needs + "]"), view(columns, lines));
            INFO(columns << "x" << lines << "\n" << screen);
            const std::vector<std::string> shown = lines_of(screen);
            for (const std::string& line : shown) CHECK(display_width(line) <= static_cast<size_t>(columns));
            if (lines > 0) CHECK(shown.size() <= static_cast<size_t>(std::max(lines, 28)));
            CHECK(screen.find('\x1B') == std::string::npos);
        }
    }
}

TEST_CASE("200 columns show more of each agent") {
    const std::string screen = status_screen(overview("[" + agent("ann", "working", kTask) + "]"), view(200));
    CHECK(screen.find("SLOTS") != std::string::npos);
    CHECK(screen.find("code, review") != std::string::npos);
    CHECK(screen.find("all of it") != std::string::npos);
}

TEST_CASE("an empty hub says how to begin, and an absent one that it is old") {
    StatusView old = view(80);
    old.warning = "the hub is away: nothing listens there; this is how it was";
    const std::string screen = status_screen(overview("[]"), old);
    CHECK(screen.find("nobody is here") != std::string::npos);
    CHECK(screen.find("the hub is away") != std::string::npos);
    CHECK(!status_screen("{}", view(80)).empty());
}

TEST_CASE("agents in columns") {
    const std::string table =
        agents_table(overview("[" + agent("ann", "working", kTask) + "]"), kNow, view(80).terminal);
    CHECK(table.find("ann    working  1/2    3     6s    task-6d0bce31d6eb35e7  code, review\n") != std::string::npos);
    CHECK(agents_table("{}", kNow, view(80).terminal) == "no agents\n");
}
