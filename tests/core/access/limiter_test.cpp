#include "core/access/limiter.hpp"

#include <catch2/catch.hpp>

#include "core/base/prng.hpp"
#include "tests/core/support/bare_context.hpp"
#include "tests/core/support/test_hub.hpp"

using namespace agentcom;
using agentcom::test::BareContext;
using agentcom::test::TestHub;
using limits::Channel;

namespace {

const limits::Party kAnn = limits::agent_party(1, "ann");

struct Limiter : BareContext {
    using BareContext::BareContext;
    limiter::Verdict take(int64_t now_us, OperationId id, const limits::Party& party = kAnn,
                          Channel channel = Channel::ws) {
        limiter::Verdict verdict;
        run([&](Context& ctx) { verdict = limiter::take(ctx, party, channel, operation(id)); }, now_us);
        return verdict;
    }
    limiter::Standing standing(int64_t now_us, const limits::Party& party = kAnn) {
        limiter::Standing standing;
        run([&](Context& ctx) { standing = limiter::standing(ctx, party); }, now_us);
        return standing;
    }
    /// Fires every timer of the sweep that is due, at its own moment.
    void sweep(int64_t now_us) {
        while (!tables.indexes().mono_timers.empty()) {
            const Indexes::TimerEntry first = *tables.indexes().mono_timers.begin();
            if (first.deadline > now_us) return;
            run(
                [&](Context& ctx) {
                    const TimerRow timer = *tables.find<TimerRow>(first.key);
                    tables.erase<TimerRow>(first.key);
                    limiter::sweep(ctx, timer);
                },
                first.deadline);
        }
    }
    int64_t buckets() const { return tables.count<BucketRow>(); }
};

constexpr OperationId kLight = OperationId::ws_ping;
constexpr OperationId kNormal = OperationId::ws_message;
constexpr OperationId kHeavy = OperationId::ws_identify;

Settings with_message_limit(int64_t per_minute) {
    Settings settings;
    settings.limit_normal_per_min = per_minute;
    return settings;
}

}  // namespace

