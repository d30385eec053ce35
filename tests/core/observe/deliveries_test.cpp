#include "core/observe/deliveries.hpp"

#include <catch2/catch.hpp>

#include "core/observe/webhooks.hpp"
#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// A hub with the webhook "ops", and a server behind it that answers as it is told.
struct Receiver {
    explicit Receiver(Settings settings = {}, const std::string& kinds = R"(["task_submitted"])")
        : world(std::move(settings)) {
        const Response made =
            world.hub.http(Method::post, "/api/webhooks",
                           R"({"webhook_id":"ops","url":"https://ops.example/in","kinds":)" + kinds + "}", kAdmin);
        CAPTURE(made.body);
        REQUIRE(made.status == 201);
    }
    std::vector<Deliver>& sent() { return world.hub.sent(); }
    /// Answers the first that was sent and has no answer.
    void answer(int64_t status, int64_t retry_after_ms = 0, const std::string& error = "") {
        REQUIRE(!sent().empty());
        const Deliver what = sent().front();
        sent().erase(sent().begin());
        world.hub.apply(Delivered{what.workspace, what.receiver, what.seq, status, retry_after_ms, error});
    }
    std::string webhook() { return world.hub.http(Method::get, "/api/webhooks/ops", "", kAdmin).body; }
    std::vector<DeliveryRow> rows() {
        const auto& tables = world.hub.tables();
        std::vector<DeliveryRow> all;
        for (const DeliveryRow::Key& key : tables.sorted_keys<DeliveryRow>())
            all.push_back(*tables.find<DeliveryRow>(key));
        return all;
    }
    const ReceiverRow* state() { return world.hub.tables().find<ReceiverRow>({1, "webhook/ops"}); }

    World world;
};

}  // namespace

TEST_CASE("what an answer means", "[outputs]") {
    using deliveries::Verdict;
    struct {
        const char* receiver;
        int64_t status;
        Verdict verdict;
    } const cases[] = {
        {"webhook/a", 200, Verdict::delivered}, {"webhook/a", 204, Verdict::delivered},
        {"webhook/a", 0, Verdict::again},       {"webhook/a", 301, Verdict::again},
        {"webhook/a", 404, Verdict::again},     {"webhook/a", 401, Verdict::again},
        {"webhook/a", 429, Verdict::again},     {"webhook/a", 500, Verdict::again},
        {"webhook/a", 422, Verdict::refused},   {"webhook/a", 413, Verdict::refused},
        {"webhook/a", 410, Verdict::gone},      {"push/a", 201, Verdict::delivered},
        {"push/a", 404, Verdict::gone},         {"push/a", 410, Verdict::gone},
        {"push/a", 429, Verdict::again},        {"push/a", 503, Verdict::again},
        {"push/a", 0, Verdict::again},          {"push/a", 403, Verdict::refused},
        {"push/a", 413, Verdict::refused},      {"push/a", 400, Verdict::refused},
    };
    for (const auto& each : cases) {
        INFO(each.receiver << " " << each.status);
        CHECK(deliveries::judge(each.receiver, each.status) == each.verdict);
    }
}

TEST_CASE("an event goes to the webhook that has chosen it, once", "[outputs]") {
    Receiver receiver;
    const std::string task = receiver.world.submit();
    REQUIRE(receiver.sent().size() == 1);
    const Deliver what = receiver.sent().front();
    CHECK(what.url == "https://ops.example/in");
    CHECK(what.secret_sha256.size() == 64);
    CHECK(TestHub::member(what.body, "workspace") == "default");
    CHECK(TestHub::member(what.body, "gap_since") == "null");
    const std::string event = TestHub::member(what.body, "event");
    CHECK(TestHub::member(event, "kind") == "task_submitted");
    CHECK(TestHub::member(event, "subject") == task);
    CHECK(TestHub::member(event, "cursor") == what.name);
    receiver.answer(204);
    CHECK(receiver.sent().empty());
    REQUIRE(receiver.rows().size() == 1);
    CHECK(receiver.rows().front().state == DeliveryState::delivered);
    CHECK(receiver.rows().front().attempts == 1);
    // An answer that comes twice, or for what was never sent, changes nothing.
    receiver.world.hub.apply(Delivered{what.workspace, what.receiver, what.seq, 500, 0, ""});
    receiver.world.hub.apply(Delivered{what.workspace, "webhook/none", 7, 500, 0, ""});
    CHECK(receiver.rows().front().state == DeliveryState::delivered);
    CHECK(receiver.state() == nullptr);
}

