#include "tools/cli/command_line.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>

using namespace agentcom::cli;

namespace {

using Arguments = std::vector<std::string>;

// Tests must not see the environment of who runs them.
void clear_environment() {
    for (const char* name : {"AGENTCOM_HUB", "AGENTCOM_AGENT", "AGENTCOM_TOKEN"}) ::unsetenv(name);
}

Options parsed(const Arguments& arguments) {
    clear_environment();
    Outcome<CommandLine> result = parse_command_line(arguments);
    if (!result) FAIL(failure_text(result.failure()));
    REQUIRE(std::holds_alternative<Options>(*result));
    return std::get<Options>(*result);
}

template <class T>
T command(const Arguments& arguments) {
    const Options options = parsed(arguments);
    REQUIRE(std::holds_alternative<T>(options.command));
    return std::get<T>(options.command);
}

}  // namespace

TEST_CASE("global options stand before or behind the command") {
    for (const Arguments& arguments : {Arguments{"--hub", "http://h:1", "--as", "ann", "--json", "task", "list"},
                                       Arguments{"task", "list", "--hub", "http://h:1", "--as", "ann", "--json"}}) {
        const Options options = parsed(arguments);
        CHECK(options.hub == "http://h:1");
        CHECK(options.as == "ann");
        CHECK(options.json);
        CHECK(options.token.empty());
    }
    CHECK(parsed({"inbox"}).hub == "http://127.0.0.1:4000");
}

TEST_CASE("the environment is used, and flags override it") {
    clear_environment();
    ::setenv("AGENTCOM_HUB", "http://e:2", 1);
    ::setenv("AGENTCOM_AGENT", "eve", 1);
    Outcome<CommandLine> result = parse_command_line({"inbox", "--as", "ann"});
    clear_environment();
    REQUIRE(result);
    const Options& options = std::get<Options>(*result);
    CHECK(options.hub == "http://e:2");
    CHECK(options.as == "ann");
}

TEST_CASE("send takes a text or a payload") {
    CHECK(command<SendCommand>({"send", "bob", "say \"hi\""}).payload_raw == R"({"text":"say \"hi\""})");
    CHECK(command<SendCommand>({"send", "bob", "--payload", "{\"a\": 1e400 }"}).payload_raw == "{\"a\": 1e400 }");
    // Texts that look like commands or options.
    CHECK(command<SendCommand>({"send", "bob", "task"}).payload_raw == R"({"text":"task"})");
    CHECK(command<SendCommand>({"send", "--", "bob", "--json"}).payload_raw == R"({"text":"--json"})");
    CHECK(command<SendCommand>({"send", "bob", "--", "--json"}).payload_raw == R"({"text":"--json"})");
    const SendCommand full = command<SendCommand>({"send", "broadcast", "x", "--type", "alert", "--reply-to", "m1"});
    CHECK(full.to == "broadcast");
    CHECK(full.type == "alert");
    CHECK(full.reply_to == "m1");
}

