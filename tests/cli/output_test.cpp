#include "tools/cli/output.hpp"

#include <catch2/catch.hpp>

using namespace agentcom::cli;

TEST_CASE("a message shows its text, or else its payload as it is") {
    const std::string text =
        R"({"seq":1,"from":"a","to":"b","type":"chat","id":"m","timestamp":1769882400000,"reply_to":"m0",)"
        R"("payload":{"text":"one\ntwo \u001b[2J"}})";
    CHECK(message_text(members_of(text)) ==
          "#1  2026-01-31 18:00:00Z  a  chat  m  in reply to m0\n  one\n  two \xEF\xBF\xBD[2J\n");
    const std::string broadcast =
        R"({"seq":2,"from":"a","to":null,"type":"alert","id":"m","timestamp":1769882400000,"payload":{"text":"x","n":1.0}})";
    CHECK(message_text(members_of(broadcast)) ==
          "#2  2026-01-31 18:00:00Z  a  alert  (to everybody)  m\n  {\"text\":\"x\",\"n\":1.0}\n");
}

TEST_CASE("a message shows what it asks of its reader") {
    const std::string text =
        R"({"seq":1,"from":"a","to":"b","type":"chat","id":"m","timestamp":1769882400000,"payload":{"text":"x"},)"
        R"("importance":"high","ack_required":true,"ack_by":1769882400000,"labels":["night"]})";
    CHECK(message_text(members_of(text)) ==
          "#1  2026-01-31 18:00:00Z  a  chat  m  high  please acknowledge by 2026-01-31 18:00:00Z  [night]\n  x\n");
}

TEST_CASE("a task shows what is known and leaves out what is not") {
    const std::string task = R"({"id":"task-1","description":"d","status":"assigned","state":"working","priority":1,)"
                             R"("needed_capabilities":["code","x"],"assigned_to":"w","generation":3,"retry_count":1,)"
                             R"("max_retries":3,"last_error":null,"metadata":{},"result":null,"tokens_used":null})";
    CHECK(task_text(members_of(task)) ==
          "task          task-1\n"
          "description   d\n"
          "state         working\n"
          "priority      high\n"
          "needs         code, x\n"
          "assigned to   w\n"
          "generation    3\n"
          "failures      1 of 3\n");
}

TEST_CASE("an answer of another shape is shown as far as it goes") {
    CHECK(task_table({}, 0) == "no tasks\n");
    CHECK(task_table({agentcom::json::parse_value("5")}, 0).find("STATUS") != std::string::npos);
    CHECK(!message_text(members_of("[]")).empty());
    CHECK(result_text(members_of("{}")) == "null\n");
}

TEST_CASE("a task that waits says why, and one that asks says how to answer") {
    const std::string waiting =
        R"({"id":"t","state":"queued","waiting":{"reason":"agents_busy","detail":"All are busy."}})";
    CHECK(task_text(members_of(waiting)).find("why           All are busy.\n") != std::string::npos);
    const std::string asking =
        R"({"id":"t","state":"waiting_input","question":{"question":"Deploy?","options":["yes","no"],"asked_at":1}})";
    const std::string text = task_text(members_of(asking));
    CHECK(text.find("asks          Deploy?\n              1  yes\n              2  no\n") != std::string::npos);
    CHECK(text.find("agentcom task answer t TEXT") != std::string::npos);
}
