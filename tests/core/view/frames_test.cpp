#include "core/view/frames.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;
using view::Change;
using view::Model;

namespace {

Model small_model() {
    Model model;
    model.epoch = "e";
    model.seq = 4;
    model.at = 7;
    view::Agent agent;
    agent.agent_id = "ann \"the first\"";
    agent.state = "idle";
    agent.capabilities = {"code"};
    model.agents[agent.key()] = agent;
    view::Task task;
    task.task_id = "task-1";
    task.state = "queued";
    task.options.text = R"(["yes",1e400])";
    model.tasks[task.key()] = task;
    model.counts.queued = 1;
    return model;
}

Change fold_in(Model& model, const std::string& text) {
    const Result<Change> change = view::take(model, text);
    CAPTURE(text);
    REQUIRE(change.ok());
    return change.value();
}

std::string error_of(Model& model, const std::string& text) {
    const Result<Change> change = view::take(model, text);
    return change.ok() ? "" : change.error().code;
}

}  // namespace

TEST_CASE("a model survives its frame", "[view]") {
    const Model model = small_model();
    Model read;
    CHECK(fold_in(read, view::model_frame(model, "start")) == Change::whole);
    CHECK(same_view(read, model));
    CHECK(read.cursor() == "e.4");
    CHECK(read.at == 7);
}

TEST_CASE("a delta makes one model into the other, and says only what changed", "[view]") {
    const Model before = small_model();
    CHECK_FALSE(view::delta_frame(before, before).has_value());
    Model after = before;
    after.seq = 5;
    after.agents.begin()->second.state = "working";
    after.tasks.clear();
    after.counts.queued = 0;
    const std::string delta = view::delta_frame(before, after).value();
    CHECK(delta.find("\"drop\":{\"tasks\":[\"task-1\"]}") != std::string::npos);
    CHECK(delta.find("\"rates\"") == std::string::npos);
    Model folded = before;
    CHECK(fold_in(folded, delta) == Change::some);
    CHECK(same_view(folded, after));
    CHECK(folded.seq == 5);
}

TEST_CASE("a delta that does not follow is a gap, and changes nothing", "[view]") {
    const Model before = small_model();
    Model after = before;
    after.counts.queued = 9;
    after.seq = 6;
    Model model = before;
    CHECK(error_of(model, view::delta_frame(before, after).value()) == "gap");
    after.seq = 5;
    after.epoch = "f";
    CHECK(error_of(model, view::delta_frame(before, after).value()) == "gap");
    CHECK(same_view(model, before));
    CHECK(model.seq == 4);
}

TEST_CASE("what is no frame changes nothing, and frames about other things are passed over", "[view]") {
    Model model = small_model();
    for (const char* text :
         {"", "{", "[]", "5", "{}", R"({"type":5})", R"({"type":"model"})", R"({"type":"delta","cursor":"e.5"})",
          R"({"type":"delta","cursor":"e.5","at":1,"put":{"agents":[5]},"drop":{},"figures":{}})",
          R"({"type":"delta","cursor":"e.5","at":1,"put":{},"drop":{"agents":5},"figures":{}})",
          R"({"type":"delta","cursor":"e.5","at":1,"put":{},"drop":{},"figures":{"counts":{"queued":"x"}}})",
          R"({"type":"model","cursor":"e","at":1,"lists":{},"figures":{}})"}) {
        CAPTURE(text);
        CHECK(error_of(model, text) == "bad_frame");
        CHECK(same_view(model, small_model()));
    }
    CHECK(fold_in(model, R"({"type":"subscribed","mode":"delta"})") == Change::none);
}

TEST_CASE("a newer hub may say more, and an older one less", "[view]") {
    Model model = small_model();
    CHECK(fold_in(model, R"({"type":"delta","cursor":"e.5","at":1,"put":{"agents":[{"agent_id":"bob","mood":"fine"}],
        "planets":[{"x":1}]},"drop":{"planets":["y"]},"figures":{"weather":{"rain":1},"hub":{"version":"9"}}})") ==
          Change::some);
    CHECK(model.agents.at("bob").slots == 1);
    CHECK(model.hub.version == "9");
}
