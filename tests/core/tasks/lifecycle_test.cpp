#include "core/tasks/lifecycle.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <set>

#include "tests/core/tasks/task_hub.hpp"

using namespace agentcom;
using agentcom::test::Names;
using agentcom::test::TaskHub;

namespace {

constexpr std::array<TaskState, kTaskStates> kStates{TaskState::held,       TaskState::queued,    TaskState::assigned,
                                                     TaskState::working,    TaskState::completed, TaskState::cancelled,
                                                     TaskState::dead_letter};

struct Line {
    TaskEvent event;
    std::array<std::string_view, kTaskStates> cells;  // the action where it is legal, else the error
};

constexpr std::string_view kNo = "invalid_state";
constexpr std::string_view kGone = "not_found";
constexpr std::string_view kFree = "not_assigned";
constexpr std::string_view kSkip = "ignored";

// The table of the specification, told once more by hand.
// clang-format off
constexpr std::array<Line, kTaskEvents> kExpected{{
    //                               held       queued         assigned         working          completed cancelled dead_letter
    {TaskEvent::dispatch,           {kNo,       "begin_lease", kNo,             kNo,             kNo,   kNo,   kGone}},
    {TaskEvent::accept,             {kNo,       kNo,           "begin_work",    "keep",          kNo,   kGone, kGone}},
    {TaskEvent::progress,           {kNo,       kNo,           "begin_work",    "keep",          kNo,   kGone, kGone}},
    {TaskEvent::complete,           {kNo,       kNo,           "finish",        "finish",        kNo,   kGone, kGone}},
    {TaskEvent::fail,               {kNo,       kNo,           "count_failure", "count_failure", kNo,   kGone, kGone}},
    {TaskEvent::reject,             {kNo,       kNo,           "give_back",     "give_back",     kNo,   kGone, kGone}},
    {TaskEvent::release,            {kNo,       kNo,           "give_back",     "give_back",     kNo,   kGone, kGone}},
    {TaskEvent::recover,            {kNo,       kNo,           "begin_work",    "keep",          kNo,   kGone, kGone}},
    {TaskEvent::acceptance_timeout, {kFree,     kFree,         "reclaim",       kSkip,           kFree, kFree, kFree}},
    {TaskEvent::silence,            {kFree,     kFree,         "reclaim",       "reclaim",       kFree, kFree, kFree}},
    {TaskEvent::max_run,            {kFree,     kFree,         "reclaim",       "reclaim",       kFree, kFree, kFree}},
    {TaskEvent::grace_over,         {kFree,     kFree,         "reclaim",       "reclaim",       kFree, kFree, kFree}},
    {TaskEvent::stuck,              {kFree,     kFree,         "reclaim",       "reclaim",       kFree, kFree, kFree}},
    {TaskEvent::deadline,           {"expire",  "expire",      "expire",        "expire",        kSkip, kSkip, kSkip}},
    {TaskEvent::unhold,             {"enqueue", kSkip,         kSkip,           kSkip,           kSkip, kSkip, kSkip}},
    {TaskEvent::cancel,             {"end",     "end",         "end",           "end",           kNo,   kNo,   "end"}},
    {TaskEvent::request_cancel,     {kFree,     kFree,         "keep",          "keep",          kNo,   kNo,   kFree}},
    {TaskEvent::retry,              {kGone,     kGone,         kGone,           kGone,           kGone, kGone, "revive"}},
}};
// clang-format on

std::string_view expected(TaskEvent event, TaskState state) {
    const auto line =
        std::find_if(kExpected.begin(), kExpected.end(), [event](const Line& each) { return each.event == event; });
    return line->cells.at(static_cast<size_t>(state));
}

bool is_timer(TaskEvent event) { return event >= TaskEvent::acceptance_timeout && event <= TaskEvent::unhold; }

/// Release has no frame, and a request to cancel is heard on protocol 2 only: reports_test.cpp has both.
bool has_scene(TaskEvent event) { return event != TaskEvent::release && event != TaskEvent::request_cancel; }

constexpr int64_t kWhen = 100'000;  // when the timer at hand fires; all others come much later
constexpr int64_t kFar = 1'000'000'000;

Settings settings_for(TaskEvent event) {
    Settings settings;
    settings.idle_timeout_ms = kFar;
    settings.ping_interval_ms = 0;
    settings.acceptance_timeout_ms = event == TaskEvent::acceptance_timeout ? kWhen : kFar;
    settings.lease_silence_ms = event == TaskEvent::silence ? kWhen : kFar;
    settings.max_run_ms = event == TaskEvent::max_run ? kWhen : kFar;
    settings.reconnect_grace_ms = kWhen;
    settings.stuck_after_ms = event == TaskEvent::stuck ? kWhen : kFar;
    settings.stuck_reclaim = event == TaskEvent::stuck ? 1 : 0;
    return settings;
}

/// A task in the wanted state; in assigned and working, agent "holder" has it.
struct Scene {
    Scene(TaskEvent event, TaskState state) : hub(settings_for(event)) {
        holder = hub.worker("holder", R"("capabilities":["c"])");
        std::string body = R"({"description":"d")";
        const bool waits = state == TaskState::held || state == TaskState::queued;
        body += waits ? R"(,"needed_capabilities":["nobody"])" : R"(,"needed_capabilities":["c"])";
        if (state == TaskState::dead_letter) body += R"(,"max_retries":1)";
        const int64_t soon = hub.now_ms() + kWhen;
        if (event == TaskEvent::deadline) body += R"(,"complete_by":)" + std::to_string(soon);
        if (state == TaskState::held) {
            body += R"(,"not_before":)" + std::to_string(event == TaskEvent::unhold ? soon : hub.now_ms() + kFar);
        }
        id = hub.submit(body + "}");
        if (state == TaskState::working) REQUIRE(hub.accept(holder, id) == "accepted");
        if (state == TaskState::completed) REQUIRE(hub.complete(holder, id, 1) == "complete");
        if (state == TaskState::cancelled) REQUIRE(hub.cancel(id) == 200);
        if (state == TaskState::dead_letter) REQUIRE(hub.fail(holder, id, 1) == "dead_letter");
        REQUIRE(hub.state(id) == to_text(state));
        leased = state == TaskState::assigned || state == TaskState::working;
    }

