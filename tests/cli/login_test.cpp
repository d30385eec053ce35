#include "tools/cli/login.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/cli/stage.hpp"

using namespace agentcom::cli;

namespace {

// Nobody has been named, and no token given.
struct LoginStage : Stage {
    LoginStage() {
        choices.agent = {};
        choices.token = {};
        std::filesystem::create_directories(directories.hub_data);
    }
    void put_admin_token() const { std::ofstream(directories.hub_data / "admin.token") << "admin-secret\n"; }
    void keep(const Identity& identity) const {
        REQUIRE(!IdentityStore(directories.config).save(choices.hub_url, identity));
    }
    Outcome<Identity> login(LoginNeed need) { return choose_login(context(), need); }
};

}  // namespace

TEST_CASE("a token that was given stands above all") {
    LoginStage stage;
    stage.put_admin_token();
    stage.keep({"ann", "t1"});
    stage.choices.token = {"given", "--token"};
    CHECK(*stage.login(LoginNeed::any) == Identity{"", "given"});
    CHECK(*stage.login(LoginNeed::admin) == Identity{"", "given"});
    CHECK(stage.login(LoginNeed::mailbox).failure().code == ExitCode::usage);
    stage.choices.agent = {"eve", "--as"};
    CHECK(*stage.login(LoginNeed::worker) == Identity{"eve", "given"});
}

TEST_CASE("who was named must be known") {
    LoginStage stage;
    stage.keep({"ann", "t1"});
    stage.keep({"bob", "t2"});
    stage.choices.agent = {"bob", "AGENTCOM_AGENT"};
    CHECK(*stage.login(LoginNeed::worker) == Identity{"bob", "t2"});
    stage.choices.agent = {"eve", "/x/.agentcom"};
    const Failure failure = stage.login(LoginNeed::any).failure();
    CHECK(failure.code == ExitCode::auth);
    CHECK(failure.what.find("/x/.agentcom") != std::string::npos);
    stage.put_admin_token();
    stage.choices.agent = {"admin", "--as"};
    CHECK(*stage.login(LoginNeed::any) == Identity{"admin", "admin-secret"});
}

TEST_CASE("without a name the only identity is used; of several one must be chosen") {
    LoginStage stage;
    CHECK(stage.login(LoginNeed::any).failure().code == ExitCode::auth);
    stage.keep({"ann", "t1"});
    CHECK(*stage.login(LoginNeed::any) == Identity{"ann", "t1"});
    CHECK(*stage.login(LoginNeed::worker) == Identity{"ann", "t1"});
    stage.keep({"bob", "t2"});
    CHECK(stage.login(LoginNeed::worker).failure().code == ExitCode::usage);
}

TEST_CASE("on the hub's own machine a person is made known at first use") {
    LoginStage stage;
    stage.put_admin_token();
    stage.keep({"ann", "t1"});
    stage.answer(201, R"({"agent_id":"human:me","token":"h1"})");
    CHECK(*stage.login(LoginNeed::mailbox) == Identity{"human:me", "h1"});
    REQUIRE(stage.requests.size() == 1);
    CHECK(stage.requests.front().target == "/admin/tokens");
    CHECK(stage.requests.front().body == R"({"agent_id":"human:me","kind":"human"})");
    CHECK(stage.requests.front().token == "admin-secret");
    // Once.
    CHECK(*stage.login(LoginNeed::any) == Identity{"human:me", "h1"});
    CHECK(stage.requests.size() == 1);
    // A worker is no person, and tokens are an admin's.
    CHECK(*stage.login(LoginNeed::worker) == Identity{"ann", "t1"});
    CHECK(*stage.login(LoginNeed::admin) == Identity{"admin", "admin-secret"});
    // The token of this machine's hub is not for others.
    stage.choices.hub_url = HubUrl{"hub.example", 4000};
    CHECK(stage.login(LoginNeed::any).failure().code == ExitCode::auth);
    CHECK(stage.requests.size() == 1);
}

TEST_CASE("a person whom a new hub does not know is made known again") {
    LoginStage stage;
    stage.put_admin_token();
    stage.keep({"human:me", "old"});
    stage.answer(401, "{}");
    stage.answer(201, R"({"agent_id":"human:me","token":"h2"})");
    stage.answer(200, R"({"id":"t"})");
    CHECK(!run(stage.context(), TaskShowCommand{"t"}));
    CHECK(stage.requests.back().token == "h2");
    CHECK(IdentityStore(stage.directories.config).find(stage.choices.hub_url, "human:me") ==
          Identity{"human:me", "h2"});
}
