// Two workspaces that use the same names for everything never see each other.
#include <catch2/catch.hpp>

#include <set>

#include "core/base/prng.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::Response;
using agentcom::test::TestHub;

namespace {

/// The workspace a row belongs to; -1: to none.
template <class Row>
int64_t workspace_of(const Row& row) {
    if constexpr (std::is_same_v<Row, WorkspaceRow>) {
        return row.id;
    } else if constexpr (std::is_same_v<Row, TimerRow>) {
        switch (row.kind) {
            case TimerKind::identify:
            case TimerKind::idle:
            case TimerKind::ping:
            case TimerKind::mail_flush:
                return -1;  // of a connection
            default:
                return row.workspace;
        }
    } else if constexpr (requires { row.workspace; }) {
        return row.workspace;
    } else {
        return -1;
    }
}

/// The sum of the hashes of all rows of one workspace.
Hash128 digest_of(const Tables& tables, int64_t workspace) {
    Hash128 digest;
    for_each_resident_row([&]<class Row>() {
        for (const typename Row::Key& key : tables.sorted_keys<Row>()) {
            const Row& row = *tables.find<Row>(key);
            if (workspace_of(row) == workspace) digest += row_hash(row);
        }
    });
    return digest;
}

constexpr const char* kAgents[] = {"ann", "bob", "cat"};

struct Side {
    std::string name;
    std::string mark;
    int64_t workspace = 0;
    std::map<std::string, int64_t> sockets;
    std::vector<std::string> task_ids;
    std::vector<std::string> message_ids;
    struct Assignment {
        std::string agent;
        std::string task_id;
        std::string generation;
    };
    std::vector<Assignment> assignments;
};

class TwoWorkspaces {
  public:
    explicit TwoWorkspaces(uint64_t seed) : prng_(seed), hub_(settings()) {
        for (Side* side : {&left_, &right_}) {
            for (const char* agent : kAgents) hub_.register_agent(agent, side->name);
        }
        for (const WorkspaceRow::Key& key : hub_.tables().sorted_keys<WorkspaceRow>()) {
            const WorkspaceRow& row = *hub_.tables().find<WorkspaceRow>(key);
            if (row.name == left_.name) left_.workspace = row.id;
            if (row.name == right_.name) right_.workspace = row.id;
        }
        REQUIRE(left_.workspace != right_.workspace);
    }

