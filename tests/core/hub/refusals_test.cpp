#include "core/hub/refusals.hpp"

#include <catch2/catch.hpp>

#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::TestHub;

namespace {

/// v1.1's numbers, and time to be silent in.
Settings patient() {
    Settings settings = v11_profile();
    settings.idle_timeout_ms = 1'000'000;
    settings.ping_interval_ms = 0;
    return settings;
}

constexpr const char* kMessage = R"({"type":"message","to":"x","payload":{}})";

}  // namespace

TEST_CASE("an agent gets work again when its last refusal is old enough, and then at once", "[limits]") {
    TestHub hub(patient());
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    for (int i = 0; i < 61; ++i) hub.send(ann, kMessage);
    const std::string task = hub.submit(R"({"description":"x"})");
    // Refused once more half a minute later: the period counts from there.
    hub.advance_ms(30'000);
    for (int i = 0; i < 31; ++i) hub.send(ann, kMessage);
    hub.advance_ms(59'999);
    CHECK(hub.take_frame(ann, "task_assign").empty());
    hub.advance_ms(1);
    CHECK(TestHub::member(hub.take_frame(ann, "task_assign"), "task_id") == task);
}

TEST_CASE("the log names who is refused once, not each time", "[limits]") {
    TestHub hub(patient());
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    for (int i = 0; i < 200; ++i) hub.send(ann, kMessage);
    int64_t lines = 0;
    for (const LogEvent& line : hub.logs()) lines += line.event == "rate_limited" ? 1 : 0;
    CHECK(lines == 1);
}

TEST_CASE("an agent that an administrator exempts works again at once", "[limits]") {
    TestHub hub(patient());
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    for (int i = 0; i < 61; ++i) hub.send(ann, kMessage);
    const std::string task = hub.submit(R"({"description":"x"})");
    CHECK(hub.take_frame(ann, "task_assign").empty());
    const std::string admin(TestHub::kAdminToken);
    REQUIRE(hub.http(Method::post, "/api/admin/rate-limits/whitelist", R"({"agent_id":"ann"})", admin).status == 200);
    CHECK(TestHub::member(hub.take_frame(ann, "task_assign"), "task_id") == task);
}
