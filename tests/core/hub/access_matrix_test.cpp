// Every route of the catalogue asked by every kind of caller: what comes back is what a small model says, which is
// written from the rules for people (docs/operations.md, "Access"), not from the code.
#include <catch2/catch.hpp>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "core/protocol/operation.hpp"
#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// Who may use a route, in words.
enum class Class {
    open,             ///< everybody, everywhere
    open_on_machine,  ///< everybody on this machine, readers elsewhere
    reading,          ///< who may read
    working,          ///< who may work
    own_mail,         ///< whose mailbox it is, if they may work; administrators
    own_tokens,       ///< everybody with a token that is for more than figures
    others_tokens,    ///< of those, administrators
    administering,    ///< administrators
    giving,           ///< of those, who have all that an agent has
    unlisted,         ///< a route that has joined since: by what the catalogue says
};

const std::map<std::string_view, Class> kClasses = {
    {"get_health", Class::open},
    {"get_livez", Class::open},
    {"get_readyz", Class::open},
    {"post_onboard_register", Class::open},
    {"post_admin_token", Class::own_tokens},
    {"get_admin_tokens", Class::own_tokens},
    {"delete_admin_token", Class::others_tokens},
    {"post_admin_token_rotate", Class::giving},
    {"get_whoami", Class::own_tokens},
    {"post_message", Class::working},
    {"get_messages_sent", Class::reading},
    {"get_message_deliveries", Class::reading},
    {"get_mailbox", Class::own_mail},
    {"post_mailbox_ack", Class::own_mail},
    {"get_agents", Class::open_on_machine},
    {"get_agent_states", Class::reading},
    {"get_agent_state", Class::reading},
    {"post_task", Class::working},
    {"get_tasks", Class::reading},
    {"get_tasks_dead_letter", Class::reading},
    {"get_tasks_stats", Class::reading},
    {"get_task", Class::reading},
    {"post_task_retry", Class::working},
    {"delete_task", Class::working},
    {"post_task_cancel", Class::working},
    {"post_task_say", Class::working},
    {"post_task_batch", Class::working},
    {"get_task_output", Class::reading},
    {"post_task_claim", Class::working},
    {"post_task_accept", Class::working},
    {"post_task_progress", Class::working},
    {"post_task_complete", Class::working},
    {"post_task_fail", Class::working},
    {"post_task_release", Class::working},
    {"get_events", Class::reading},
    {"get_overview", Class::reading},
    {"post_admin_invite", Class::giving},
    {"get_admin_invites", Class::administering},
    {"delete_admin_invite", Class::administering},
    {"get_admin_audit", Class::administering},
};

enum class State { none, valid, revoked, expired, malformed, other_workspace };

struct Caller {
    std::string name;
    State state = State::none;
    std::string role = "agent";
    std::vector<std::string> scopes;
    std::string token;
};

/// What the rules say that a caller may do.
struct Powers {
    bool read = false, work = false, operate = false, administer = false, hub = false, figures = false;
};

Powers powers_of(const Caller& caller, bool open_admin) {
    Powers powers;
    powers.read = powers.figures = true;
    powers.work = caller.role != "viewer";
    powers.operate = caller.role == "operator" || caller.role == "admin";
    powers.administer = powers.hub = caller.role == "admin";
    if (open_admin && powers.work) powers.operate = powers.administer = powers.hub = true;
    if (caller.state == State::other_workspace) powers.hub = false;
    if (caller.scopes.empty()) return powers;
    const auto has = [&](const char* scope) {
        return std::find(caller.scopes.begin(), caller.scopes.end(), scope) != caller.scopes.end();
    };
    powers.read = powers.read && has("read");
    powers.work = powers.work && has("work");
    powers.operate = powers.operate && has("operate");
    powers.administer = powers.administer && has("administer");
    powers.hub = powers.hub && has("administer");
    powers.figures = powers.figures && has("metrics");
    return powers;
}

bool has_permission(const Powers& powers, const Caller& caller, Permission permission) {
    switch (permission) {
        case Permission::none:
            return powers.read || powers.work || powers.operate || powers.administer;
        case Permission::read:
            return powers.read;
        case Permission::work:
            return powers.work;
        case Permission::operate:
            return powers.operate;
        case Permission::administer:
            return powers.administer;
        case Permission::administer_hub:
            return powers.hub;
        case Permission::reset:
            return powers.hub && caller.role == "admin";
        case Permission::metrics:
            return powers.figures;
    }
    return false;
}

/// 401, 403, or 0: it may go on.
int expected(const Operation& operation, const Caller& caller, bool loopback, bool open_admin, bool open_reads) {
    const auto listed = kClasses.find(operation.name);
    const Class what = listed == kClasses.end() ? Class::unlisted : listed->second;
    if (what == Class::open) return 0;
    if (what == Class::unlisted && operation.auth == Auth::none && operation.permission == Permission::none) return 0;
    const bool known = caller.state == State::valid || caller.state == State::other_workspace;
    if (!known) {
        const bool free = what == Class::open_on_machine || (what == Class::unlisted && operation.auth == Auth::none);
        return free && (loopback || open_reads) ? 0 : 401;
    }
    const Powers powers = powers_of(caller, open_admin);
    switch (what) {
        case Class::open_on_machine:
        case Class::reading:
            return powers.read ? 0 : 403;
        case Class::working:
            return powers.work ? 0 : 403;
        case Class::own_mail:
            // The matrix asks for the mail of somebody else.
            if (caller.role != "admin") return 401;
            return powers.work ? 0 : 403;
        case Class::own_tokens:
            return has_permission(powers, caller, Permission::none) ? 0 : 403;
        case Class::giving: {
            // What is given is the token of an agent in the caller's workspace; nobody gives more than they have.
            Caller agent;
            agent.state = caller.state;
            const Powers given = powers_of(agent, open_admin);
            const bool within = (powers.read || !given.read) && (powers.work || !given.work) &&
                                (powers.operate || !given.operate) && (powers.administer || !given.administer) &&
                                (powers.hub || !given.hub) && (powers.figures || !given.figures);
            return powers.administer && within ? 0 : 403;
        }
        case Class::others_tokens:
        case Class::administering:
            return powers.administer ? 0 : 403;
        default:
            break;
    }
    if (operation.auth == Auth::flex_owner && caller.role != "admin") return 401;
    return has_permission(powers, caller, operation.permission) ? 0 : 403;
}