TEST_CASE("submit reads everything a task can have") {
    const SubmitCommand submit = command<SubmitCommand>({"submit",
                                                         "do it",
                                                         "--priority",
                                                         "urgent",
                                                         "--needs",
                                                         "code",
                                                         "--needs",
                                                         "review",
                                                         "--metadata",
                                                         R"({"k":[1]})",
                                                         "--max-retries",
                                                         "5",
                                                         "--complete-by",
                                                         "+2h",
                                                         "--max-run",
                                                         "15m",
                                                         "--unique-key",
                                                         "u",
                                                         "--blocked-by",
                                                         "task-1",
                                                         "--blocked-by",
                                                         "task-2",
                                                         "--wait",
                                                         "--timeout",
                                                         "90"});
    CHECK(submit.description == "do it");
    CHECK(submit.priority == "urgent");
    CHECK(submit.needs == Arguments{"code", "review"});
    CHECK(submit.metadata_raw == R"({"k":[1]})");
    CHECK(submit.max_retries == 5);
    CHECK(submit.complete_in);
    CHECK(submit.complete_by_ms == 7'200'000);
    CHECK(submit.max_run_ms == 900'000);
    CHECK(submit.unique_key == "u");
    CHECK(submit.blocked_by == Arguments{"task-1", "task-2"});
    CHECK(submit.wait);
    CHECK(submit.timeout_ms == 90'000);
    // An option that may come several times must not swallow the description.
    CHECK(command<SubmitCommand>({"submit", "--needs", "code", "do it"}).description == "do it");
}

TEST_CASE("a worker's command is taken as it stands") {
    const WorkerCommand worker = command<WorkerCommand>({"worker", "-c", "code", "--capability", "review", "--slots",
                                                         "3", "--once", "--", "submit", "--hub", "--", "\xFF"});
    CHECK(worker.capabilities == Arguments{"code", "review"});
    CHECK(worker.slots == 3);
    CHECK(worker.once);
    CHECK(worker.argv == Arguments{"submit", "--hub", "--", "\xFF"});
    CHECK(parsed({"worker", "--as", "w1", "--", "true"}).as == "w1");
    CHECK(parsed({"--as", "worker", "send", "--", "bob", "-x"}).as == "worker");
}

TEST_CASE("task commands") {
    CHECK(command<TaskShowCommand>({"task", "show", "task-1"}).task_id == "task-1");
    CHECK(command<TaskCancelCommand>({"task", "cancel", "task-1"}).task_id == "task-1");
    CHECK(command<TaskRetryCommand>({"task", "retry", "task-1"}).task_id == "task-1");
    const TaskListCommand list =
        command<TaskListCommand>({"task", "list", "--status", "queued", "--assigned-to", "w", "--limit", "5"});
    CHECK(list.status == "queued");
    CHECK(list.assigned_to == "w");
    CHECK(list.limit == 5);
}

TEST_CASE("wrong usage is a usage failure that says where help is") {
    clear_environment();
    const Arguments cases[] = {
        {},
        {"nonsense"},
        {"register"},
        {"register", ""},
        {"send", "bob"},
        {"send", "bob", "text", "--payload", "{}"},
        {"send", "bob", "--payload", "[]"},
        {"send", "bob", "--payload", "{"},
        {"send", "bob", "\xFF"},
        {"submit"},
        {"submit", "x", "--priority", "critical"},
        {"submit", "x", "--metadata", "5"},
        {"submit", "x", "--timeout", "5"},
        {"submit", "x", "--wait", "--timeout", "soon"},
        {"submit", "x", "--complete-by", "yesterday"},
        {"task"},
        {"task", "show"},
        {"task", "list", "--limit", "0"},
        {"worker"},
        {"worker", "--"},
        {"worker", "--slots", "0", "--", "true"},
        {"worker", "--frobnicate", "--", "true"},
    };
    for (const Arguments& arguments : cases) {
        std::string line;
        for (const std::string& argument : arguments) line += argument + " ";
        INFO(line);
        Outcome<CommandLine> result = parse_command_line(arguments);
        REQUIRE(!result);
        CHECK(result.failure().code == ExitCode::usage);
        CHECK(!result.failure().why.empty());
        CHECK(!result.failure().next.empty());
    }
}

TEST_CASE("help and version are texts, for every command") {
    clear_environment();
    for (const Arguments& arguments :
         {Arguments{"--help"}, {"--version"}, {"submit", "--help"}, {"task", "show", "-h"}, {"worker", "--help"}}) {
        Outcome<CommandLine> result = parse_command_line(arguments);
        REQUIRE(result);
        CHECK(std::holds_alternative<Information>(*result));
    }
}

TEST_CASE("time spans and instants") {
    CHECK(parse_duration_ms("90") == 90'000);
    CHECK(parse_duration_ms("500ms") == 500);
    CHECK(parse_duration_ms("2h") == 7'200'000);
    CHECK(parse_duration_ms("1d") == 86'400'000);
    for (const char* text : {"", "0", "-1", "1w", "h", "1.5h", "99999999999999999999", "9999999d"}) {
        INFO(text);
        CHECK(!parse_duration_ms(text));
    }
    CHECK(parse_instant_ms("1795225854031") == 1'795'225'854'031);
    CHECK(parse_instant_ms("1970-01-02T00:00:01Z") == 86'401'000);
    CHECK(parse_instant_ms("2026-01-31T18:00:00") == 1'769'882'400'000);
    for (const char* text :
         {"", "5", "2026-02-30T00:00:00Z", "2026-01-31", "2026-01-31T25:00:00Z", "2026-01-31T18:00:00+01"}) {
        INFO(text);
        CHECK(!parse_instant_ms(text));
    }
}
