#include "native-server/store/writer_thread.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>
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

}  // namespace agentcom::test
