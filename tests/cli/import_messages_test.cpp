#include "tools/cli/import_messages.hpp"

#include <catch2/catch.hpp>

#include "tools/cli/output.hpp"

using namespace agentcom;
using namespace agentcom::cli;

namespace {

struct Merged {
    MessageMerge merge{[this](const std::string& key, const std::string& item_raw) -> Trouble {
        keys.push_back(key);
        items.push_back(item_raw);
        return std::nullopt;
    }};
    std::vector<std::string> keys;
    std::vector<std::string> items;

    std::string member(size_t index, std::string_view name) {
        return std::string(raw_of(members_of(items.at(index)), name));
    }
};

std::string message(const std::string& id, int64_t timestamp, const std::string& more = R"("to":"bob","payload":{})") {
    return R"({"id":")" + id + R"(","from":"ann","type":"chat","reply_to":null,"timestamp":)" +
           std::to_string(timestamp) + "," + more + "}";
}

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("mailboxes, channels and the history become one stream in the order of time", "[import]") {
    Merged merged;
    merged.merge.add_channel("general");
    merged.merge.add_channel_entry(
        "general",
        R"({"seq":9,"message":)" + message("c1", 15, R"("to":null,"payload":{"n":1})") + R"(,"stored_at":15})");
    merged.merge.add_mailbox_entry("bob", message("m2", 20, R"("to":"bob","payload":{},"seq":7)"));
    merged.merge.add_mailbox_entry("cid",
                                   message("c1", 15, R"("to":null,"payload":{"n":1,"channel":"general"},"seq":8)"));
    merged.merge.add_mailbox_entry("old", message("m0", 5, R"("to":"old","payload":{},"seq":3)"));
    CHECK(merged.merge.highest_mail_seq() == 8);
    CHECK(!merged.merge.add_history(message("m1", 10)));
    CHECK(!merged.merge.add_history(message("m2", 20)));
    CHECK(!merged.merge.add_history(message("m3", 30)));
    CHECK(!merged.merge.finish());
    CHECK(merged.keys == Keys{"m0", "m1", "c1", "m2", "m3"});
    CHECK(merged.member(0, "unread_by") == R"(["old"])");
    CHECK(merged.member(1, "unread_by") == "null");
    CHECK(merged.member(2, "channel") == R"("general")");
    CHECK(merged.member(2, "channel_seq") == "9");
    CHECK(merged.member(2, "unread_by") == R"(["cid"])");
    CHECK(merged.member(2, "payload") == R"({"n":1})");
    CHECK(merged.member(3, "unread_by") == R"(["bob"])");
}

TEST_CASE("a copy whose channel has forgotten the message is a message of the channel", "[import]") {
    Merged merged;
    merged.merge.add_channel("general");
    merged.merge.add_mailbox_entry("bob",
                                   message("c0", 1, R"("to":null,"payload":{"channel":"general","n":1e400},"seq":1)"));
    merged.merge.add_mailbox_entry("bob", message("b0", 2, R"("to":null,"payload":{"channel":"other"},"seq":2)"));
    CHECK(!merged.merge.finish());
    CHECK(merged.keys == Keys{"c0", "b0"});
    CHECK(merged.member(0, "channel") == R"("general")");
    CHECK(merged.member(0, "payload") == R"({"n":1e400})");
    CHECK(merged.member(1, "channel") == "null");
    CHECK(merged.member(1, "payload") == R"({"channel":"other"})");
}

TEST_CASE("two copies of a broadcast for one agent are one, and a message out of order comes once", "[import]") {
    Merged merged;
    merged.merge.add_mailbox_entry("bob", message("b", 10, R"("to":null,"payload":{},"seq":1)"));
    merged.merge.add_mailbox_entry("bob", message("b", 10, R"("to":null,"payload":{},"seq":2)"));
    CHECK(!merged.merge.add_history(message("later", 11)));
    CHECK(!merged.merge.add_history(message("b", 10, R"("to":null,"payload":{})")));
    CHECK(!merged.merge.finish());
    CHECK(merged.keys == Keys{"b", "later"});
    CHECK(merged.member(0, "unread_by") == R"(["bob"])");
}
