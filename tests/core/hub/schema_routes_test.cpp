#include "core/hub/schema_routes.hpp"

#include <catch2/catch.hpp>

#include "core/protocol/schemas.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using namespace agentcom::test;

TEST_CASE("what the hub says about itself is open to everybody, from anywhere", "[schemas]") {
    TestHub hub;
    for (const char* path : {"/api/schemas", "/api/schemas/websocket", "/api/openapi.json"}) {
        CAPTURE(path);
        HttpRequest request;
        request.request = 1'000;
        request.method = Method::get;
        request.path = path;
        request.peer = "203.0.113.7";
        hub.apply(request);
        REQUIRE(hub.response(1'000) != nullptr);
        CHECK(hub.response(1'000)->status == 200);
        CHECK(json::validate(hub.response(1'000)->body));
    }
    CHECK(hub.http(Method::get, "/api/schemas").body == schema_listing());
    CHECK(hub.http(Method::get, "/api/schemas/websocket").body == websocket_schemas());
}