TEST_CASE("profile v1.1: warnings begin where v1.1's did, and then the bucket is empty", "[limits]") {
    struct Case {
        OperationId id;
        int capacity;
        int first_warned;
        int64_t remaining;
        int64_t retry_after_ms;
    };
    for (const Case& c :
         {Case{kLight, 120, 97, 23, 1'000}, Case{kNormal, 60, 49, 11, 1'000}, Case{kHeavy, 10, 9, 1, 6'000}}) {
        CAPTURE(operation(c.id).name);
        Limiter limiter(v11_profile());
        for (int i = 1; i <= c.capacity; ++i) {
            const limiter::Verdict verdict = limiter.take(0, c.id);
            CHECK(verdict.allowed);
            CHECK(verdict.warn == (i >= c.first_warned));
            CHECK(verdict.remaining == c.capacity - i);
            CHECK(verdict.capacity == c.capacity);
            if (i == c.first_warned) CHECK(verdict.remaining == c.remaining);
        }
        // Refusals do not add up: the wait is that for the next token.
        for (int i = 0; i < 10; ++i) {
            const limiter::Verdict refused = limiter.take(0, c.id);
            CHECK_FALSE(refused.allowed);
            CHECK(refused.retry_after_ms == c.retry_after_ms);
        }
        CHECK(limiter.take(c.retry_after_ms * 1'000, c.id).allowed);
        // Other tiers, channels and agents are not concerned.
        CHECK(limiter.take(0, c.id, kAnn, Channel::http).allowed);
        CHECK(limiter.take(0, c.id, limits::agent_party(1, "bob")).allowed);
        CHECK(limiter.take(0, c.id, limits::agent_party(2, "ann")).allowed);
        CHECK(limiter.take(0, c.id == kLight ? kHeavy : kLight).allowed);
    }
}

TEST_CASE("profile v1.1: a tier is one bucket, and what v1.1 did not limit is not limited", "[limits]") {
    Limiter limiter(v11_profile());
    for (int i = 0; i < 60; ++i) {
        CHECK(limiter.take(0, i % 2 ? kNormal : OperationId::http_message_send, kAnn, Channel::ws).allowed);
    }
    CHECK_FALSE(limiter.take(0, kNormal).allowed);
    for (int i = 0; i < 1'000; ++i) CHECK(limiter.take(0, OperationId::http_whoami, kAnn, Channel::http).allowed);
}

TEST_CASE("by operation, one that is over its limit leaves the others alone; the probes have none", "[limits]") {
    Limiter limiter(with_message_limit(5));
    for (int i = 0; i < 5; ++i) CHECK(limiter.take(0, kNormal).allowed);
    CHECK_FALSE(limiter.take(0, kNormal).allowed);
    CHECK(limiter.take(0, OperationId::http_message_send, kAnn, Channel::http).allowed);
    CHECK(limiter.take(0, kLight).allowed);
    for (int i = 0; i < 10'000; ++i) {
        REQUIRE(limiter.take(0, OperationId::http_health, kAnn, Channel::http).allowed);
    }
}

TEST_CASE("who is refused waits 1, 2, 5, 10, 30 s, and is refused until then whatever it holds", "[limits]") {
    Limiter limiter(with_message_limit(6'000));
    int64_t now_us = 0;
    for (const int64_t wait_ms : {1'000, 2'000, 5'000, 10'000, 30'000, 30'000}) {
        CAPTURE(wait_ms);
        while (limiter.take(now_us, kNormal).allowed) {
        }
        // The refusal that ended the loop was the first of this wait. Hammering does not prolong it.
        for (const int64_t after_ms : {int64_t{0}, wait_ms / 2, wait_ms - 1}) {
            const limiter::Verdict refused = limiter.take(now_us + after_ms * 1'000, kNormal);
            CHECK_FALSE(refused.allowed);
            CHECK(refused.retry_after_ms == (wait_ms - after_ms + 999) / 1'000 * 1'000);
        }
        now_us += wait_ms * 1'000;
    }
    CHECK(limiter.take(now_us, kNormal).allowed);
    CHECK(limiter.standing(now_us).consecutive == 6);
    CHECK(limiter.standing(now_us).limited);
    // Quiet counts from the last refusal.
    limiter.run([&](Context& ctx) { CHECK(limiter::refused_left_ms(ctx, kAnn, 60'000) == 59'999); }, now_us);
    now_us += 60'000'000 - 1'000;
    CHECK_FALSE(limiter.standing(now_us).limited);
    while (limiter.take(now_us, kNormal).allowed) {
    }
    CHECK(limiter.standing(now_us).consecutive == 1);
    CHECK(limiter.take(now_us + 1'000'000, kNormal).allowed);
}

TEST_CASE("a wait for the next token may be longer than the backoff", "[limits]") {
    Limiter limiter(with_message_limit(2));
    for (int i = 0; i < 2; ++i) CHECK(limiter.take(0, kNormal).allowed);
    CHECK(limiter.take(0, kNormal).retry_after_ms == 30'000);
    CHECK(limiter.take(29'000'000, kNormal).retry_after_ms == 1'000);
    CHECK(limiter.take(30'000'000, kNormal).allowed);
}

TEST_CASE("whatever is asked at whatever moment: never too much, and who waits as told is granted", "[limits]") {
    const uint64_t seed = GENERATE(range<uint64_t>(1, 41));
    CAPTURE(seed);
    Prng prng(seed);
    Settings settings = with_message_limit(static_cast<int64_t>(1 + prng.below(prng.below(2) == 0 ? 10 : 5'000)));
    settings.limit_backoff = static_cast<int64_t>(prng.below(2));
    settings.limits_by_operation = static_cast<int64_t>(prng.below(2));
    const int64_t rate = settings.limit_normal_per_min;
    Limiter limiter(settings);
    int64_t now = static_cast<int64_t>(prng.below(1'000'000'000));
    int64_t told_us = 0;  // until when it was told to wait since it was last granted; 0: it was not
    std::vector<int64_t> granted;
    for (int i = 0; i < 4'000; ++i) {
        now += static_cast<int64_t>(prng.below(prng.below(50) == 0 ? 20'000'000 : 60'000));
        if (prng.below(300) == 0) now = std::max(now, told_us);
        if (prng.below(100) == 0) limiter.sweep(now);
        if (prng.below(3) == 0) static_cast<void>(limiter.take(now, kNormal, limits::agent_party(1, "bob")));
        const limiter::Verdict verdict = limiter.take(now, kNormal);
        if (verdict.allowed) {
            granted.push_back(now);
            told_us = 0;
            REQUIRE(verdict.remaining >= 0);
            REQUIRE(verdict.remaining < rate);
        } else {
            REQUIRE(verdict.retry_after_ms > 0);
            REQUIRE(verdict.retry_after_ms % 1'000 == 0);
            REQUIRE((told_us == 0 || now < told_us));
            if (told_us == 0) told_us = now + verdict.retry_after_ms * 1'000;
            // What it says is true: a copy that waits so long is let through.
            if (prng.below(20) == 0) {
                Limiter copy(settings);
                REQUIRE(copy.tables.load(limiter.tables.save()));
                REQUIRE(copy.take(now + verdict.retry_after_ms * 1'000, kNormal).allowed);
            }
        }
    }
    for (size_t from = 0; from < granted.size(); from += 1 + granted.size() / 50) {
        for (size_t to = from; to < granted.size(); ++to) {
            const int64_t count = static_cast<int64_t>(to - from) + 1;
            const int64_t window = granted[to] - granted[from];
            REQUIRE((count - rate) * kUsPerMinute <= window * rate);
        }
    }
}

TEST_CASE("limits can be off, and the exempt are never limited", "[limits]") {
    Settings settings = with_message_limit(1);
    Limiter on(settings);
    on.run([](Context& ctx) { REQUIRE(limits::add_exempt(ctx, kAnn)); });
    for (int i = 0; i < 10; ++i) CHECK(on.take(0, kNormal).allowed);
    CHECK(on.standing(0).exempt);
    on.run([](Context& ctx) { limits::remove_exempt(ctx, kAnn); });
    CHECK(on.take(0, kNormal).allowed);
    CHECK_FALSE(on.take(0, kNormal).allowed);
    settings.limits = 0;
    Limiter off(settings);
    for (int i = 0; i < 10; ++i) CHECK(off.take(0, kNormal).allowed);
    CHECK(off.buckets() == 0);
}

TEST_CASE("an override takes effect at once, and forgives", "[limits]") {
    Limiter limiter(with_message_limit(2));
    for (int i = 0; i < 3; ++i) static_cast<void>(limiter.take(0, kNormal));
    CHECK(limiter.standing(0).limited);
    limiter.run([](Context& ctx) { limits::set_overrides(ctx, kAnn, {{"message", {3, 60'000'000}}}); });
    CHECK_FALSE(limiter.standing(0).limited);
    for (int i = 0; i < 3; ++i) {
        const limiter::Verdict verdict = limiter.take(0, kNormal);
        CHECK(verdict.allowed);
        CHECK(verdict.capacity == 3);
    }
    CHECK(limiter.take(0, kNormal).retry_after_ms == 1'000);
    limiter.run([](Context& ctx) { limits::set_overrides(ctx, kAnn, {}); });
    CHECK(limiter.take(0, kNormal).capacity == 2);
}

TEST_CASE("buckets are swept away once they are full and nothing is held against their owner", "[limits]") {
    Limiter limiter(v11_profile());
    static_cast<void>(limiter.take(0, kLight, limits::agent_party(1, "a")));
    for (int i = 0; i < 11; ++i) static_cast<void>(limiter.take(0, kHeavy, limits::agent_party(1, "b")));
    static_cast<void>(limiter.take(0, kLight, limits::address_party("10.0.0.1")));
    CHECK(limiter.buckets() == 3);
    CHECK(limiter.tables.count<LimitViolationRow>() == 1);
    limiter.sweep(59'000'000);
    CHECK(limiter.buckets() == 3);
    // Refused again just before: the refusals are not forgotten with the bucket.
    static_cast<void>(limiter.take(59'500'000, kHeavy, limits::agent_party(1, "b")));
    limiter.sweep(60'000'000);
    CHECK(limiter.buckets() == 1);
    limiter.sweep(240'000'000);
    CHECK(limiter.buckets() == 0);
    CHECK(limiter.tables.count<LimitViolationRow>() == 0);
    CHECK(limiter.tables.indexes().mono_timers.empty());
}

TEST_CASE("a flood of addresses neither grows the table without bound nor robs those who have a bucket", "[limits]") {
    Settings settings;
    settings.limit_address_per_min = 10;
    Limiter limiter(settings);
    const auto take = [&](const std::string& address) {
        limiter::Verdict verdict;
        limiter.run([&](Context& ctx) { verdict = limiter::take_bad_request(ctx, address); });
        return verdict;
    };
    for (int i = 0; i < 9; ++i) REQUIRE(take("10.0.0.1").allowed);
    int64_t refused = 0;
    for (int64_t i = 0; i < limiter::kBucketsMax + 1'000; ++i) {
        refused += take("flood-" + std::to_string(i)).allowed ? 0 : 1;
    }
    CHECK(limiter.buckets() == limiter::kBucketsMax + 1);
    CHECK(limiter.tables.count<LimitViolationRow>() == 0);
    // The newcomers beyond the bound share ten.
    CHECK(refused == 1'001 - 10);
    CHECK(take("10.0.0.1").allowed);
    CHECK_FALSE(take("10.0.0.1").allowed);
    // Agents have a table of their own.
    CHECK(limiter.take(0, kNormal).remaining == settings.limit_normal_per_min - 1);
    CHECK(limiter.take(0, kLight).allowed);
    CHECK(limiter.tables.indexes().buckets.at(0).size() == 2);
    limiter.sweep(60'000'000);
    limiter.sweep(61'000'000);
    limiter.sweep(200'000'000);
    CHECK(limiter.tables.indexes().buckets.at(1).size() <= 1);
}

TEST_CASE("the networks of IPv6 share a bucket", "[limits]") {
    Settings settings;
    settings.limit_failed_logins_per_min = 2;
    Limiter limiter(settings);
    limiter.run([](Context& ctx) {
        CHECK(limiter::take_failed_login(ctx, "2001:db8::1").allowed);
        CHECK(limiter::take_failed_login(ctx, "2001:db8::2").allowed);
        CHECK_FALSE(limiter::take_failed_login(ctx, "2001:db8::3").allowed);
        CHECK(limiter::take_failed_login(ctx, "2001:db8:0:1::3").allowed);
    });
}

TEST_CASE("before identify every frame counts, of the connection and of its address", "[limits]") {
    Settings settings;
    settings.limit_connection_per_min = 5;
    settings.limit_address_per_min = 8;
    TestHub hub(settings);
    hub.register_agent("ann");
    const int64_t first = hub.open();
    for (int i = 0; i < 5; ++i) hub.send(first, i % 2 ? "no json" : R"({"type":"ping"})");
    CHECK(hub.frames(first).size() == 5);
    CHECK(hub.take_frame(first, "rate_limited").empty());
    hub.send(first, R"({"type":"ping"})");
    CHECK(hub.take_frame(first, "rate_limited") == R"({"type":"rate_limited","tier":"heavy","retry_after_ms":12000})");
    // Another connection of the same address has what is left of the address.
    const int64_t second = hub.open();
    for (int i = 0; i < 3; ++i) hub.send(second, "{}");
    CHECK(hub.take_frame(second, "rate_limited").empty());
    hub.send(second, "{}");
    CHECK_FALSE(hub.take_frame(second, "rate_limited").empty());
    hub.disconnect(first);
    hub.disconnect(second);
    CHECK(hub.tables().indexes().buckets.at(2).empty());
    // Once identified, its own limits count.
    hub.advance_ms(60'000);
    const int64_t ann = hub.connect("ann");
    for (int i = 0; i < 50; ++i) hub.send(ann, R"({"type":"ping"})");
    CHECK(hub.take_frame(ann, "rate_limited").empty());
    CHECK(hub.tables().indexes().buckets.at(2).empty());
}

TEST_CASE("wrong tokens are answered as such only so often, right ones always", "[limits]") {
    Settings settings;
    settings.limit_failed_logins_per_min = 3;
    TestHub hub(settings);
    hub.register_agent("ann");
    const int64_t guesser = hub.open();
    for (int i = 0; i < 2; ++i) {
        hub.send(guesser, R"({"type":"identify","agent_id":"ann","token":"guess"})");
        CHECK(TestHub::member(hub.take_frame(guesser, "error"), "error") == "invalid_token");
    }
    CHECK(hub.http(Method::get, "/api/tasks", "", "guess").status == 401);
    const test::Response limited = hub.http(Method::get, "/api/tasks", "", "guess");
    CHECK(limited.status == 429);
    CHECK(limited.body == R"({"error":"rate_limited","retry_after_ms":20000,"tier":"heavy"})");
    CHECK(limited.headers == std::vector<std::pair<std::string, std::string>>{{"retry-after", "20"}});
    hub.send(guesser, R"({"type":"identify","agent_id":"ann","token":"guess"})");
    CHECK_FALSE(hub.take_frame(guesser, "rate_limited").empty());
    // A neighbour with the right token is let in.
    CHECK(hub.http(Method::get, "/api/tasks", "", TestHub::token_of("ann")).status == 200);
    hub.connect("ann");
    hub.advance_ms(20'000);
    CHECK(hub.http(Method::get, "/api/tasks", "", "guess").status == 401);
}

TEST_CASE("requests that are no good count for their address", "[limits]") {
    Settings settings;
    settings.limit_address_per_min = 3;
    TestHub hub(settings);
    for (int i = 0; i < 3; ++i) CHECK(hub.http(Method::get, "/no/such/route").status == 404);
    CHECK(hub.http(Method::get, "/no/such/route").status == 429);
    CHECK(hub.http(Method::get, "/health").status == 200);
}

TEST_CASE("an agent over its limit is told, gets no work, and is scheduled again when that ends", "[limits]") {
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

TEST_CASE("reports about tasks are never refused", "[limits]") {
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

TEST_CASE("a warning comes before the reply", "[limits]") {
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
