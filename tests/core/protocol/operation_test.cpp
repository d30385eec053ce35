#include "core/protocol/operation.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

using namespace agentcom;

namespace {

std::string found(Method method, std::string_view path) {
    const RouteMatch match = match_route(method, path);
    if (match.operation == nullptr) return match.path_known ? "other method" : "unknown";
    std::string text(match.operation->name);
    for (const std::string& param : match.params) text += "|" + param;
    return text;
}

std::set<std::string> names(const Operation& operation, bool required) {
    std::set<std::string> found;
    for (const Field& field : operation.fields) {
        if (field.required == required && field.since == 1) found.emplace(field.name);
    }
    return found;
}

}  // namespace

TEST_CASE("the catalogue is found by id, by frame type and by route") {
    REQUIRE(catalogue().size() == kOperationCount);
    std::set<std::string_view> seen;
    for (const Operation& entry : catalogue()) {
        CAPTURE(entry.name);
        CHECK(&operation(entry.id) == &entry);
        CHECK(seen.insert(entry.name).second);
        CHECK_FALSE(entry.summary.empty());
        CHECK(entry.frame_type.empty() != entry.path.empty());
        CHECK((entry.tier == Tier::none || entry.rate_identity != RateIdentity::none));
        if (entry.is_frame()) {
            CHECK(find_frame(entry.frame_type) == &entry);
        } else {
            const RouteMatch match = match_route(entry.method, entry.path);
            CHECK(match.operation == &entry);
        }
    }
    CHECK(find_frame("nope") == nullptr);
    CHECK(find_frame("") == nullptr);
    CHECK(find_frame("Ping") == nullptr);
}

TEST_CASE("the known types are sorted, and those of the protocol version") {
    const auto types = known_frame_types(1);
    CHECK(std::is_sorted(types.begin(), types.end()));
    CHECK(types.size() == 11);
    CHECK(types.front() == "identify");
    CHECK(types.back() == "task_rejected");
    const auto later = known_frame_types(2);
    CHECK(std::is_sorted(later.begin(), later.end()));
    CHECK(std::includes(later.begin(), later.end(), types.begin(), types.end()));
    CHECK(std::find(later.begin(), later.end(), "task_output") != later.end());
}

TEST_CASE("frames have the fields of v1.1") {
    struct Row {
        const char* type;
        std::set<std::string> required;
        std::set<std::string> optional;
    };
    const Row rows[] = {
        {"identify", {"agent_id", "token"}, {"capabilities", "name", "status"}},
        {"ping", {}, {}},
        {"list_agents", {}, {}},
        {"message", {"payload"}, {"message_type", "reply_to", "to"}},
        {"status", {"status"}, {}},
        {"task_accepted", {"task_id"}, {}},
        {"task_recovering", {"task_id"}, {}},
        {"task_progress", {"task_id"}, {"progress"}},
        {"task_complete", {"generation", "task_id"}, {"result", "tokens_used"}},
        {"task_failed", {"generation", "task_id"}, {"error", "reason"}},
    };
    for (const Row& row : rows) {
        CAPTURE(row.type);
        const Operation* entry = find_frame(row.type);
        REQUIRE(entry != nullptr);
        CHECK(names(*entry, true) == row.required);
        CHECK(names(*entry, false) == row.optional);
        // What v1.1 did not look at cannot make its frames invalid; the key of a message is the client's own wish.
        for (const Field& field : entry->fields) {
            if (field.since > 1 && field.name != "idempotency_key") CHECK(field.on_bad_value == OnBadValue::ignore);
        }
    }
}

TEST_CASE("tiers are those of v1.1, and task reports are never refused") {
    for (const Operation& entry : catalogue()) {
        if (!entry.is_frame()) continue;
        CAPTURE(entry.name);
        if (entry.since > 1) continue;
        CHECK(entry.lifecycle == entry.name.starts_with("task_"));
        const bool light = entry.name == "ping" || entry.name == "list_agents" || entry.name == "status";
        CHECK(entry.tier == (light ? Tier::light : entry.name == "identify" ? Tier::heavy : Tier::normal));
    }
    CHECK(operation(OperationId::http_register).tier == Tier::heavy);
    CHECK(operation(OperationId::http_register).rate_identity == RateIdentity::address);
    CHECK(operation(OperationId::http_register).mints_secret);
    CHECK(operation(OperationId::http_mailbox_read).auth == Auth::flex_owner);
    CHECK(operation(OperationId::http_task_submit).success_status == 201);
}

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
