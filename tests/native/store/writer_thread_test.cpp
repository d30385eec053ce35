#include "native-server/store/writer_thread.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <vector>

#include "tests/native/store/store_world.hpp"
#include "tests/native/support/recording_vfs.hpp"

namespace agentcom::test {

namespace {

/// Collects reports, and waits for one.
class Reports {
  public:
    std::function<void(WriterReport)> callback() {
        return [this](WriterReport report) {
            const std::lock_guard lock(mutex_);
            reports_.push_back(std::move(report));
            changed_.notify_all();
        };
    }
    /// Waits until a report fulfils the condition, and gives it.
    WriterReport wait_for(const std::function<bool(const WriterReport&)>& condition) {
        std::unique_lock lock(mutex_);
        for (;;) {
            for (const WriterReport& report : reports_) {
                if (condition(report)) return report;
            }
            changed_.wait(lock);
        }
    }
    WriterReport wait_for(WriterReport::Kind kind) {
        return wait_for([kind](const WriterReport& report) { return report.kind == kind; });
    }
    std::vector<WriterReport> all() {
        const std::lock_guard lock(mutex_);
        return reports_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<WriterReport> reports_;
};

}  // namespace

TEST_CASE("The writer thread commits everything, in order, before it stops", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    StoreWorld world(51);
    {
        auto store = SqliteStore::open(path);
        REQUIRE(store);
        Reports reports;
        WriterOptions options;
        options.checkpoint_bytes = 64 * 1024;  // checkpoints all the time
        options.idle_ms = 1;
        WriterThread writer(*store.value(), reports.callback(), options);
        for (int i = 0; i < 300; ++i) {
            writer.submit(world.next_turn());
            if (i % 100 == 50) {
                const int64_t turn = world.turn();
                reports.wait_for([turn](const WriterReport& report) { return report.turn >= turn; });
            }
        }
        Batch empty;
        empty.turn = world.turn() + 1;
        writer.submit(empty);
        writer.stop();
        int64_t turn = 0;
        int64_t batches = 0;
        for (const WriterReport& report : reports.all()) {
            INFO(report.text);
            REQUIRE(report.kind == WriterReport::Kind::committed);
            CHECK(report.turn > turn);
            turn = report.turn;
            batches += report.batches;
        }
        CHECK(turn == empty.turn);
        CHECK(batches == 301);
        CHECK(store.value()->last_turn() >= world.turn());
        finish_upkeep(*store.value());
    }
    CHECK(fingerprint_of(path + "/hub.db").value() == world.contents().fingerprint());
}

TEST_CASE("A checkpoint under load lets the WAL begin anew", "[store]") {
    TemporaryDirectory directory;
    auto store = SqliteStore::open(directory.fresh());
    REQUIRE(store);
    Reports reports;
    WriterOptions options;
    options.checkpoint_bytes = 256 * 1024;
    options.idle_ms = 60'000;
    WriterThread writer(*store.value(), reports.callback(), options);
    WorldOptions world_options;
    world_options.body_bytes = 20'000;
    StoreWorld world(52, world_options);
    // About 20 MB: without checkpoints the WAL would have as many.
    for (int i = 0; i < 400; ++i) {
        writer.submit(world.next_turn());
        const int64_t turn = world.turn();
        reports.wait_for([turn](const WriterReport& report) { return report.turn >= turn; });
    }
    writer.stop();
    CHECK(store.value()->wal_pages() < 2'000);
}

TEST_CASE("After a failure the writer drops what comes until it has recovered", "[store]") {
    TemporaryDirectory directory;
    RecordingVfs vfs("writer-thread");
    StoreOptions options;
    options.vfs = vfs.name();
    const std::string path = directory.fresh();
    auto store = SqliteStore::open(path, options);
    REQUIRE(store);
    Reports reports;
    WriterOptions writer_options;
    writer_options.probe_ms = 1;
    WriterThread writer(*store.value(), reports.callback(), writer_options);

    StoreWorld world(53);
    for (int i = 0; i < 20; ++i) writer.submit(world.next_turn());
    reports.wait_for([](const WriterReport& report) { return report.turn == 20; });

    const StoreWorld before = world;
    // The sync of the commit fails, and the first attempts to recover.
    vfs.set_fault({DiskFault::Kind::sync_error, 0, 5});
    writer.submit(world.next_turn());
    const WriterReport failed = reports.wait_for(WriterReport::Kind::failed);
    CHECK(failed.turn == 21);
    CHECK(failed.category == StoreFailure::io);
    CHECK_FALSE(failed.text.empty());
    CHECK(failed.refused.size() == 1);
    writer.submit(world.next_turn());

    world = before;
    writer.resume(correction_for(failed.refused,
                                 [&world](TableId table, const RowValues& key) { return world.current(table, key); }));
    reports.wait_for(WriterReport::Kind::recovered);
    CHECK(vfs.failures() == 5);
    const Batch next = world.next_turn();
    const Batch after = world.next_turn();
    writer.submit(next);
    writer.submit(after);
    writer.stop();
    CHECK(store.value()->last_turn() == 22);
    finish_upkeep(*store.value());
    CHECK(fingerprint_of(path + "/hub.db").value() == world.contents().fingerprint());
    store.value()->close();
}

TEST_CASE("A compaction of an idle hub leaves a short WAL", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    {
        // 16 MB of free pages, and behind them as many that must be moved.
        SqliteConnection db;
        REQUIRE(db.open(path + "/hub.db", SQLITE_OPEN_READWRITE, ""));
        for (const char* table : {"goes", "stays"}) {
            REQUIRE(db.execute("CREATE TABLE " + std::string(table) +
                               " (filling BLOB); WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM "
                               "counted WHERE n < 4000) INSERT INTO " +
                               table + " SELECT zeroblob(4000) FROM counted"));
        }
        REQUIRE(db.execute("DROP TABLE goes; PRAGMA wal_checkpoint(TRUNCATE)"));
    }
    Reports reports;
    WriterOptions options;
    options.checkpoint_bytes = 256 * 1024;
    options.idle_ms = 60'000;
    WriterThread writer(*store.value(), reports.callback(), options);
    writer.compact(Compaction{});
    const WriterReport done = reports.wait_for(WriterReport::Kind::compacted);
    CHECK(done.text.empty());
    CHECK(std::filesystem::file_size(path + "/hub.db-wal") < 4U * 1024 * 1024);
    writer.stop();
    SqliteStore::Pages pages;
    REQUIRE_FALSE(store.value()->vacuum(0, pages));
    CHECK(pages.free == 0);
    CHECK(pages.all > 4'000);
    CHECK(pages.all < 5'000);
}

TEST_CASE("A compaction of idle moments gives up when there are none, and commits go on", "[store]") {
    TemporaryDirectory directory;
    const std::string path = directory.fresh();
    auto store = SqliteStore::open(path);
    REQUIRE(store);
    WorldOptions world_options;
    world_options.body_bytes = 20'000;
    StoreWorld world(54, world_options);
    SqliteStore::Pages pages;
    while (pages.free == 0) {
        REQUIRE(world.turn() < 1'000);
        const Batch batch = world.next_turn();
        REQUIRE_FALSE(store.value()->commit({&batch, 1}));
        finish_upkeep(*store.value());
        REQUIRE_FALSE(store.value()->vacuum(0, pages));
    }

    // The writer is held in each report until the next batch waits, so that it is never idle.
    Reports reports;
    std::mutex mutex;
    std::condition_variable submitted;
    int64_t last_submitted = 0;
    bool may_idle = false;
    const auto collect = reports.callback();
    WriterThread writer(*store.value(), [&](const WriterReport& report) {
        collect(report);
        if (report.kind != WriterReport::Kind::committed) return;
        std::unique_lock lock(mutex);
        submitted.wait(lock, [&] { return may_idle || last_submitted > report.turn; });
    });
    const auto submit_next = [&] {
        writer.submit(world.next_turn());
        {
            const std::lock_guard lock(mutex);
            last_submitted = world.turn();
        }
        submitted.notify_all();
    };
    const auto is_end = [](const WriterReport& report) { return report.kind == WriterReport::Kind::compacted; };

    submit_next();
    reports.wait_for([&](const WriterReport& report) { return report.turn == world.turn(); });
    writer.compact(Compaction{0, true, 50});
    std::vector<WriterReport> so_far;
    do {
        submit_next();
        reports.wait_for([&](const WriterReport& report) { return report.turn == world.turn(); });
        so_far = reports.all();
    } while (std::none_of(so_far.begin(), so_far.end(), is_end));
    const WriterReport given_up = reports.wait_for(WriterReport::Kind::compacted);
    CHECK(given_up.text.empty());
    CHECK(given_up.result.find(R"("reason":"busy")") != std::string::npos);
    CHECK(given_up.result.find(R"("freed_bytes":0)") != std::string::npos);

    for (int i = 0; i < 20; ++i) submit_next();
    {
        const std::lock_guard lock(mutex);
        may_idle = true;
    }
    submitted.notify_all();
    writer.stop();
    CHECK(store.value()->last_turn() == world.turn());
    finish_upkeep(*store.value());
    CHECK(fingerprint_of(path + "/hub.db").value() == world.contents().fingerprint());
}

}  // namespace agentcom::test