    void step() {
        const bool on_left = prng_.below(2) == 0;
        Side& mine = on_left ? left_ : right_;
        Side& other = on_left ? right_ : left_;
        const Hash128 before = digest_of(hub_.tables(), other.workspace);
        act(mine, other);
        const bool untouched = digest_of(hub_.tables(), other.workspace) == before;
        CAPTURE(last_);
        REQUIRE(untouched);
        for (const auto& [agent, socket] : other.sockets) REQUIRE(hub_.frames(socket).empty());
        for (const auto& [agent, socket] : mine.sockets) {
            for (const std::string& frame : hub_.frames(socket)) read(mine, other, frame, agent);
        }
        hub_.clear_frames();
        if (prng_.below(4) == 0) {
            hub_.advance_ms(static_cast<int64_t>(prng_.below(3'000)));
            for (Side* side : {&left_, &right_}) {
                for (const auto& [agent, socket] : side->sockets) {
                    for (const std::string& frame : hub_.frames(socket)) {
                        read(*side, side == &left_ ? right_ : left_, frame, agent);
                    }
                }
            }
            hub_.clear_frames();
        }
    }

    int64_t done_ = 0;     ///< tasks that were completed
    int64_t repeats_ = 0;  ///< requests that were answered from an idempotency record

  private:
    static Settings settings() {
        Settings settings;
        settings.limits = 0;
        settings.retry_delay_ms = 10;
        settings.idle_timeout_ms = 86'400'000;
        settings.lease_silence_ms = 86'400'000;
        settings.ping_interval_ms = 0;
        return settings;
    }

    template <class T>
    const T& any(const std::vector<T>& of) {
        return of[prng_.index_below(of.size())];
    }
    std::string any_agent() { return kAgents[prng_.index_below(3)]; }
    /// A task of either workspace.
    std::string any_task(const Side& mine, const Side& other) {
        const std::vector<std::string>& ids = prng_.below(3) == 0 ? other.task_ids : mine.task_ids;
        return ids.empty() ? "task-none" : any(ids);
    }

    void read(Side& mine, const Side& other, const std::string& text, const std::string& agent = "") {
        CAPTURE(last_, text);
        REQUIRE(text.find(other.mark) == std::string::npos);
        REQUIRE(text.find(other.name) == std::string::npos);
        for (const std::string& id : other.message_ids) REQUIRE(text.find(id) == std::string::npos);
        const std::string type = TestHub::member(text, "type");
        if (type == "task_assign") {
            mine.assignments.push_back({agent, TestHub::member(text, "task_id"), TestHub::member(text, "generation")});
        } else if (type == "message_sent") {
            mine.message_ids.push_back(TestHub::member(text, "id"));
        } else if (type == "task_ack" && TestHub::member(text, "status") == "complete") {
            ++done_;
        }
    }

    Response http(Side& mine, const Side& other, Method method, const std::string& target, const std::string& body = "",
                  const std::string& key = "") {
        const std::string agent = any_agent();
        last_ = mine.name + " " + agent + " " + target + " " + body;
        Response response = hub_.http(method, target, body, TestHub::token_of(agent, mine.name), key);
        // A request may repeat what it was given; beyond that it says nothing of the other side.
        if (response.status < 400) read(mine, other, response.body);
        return response;
    }

    void act(Side& mine, const Side& other) {
        const std::string payload = "{\"mark\":\"" + mine.mark + "\"}";
        const std::string agent = any_agent();
        switch (prng_.below(20)) {
            case 0:
            case 1: {
                if (mine.sockets.contains(agent)) return;
                last_ = mine.name + " connects " + agent;
                mine.sockets[agent] =
                    hub_.connect(agent, R"("capabilities":["code"],"slots":2,"name":")" + mine.mark + "\"", mine.name);
                return;
            }
            case 2: {
                const auto socket = mine.sockets.find(agent);
                if (socket == mine.sockets.end()) return;
                last_ = mine.name + " disconnects " + agent;
                hub_.disconnect(socket->second);
                mine.sockets.erase(socket);
                return;
            }
            case 3:
            case 4:
                return frame(mine, agent,
                             R"({"type":"message","to":")" + any_agent() + R"(","idempotency_key":"same","payload":)" +
                                 payload + "}");
            case 5:
                return frame(mine, agent, R"({"type":"message","payload":)" + payload + "}");
            case 6:
                return frame(mine, agent, R"({"type":"list_agents"})");
            case 7:
                return frame(mine, agent, R"({"type":"status","status":")" + mine.mark + "\"}");
            case 8:
            case 9:
            case 10: {
                std::string task_id = any_task(mine, other);
                std::string generation = "1";
                std::string reporter = agent;
                if (!mine.assignments.empty() && prng_.below(4) > 0) {
                    const Side::Assignment& assignment = mine.assignments.back();
                    task_id = assignment.task_id;
                    generation = assignment.generation;
                    if (prng_.below(4) > 0) reporter = assignment.agent;
                } else if (!other.assignments.empty() && prng_.below(2) == 0) {
                    task_id = any(other.assignments).task_id;
                }
                static const std::vector<std::string> kReports = {"task_accepted",  "task_progress", "task_complete",
                                                                  "task_complete",  "task_failed",   "task_rejected",
                                                                  "task_recovering"};
                return frame(mine, reporter,
                             R"({"type":")" + any(kReports) + R"(","task_id":")" + task_id + R"(","generation":)" +
                                 generation + R"(,"error":")" + mine.mark + R"(","result":)" + payload + "}");
            }
            case 11:
            case 12:
            case 13: {
                std::string body = R"({"description":")" + mine.mark + R"(","metadata":)" + payload +
                                   R"(,"needed_capabilities":["code"])";
                if (prng_.below(3) == 0) body += R"(,"unique_key":"same")";
                const std::string blocker = any_task(mine, other);
                const bool foreign =
                    std::find(mine.task_ids.begin(), mine.task_ids.end(), blocker) == mine.task_ids.end();
                const bool blocked = prng_.below(4) == 0;
                if (blocked) body += R"(,"blocked_by":[")" + blocker + "\"]";
                const bool keyed = prng_.below(4) == 0;
                const Response response =
                    http(mine, other, Method::post, "/api/tasks", body + "}", keyed ? "same" : "");
                CAPTURE(response.body);
                if (blocked && foreign && !keyed) {
                    const bool duplicate = response.status == 200;
                    REQUIRE((response.status == 422 || duplicate));
                }
                if (response.status < 300) {
                    const std::string id = TestHub::member(response.body, "task_id");
                    REQUIRE(hub_.tables().find<TaskRow>({other.workspace, id}) == nullptr);
                    if (std::find(mine.task_ids.begin(), mine.task_ids.end(), id) != mine.task_ids.end()) ++repeats_;
                    REQUIRE(std::find(other.task_ids.begin(), other.task_ids.end(), id) == other.task_ids.end());
                    mine.task_ids.push_back(id);
                }
                return;
            }
            case 14: {
                const std::string id = any_task(mine, other);
                const bool is_mine = std::find(mine.task_ids.begin(), mine.task_ids.end(), id) != mine.task_ids.end();
                const uint64_t what = prng_.below(3);
                const Response response = what == 0   ? http(mine, other, Method::get, "/api/tasks/" + id)
                                          : what == 1 ? http(mine, other, Method::post, "/api/tasks/" + id + "/retry")
                                                      : http(mine, other, Method::delete_, "/api/tasks/" + id);
                CAPTURE(response.body);
                if (!is_mine) REQUIRE(response.status == 404);
                if (is_mine && what == 0) REQUIRE(response.status == 200);
                return;
            }
            case 15: {
                static const std::vector<std::string> kReads = {"/api/tasks", "/api/tasks?status=completed",
                                                                "/api/tasks/dead-letter", "/api/agents/states",
                                                                "/admin/tokens"};
                http(mine, other, Method::get, any(kReads));
                return;
            }
            case 16: {
                const Response response = http(mine, other, Method::get, "/api/tasks/stats");
                REQUIRE(response.status == 200);
                const auto& counts = hub_.tables().indexes().state_counts;
                const auto found = counts.find(mine.workspace);
                REQUIRE(TestHub::member(response.body, "queued_index_size") ==
                        std::to_string(found == counts.end() ? 0 : found->second[1]));
                return;
            }
            case 17: {
                last_ = mine.name + " reads the mailbox of " + agent;
                const std::string token = TestHub::token_of(agent, mine.name);
                const Response mailbox = hub_.http(Method::get, "/api/mailbox/" + agent, "", token);
                REQUIRE(mailbox.status == 200);
                read(mine, other, mailbox.body);
                if (prng_.below(2) == 0)
                    hub_.http(Method::post, "/api/mailbox/" + agent + "/ack", R"({"seq":1000})", token);
                return;
            }
            case 18:
                http(mine, other, Method::get, "/api/agents/" + any_agent() + "/state");
                return;
            default: {
                const Response response = http(mine, other, Method::post, "/api/message",
                                               R"({"to":")" + any_agent() + R"(","payload":)" + payload + "}",
                                               prng_.below(2) == 0 ? "same" : "");
                if (response.status == 200) mine.message_ids.push_back(TestHub::member(response.body, "id"));
            }
        }
    }

