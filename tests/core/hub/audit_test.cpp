#include "core/hub/audit.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// "kind subject" of each entry.
std::vector<std::string> entries(const Response& response) {
    CAPTURE(response.body);
    REQUIRE(response.status == 200);
    std::vector<std::string> all;
    const json::Object body = json::members(response.body);
    for (const json::Value& entry : json::elements(body.find("entries")->raw)) {
        const std::string text(entry.raw);
        all.push_back(TestHub::member(text, "kind") + " " + TestHub::member(text, "subject"));
    }
    return all;
}

}  // namespace

TEST_CASE("every administrative act is in the audit, with who, what, before and after", "[access]") {
    World world;
    const auto as_admin = [&](Method method, const std::string& target, const std::string& body = "") {
        return world.hub.http(method, target, body, kAdmin);
    };
    REQUIRE(as_admin(Method::post, "/admin/tokens", R"({"agent_id":"ann","role":"operator","label":"ci"})").status ==
            201);
    REQUIRE(as_admin(Method::post, "/admin/tokens/bob/rotate").status == 201);
    const Response invite = as_admin(Method::post, "/api/admin/invites", "{}");
    const std::string id = TestHub::member(invite.body, "id");
    REQUIRE(as_admin(Method::delete_, "/api/admin/invites/" + id).status == 200);
    REQUIRE(as_admin(Method::delete_, "/admin/tokens/ann").status == 200);
    // Nothing is changed, nothing is noted.
    REQUIRE(as_admin(Method::delete_, "/admin/tokens/nobody").status == 200);

    const Response all = as_admin(Method::get, "/api/admin/audit");
    CHECK(entries(all) == std::vector<std::string>{"token_revoked ann", "invite_revoked " + id, "invite_created " + id,
                                                   "token_rotated bob", "token_created ann"});
    CHECK(all.body.find(R"("principal":"admin")") != std::string::npos);
    CHECK(all.body.find(R"("role":"operator","scopes":[])") != std::string::npos);
    CHECK(all.body.find(R"("label":"ci")") != std::string::npos);
    CHECK(all.body.find(TestHub::member(invite.body, "code")) == std::string::npos);
    CHECK(TestHub::member(all.body, "next") == "null");

    // In pages, newest first, and from a place on in order.
    const Response page = as_admin(Method::get, "/api/admin/audit?limit=2");
    CHECK(entries(page).size() == 2);
    const std::string next = TestHub::member(page.body, "next");
    CHECK(entries(as_admin(Method::get, "/api/admin/audit?limit=2&before=" + next)) ==
          std::vector<std::string>{"invite_created " + id, "token_rotated bob"});
    CHECK(entries(as_admin(Method::get, "/api/admin/audit?since=0&limit=2")) ==
          std::vector<std::string>{"token_created ann", "token_rotated bob"});
    CHECK(entries(as_admin(Method::get, "/api/admin/audit?since=" + next)).size() == 1);
    // Filtered.
    CHECK(entries(as_admin(Method::get, "/api/admin/audit?kind=invite_*")).size() == 2);
    CHECK(entries(as_admin(Method::get, "/api/admin/audit?kind=token_created,token_rotated")).size() == 2);
    CHECK(entries(as_admin(Method::get, "/api/admin/audit?principal=ann")).empty());
    CHECK(entries(as_admin(Method::get, "/api/admin/audit?principal=admin")).size() == 5);
    world.hub.register_agent("eve");
    CHECK(world.hub.http(Method::get, "/api/admin/audit", "", TestHub::token_of("eve")).status == 403);
}
