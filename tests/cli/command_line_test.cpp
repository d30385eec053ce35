#include "tools/cli/command_line.hpp"

#include <catch2/catch.hpp>

using namespace agentcom::cli;

namespace {

using Arguments = std::vector<std::string>;

Options parsed(const Arguments& arguments) {
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
    CHECK(parsed({"inbox"}).hub.empty());
    const Options more = parsed({"task", "list", "--fields", "id,state", "--fields", "kind", "--timeout", "5s"});
    CHECK(more.fields == Arguments{"id", "state", "kind"});
    CHECK(more.timeout_ms == 5'000);
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
    CHECK(submit.complete_by == "+2h");
    CHECK(submit.max_run_ms == 900'000);
    CHECK(submit.unique_key == "u");
    CHECK(submit.blocked_by == Arguments{"task-1", "task-2"});
    CHECK(submit.wait);
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
        {"submit", "x", "--on-blocker-failure", "explode"},
        {"submit", "x", "--wait", "--timeout", "soon"},
        {"submit", "x", "--complete-by", "yesterday"},
        {"task"},
        {"task", "show"},
        {"task", "list", "--limit", "0"},
        {"worker"},
        {"worker", "--"},
        {"worker", "--slots", "0", "--", "true"},
        {"worker", "--frobnicate", "--", "true"},
        {"task", "wait"},
        {"task", "say", "task-1"},
        {"task", "cancel", "task-1", "--grace", "soon"},
        {"watch", "--count", "0"},
        {"token"},
        {"config"},
        {"completion", "tcsh"},
        {"task", "list", "--fields", ""},
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
    for (const Arguments& arguments :
         {Arguments{"--help"}, {"--version"}, {"submit", "--help"}, {"task", "show", "-h"}, {"worker", "--help"}}) {
        Outcome<CommandLine> result = parse_command_line(arguments);
        REQUIRE(result);
        CHECK(std::holds_alternative<Information>(*result));
    }
}

TEST_CASE("the commands that talk to running tasks") {
    CHECK(command<TaskWaitCommand>({"task", "wait", "t1", "t2"}).task_ids == Arguments{"t1", "t2"});
    const TaskLogsCommand logs = command<TaskLogsCommand>({"task", "logs", "-f", "t1", "--generation", "2"});
    CHECK(logs.follow);
    CHECK(logs.generation == 2);
    CHECK(command<TaskSayCommand>({"task", "say", "t1", "go on"}).text == "go on");
    CHECK(command<TaskAnswerCommand>({"task", "answer", "t1", "--", "-1"}).text == "-1");
    const TaskCancelCommand cancel =
        command<TaskCancelCommand>({"task", "cancel", "t1", "--grace", "10s", "--reason", "late"});
    CHECK(cancel.grace_ms == 10'000);
    CHECK(cancel.reason == "late");
}

TEST_CASE("json is wanted also where nothing else makes sense, but not by a worker's command") {
    CHECK(wants_json({"nonsense", "--json"}));
    CHECK(!wants_json({"worker", "--", "x", "--json"}));
    CHECK(!wants_json({}));
}

TEST_CASE("completion knows every command") {
    for (const char* shell : {"bash", "zsh", "fish"}) {
        Outcome<CommandLine> result = parse_command_line({"completion", shell});
        REQUIRE(result);
        const std::string text = std::get<Information>(*result).text;
        for (const char* word : {"status", "rotate", "on-blocker-failure", "timeout"}) {
            INFO(shell << " " << word);
            CHECK(text.find(word) != std::string::npos);
        }
    }
}
