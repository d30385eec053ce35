#include "native-server/server/turn_queue.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

namespace agentcom {
namespace {

std::vector<Effect> frame(const std::string& text, bool reply = false) {
    SendFrame effect;
    effect.to = {1};
    effect.text = std::make_shared<const std::string>(text);
    effect.reply = reply;
    return {Effect(effect)};
}

std::vector<std::string> texts(const std::vector<Effect>& effects) {
    std::vector<std::string> out;
    for (const Effect& effect : effects) {
        if (const auto* send = std::get_if<SendFrame>(&effect)) out.push_back(*send->text);
    }
    return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("with nothing in flight effects leave at once", "[server]") {
    TurnQueue queue;
    queue.add(1, false, 0, frame("a"));
    CHECK(texts(queue.take_ready()) == Texts{"a"});
    CHECK(queue.empty());
}

TEST_CASE("effects wait for the commit of their turn and of all before", "[server]") {
    TurnQueue queue;
    queue.add(1, true, 100, frame("one"));
    queue.add(2, false, 0, frame("two, a read"));
    queue.add(3, true, 10, frame("three"));
    queue.add(4, false, 0, frame("four"));
    CHECK(queue.take_ready().empty());
    CHECK(queue.in_flight() == 4);
    CHECK(queue.bytes_in_flight() == 110);
    queue.committed(1);
    CHECK(texts(queue.take_ready()) == Texts{"one", "two, a read"});
    CHECK(queue.bytes_in_flight() == 10);
    CHECK(queue.added() == 4);
    CHECK(queue.released() == 2);
    queue.committed(3);
    CHECK(texts(queue.take_ready()) == Texts{"three", "four"});
    CHECK(queue.in_flight() == 0);
}

TEST_CASE("one report commits many turns", "[server]") {
    TurnQueue queue;
    for (int64_t turn = 1; turn <= 5; ++turn) queue.add(turn, true, 1, frame(std::to_string(turn)));
    queue.committed(4);
    CHECK(texts(queue.take_ready()) == Texts{"1", "2", "3", "4"});
    CHECK(queue.in_flight() == 1);
}

TEST_CASE("what a failed turn put out is replaced, reads that saw it too", "[server]") {
    TurnQueue queue;
    queue.add(1, true, 1, frame("kept"));
    queue.add(2, true, 1, frame("acknowledgement", true));
    queue.add(3, false, 0, frame("push"));
    HttpRespond respond;
    respond.request = 7;
    respond.body = "{\"ok\":true}";
    queue.add(4, true, 1, {Effect(respond)});
    queue.failed(2);
    CHECK(queue.in_flight() == 4);
    CHECK(queue.bytes_in_flight() == 1);
    queue.committed(1);
    const std::vector<Effect> ready = queue.take_ready();
    CHECK(texts(ready) == Texts{"kept", storage_unavailable_frame()});
    const auto* answer = std::get_if<HttpRespond>(&ready.back());
    REQUIRE(answer != nullptr);
    CHECK(answer->request == 7);
    CHECK(answer->status == 503);
}

}  // namespace agentcom
