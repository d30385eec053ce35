// Commands against played-back answers, in a home of their own. Time passes only by sleeping.
#pragma once

#include <deque>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/temporary_directory.hpp"
#include "tools/cli/commands.hpp"

namespace agentcom::cli {

struct Stage {
    Stage() {
        directories = {home.path() / "config", home.path() / "state", home.path() / "data"};
        choices.hub = {"http://127.0.0.1:4000", "built in"};
        choices.hub_url = HubUrl{"127.0.0.1", 4000};
        choices.agent = {"ann", "--as"};
        choices.token = {"secret", "--token"};
    }

    CommandContext context() {
        Surroundings surroundings;
        surroundings.now = [this] { return now; };
        surroundings.wall_ms = [] { return int64_t{1'795'225'796'809}; };
        surroundings.sleep = [this](std::chrono::milliseconds time) { now += time; };
        surroundings.notice = [this](std::string_view line) { notices.emplace_back(line); };
        surroundings.random_key = [] { return std::string("key"); };
        surroundings.login_name = [] { return std::string("me"); };
        const HttpTransport transport = [this](const HttpRequest& request) -> HttpReply {
            requests.push_back(request);
            if (replies.empty()) return HttpLoss{HttpLoss::Stage::connect, "nothing listens there"};
            HttpReply reply = replies.front();
            if (replies.size() > 1) replies.pop_front();
            return reply;
        };
        return CommandContext{options, choices, directories, transport, surroundings, deadline, in, out, Terminal{}};
    }
    void answer(unsigned status, std::string body) { replies.push_back(HttpAnswer{status, std::move(body), {}}); }

    TemporaryDirectory home;
    Options options;
    Choices choices;
    Directories directories;
    std::deque<HttpReply> replies;
    std::vector<HttpRequest> requests;
    std::vector<std::string> notices;
    std::istringstream in;
    std::ostringstream out;
    std::chrono::milliseconds now{0};
    std::optional<std::chrono::milliseconds> deadline;
};

}  // namespace agentcom::cli
