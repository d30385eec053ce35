#include "core/hub/storage_jobs.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

constexpr int64_t kOneHourMs = 3'600'000;
constexpr int64_t kOneDayMs = 24 * kOneHourMs;
/// The test hub begins at 08:00 UTC.
constexpr int64_t kToQuietHourMs = 19 * kOneHourMs;

void end_job(TestHub& hub, bool ok, const std::string& result = "{}", const std::string& error = "") {
    hub.apply(StorageJobDone{hub.storage_jobs().back().job, ok, result, error});
}

int64_t jobs_of(TestHub& hub, StorageJobKind kind) {
    return std::count_if(hub.storage_jobs().begin(), hub.storage_jobs().end(),
                         [kind](const StorageJob& job) { return job.kind == kind; });
}

std::string shown(TestHub& hub) { return hub.http(Method::get, "/api/admin/storage", "", kAdmin).body; }

}  // namespace

TEST_CASE("W-25: a backup is due by the last one, however often the hub restarts", "[storage]") {
    Settings settings;
    settings.compaction_hour = -1;
    TestHub hub(settings);
    hub.advance_ms(settings.backup_start_delay_ms - 1);
    CHECK(hub.storage_jobs().empty());
    hub.advance_ms(1);
    REQUIRE(hub.storage_jobs().size() == 1);
    CHECK(hub.storage_jobs()[0].kind == StorageJobKind::backup);
    CHECK(hub.storage_jobs()[0].scheduled);
    end_job(hub, true);
    hub.advance_ms(kOneDayMs / 2);
    hub.restart();
    hub.advance_ms(kOneDayMs / 2 - kOneHourMs);
    CHECK(hub.storage_jobs().size() == 1);
    hub.restart();
    hub.advance_ms(kOneHourMs);
    CHECK(hub.storage_jobs().size() == 2);
    // It failed: the next attempt comes soon, and the last good one counts.
    end_job(hub, false, "{}", "the disk is full");
    const std::string told = shown(hub);
    CHECK(told.find("the disk is full") != std::string::npos);
    CHECK(TestHub::member(told, "last_backup_at") != "null");
    hub.advance_ms(10 * 60'000);
    CHECK(hub.storage_jobs().size() == 3);
}

TEST_CASE("the files know of backups that the rows do not", "[storage]") {
    Settings settings;
    settings.compaction_hour = -1;
    TestHub hub(settings);
    StorageFigures figures;
    figures.database_bytes = 100'000;
    figures.free_bytes = 60'000;
    figures.backups = R"([{"name":"a","made_at":)" + std::to_string(hub.now_ms() - kOneHourMs) + "}]";
    hub.apply(figures);
    hub.advance_ms(kOneDayMs - 2 * kOneHourMs);
    CHECK(hub.storage_jobs().empty());
    hub.advance_ms(kOneHourMs);
    CHECK(hub.storage_jobs().size() == 1);
    CHECK(TestHub::member(shown(hub), "free_percent") == "60");
}

TEST_CASE("a backup that nobody made for two intervals is overdue", "[storage]") {
    Settings settings;
    settings.compaction_hour = -1;
    TestHub hub(settings);
    CHECK(TestHub::member(shown(hub), "backup_overdue") == "false");
    hub.advance_ms(2 * kOneDayMs + kOneHourMs);
    CHECK(TestHub::member(shown(hub), "backup_overdue") == "true");
    end_job(hub, true);
    CHECK(TestHub::member(shown(hub), "backup_age_ms") != "null");
}

TEST_CASE("W-30: a compaction comes in the quiet hour, and the last 20 runs are kept over restarts", "[storage]") {
    Settings settings;
    settings.backup_interval_ms = 0;
    TestHub hub(settings);
    hub.advance_ms(kToQuietHourMs - 1);
    CHECK(hub.storage_jobs().empty());
    hub.advance_ms(1);
    REQUIRE(hub.storage_jobs().size() == 1);
    CHECK(hub.storage_jobs()[0].kind == StorageJobKind::compaction);
    end_job(hub, true, R"({"freed_bytes":4096,"duration_ms":2})");
    for (int i = 0; i < 24; ++i) {
        hub.advance_ms(kOneDayMs);
        end_job(hub, true, R"({"freed_bytes":0,"duration_ms":0,"reason":"below_threshold"})");
    }
    CHECK(hub.tables().count<StorageRunRow>() == 20);
    hub.restart();
    CHECK(hub.tables().count<StorageRunRow>() == 20);
    CHECK(storage::last_run(hub.tables(), StorageJobKind::compaction, true)->result.find("below_threshold") !=
          std::string::npos);
}

TEST_CASE("what is due while another job runs comes after it", "[storage]") {
    Settings settings;
    settings.backup_interval_ms = kOneDayMs;
    settings.backup_start_delay_ms = kToQuietHourMs - 1'000;
    TestHub hub(settings);
    hub.advance_ms(kToQuietHourMs + 60'000);
    REQUIRE(hub.storage_jobs().size() == 1);
    end_job(hub, true);
    hub.advance_ms(10'000);
    CHECK(jobs_of(hub, StorageJobKind::compaction) == 1);
    // The end of a job that is none changes nothing.
    hub.apply(StorageJobDone{99, true, "{}", ""});
    CHECK(TestHub::member(shown(hub), "running") != "null");
}

TEST_CASE("after a restore old holders are fenced, cursors void, and revoked tokens stay revoked", "[storage]") {
    World world;
    TestHub& hub = world.hub;
    const int64_t bob = hub.connect("bob");
    const std::string task = world.submit();
    const std::string assigned = hub.take_frame(bob, "task_assign");
    CHECK(TestHub::member(assigned, "generation") == "1");
    const int64_t seq_before = hub.tables().find<WorkspaceRow>({1})->message_seq;
    const std::string token = sha256_hex(TestHub::token_of("ann"));
    REQUIRE(hub.tables().contains<TokenRow>({token}));

    hub.restored.restored_from = "20261121T000000Z-1";
    hub.restored.lost_messages = 500;
    hub.restored.revoked_tokens = token;
    hub.restart();
    CHECK(hub.tables().find<HubRow>({0})->epoch == std::string(32, 'f'));
    CHECK(hub.tables().find<WorkspaceRow>({1})->message_seq == seq_before + 500);
    CHECK_FALSE(hub.tables().contains<TokenRow>({token}));
    const TaskRow* row = hub.row(task);
    CHECK(row->state == TaskState::queued);
    CHECK(row->generation > 1'000'000);
    // The old holder reports with the generation it knows: refused. It gets the task anew like anybody.
    const int64_t again = hub.connect("bob");
    hub.send(again, R"({"type":"task_complete","task_id":")" + task + R"(","generation":1})");
    CHECK(hub.take_frame(again, "task_ack").empty());
    const std::string anew = hub.take_frame(again, "task_assign");
    CHECK(TestHub::member(anew, "task_id") == task);
    hub.send(again, R"({"type":"task_complete","task_id":")" + task + R"(","generation":)" +
                        TestHub::member(anew, "generation") + "}");
    CHECK(TestHub::member(hub.take_frame(again, "task_ack"), "status") == "complete");
    CHECK(storage::last_run(hub.tables(), StorageJobKind::restore, true)->subject == "20261121T000000Z-1");
}

TEST_CASE("two restores of one backup do not give the same generations", "[storage]") {
    World world;
    TestHub& hub = world.hub;
    const std::string task = world.submit();
    // The backup has the task before anybody had it.
    const sim::MemoryStore backup = hub.store();
    const auto generation_after_restore = [&] {
        hub.store() = backup;
        hub.restored.restored_from = "20261121T000000Z-1";
        hub.restored.lost_messages = 500;
        hub.restart();
        hub.restored = {};
        const int64_t bob = hub.connect("bob");
        const std::string assigned = hub.take_frame(bob, "task_assign");
        CHECK(TestHub::member(assigned, "task_id") == task);
        return hub.row(task)->generation;
    };
    const int64_t first = generation_after_restore();
    hub.advance_ms(60'000);
    CHECK(generation_after_restore() > first + 1'000);
    CHECK(hub.row(task)->generation < int64_t{1} << 53);
}

TEST_CASE("a dry run is answered, however long it takes, and leaves nothing behind", "[storage]") {
    World world;
    TestHub& hub = world.hub;
    StorageFigures figures;
    figures.backups = R"([{"name":"b2","made_at":)" + std::to_string(hub.now_ms()) + "}]";
    hub.apply(figures);
    const auto events = [&] { return hub.tables().find<WorkspaceRow>({1})->event_seq; };
    const int64_t events_before = events();
    for (const bool ok : {true, false}) {
        CAPTURE(ok);
        const int64_t preview =
            hub.begin_http(Method::post, "/api/admin/backups/b2/restore", R"({"dry_run":true})", kAdmin);
        hub.advance_ms(2 * Settings{}.storage_wait_ms);
        CHECK(hub.answer(preview).status == 0);
        end_job(hub, ok, R"({"backup":"b2"})", ok ? "" : "it is damaged");
        CHECK(hub.answer(preview).status == (ok ? 200 : 500));
    }
    CHECK(hub.tables().count<StorageRunRow>() == 0);
    CHECK(events() == events_before);
    CHECK(TestHub::member(shown(hub), "runs") == "[]");
    // Numbers are of what can be looked up.
    const int64_t verified = hub.begin_http(Method::post, "/api/admin/backups/b2/verify", "", kAdmin);
    end_job(hub, true);
    CHECK(hub.answer(verified).status == 200);
    CHECK(hub.storage_jobs().back().job == 1);
    CHECK(hub.tables().contains<StorageRunRow>({1}));
}
