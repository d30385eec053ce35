#include "core/protocol/openapi.hpp"

#include <catch2/catch.hpp>

#include "core/base/json.hpp"
#include "core/protocol/operation.hpp"

using namespace agentcom;

namespace {

// The raw value at a path of member names; "" when there is none.
std::string at(const std::string& text, std::initializer_list<std::string_view> path) {
    std::string raw = text;
    for (const std::string_view name : path) {
        const json::Object members = json::members(raw);
        const json::Value* value = members.find(name);
        if (value == nullptr) return {};
        raw = std::string(value->raw);
    }
    return raw;
}

}  // namespace

TEST_CASE("the OpenAPI document has every route once", "[schemas]") {
    const std::string document = openapi_document("1.2.3");
    REQUIRE(json::validate(document));
    CHECK(at(document, {"openapi"}) == "\"3.1.0\"");
    CHECK(at(document, {"info", "version"}) == "\"1.2.3\"");
    size_t routes = 0;
    for (const Operation& operation : catalogue()) routes += operation.is_frame() ? 0 : 1;
    size_t described = 0;
    const std::string paths = at(document, {"paths"});
    const json::Object all = json::members(paths);
    for (const json::Member& path : all) {
        CHECK(path.key.find(':') == std::string::npos);
        described += json::members(path.value.raw).size();
    }
    CHECK(described == routes);
    CHECK(openapi_document("1.2.3") == document);
}

TEST_CASE("an operation has its parameters, body, answers and keys", "[schemas]") {
    const std::string document = openapi_document("1");
    const std::string submit = at(document, {"paths", "/api/tasks", "post"});
    CHECK(at(submit, {"operationId"}) == "\"post_task\"");
    CHECK(at(submit, {"security"}) == R"([{"bearer":[]}])");
    CHECK(at(submit, {"requestBody", "required"}) == "true");
    CHECK(at(submit, {"requestBody", "content", "application/json", "schema"}) ==
          R"({"$ref":"#/components/schemas/PostTaskBody"})");
    CHECK(at(submit, {"responses", "201", "content", "application/json", "schema"}) ==
          R"({"$ref":"#/components/schemas/Submitted"})");
    CHECK(at(submit, {"parameters"}).find("IdempotencyKey") != std::string::npos);
    const std::string one = at(document, {"paths", "/api/tasks/{task_id}", "get"});
    CHECK(at(one, {"parameters"}).find(R"("name":"task_id","in":"path","required":true)") != std::string::npos);
    CHECK(at(one, {"parameters"}).find("IdempotencyKey") == std::string::npos);
    CHECK(at(one, {"responses", "404", "x-agentcom-errors"}) == R"(["task_not_found","workspace_not_found"])");
    CHECK(at(document, {"paths", "/health", "get", "security"}) == "[]");
    CHECK(at(document, {"paths", "/api/agents", "get", "security"}) == R"([{},{"bearer":[]}])");
    CHECK(at(document, {"paths", "/api/events", "get", "responses", "200", "content", "text/event-stream", "schema"}) ==
          R"({"type":"string"})");
    const std::string body = at(document, {"components", "schemas", "PostTaskBody"});
    CHECK(at(body, {"properties", "description", "maxLength"}) == "10000");
    CHECK(at(body, {"required"}) == R"(["description"])");
}
