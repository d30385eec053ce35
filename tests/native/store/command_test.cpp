#include "native-server/store/command.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>

namespace agentcom::test {

namespace {

Status run_shell(const std::string& script, int64_t timeout_ms = 60'000) {
    return run_command({"sh", "-c", script}, timeout_ms, nullptr);
}

}  // namespace

TEST_CASE("words are what blanks leave", "[command]") {
    CHECK(words_of("").empty());
    CHECK(words_of("  rsync -a\t--delete ") == std::vector<std::string>{"rsync", "-a", "--delete"});
}

TEST_CASE("a command succeeds or says why not", "[command]") {
    CHECK(run_shell("exit 0"));
    CHECK(run_command({"true", "; exit 1"}, 60'000, nullptr));
    struct Case {
        const char* script;
        const char* text;
    };
    const Case each =
        GENERATE(Case{"echo no room >&2; exit 3", "ended with 3; the end of what it said: no room"},
                 Case{"kill -9 $$", "was ended by signal 9"}, Case{"yes | head -c 100000; exit 1", "ended with 1"},
                 Case{"test -z \"$AGENTCOM_SECRET\" && test -n \"$PATH\" && exit 7", "ended with 7"},
                 Case{"test ! -e /proc/self/fd/3 && exit 8", "ended with 8"});
    setenv("AGENTCOM_SECRET", "s", 1);
    const Status status = run_shell(each.script);
    unsetenv("AGENTCOM_SECRET");
    REQUIRE_FALSE(status);
    CHECK(status.error().code == "command_failed");
    CHECK_THAT(status.error().text, Catch::Matchers::Contains(each.text));
    CHECK(status.error().text.size() < 1'200);
}

TEST_CASE("a command that does not end is ended, and what it started", "[command]") {
    const Status late = run_shell("(while :; do :; done) & while :; do :; done", 50);
    REQUIRE_FALSE(late);
    CHECK_THAT(late.error().text, Catch::Matchers::Contains("took longer than 50 ms"));
    const std::atomic<bool> stop{true};
    CHECK_FALSE(run_command({"cat", "/dev/zero"}, 60'000, &stop));
    CHECK_FALSE(run_command({}, 1, nullptr));
    CHECK_THAT(run_command({"no-such-program-anywhere"}, 1'000, nullptr).error().text,
               Catch::Matchers::Contains("cannot be started"));
}

}  // namespace agentcom::test