struct Matrix {
    explicit Matrix(Settings settings) : open(settings), hub(std::move(settings)) {
        hub.register_agent("owner");
        const std::vector<std::vector<std::string>> scope_lists = {
            {}, {"read"}, {"work"}, {"operate"}, {"administer"}, {"metrics"}, {"read", "work"}};
        for (const char* role : {"agent", "viewer", "operator", "admin"}) {
            for (const auto& scopes : scope_lists) add(State::valid, role, scopes);
            add(State::other_workspace, role, {});
        }
        add(State::revoked, "admin", {});
        add(State::expired, "admin", {});
        callers.push_back({"nobody", State::none, "", {}, ""});
        callers.push_back({"malformed", State::malformed, "", {}, ""});
    }

    void add(State state, const std::string& role, const std::vector<std::string>& scopes) {
        Caller caller{"caller" + std::to_string(callers.size()), state, role, scopes, ""};
        json::Writer body;
        body.begin_object().member("agent_id", caller.name).member("role", role);
        body.raw_member("scopes", json::encode_strings(scopes));
        if (state == State::expired) body.member("ttl_ms", 50);
        if (state == State::other_workspace) body.member("workspace", "other");
        const Response made = hub.http(Method::post, "/admin/tokens", body.end_object().take(), kAdmin);
        CAPTURE(made.body);
        REQUIRE(made.status == 201);
        caller.token = TestHub::member(made.body, "token");
        if (state == State::revoked) {
            REQUIRE(hub.http(Method::delete_, "/admin/tokens/" + caller.name, "", kAdmin).status == 200);
        }
        if (state == State::expired) hub.advance_ms(50);
        callers.push_back(std::move(caller));
    }

    int ask(const Operation& operation, const Caller& caller, bool loopback) {
        HttpRequest request;
        request.request = next_request++;
        request.method = operation.method;
        for (std::string_view rest = operation.path; !rest.empty();) {
            const size_t end = std::min(rest.find('/', 1), rest.size());
            request.path += rest.starts_with("/:agent_id") ? "/owner"
                            : rest.starts_with("/:")       ? "/unknown"
                                                           : std::string(rest.substr(0, end));
            rest.remove_prefix(end);
        }
        request.peer = loopback ? "127.0.0.1" : "192.0.2.1";
        request.loopback = loopback;
        if (caller.state == State::malformed) {
            request.authorization = {Credential::Kind::malformed, {}};
            request.flex_authorization = request.authorization;
        } else if (caller.state != State::none) {
            request.authorization = credential_of_token(caller.token);
            request.flex_authorization = request.authorization;
        }
        request.secret = {sha256_hex("secret " + std::to_string(request.request)), "prefix00"};
        const int64_t id = request.request;
        hub.apply(std::move(request));
        const Response* response = hub.response(id);
        return response == nullptr ? 0 : response->status;
    }

    Settings open;
    TestHub hub;
    std::vector<Caller> callers;
    int64_t next_request = 1'000'000;
};

/// One line per disagreement.
std::string disagreements(Matrix& matrix) {
    std::ostringstream lines;
    for (const Operation& operation : catalogue()) {
        if (operation.is_frame()) continue;
        for (const Caller& caller : matrix.callers) {
            for (const bool loopback : {true, false}) {
                const int wanted =
                    expected(operation, caller, loopback, matrix.open.open_admin != 0, matrix.open.open_reads != 0);
                const int status = matrix.ask(operation, caller, loopback);
                const bool refused = status == 401 || status == 403;
                if (wanted == (refused ? status : 0)) continue;
                lines << operation.name << " by " << (caller.role.empty() ? caller.name : caller.role) << " state "
                      << static_cast<int>(caller.state) << " scopes " << json::encode_strings(caller.scopes)
                      << (loopback ? " on loopback" : " from elsewhere") << ": " << status << " instead of "
                      << (wanted == 0 ? "no refusal" : std::to_string(wanted)) << "\n";
            }
        }
    }
    return lines.str();
}

Settings without_limits() {
    Settings settings;
    settings.limits = 0;
    return settings;
}

}  // namespace

TEST_CASE("every route answers every caller as the rules say", "[access]") {
    Settings settings = without_limits();
    SECTION("closed") {}
    SECTION("reads are open") { settings.open_reads = 1; }
    SECTION("administration is open") { settings.open_admin = 1; }
    SECTION("all is open") { settings.open_reads = settings.open_admin = settings.open_registration = 1; }
    Matrix matrix(settings);
    const std::string found = disagreements(matrix);
    INFO(found);
    CHECK(found.empty());
}

TEST_CASE("the rules name no route that is gone", "[access]") {
    for (const auto& [name, what] : kClasses) {
        CAPTURE(name);
        bool exists = false;
        for (const Operation& operation : catalogue()) exists = exists || operation.name == name;
        CHECK(exists);
    }
}
