#include "tools/cli/import_report.hpp"

#include <catch2/catch.hpp>

using namespace agentcom::cli;

TEST_CASE("a report counts by part and names what was left out", "[import]") {
    ImportReport report("http://old:4000", false);
    report.begin(ImportPart::tokens);
    report.begin(ImportPart::tasks);
    report.add(ImportPart::tokens, ImportStatus::created);
    report.add(ImportPart::tokens, ImportStatus::known);
    report.skip(ImportPart::tasks, "task-1", "is too large");
    report.leave_behind("threads");
    CHECK(report.total(ImportPart::tokens) == 2);
    CHECK(
        report.json() ==
        R"({"source":"v1.1","from":"http://old:4000","dry_run":false,"parts":[)"
        R"({"part":"tokens","created":1,"known":1,"skipped":0,"problems":[]},)"
        R"({"part":"tasks","created":0,"known":0,"skipped":1,"problems":[{"key":"task-1","reason":"is too large"}]}],)"
        R"("left_behind":["threads"]})");
    CHECK(report.text() ==
          "tokens: 1 taken over, 1 here already\ntasks: 0 taken over, 1 left out\n  left out task-1: is too large\n"
          "not taken along:\n  threads\n");
}

TEST_CASE("a report of very many problems stays short", "[import]") {
    ImportReport report("", true);
    report.begin(ImportPart::messages);
    for (int i = 0; i < 2'000; ++i) report.skip(ImportPart::messages, std::to_string(i), "odd");
    CHECK(report.json().find(R"("skipped":2000)") != std::string::npos);
    CHECK(report.json().find(R"("from":null)") != std::string::npos);
    CHECK(report.text().find("and 1000 more") != std::string::npos);
    CHECK(report.text().starts_with("nothing was changed"));
}