    void frame(Side& mine, const std::string& agent, const std::string& text) {
        const auto socket = mine.sockets.find(agent);
        if (socket == mine.sockets.end()) return;
        last_ = mine.name + " " + agent + " " + text;
        hub_.send(socket->second, text);
    }

    Prng prng_;
    TestHub hub_;
    Side left_{"left-workspace", "MARK-OF-THE-LEFT", 0, {}, {}, {}, {}};
    Side right_{"right-workspace", "MARK-OF-THE-RIGHT", 0, {}, {}, {}, {}};
    std::string last_;
};

}  // namespace

TEST_CASE("workspaces with the same names neither see nor touch each other") {
    const uint64_t seed = GENERATE(range<uint64_t>(1, 9));
    CAPTURE(seed);
    TwoWorkspaces world(seed);
    for (int i = 0; i < 700; ++i) world.step();
    CHECK(world.done_ > 3);
    CHECK(world.repeats_ > 0);
}

TEST_CASE("a token acts in its own workspace, whatever the request asks for") {
    TestHub hub;
    hub.register_agent("ann", "left");
    hub.register_agent("ann", "right");
    const std::string ann = TestHub::token_of("ann", "left");
    CHECK(hub.http(Method::post, "/api/tasks?workspace=right", R"({"description":"x"})", ann).status == 201);
    CHECK(hub.tables().indexes().state_counts.contains(2));
    CHECK_FALSE(hub.tables().indexes().state_counts.contains(3));
    // The hub's admin may choose.
    CHECK(hub.http(Method::post, "/api/tasks?workspace=right", R"({"description":"x"})",
                   std::string(TestHub::kAdminToken))
              .status == 201);
    CHECK(hub.tables().indexes().state_counts.contains(3));
    CHECK(hub.http(Method::get, "/api/tasks?workspace=nowhere", "", std::string(TestHub::kAdminToken)).status == 404);
    // Only the admin makes agents in another workspace.
    CHECK(hub.http(Method::post, "/api/onboard/register", R"({"agent_id":"x","workspace":"right"})", ann).status ==
          403);
}
