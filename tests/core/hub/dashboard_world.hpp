// A hub with dashboards, for the tests of core/hub/dashboard*.cpp.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "core/view/frames.hpp"
#include "tests/core/hub/routes_world.hpp"

namespace agentcom::test {

/// Dashboards hear of everything at once: a round with each input.
inline Settings at_once() {
    Settings settings;
    settings.dashboard_interval_ms = 0;
    settings.limits = 0;
    return settings;
}

/// A member of a member: path "data.queue.dead_letter".
inline std::string at_path(std::string text, std::string path) {
    while (!path.empty()) {
        const size_t dot = path.find('.');
        text = TestHub::member(text, path.substr(0, dot));
        path = dot == std::string::npos ? "" : path.substr(dot + 1);
    }
    return text;
}

struct Dashboards : World {
    explicit Dashboards(Settings settings = at_once(), TestHub::Watch watch = TestHub::Watch::nothing)
        : World(std::move(settings), watch) {}

    std::vector<std::string> types(int64_t connection) {
        std::vector<std::string> all;
        for (const std::string& frame : hub.frames(connection)) all.push_back(TestHub::member(frame, "type"));
        return all;
    }
    /// The events that a dashboard was sent since the last call: "task_submitted", "agent_joined", …
    std::vector<std::string> events(int64_t connection) {
        std::vector<std::string> all;
        for (std::string frame = hub.take_frame(connection, "events"); !frame.empty();
             frame = hub.take_frame(connection, "events")) {
            const json::Object members = json::members(frame);
            for (const json::Value& event : json::elements(members.find("data")->raw)) {
                const std::string text(event.raw);
                const std::string type = TestHub::member(text, "type");
                all.push_back(type == "task_event" ? TestHub::member(text, "event") : type);
                last_event = text;
                last[type] = text;
            }
        }
        return all;
    }
    /// Folds all frames that have come into a model.
    void fold(int64_t connection, view::Model& model) {
        for (const std::string& frame : hub.frames(connection)) {
            const Result<view::Change> change = view::take(model, frame);
            CAPTURE(frame);
            REQUIRE(change.ok());
        }
        hub.frames(connection).clear();
    }
    int64_t follow(const std::string& since = "") {
        const int64_t connection = hub.open_dashboard("mode=delta");
        hub.send(connection,
                 R"({"type":"subscribe","mode":"delta")" + (since.empty() ? "" : R"(,"since":")" + since + '"') + "}");
        return connection;
    }
    std::string bury(const std::string& agent) {
        const std::string id = submit(R"("max_retries":1)");
        const int64_t connection = hub.connect(agent);
        hub.send(connection, R"({"type":"task_failed","task_id":")" + id + R"(","error":"no","generation":)" +
                                 std::to_string(hub.row(id)->generation) + "}");
        REQUIRE(hub.row(id)->state == TaskState::dead_letter);
        hub.disconnect(connection);
        return id;
    }

    std::string last_event;
    std::map<std::string, std::string> last;  ///< the last event of each type
};

}  // namespace agentcom::test
