#include "tools/cli/child_process.hpp"

#include <boost/asio/signal_set.hpp>
#include <catch2/catch.hpp>
#include <csignal>
#include <optional>

using namespace agentcom::cli;

namespace {

const std::string* find(const Environment& environment, std::string_view name) {
    for (const auto& [key, value] : environment) {
        if (key == name) return &value;
    }
    return nullptr;
}

// Runs a command to its end. `on_start` sees it as soon as it runs.
CommandResult run(const CommandSpec& spec, const std::function<void(ChildProcess&)>& on_start = {},
                  ChildProcess::Handlers handlers = {}) {
    std::signal(SIGPIPE, SIG_IGN);
    std::optional<GroupGuard> guard = GroupGuard::start();
    REQUIRE(guard);
    boost::asio::io_context context{1};
    boost::asio::signal_set signals(context, SIGCHLD);
    std::optional<CommandResult> result;
    handlers.ended = [&](const CommandResult& r) {
        result = r;
        signals.cancel();
    };
    std::shared_ptr<ChildProcess> child = ChildProcess::start(context, spec, *guard, std::move(handlers));
    std::function<void()> wait = [&] {
        signals.async_wait([&](boost::system::error_code error, int) {
            if (error) return;
            child->check();
            if (!result) wait();
        });
    };
    wait();
    // In case it ended before the signal was waited for.
    child->check();
    if (on_start) on_start(*child);
    context.run();
    REQUIRE(result);
    return *result;
}

CommandSpec shell(std::string script, std::string input = "") {
    CommandSpec spec;
    spec.argv = {"/bin/sh", "-c", std::move(script)};
    spec.input = std::move(input);
    return spec;
}

}  // namespace

TEST_CASE("a task in the environment, but not what is too long for it") {
    CommandSpec spec =
        command_spec({"x"}, R"({"task_id":"t","description":"d \"q\"","metadata":{"n":1e400},"generation":3})");
    CHECK(spec.argv == std::vector<std::string>{"x"});
    CHECK(spec.input ==
          "{\"task_id\":\"t\",\"description\":\"d \\\"q\\\"\",\"metadata\":{\"n\":1e400},\"generation\":3}\n");
    CHECK(*find(spec.environment, "AGENTCOM_TASK_ID") == "t");
    CHECK(*find(spec.environment, "AGENTCOM_TASK_GENERATION") == "3");
    CHECK(*find(spec.optional_environment, "AGENTCOM_TASK_DESCRIPTION") == "d \"q\"");
    CHECK(*find(spec.optional_environment, "AGENTCOM_TASK_METADATA") == R"({"n":1e400})");
    CHECK(find(spec.optional_environment, "AGENTCOM_TASK_JSON") != nullptr);

    spec = command_spec(
        {"x"}, R"({"task_id":"t","description":"a\u0000b","metadata":{"x":")" + std::string(100'000, 'y') + "\"}}");
    CHECK(find(spec.environment, "AGENTCOM_TASK_ID") != nullptr);
    CHECK(find(spec.optional_environment, "AGENTCOM_TASK_DESCRIPTION") == nullptr);
    CHECK(find(spec.optional_environment, "AGENTCOM_TASK_METADATA") == nullptr);
    CHECK(find(spec.optional_environment, "AGENTCOM_TASK_JSON") == nullptr);
}

TEST_CASE("the end of a stream is kept") {
    Tail tail(4);
    tail.append("ab");
    CHECK(!tail.cut());
    tail.append("cd");
    CHECK(!tail.cut());
    for (int i = 0; i < 100; ++i) tail.append("xyz");
    CHECK(tail.cut());
    CHECK(tail.take() == "zxyz");
}

TEST_CASE("a command reads its input and its output is collected") {
    CommandSpec spec = shell("read line; echo \"$line $AGENTCOM_TASK_ID $OPTIONAL\"; echo oops >&2; exit 3", "hello\n");
    spec.environment = {{"AGENTCOM_TASK_ID", "t1"}};
    spec.optional_environment = {{"OPTIONAL", "o"}};
    const CommandResult result = run(spec);
    CHECK(result.output == "hello t1 o\n");
    CHECK(result.errors == "oops\n");
    CHECK(result.exit_status == 3);
    CHECK(result.signal == 0);
    CHECK(!result.succeeded());
}

