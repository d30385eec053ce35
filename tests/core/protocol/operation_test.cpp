#include "core/protocol/operation.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

namespace {

std::string found(Method method, std::string_view path) {
    const RouteMatch match = match_route(method, path);
    if (match.operation == nullptr) return match.path_known ? "other method" : "unknown";
    std::string text(match.operation->name);
    for (const std::string& param : match.params) text += "|" + param;
    return text;
}

}  // namespace

TEST_CASE("routes are found as v1.1 found them") {
    struct Row {
        Method method;
        const char* path;
        const char* result;
    };
    const Row rows[] = {
        {Method::get, "/health", "get_health"},
        {Method::get, "/health/", "get_health"},
        {Method::get, "//health", "get_health"},
        {Method::head, "/health", "get_health"},
        {Method::post, "/health", "other method"},
        {Method::options, "/health", "other method"},
        {Method::get, "/Health", "unknown"},
        {Method::get, "/", "unknown"},
        {Method::get, "", "unknown"},
        {Method::get, "/api", "unknown"},
        {Method::get, "/api/agents", "get_agents"},
        {Method::get, "/API/agents", "unknown"},
        {Method::get, "/api/agents/states", "get_agent_states"},
        {Method::get, "/api/agents/states/state", "get_agent_state|states"},
        {Method::get, "/api/agents/bob/state", "get_agent_state|bob"},
        {Method::get, "/api/agents/a%2Fb/state", "get_agent_state|a/b"},
        {Method::get, "/api/agents/%C3%A9/state", "get_agent_state|\xc3\xa9"},
        {Method::get, "/api/agents/a+b/state", "get_agent_state|a+b"},
        {Method::get, "/api/agents/%ff/state", "unknown"},
        {Method::get, "/api/agents/%zz/state", "unknown"},
        {Method::get, "/api/agents/%4/state", "unknown"},
        {Method::get, "/api/agents/%/state", "unknown"},
        {Method::get, "/api/agents/\xff/state", "unknown"},
        {Method::get, "/api/%61gents", "get_agents"},
        {Method::get, "/api/agents/bob", "unknown"},
        {Method::get, "/api/tasks", "get_tasks"},
        {Method::post, "/api/tasks", "post_task"},
        {Method::get, "/api/tasks/dead-letter", "get_tasks_dead_letter"},
        {Method::get, "/api/tasks/stats", "get_tasks_stats"},
        {Method::delete_, "/api/tasks/stats", "other method"},
        {Method::get, "/api/tasks/Stats", "get_task|Stats"},
        {Method::get, "/api/tasks/task-1", "get_task|task-1"},
        {Method::delete_, "/api/tasks/task-1", "delete_task|task-1"},
        {Method::post, "/api/tasks/task-1", "other method"},
        {Method::post, "/api/tasks/stats/retry", "post_task_retry|stats"},
        {Method::post, "/api/tasks//task-1//retry/", "post_task_retry|task-1"},
        {Method::get, "/api/tasks/../agents", "unknown"},
        {Method::get, "/api/tasks/..", "get_task|.."},
        {Method::get, "/api/mailbox/bob", "get_mailbox|bob"},
        {Method::post, "/api/mailbox/bob/ack", "post_mailbox_ack|bob"},
        {Method::delete_, "/admin/tokens/bob", "delete_admin_token|bob"},
        {Method::get, "/admin/tokens/bob", "other method"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.path, method_name(row.method));
        CHECK(found(row.method, row.path) == row.result);
    }
}

TEST_CASE("a known path tells its methods") {
    const RouteMatch match = match_route(Method::put, "/api/tasks/task-1");
    CHECK(match.operation == nullptr);
    CHECK(match.path_known);
    CHECK(match.allowed == std::vector<Method>{Method::get, Method::head, Method::delete_});
    CHECK_FALSE(match_route(Method::put, "/nope").path_known);
}

TEST_CASE("queries are decoded") {
    const auto query = parse_query("a=1&b=x+y%2B%26&&c&=d&a=2&e=%C3%A9&f=a=b");
    REQUIRE(query);
    const Query expected = {{"a", "1"}, {"b", "x y+&"},    {"c", ""},   {"", "d"},
                            {"a", "2"}, {"e", "\xc3\xa9"}, {"f", "a=b"}};
    CHECK(*query == expected);
    CHECK(*find_parameter(*query, "a") == "2");
    CHECK(find_parameter(*query, "z") == nullptr);
    CHECK(parse_query("")->empty());
    CHECK(parse_query("&")->empty());
    for (const char* bad : {"a=%ff", "%c3=1", "a=%", "a=%4", "a=%4g", "a=\xff"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_query(bad).has_value());
    }
}

TEST_CASE("methods have names") {
    for (const Method method :
         {Method::get, Method::head, Method::post, Method::put, Method::patch, Method::delete_, Method::options}) {
        CHECK(parse_method(method_name(method)) == method);
    }
    CHECK_FALSE(parse_method("get").has_value());
    CHECK_FALSE(parse_method("TRACE").has_value());
}
