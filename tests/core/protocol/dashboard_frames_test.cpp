#include "core/protocol/dashboard_frames.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "core/base/json.hpp"
#include "core/protocol/field_notes.hpp"
#include "core/protocol/responses.hpp"
#include "core/protocol/schemas.hpp"

using namespace agentcom;

TEST_CASE("the frames of dashboards are no frames of agents", "[schemas]") {
    std::set<std::string_view> names;
    for (const Operation& frame : dashboard_frames()) {
        CAPTURE(frame.frame_type);
        CHECK(find_frame(frame.frame_type) == nullptr);
        CHECK(names.insert(frame.name).second);
        for (const Field& field : frame.fields) CHECK_FALSE(field_note(frame.name, field.name).empty());
    }
    CHECK(std::is_sorted(dashboard_frames().begin(), dashboard_frames().end(),
                         [](const Operation& a, const Operation& b) { return a.frame_type < b.frame_type; }));
}

TEST_CASE("every message of the dashboard's socket has a schema", "[schemas]") {
    const std::string text = websocket_schemas();
    const json::Object document = json::members(text);
    const json::Object schemas = json::members(document.find("$defs")->raw);
    for (const char* frame : {"acknowledge_alert", "auth", "request_snapshot", "retry_task", "subscribe"}) {
        CHECK(schemas.contains(std::string("to_hub_dashboard.") + frame));
    }
    for (const char* frame : {"alert_ack_result", "authenticated", "delta", "error", "events", "model", "rate_limited",
                              "retry_result", "snapshot", "subscribed"}) {
        CHECK(schemas.contains(std::string("from_hub_dashboard.") + frame));
    }
    // No schema asks a dashboard for what only agents have.
    const json::Object auth = json::members(schemas.find("to_hub_dashboard.auth")->raw);
    CHECK_FALSE(json::members(auth.find("properties")->raw).contains("request_id"));
}