TEST_CASE("large input and output do not block each other") {
    const std::string input(1'000'000, 'x');
    const CommandResult result = run(shell("cat", input));
    CHECK(result.output == std::string(kMaxOutputBytes, 'x'));
    CHECK(result.output_cut);
    CHECK(result.succeeded());
    // Input that nobody reads is no error.
    CHECK(run(shell("exit 0", input)).succeeded());
}

TEST_CASE("an environment that is too long loses its optional part") {
    CommandSpec spec = shell("echo \"$KEPT-$LOST\"");
    spec.environment = {{"KEPT", "k"}};
    // One string over 128 KiB is more than Linux takes.
    spec.optional_environment = {{"LOST", std::string(140'000, 'x')}};
    const CommandResult result = run(spec);
    CHECK(result.start_error.empty());
    CHECK(result.output == "k-\n");
}

TEST_CASE("a command that cannot be started says why") {
    CommandSpec spec;
    spec.argv = {"/nonexistent/program"};
    CHECK(run(spec).start_error == "/nonexistent/program: No such file or directory");
    CHECK(!is_runnable("/nonexistent/program"));
    CHECK(!is_runnable("no-such-program-anywhere"));
    CHECK(!is_runnable("/tmp"));
    CHECK(is_runnable("sh"));
    CHECK(is_runnable("/bin/sh"));
}

TEST_CASE("a signal ends the whole group") {
    const CommandResult result = run(shell("sleep 1000 & sleep 1000"), [](ChildProcess& child) { child.terminate(); });
    CHECK(result.signal == SIGTERM);
    CHECK(result.duration_ms < 9'000);
}

TEST_CASE("what a command leaves running does not keep the task open") {
    const CommandResult result = run(shell("sleep 1000 & echo started"));
    CHECK(result.output == "started\n");
    CHECK(result.succeeded());
    CHECK(result.duration_ms < 9'000);
}

TEST_CASE("a command is told more while it runs, and seen as it prints") {
    CommandSpec spec = shell("read a; echo \"got $a\"; read b; echo \"got $b\"; cat", "one\n");
    spec.keep_input_open = true;
    ChildProcess* running = nullptr;
    std::string seen;
    const auto printed = [&](ChildProcess::Stream stream, std::string_view bytes) {
        CHECK(stream == ChildProcess::Stream::standard_output);
        seen += bytes;
        if (seen == "got one\n") {
            CHECK(running->write_input("two\n"));
            running->close_input();
            CHECK(!running->write_input("three\n"));
        }
    };
    const CommandResult result =
        run(spec, [&](ChildProcess& child) { running = &child; }, {.ended = nullptr, .printed = printed});
    CHECK(result.output == "got one\ngot two\n");
    CHECK(seen == result.output);
    CHECK(result.succeeded());
}

TEST_CASE("a command reports on a descriptor of its own, up to its last word") {
    CommandSpec spec = shell("echo '{\"progress\":1}' >&$AGENTCOM_CONTROL_FD; echo x; printf 'a\\nb\\nno end' >&3");
    spec.with_control = true;
    std::vector<std::string> lines;
    const CommandResult result =
        run(spec, {},
            {.ended = nullptr, .printed = nullptr, .controlled = [&](const std::string& l) { lines.push_back(l); }});
    CHECK(lines == std::vector<std::string>{"{\"progress\":1}", "a", "b"});
    CHECK(result.output == "x\n");
    // Without one there is none.
    CHECK(run(shell("echo \"<$AGENTCOM_CONTROL_FD>\"")).output == "<>\n");
}

TEST_CASE("a command that does not heed the signal is killed when its grace is over") {
    ChildProcess* running = nullptr;
    const auto printed = [&](ChildProcess::Stream, std::string_view) {
        running->terminate(std::chrono::milliseconds(1));
    };
    const CommandResult result =
        run(shell("trap '' TERM; echo ready; while :; do sleep 0.01; done"),
            [&](ChildProcess& child) { running = &child; }, {.ended = nullptr, .printed = printed});
    CHECK(result.signal == SIGKILL);
}