    TaskHub hub;
    int64_t holder = 0;
    std::string id;
    bool leased = false;
};

/// Makes the event happen and gives what the client is told; "" for what nobody is told.
std::string drive(Scene& scene, TaskEvent event) {
    // A report about a lease that is over carries a generation that never was, so that it is no repetition.
    const int64_t generation = scene.leased ? 1 : 7;
    switch (event) {
        case TaskEvent::dispatch:
            scene.hub.worker("late", R"("capabilities":["c","nobody"])");
            return {};
        case TaskEvent::accept:
            return scene.hub.accept(scene.holder, scene.id);
        case TaskEvent::progress:
            return scene.hub.report(scene.holder, "task_progress", scene.id, R"("progress":50)");
        case TaskEvent::complete:
            return scene.hub.complete(scene.holder, scene.id, generation);
        case TaskEvent::fail:
            return scene.hub.fail(scene.holder, scene.id, generation);
        case TaskEvent::reject:
            return scene.hub.reject(scene.holder, scene.id);
        case TaskEvent::recover:
            return scene.hub.recover(scene.holder, scene.id);
        case TaskEvent::cancel:
            return std::to_string(scene.hub.cancel(scene.id));
        case TaskEvent::retry:
            return std::to_string(scene.hub.retry(scene.id));
        case TaskEvent::grace_over:
            scene.hub.disconnect(scene.holder);
            scene.hub.advance_ms(kWhen);
            return {};
        case TaskEvent::acceptance_timeout:
        case TaskEvent::silence:
        case TaskEvent::max_run:
        case TaskEvent::stuck:
        case TaskEvent::deadline:
        case TaskEvent::unhold:
            scene.hub.advance_ms(kWhen);
            return {};
        case TaskEvent::release:
        case TaskEvent::request_cancel:
            break;  // see has_scene
    }
    return {};
}

/// What the client must be told.
std::string expected_answer(TaskEvent event, TaskState state) {
    const std::string cell(expected(event, state));
    const bool legal = lifecycle(state, event).action != TaskAction::nothing;
    switch (event) {
        case TaskEvent::accept:
            return "accepted";  // always, as in v1.1
        case TaskEvent::complete:
            return legal ? "complete" : "task_complete_failed: " + cell;
        case TaskEvent::fail:
            return legal ? "retried" : "task_fail_failed: " + cell;
        case TaskEvent::reject:
            return "rejected";
        case TaskEvent::recover:
            return legal ? "task_continue 1" : "task_reassign";
        case TaskEvent::cancel:
            return legal ? "200" : "409";
        case TaskEvent::retry:
            return legal ? "200" : "404";
        default:
            return {};
    }
}

/// What the transition leaves behind.
struct Trace {
    std::string state;
    int64_t generation = 0;  // more than before
    std::string event;       // kind/cause; "" = none
    std::string attempt;     // outcome; "" = no lease ended
};

Trace expected_trace(TaskEvent event, TaskState state) {
    const std::string cell(expected(event, state));
    const bool leased = state == TaskState::assigned || state == TaskState::working;
    const auto if_leased = [&](const char* outcome) { return leased ? std::string(outcome) : std::string{}; };
    if (cell == "begin_lease") return {"assigned", 1, "task_assigned/", ""};
    if (cell == "begin_work") return {"working", 0, "task_accepted/", ""};
    if (cell == "finish") return {"completed", 0, "task_completed/", "completed"};
    if (cell == "count_failure") return {"held", 1, "task_retried/failed", "retried"};
    if (cell == "give_back") return {"queued", 1, "task_rejected/busy", "rejected"};
    if (cell == "reclaim") {
        const std::string reason(event == TaskEvent::silence      ? "silent"
                                 : event == TaskEvent::grace_over ? "disconnect"
                                                                  : to_text(event));
        return {"queued", 1, "task_reclaimed/" + reason, reason};
    }
    if (cell == "expire") return {"dead_letter", 0, "task_dead_letter/deadline", if_leased("deadline")};
    if (cell == "enqueue") return {"queued", 0, "task_unheld/not_before", ""};
    if (cell == "end") return {"cancelled", 0, "task_cancelled/cancelled by submitter", if_leased("cancelled")};
    // A revived task finds its agent at once: the event of that comes after its own.
    if (cell == "revive") return {"assigned", 2, "task_assigned/", ""};
    return {std::string(to_text(state)), 0, "", ""};
}

}  // namespace