TEST_CASE("a failing receiver rests longer each time and is tried with one delivery alone", "[outputs]") {
    Settings settings;
    settings.delivery_retry_ms = 1'000;
    settings.delivery_retry_max_ms = 4'000;
    Receiver receiver(settings);
    for (int i = 0; i < 6; ++i) receiver.world.submit();
    REQUIRE(receiver.sent().size() == deliveries::kAtATime);
    for (size_t i = 0; i < deliveries::kAtATime; ++i) receiver.answer(500);
    // They were on their way together: one failure.
    REQUIRE(receiver.state() != nullptr);
    CHECK(receiver.state()->failures == 1);
    CHECK(receiver.sent().empty());
    for (const int64_t longest_ms : {1'000, 2'000, 4'000, 4'000}) {
        receiver.world.hub.advance_ms(longest_ms / 2 - 1);
        CHECK(receiver.sent().empty());
        receiver.world.hub.advance_ms(longest_ms / 2 + 1);
        REQUIRE(receiver.sent().size() == 1);
        receiver.answer(503);
    }
    CHECK(TestHub::member(receiver.webhook(), "state") == "failing");
    // It is back: the others follow.
    receiver.world.hub.advance_ms(4'000);
    receiver.answer(200);
    CHECK(receiver.sent().size() == deliveries::kAtATime);
    CHECK(TestHub::member(receiver.webhook(), "state") == "ok");
}

TEST_CASE("Retry-After is kept to, within an hour", "[outputs]") {
    Receiver receiver;
    receiver.world.submit();
    receiver.answer(429, 60'000);
    receiver.world.hub.advance_ms(59'999);
    CHECK(receiver.sent().empty());
    receiver.world.hub.advance_ms(1);
    REQUIRE(receiver.sent().size() == 1);
    receiver.answer(503, 100'000'000);
    receiver.world.hub.advance_ms(3'600'000);
    CHECK(receiver.sent().size() == 1);
}

TEST_CASE("what was on its way together does not end a rest that one of it has brought about", "[outputs]") {
    Receiver receiver;
    for (int i = 0; i < 6; ++i) receiver.world.submit();
    REQUIRE(receiver.sent().size() == deliveries::kAtATime);
    receiver.answer(429, 60'000);
    for (size_t i = 1; i < deliveries::kAtATime; ++i) receiver.answer(200);
    REQUIRE(receiver.state() != nullptr);
    CHECK(receiver.state()->failures == 1);
    CHECK(receiver.sent().empty());
    receiver.world.hub.advance_ms(59'999);
    CHECK(receiver.sent().empty());
    receiver.world.hub.advance_ms(1);
    REQUIRE(receiver.sent().size() == 1);
    receiver.answer(200);
    CHECK(receiver.sent().size() == 2);
}

TEST_CASE("a delivery ends after its attempts, after its time, and when it is refused", "[outputs]") {
    Settings settings;
    settings.delivery_attempts = 2;
    settings.delivery_ttl_ms = 10'000;
    settings.delivery_retry_ms = settings.delivery_retry_max_ms = 1'000;
    Receiver receiver(settings);
    receiver.world.submit();
    receiver.answer(0, 0, "no such host");
    receiver.world.hub.advance_ms(1'000);
    receiver.answer(0, 0, "no such host");
    REQUIRE(receiver.rows().size() == 1);
    CHECK(receiver.rows().front().state == DeliveryState::failed);
    CHECK(receiver.rows().front().last_error == "no such host");
    CHECK(receiver.rows().front().body.empty());
    receiver.world.submit();
    receiver.world.hub.advance_ms(1'000);
    receiver.answer(422);
    CHECK(receiver.rows().back().state == DeliveryState::failed);
    // While the receiver rests its time runs out.
    receiver.world.submit();
    receiver.answer(503, 20'000);
    receiver.world.hub.advance_ms(20'000);
    CHECK(receiver.sent().empty());
    CHECK(receiver.rows().back().last_error == "expired");
}

TEST_CASE("when too many wait events are left out, and the next delivery says so", "[outputs]") {
    Settings settings;
    settings.deliveries_waiting_max = 5;
    Receiver receiver(settings);
    for (int i = 0; i < 9; ++i) receiver.world.submit();
    CHECK(receiver.rows().size() == 5);
    for (int i = 0; i < 5; ++i) receiver.answer(200);
    receiver.world.submit();
    REQUIRE(receiver.sent().size() == 1);
    const std::string gap = TestHub::member(receiver.sent().front().body, "gap_since");
    CHECK(gap == std::string(32, 'e') + "." + std::to_string(receiver.rows()[4].seq));
    receiver.answer(200);
    receiver.world.submit();
    CHECK(TestHub::member(receiver.sent().front().body, "gap_since") == "null");
}

TEST_CASE("what waits is sent after a restart, and what was on its way is sent again", "[outputs]") {
    Receiver receiver;
    receiver.world.submit();
    REQUIRE(receiver.sent().size() == 1);
    const Deliver first = receiver.sent().front();
    receiver.sent().clear();
    receiver.world.hub.restart();
    REQUIRE(receiver.sent().size() == 1);
    CHECK(receiver.sent().front().name == first.name);
    CHECK(receiver.sent().front().body == first.body);
    receiver.answer(200);
    receiver.sent().clear();
    receiver.world.hub.restart();
    CHECK(receiver.sent().empty());
}

TEST_CASE("nothing is sent of a turn that is taken back", "[outputs]") {
    Receiver receiver;
    receiver.world.submit();
    receiver.answer(200);
    receiver.world.hub.store().set_failing(true);
    CHECK(receiver.world.post("/api/tasks", R"({"description":"x"})").status == 503);
    CHECK(receiver.sent().empty());
    receiver.world.hub.store().set_failing(false);
    receiver.world.hub.apply(StorageRecovered{});
    receiver.world.submit();
    REQUIRE(receiver.sent().size() == 1);
    CHECK(receiver.rows().size() == 2);
}

TEST_CASE("an answer that cannot be written down is asked for again", "[outputs]") {
    Receiver receiver;
    receiver.world.submit();
    REQUIRE(receiver.sent().size() == 1);
    const Deliver what = receiver.sent().front();
    receiver.world.hub.store().set_failing(true);
    CHECK(receiver.world.post("/api/tasks", R"({"description":"x"})").status == 503);
    receiver.answer(200);
    CHECK(receiver.rows().front().state == DeliveryState::waiting);
    receiver.world.hub.store().set_failing(false);
    receiver.world.hub.apply(StorageRecovered{});
    REQUIRE(receiver.sent().size() == 1);
    CHECK(receiver.sent().front().name == what.name);
    receiver.answer(200);
    CHECK(receiver.rows().front().state == DeliveryState::delivered);
}

TEST_CASE("ended deliveries are kept up to a number", "[outputs]") {
    Settings settings;
    settings.deliveries_shown = 3;
    Receiver receiver(settings);
    for (int i = 0; i < 8; ++i) {
        receiver.world.submit();
        receiver.answer(200);
    }
    CHECK(receiver.rows().size() == 3);
}

TEST_CASE("a hub that stops sends nothing more", "[outputs]") {
    Receiver receiver;
    receiver.world.hub.apply(Shutdown{});
    receiver.world.submit();
    CHECK(receiver.sent().empty());
    CHECK(receiver.rows().size() == 1);
}
