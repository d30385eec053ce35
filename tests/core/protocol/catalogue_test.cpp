#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "core/protocol/operation.hpp"

using namespace agentcom;

namespace {

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
    CHECK(types.size() == 16);
    CHECK(types.front() == "channel_history");
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
        const bool light = entry.name == "ping" || entry.name == "list_agents" || entry.name == "status" ||
                           entry.name == "message_ack" || entry.name == "channel_history" ||
                           entry.name == "list_channels";
        CHECK(entry.tier == (light ? Tier::light : entry.name == "identify" ? Tier::heavy : Tier::normal));
    }
    CHECK(operation(OperationId::http_register).tier == Tier::heavy);
    CHECK(operation(OperationId::http_register).rate_identity == RateIdentity::address);
    CHECK(operation(OperationId::http_register).mints_secret);
    CHECK(operation(OperationId::http_mailbox_read).auth == Auth::flex_owner);
    CHECK(operation(OperationId::http_task_submit).success_status == 201);
}