TEST_CASE("the lifecycle table is the one of the specification, cell by cell") {
    std::set<TaskEvent> seen;
    for (const Line& line : kExpected) {
        seen.insert(line.event);
        for (const TaskState state : kStates) {
            CAPTURE(to_text(line.event), to_text(state));
            const LifecycleCell& cell = lifecycle(state, line.event);
            const std::string_view is = cell.action == TaskAction::nothing ? cell.error : to_text(cell.action);
            CHECK(is == expected(line.event, state));
            CHECK((cell.action == TaskAction::nothing) == !cell.error.empty());
        }
    }
    CHECK(seen.size() == kTaskEvents);
}

TEST_CASE("each cell of the lifecycle does on the wire what the table says") {
    for (const Line& line : kExpected) {
        if (!has_scene(line.event)) continue;
        for (const TaskState state : kStates) {
            CAPTURE(to_text(line.event), to_text(state));
            Scene scene(line.event, state);
            const int64_t generation = scene.hub.generation(scene.id);
            const size_t events = scene.hub.events(scene.id).size();
            const size_t attempts = scene.hub.attempts(scene.id).size();

            CHECK(drive(scene, line.event) == expected_answer(line.event, state));

            const Trace trace = expected_trace(line.event, state);
            CHECK(scene.hub.state(scene.id) == trace.state);
            CHECK(scene.hub.generation(scene.id) - generation == trace.generation);
            const size_t new_events = scene.hub.events(scene.id).size() - events;
            const bool revived = line.event == TaskEvent::retry && trace.generation > 0;
            CHECK(new_events == (trace.event.empty() ? 0U : revived ? 2U : 1U));
            if (!trace.event.empty()) CHECK(scene.hub.last_event(scene.id) == trace.event);
            const Names after = scene.hub.attempts(scene.id);
            CHECK(after.size() - attempts == (trace.attempt.empty() ? 0U : 1U));
            if (!trace.attempt.empty()) CHECK(after.back() == "1 holder " + trace.attempt);
            // The store has what memory has, and nothing is left that contradicts it.
            CHECK(to_text(scene.hub.stored(scene.id).state) == trace.state);
            CHECK(scene.hub.broken_rule() == "");
            CHECK(scene.hub.broken_history() == "");
            // Nobody stays busy with a task that is no longer his.
            const TaskRow now = scene.hub.stored(scene.id);
            if (!now.leased() && line.event != TaskEvent::grace_over) CHECK(scene.hub.work_state("holder") == "idle");
        }
    }
}

TEST_CASE("a transition survives a crash right after it") {
    for (const Line& line : kExpected) {
        if (!has_scene(line.event) || is_timer(line.event)) continue;
        for (const TaskState state : kStates) {
            CAPTURE(to_text(line.event), to_text(state));
            Scene scene(line.event, state);
            drive(scene, line.event);
            const std::string before = scene.hub.state(scene.id);
            const int64_t generation = scene.hub.generation(scene.id);
            scene.hub.restart();
            CHECK(scene.hub.state(scene.id) == before);
            CHECK(scene.hub.generation(scene.id) == generation);
            CHECK(scene.hub.broken_rule() == "");
        }
    }
}

TEST_CASE("protocol 1 knows four states") {
    const std::array<std::string_view, kTaskStates> words{"queued",    "queued",      "assigned",   "assigned",
                                                          "completed", "dead_letter", "dead_letter"};
    for (const TaskState state : kStates) {
        CAPTURE(to_text(state));
        CHECK(v11_status(state) == words.at(static_cast<size_t>(state)));
        Scene scene(TaskEvent::accept, state);
        const std::string task = scene.hub.task(scene.id);
        CHECK(TaskHub::member(task, "status") == words.at(static_cast<size_t>(state)));
        CHECK(TaskHub::member(task, "state") == to_text(state));
        if (state == TaskState::cancelled) CHECK(TaskHub::member(task, "last_error") == "cancelled");
    }
}

TEST_CASE("each event and action has a name of its own") {
    std::set<std::string_view> names;
    for (size_t i = 0; i < kTaskEvents; ++i) names.insert(to_text(static_cast<TaskEvent>(i)));
    CHECK(names.size() == kTaskEvents);
    names.clear();
    for (size_t i = 0; i <= static_cast<size_t>(TaskAction::revive); ++i) {
        names.insert(to_text(static_cast<TaskAction>(i)));
    }
    CHECK(names.size() == static_cast<size_t>(TaskAction::revive) + 1);
}
