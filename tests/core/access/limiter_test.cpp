#include "core/access/limiter.hpp"

#include <catch2/catch.hpp>

#include "core/base/prng.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::TestHub;

namespace {

/// Tables with a run begun, and a clock.
struct Limiter {
    explicit Limiter(Settings settings_in) : settings(std::move(settings_in)) {
        tables.begin_input();
        tables.put(RuntimeRow{});
        tables.end_input();
    }
    limiter::Verdict take(int64_t now_us, Tier tier, const std::string& who = "ws:1:ann") {
        tables.begin_input();
        Context ctx(tables, settings, Time{0, now_us}, 1, effects);
        const limiter::Verdict verdict = limiter::take(ctx, who, tier);
        tables.end_input();
        return verdict;
    }
    void sweep(int64_t now_us) {
        tables.begin_input();
        Context ctx(tables, settings, Time{0, now_us}, 1, effects);
        limiter::sweep(ctx);
        tables.end_input();
    }
    Settings settings;
    Tables tables;
    std::vector<Effect> effects;
};

}  // namespace

TEST_CASE("warnings begin where v1.1's did, and then the bucket is empty") {
    struct Case {
        Tier tier;
        int capacity;
        int first_warned;
        int64_t remaining;
        int64_t retry_after_ms;
    };
    for (const Case& c : {Case{Tier::light, 120, 97, 23, 1'000}, Case{Tier::normal, 60, 49, 11, 1'000},
                          Case{Tier::heavy, 10, 9, 1, 6'000}}) {
        CAPTURE(tier_name(c.tier));
        Limiter limiter(v11_profile());
        for (int i = 1; i <= c.capacity; ++i) {
            const limiter::Verdict verdict = limiter.take(0, c.tier);
            CHECK(verdict.allowed);
            CHECK(verdict.warn == (i >= c.first_warned));
            CHECK(verdict.remaining == c.capacity - i);
            CHECK(verdict.capacity == c.capacity);
            if (i == c.first_warned) CHECK(verdict.remaining == c.remaining);
        }
        const limiter::Verdict refused = limiter.take(0, c.tier);
        CHECK_FALSE(refused.allowed);
        CHECK(refused.retry_after_ms == c.retry_after_ms);
        // Other tiers and others are not concerned.
        CHECK(limiter.take(0, c.tier, "http:1:ann").allowed);
        CHECK(limiter.take(0, c.tier == Tier::light ? Tier::heavy : Tier::light).allowed);
    }
}

TEST_CASE("a bucket never grants more than its rate and its burst, and never starves who waits") {
    const uint64_t seed = GENERATE(range<uint64_t>(1, 21));
    CAPTURE(seed);
    Prng prng(seed);
    Settings settings;
    settings.limit_normal_per_min = static_cast<int64_t>(1 + prng.below(prng.below(2) == 0 ? 10 : 5'000));
    const int64_t rate = settings.limit_normal_per_min;
    Limiter limiter(settings);
    int64_t now = static_cast<int64_t>(prng.below(1'000'000'000));
    std::vector<int64_t> granted;
    // Hammering at any pace: short steps, and now and then a pause.
    for (int i = 0; i < 4'000; ++i) {
        now += static_cast<int64_t>(prng.below(prng.below(50) == 0 ? 20'000'000 : 60'000));
        if (prng.below(500) == 0) limiter.sweep(now);
        const limiter::Verdict verdict = limiter.take(now, Tier::normal);
        if (verdict.allowed) {
            granted.push_back(now);
            REQUIRE(verdict.remaining >= 0);
            REQUIRE(verdict.remaining < rate);
        } else {
            REQUIRE(verdict.retry_after_ms > 0);
            REQUIRE(verdict.retry_after_ms % 1'000 == 0);
            // What it says is true: a copy that waits so long is let through.
            if (prng.below(20) == 0) {
                Tables copy;
                REQUIRE(copy.load(limiter.tables.save()));
                copy.begin_input();
                Context later(copy, limiter.settings, Time{0, now + verdict.retry_after_ms * 1'000}, 1,
                              limiter.effects);
                REQUIRE(limiter::take(later, "ws:1:ann", Tier::normal).allowed);
                copy.end_input();
            }
        }
    }
    // Over any window: the burst and what time has brought; exactly, in thousandths of tokens and microseconds.
    for (size_t from = 0; from < granted.size(); from += 1 + granted.size() / 50) {
        for (size_t to = from; to < granted.size(); ++to) {
            const int64_t count = static_cast<int64_t>(to - from) + 1;
            const int64_t window = granted[to] - granted[from];
            REQUIRE((count - rate) * kUsPerMinute <= window * rate);
        }
    }
}

TEST_CASE("hammering does not starve: the fraction of a token that a check leaves over is kept") {
    Settings settings;
    settings.limit_normal_per_min = 60;
    Limiter limiter(settings);
    for (int i = 0; i < 60; ++i) REQUIRE(limiter.take(0, Tier::normal).allowed);
    int64_t granted = 0;
    for (int64_t ms = 0; ms <= 60'000; ++ms) granted += limiter.take(ms * 1'000, Tier::normal).allowed ? 1 : 0;
    CHECK(granted == 60);
}

TEST_CASE("limits can be off, and tier none is never limited") {
    Settings settings;
    settings.limit_normal_per_min = 1;
    Limiter on(settings);
    for (int i = 0; i < 10; ++i) CHECK(on.take(0, Tier::none).allowed);
    settings.limits = 0;
    Limiter off(settings);
    for (int i = 0; i < 10; ++i) CHECK(off.take(0, Tier::normal).allowed);
    CHECK(off.tables.count<BucketRow>() == 0);
}

TEST_CASE("full buckets are swept away, others stay") {
    Limiter limiter(v11_profile());
    limiter.take(0, Tier::light, "a");
    for (int i = 0; i < 10; ++i) limiter.take(0, Tier::heavy, "b");
    limiter.sweep(1'000'000);  // half a second's worth of light is back
    CHECK(limiter.tables.count<BucketRow>() == 1);
    limiter.sweep(kUsPerMinute);
    CHECK(limiter.tables.count<BucketRow>() == 0);
}

TEST_CASE("an agent over its limit is told, gets no work, and is scheduled again when that ends") {
    Settings settings = v11_profile();
    settings.idle_timeout_ms = 240'000;
    settings.ping_interval_ms = 0;
    TestHub hub(settings);
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    for (int i = 0; i < 60; ++i) hub.send(ann, R"({"type":"message","to":"x","payload":{}})");
    CHECK(hub.take_frame(ann, "rate_limit_warning") ==
          R"({"type":"rate_limit_warning","tier":"normal","remaining":11,"capacity":60})");
    hub.clear_frames();
    hub.send(ann, R"({"type":"message","to":"x","payload":{}})");
    CHECK(hub.frames(ann) ==
          std::vector<std::string>{R"({"type":"rate_limited","tier":"normal","retry_after_ms":1000})"});
    const std::string task = hub.submit(R"({"description":"x"})");
    CHECK(hub.take_frame(ann, "task_assign") == "");
    hub.advance_ms(59'999);
    CHECK(hub.take_frame(ann, "task_assign") == "");
    hub.advance_ms(1);
    CHECK(TestHub::member(hub.take_frame(ann, "task_assign"), "task_id") == task);
}

TEST_CASE("reports about tasks are never refused") {
    Settings settings = v11_profile();
    settings.ping_interval_ms = 0;
    TestHub hub(settings);
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    const std::string task = hub.submit(R"({"description":"x"})");
    for (int i = 0; i < 80; ++i) hub.send(ann, R"({"type":"message","to":"x","payload":{}})");
    hub.clear_frames();
    hub.send(ann, R"({"type":"task_accepted","task_id":")" + task + "\"}");
    CHECK(TestHub::member(hub.take_frame(ann, "rate_limit_warning"), "remaining") == "0");
    CHECK(hub.take_frame(ann, "task_ack") != "");
    hub.send(ann, R"({"type":"task_complete","task_id":")" + task + R"(","generation":1})");
    CHECK(TestHub::member(hub.take_frame(ann, "task_ack"), "status") == "complete");
}

TEST_CASE("a warning comes before the reply") {
    Settings settings = v11_profile();
    TestHub hub(settings);
    hub.register_agent("ann");
    const int64_t ann = hub.connect("ann");
    for (int i = 0; i < 96; ++i) hub.send(ann, R"({"type":"ping"})");
    hub.clear_frames();
    hub.send(ann, R"({"type":"ping"})");
    REQUIRE(hub.frames(ann).size() == 2);
    CHECK(hub.frames(ann)[0] == R"({"type":"rate_limit_warning","tier":"light","remaining":23,"capacity":120})");
    CHECK(TestHub::member(hub.frames(ann)[1], "type") == "pong");
}
