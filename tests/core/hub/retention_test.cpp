// W-31: nothing grows for ever. What has ended is kept as settings say, and goes in lots.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

constexpr int kLot = 1'000;

struct Retained : World {
    explicit Retained(Settings settings) : World(std::move(settings)) { bob = hub.connect("bob"); }

    void complete_one() {
        tasks.push_back(submit());
        hub.send(bob, R"({"type":"task_complete","task_id":")" + tasks.back() + R"(","generation":)" +
                          std::to_string(hub.row(tasks.back())->generation) + R"(,"result":{}})");
        hub.clear_frames();
    }
    void send_one() {
        REQUIRE(post("/api/message", R"({"to":"bob","payload":{}})").status == 200);
        // What nobody has read stays whatever the setting.
        hub.http(Method::post, "/api/mailbox/bob/ack", R"({"seq":100000})", TestHub::token_of("bob"));
        hub.clear_frames();
    }
    /// The numbers of the rows of a table that the store has.
    template <class Row>
    std::vector<int64_t> numbers(int64_t Row::*number) const {
        std::vector<int64_t> all;
        for (const RowValues& values : hub.store().rows(Row::kTable)) {
            all.push_back((*row_from_values<Row>(values)).*number);
        }
        return all;
    }

    int64_t bob = 0;
    std::vector<std::string> tasks;
};

struct Kept {
    const char* what;
    int64_t Settings::*setting;
    int64_t limit;
    void (Retained::*one)();
    std::vector<int64_t> (*stored)(const Retained&);
    int64_t WorkspaceRow::*newest;
};

const Kept kKept[] = {
    {"finished tasks", &Settings::finished_tasks, 1, &Retained::complete_one,
     [](const Retained& world) { return world.numbers(&TaskRow::finished_seq); }, &WorkspaceRow::finished_seq},
    {"messages", &Settings::message_history, 1, &Retained::send_one,
     [](const Retained& world) { return world.numbers(&MessageRow::seq); }, &WorkspaceRow::message_seq},
    {"events", &Settings::event_history, 1'000, &Retained::complete_one,
     [](const Retained& world) { return world.numbers(&EventRow::seq); }, &WorkspaceRow::event_seq},
};

}  // namespace

TEST_CASE("W-31: what has ended is kept up to its setting and a lot", "[storage]") {
    for (const Kept& kept : kKept) {
        CAPTURE(kept.what);
        Settings settings;
        settings.limits = 0;
        settings.*kept.setting = kept.limit;
        Retained world(settings);
        for (int i = 0; i < kLot + 2; ++i) (world.*kept.one)();
        const std::vector<int64_t> numbers = kept.stored(world);
        REQUIRE_FALSE(numbers.empty());
        const int64_t newest = world.hub.tables().find<WorkspaceRow>({1})->*kept.newest;
        REQUIRE(newest > kept.limit + kLot);
        // The newest are all there, and of the others less than a lot.
        const auto count = static_cast<int64_t>(numbers.size());
        CHECK(count >= kept.limit);
        CHECK(count < kept.limit + kLot);
        CHECK(*std::max_element(numbers.begin(), numbers.end()) == newest);
        CHECK(*std::min_element(numbers.begin(), numbers.end()) == newest - count + 1);
    }
}

TEST_CASE("W-31: with an old task goes all that hangs on it", "[storage]") {
    Settings settings;
    settings.limits = 0;
    settings.finished_tasks = 1;
    Retained world(settings);
    for (int i = 0; i < kLot; ++i) world.complete_one();
    CHECK(world.get("/api/tasks/" + world.tasks.front()).status == 200);
    for (const TableId table : {TableId::tasks, TableId::task_inputs, TableId::attempts}) {
        CHECK(world.hub.store().rows(table).size() == kLot);
    }
    for (int i = 0; i < 2; ++i) world.complete_one();
    CHECK(world.get("/api/tasks/" + world.tasks.front()).status == 404);
    CHECK(world.get("/api/tasks/" + world.tasks.back()).status == 200);
    for (const TableId table : {TableId::tasks, TableId::task_inputs, TableId::attempts}) {
        CHECK(world.hub.store().rows(table).size() == 2);
    }
}
