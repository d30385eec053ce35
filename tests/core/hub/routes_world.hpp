// A hub with two agents, and short calls: what the tests of the routes begin with.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/base/json.hpp"
#include "tests/core/support/test_hub.hpp"

namespace agentcom::test {

inline const std::string kAdmin(TestHub::kAdminToken);

/// A hub with the agents ann and bob, and short calls as ann.
struct World {
    explicit World(Settings settings = {}, TestHub::Watch watch = TestHub::Watch::nothing)
        : hub(std::move(settings), 1, watch) {
        hub.register_agent("ann");
        hub.register_agent("bob");
    }
    Response get(const std::string& target) { return hub.http(Method::get, target, "", ann); }
    Response post(const std::string& target, const std::string& body) {
        return hub.http(Method::post, target, body, ann);
    }
    std::string submit(const std::string& more = "") {
        const Response response = post("/api/tasks", R"({"description":"x")" + (more.empty() ? "" : "," + more) + "}");
        CAPTURE(response.body);
        REQUIRE(response.status == 201);
        return TestHub::member(response.body, "task_id");
    }
    /// The ids of a listing.
    std::vector<std::string> ids(const Response& response) {
        CAPTURE(response.body);
        REQUIRE(response.status == 200);
        std::vector<std::string> all;
        const json::Object body = json::members(response.body);
        for (const json::Value& task : json::elements(body.find("tasks")->raw)) {
            all.push_back(TestHub::member(std::string(task.raw), "id"));
        }
        REQUIRE(TestHub::member(response.body, "count") == std::to_string(all.size()));
        return all;
    }
    /// Lets bob do a task.
    void complete(const std::string& id) {
        const int64_t bob = hub.connect("bob");
        hub.send(bob, R"({"type":"task_complete","task_id":")" + id + R"(","generation":)" +
                          std::to_string(hub.row(id)->generation) + "}");
        REQUIRE(TestHub::member(hub.take_frame(bob, "task_ack"), "status") == "complete");
        hub.disconnect(bob);
    }

    TestHub hub;
    const std::string ann = TestHub::token_of("ann");
};

using Ids = std::vector<std::string>;

}  // namespace agentcom::test
