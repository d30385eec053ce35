// A TestHub with the words that tests of tasks need, and checks of what must always be true of tasks.
//
//     TaskHub hub;
//     const int64_t bob = hub.worker("bob");
//     const std::string id = hub.submit(R"({"description":"x"})");
//     CHECK(hub.accept(bob, id) == "accepted");
//     CHECK(hub.complete(bob, id, 1) == "complete");
//     CHECK(hub.kinds(id) == Names{"task_submitted", "task_assigned", "task_accepted", "task_completed"});
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/state/context.hpp"
#include "tests/core/support/test_hub.hpp"

namespace agentcom::test {

using Names = std::vector<std::string>;

class TaskHub : public TestHub {
  public:
    using TestHub::TestHub;

    /// Registers the agent on its first use and connects it.
    int64_t worker(const std::string& agent, const std::string& more = "");
    /// Sends a frame and gives what the reply says: an ack's status, an error's text, "task_continue 3",
    /// "task_reassign", else the reply's type; "" when nothing is answered.
    std::string reply(int64_t connection, const std::string& frame);
    /// A report with no more than the members it must have.
    std::string report(int64_t connection, std::string_view type, const std::string& task,
                       const std::string& more = "");
    std::string accept(int64_t connection, const std::string& task);
    std::string complete(int64_t connection, const std::string& task, int64_t generation);
    std::string fail(int64_t connection, const std::string& task, int64_t generation, const std::string& error = "bad");
    std::string reject(int64_t connection, const std::string& task);
    std::string recover(int64_t connection, const std::string& task);
    /// The HTTP status.
    int cancel(const std::string& task);
    int retry(const std::string& task);
    /// The ids of all `task_assign` frames that wait on the connection; they are taken off it.
    Names assignments(int64_t connection);
    /// Lets time pass while these connections send a ping every 30 s.
    void advance_pinging(int64_t ms, const std::vector<int64_t>& connections);
    /// Builds a request without applying it: for many in one turn.
    HttpRequest submission(const std::string& body);
    /// Applies an input without ending its turn; the next `apply` ends it.
    void apply_in_turn(InputBody body);

    /// The task as the store has it.
    TaskRow stored(const std::string& task) const;
    /// "held", "queued" ..., from memory and store alike.
    std::string state(const std::string& task) const;
    int64_t generation(const std::string& task) const { return stored(task).generation; }
    /// What `GET /api/agents/:id/state` calls fsm_state.
    std::string work_state(const std::string& agent);
    std::vector<EventRow> events(const std::string& task) const;
    /// The events' kinds in order.
    Names kinds(const std::string& task) const;
    /// The last event as "kind/cause".
    std::string last_event(const std::string& task) const;
    /// Ended leases as "generation agent outcome".
    Names attempts(const std::string& task) const;

    /// Throws nothing, gives what is wrong: looks at every row and compares with what must be true of tasks, leases and
    /// agents. "" when all is well.
    std::string broken_rule() const;
    /// Replays the event log against a model of a task's life that knows nothing of the hub's. "" when they agree.
    std::string broken_history() const;
};

/// Tables and a context without a hub, for what has no frame or route.
class Bench {
  public:
    explicit Bench(Settings settings_in = {});

    /// Runs one operation as an input of its own.
    template <class F>
    auto run(F&& operation) {
        tables.begin_input();
        Context ctx(tables, settings, now, 1, effects);
        struct End {
            Tables& tables;
            ~End() { tables.end_input(); }
        } end{tables};
        return operation(ctx);
    }

    Tables tables;
    Settings settings;
    Time now{1'800'000'000'000, 1'000'000};
    std::vector<Effect> effects;
};

inline const std::string kPing = R"({"type":"ping"})";

inline std::string with_number(const std::string& members, const std::string& name, int64_t number) {
    return R"({"description":"d")" + (members.empty() ? "" : "," + members) + ",\"" + name +
           "\":" + std::to_string(number) + "}";
}

/// A hub where agent "bob" works on one task.
struct Working {
    explicit Working(Settings settings = {}, const std::string& more = "", const std::string& task_more = "")
        : hub(settings) {
        bob = hub.worker("bob", more);
        id = hub.submit(R"({"description":"d")" + (task_more.empty() ? "" : "," + task_more) + "}");
        REQUIRE(hub.assignments(bob) == Names{id});
        REQUIRE(hub.accept(bob, id) == "accepted");
        REQUIRE(hub.state(id) == "working");
    }
    ~Working() {
        CHECK(hub.broken_rule() == "");
        CHECK(hub.broken_history() == "");
    }

    TaskHub hub;
    int64_t bob = 0;
    std::string id;
};

/// A claim in a Bench: the task that it gets at once, if any.
std::optional<TaskRow> claim(Bench& bench, const std::string& agent, std::vector<std::string> capabilities,
                             int64_t lease_ms = 60'000);

}  // namespace agentcom::test
