#include "core/state/context.hpp"

#include <catch2/catch.hpp>

#include <set>

using namespace agentcom;

namespace {

struct World {
    World() {
        tables.begin_input();
        RuntimeRow runtime;
        runtime.prng0 = 0x1234567890abcdef;
        runtime.prng1 = 2;
        runtime.prng2 = 0x0fedcba987654321;
        runtime.prng3 = 4;
        tables.put(runtime);
        WorkspaceRow workspace;
        workspace.id = 1;
        tables.put(workspace);
    }
    Tables tables;
    Settings settings;
    std::vector<Effect> effects;
    Context ctx{tables, settings, Time{5'000, 7'000'000}, 3, effects};
};

}  // namespace

TEST_CASE("ids are sixteen hex digits, all different, and follow from the run's state alone") {
    World one;
    World two;
    std::set<std::string> ids;
    for (int i = 0; i < 1'000; ++i) {
        const std::string id = one.ctx.random_id();
        CHECK(id == two.ctx.random_id());
        CHECK(id.size() == 16);
        CHECK(id.find_first_not_of("0123456789abcdef") == std::string::npos);
        ids.insert(id);
    }
    CHECK(ids.size() == 1'000);
    CHECK(one.tables.digest() == two.tables.digest());
}

TEST_CASE("timers are set, moved and taken away by name") {
    World world;
    world.ctx.arm(TimerKind::lease, 1, "t", world.ctx.in_ms(10), 2);
    CHECK(world.tables.find<TimerRow>({TimerKind::lease, 1, "t", 2})->deadline == 7'010'000);
    world.ctx.arm(TimerKind::lease, 1, "t", world.ctx.in_ms(20), 2);
    CHECK(world.tables.count<TimerRow>() == 1);
    world.ctx.arm(TimerKind::lease, 1, "t", world.ctx.in_ms(30), 3);
    CHECK(world.tables.indexes().mono_timers.begin()->deadline == 7'020'000);
    world.ctx.arm(TimerKind::deadline, 1, "t", 6'000);
    CHECK(world.tables.indexes().wall_timers.begin()->deadline == 6'000);
    world.ctx.disarm(TimerKind::lease, 1, "t", 2);
    world.ctx.disarm(TimerKind::lease, 1, "never", 2);
    CHECK(world.tables.indexes().mono_timers.size() == 1);
    CHECK(world.ctx.in_ms(INT64_MAX) == INT64_MAX);
}

TEST_CASE("events are numbered without gaps, and old ones are pruned in lots") {
    World world;
    world.settings.event_history = 1'000;
    for (int i = 0; i < 2'500; ++i) world.ctx.event(1, "kind", "subject", "by", "cause");
    world.tables.end_input();
    const Batch batch = world.tables.end_turn(1, 100);
    int64_t expected = 0;
    for (const RowChange& change : batch.changes) {
        if (change.table == TableId::events) CHECK(row_from_values<EventRow>(change.values)->seq == ++expected);
    }
    CHECK(expected == 2'500);
    REQUIRE(batch.prunes.size() == 1);
    CHECK(batch.prunes[0].what == Prune::What::events);
    CHECK(batch.prunes[0].up_to == 1'000);
    CHECK(world.tables.find<WorkspaceRow>({1})->events_pruned == 1'000);
}

TEST_CASE("queries are numbered and remembered until they are answered") {
    World world;
    PendingRow pending;
    pending.purpose = "task";
    CHECK(world.ctx.query(FetchTask{1, "t", 0}, pending) == 1);
    CHECK(world.ctx.query(CountTasks{1}, pending) == 2);
    CHECK(world.tables.find<PendingRow>({2})->purpose == "task");
    REQUIRE(world.effects.size() == 2);
    CHECK(std::get<RunQuery>(world.effects[1]).query == 2);
}

TEST_CASE("a push to nobody is no effect, a reply and a push to somebody are") {
    World world;
    world.ctx.push(std::vector<ConnectionId>{}, "{}");
    CHECK(world.effects.empty());
    world.ctx.push({4, 5}, "{}", 9);
    world.ctx.reply(4, "{}");
    CHECK_FALSE(std::get<SendFrame>(world.effects.at(0)).reply);
    CHECK(std::get<SendFrame>(world.effects.at(0)).mail_seq == 9);
    CHECK(std::get<SendFrame>(world.effects.at(1)).reply);
}
