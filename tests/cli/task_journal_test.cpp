#include "tools/cli/task_journal.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/cli/temporary_directory.hpp"

using namespace agentcom::cli;

TEST_CASE("the journal gives back what it was given, byte for byte") {
    const TemporaryDirectory directory;
    const TaskJournal journal(directory.path());
    CHECK(journal.load().empty());
    const JournalEntry running{"task-1", 1, R"({"task_id":"task-1","metadata":{"n":1e400}})", false, ""};
    JournalEntry done{"task/2", 9'007'199'254'740'993, R"({"task_id":"task/2"})", true,
                      R"({"type":"task_complete","x":1.50})"};
    REQUIRE(!journal.keep(running));
    REQUIRE(!journal.keep(done));
    CHECK(journal.load() == std::vector<JournalEntry>{done, running});
    done.report_raw = "{}";
    REQUIRE(!journal.keep(done));
    journal.forget("task-1");
    journal.forget("never there");
    CHECK(journal.load() == std::vector<JournalEntry>{done});
}

TEST_CASE("a damaged entry is passed over") {
    const TemporaryDirectory directory;
    const TaskJournal journal(directory.path());
    for (const char* text : {"", "{", "[]", R"({"task_id":"t"})",
                             R"({"task_id":"t","generation":1,"task":{},"succeeded":true,"report":5})",
                             R"({"task_id":"t","generation":1.0,"task":{},"succeeded":true,"report":null})"}) {
        INFO(text);
        CHECK(!parse_journal_entry(text));
        std::ofstream(directory.path() / "t.json") << text;
        CHECK(journal.load().empty());
    }
}

TEST_CASE("a journal that cannot be written says so") {
    const TemporaryDirectory directory;
    CHECK(TaskJournal(directory.path() / "missing").keep({"t", 1, "{}", false, ""}));
}
