// What a store acknowledged is there after the power failed at any moment, and nothing is there by halves; and a disk
// that fails without dying loses nothing either.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "native-server/store/sqlite.hpp"
#include "native-server/store/store.hpp"
#include "tests/native/store/store_world.hpp"
#include "tests/native/support/recording_vfs.hpp"

namespace agentcom::test {

namespace {

constexpr int64_t kOpened = -1;  // a note in the record: from here on the running marker exists

/// One run of a store on a recorded disk.
struct Run {
    std::vector<DiskOperation> operations;
    /// What the store holds after each turn; the first is the empty store.
    std::vector<Fingerprint> after_turn;
};

constexpr int64_t kCompacting = -2;  // a note in the record: from here on pages are given back between the commits

Run run_workload(uint64_t seed, StoreOptions::Synchronous synchronous, const std::string& directory,
                 bool compacting = false) {
    RecordingVfs vfs("recording-" + std::to_string(seed));
    StoreOptions options;
    options.vfs = vfs.name();
    options.synchronous = synchronous;
    auto store = SqliteStore::open(directory, options);
    REQUIRE(store);
    vfs.note(kOpened);

    StoreWorld world(seed);
    Prng prng(seed + 1);
    Run run;
    run.after_turn.push_back(world.contents().fingerprint());
    for (int commit = 0; commit < 40; ++commit) {
        std::vector<Batch> batches;
        for (uint64_t i = 0; i < 1 + prng.below(3); ++i) {
            batches.push_back(world.next_turn());
            run.after_turn.push_back(world.contents().fingerprint());
        }
        const auto error = store.value()->commit(batches);
        REQUIRE_FALSE(error);
        vfs.note(world.turn());
        if (prng.below(8) == 0) REQUIRE_FALSE(store.value()->checkpoint());
        if (prng.below(8) == 0) finish_upkeep(*store.value());
    }
    if (compacting) {
        vfs.note(kCompacting);
        SqliteStore::Pages pages;
        do {
            REQUIRE_FALSE(store.value()->vacuum(1 + static_cast<int64_t>(prng.below(3)), pages));
            if (prng.below(3) == 0) REQUIRE_FALSE(store.value()->checkpoint());
            const Batch batch = world.next_turn();
            run.after_turn.push_back(world.contents().fingerprint());
            REQUIRE_FALSE(store.value()->commit({&batch, 1}));
            vfs.note(world.turn());
        } while (pages.free > 0 && world.turn() < 400);
    }
    if (prng.below(2) == 0) store.value()->close();
    store = SqliteStore::open(directory + "-other");  // closes the recorded one while its VFS is still there
    run.operations = vfs.operations();
    return run;
}

/// What is wrong with the store after the power failed before operation `cut`; "" = nothing.
std::string violation_after(const Run& run, std::size_t cut, Prng& prng, const std::string& directory) {
    int64_t acknowledged = 0;
    bool opened = false;
    bool closed = false;
    for (std::size_t i = 0; i < cut; ++i) {
        const DiskOperation& operation = run.operations[i];
        if (operation.kind == DiskOperation::Kind::remove && operation.file == "hub.db-wal") closed = true;
        if (operation.kind != DiskOperation::Kind::note) continue;
        opened = true;
        acknowledged = std::max(acknowledged, operation.offset);
    }
    std::filesystem::create_directory(directory);
    rebuild_after_power_loss(run.operations, cut, prng, directory);
    // A clean stop removes the marker before it removes the WAL.
    if (opened && !closed) std::ofstream(directory + "/running") << "1\n";

    auto store = SqliteStore::open(directory);
    if (!store) return "it does not open: " + store.error().text;
    const int64_t turn = store.value()->last_turn();
    if (turn < acknowledged) {
        return "turn " + std::to_string(acknowledged) + " was acknowledged, but the last is " + std::to_string(turn);
    }
    if (turn >= static_cast<int64_t>(run.after_turn.size())) return "it has a turn that never was";
    LoadedRows loaded;
    if (const auto counts = store.value()->load(loaded.sink()); !counts)
        return "it does not load: " + counts.error().text;
    finish_upkeep(*store.value());
    const auto found = fingerprint_of(directory + "/hub.db");
    if (!found) return found.error().text;
    if (found.value() != run.after_turn[static_cast<std::size_t>(turn)]) {
        return "it does not hold what turn " + std::to_string(turn) + " left";
    }
    return {};
}

/// Counts violations over random cut points.
int count_violations(uint64_t seed, StoreOptions::Synchronous synchronous, int cuts, std::string& first) {
    TemporaryDirectory directory;
    const Run run = run_workload(seed, synchronous, directory.fresh());
    Prng prng(seed * 1'000 + 7);
    int violations = 0;
    for (int i = 0; i < cuts; ++i) {
        const std::size_t cut = prng.below(run.operations.size() + 1);
        const std::string rebuilt = directory.fresh();
        const std::string violation = violation_after(run, cut, prng, rebuilt);
        std::filesystem::remove_all(rebuilt);
        if (violation.empty()) continue;
        ++violations;
        if (first.empty()) {
            first = "seed " + std::to_string(seed) + ", cut at operation " + std::to_string(cut) + " of " +
                    std::to_string(run.operations.size()) + ": " + violation;
        }
    }
    return violations;
}

}  // namespace

TEST_CASE("What is acknowledged survives power loss at any moment", "[store][power]") {
    for (uint64_t seed = 1; seed <= 8; ++seed) {
        std::string first;
        const int violations = count_violations(seed, StoreOptions::Synchronous::full, 40, first);
        INFO(first);
        CHECK(violations == 0);
    }
}

TEST_CASE("killed at 50 random points of compactions, a store is whole and has what was acknowledged",
          "[store][power][kill]") {
    TemporaryDirectory directory;
    int cuts = 0;
    for (uint64_t seed = 51; cuts < 50; ++seed) {
        const Run run = run_workload(seed, StoreOptions::Synchronous::full, directory.fresh(), true);
        const auto begin = std::find_if(run.operations.begin(), run.operations.end(), [](const DiskOperation& each) {
            return each.kind == DiskOperation::Kind::note && each.offset == kCompacting;
        });
        const auto first = static_cast<std::size_t>(begin - run.operations.begin());
        Prng prng(seed);
        for (int i = 0; i < 10; ++i, ++cuts) {
            const std::size_t cut = first + prng.below(run.operations.size() - first + 1);
            INFO("seed " << seed << ", cut at operation " << cut << " of " << run.operations.size());
            const std::string rebuilt = directory.fresh();
            CHECK(violation_after(run, cut, prng, rebuilt).empty());
            std::filesystem::remove_all(rebuilt);
        }
    }
}

TEST_CASE("The check of power loss finds a store that does not sync each commit", "[store][power]") {
    for (const auto synchronous : {StoreOptions::Synchronous::normal, StoreOptions::Synchronous::off}) {
        std::string first;
        int violations = 0;
        for (uint64_t seed = 21; seed <= 22; ++seed) violations += count_violations(seed, synchronous, 40, first);
        CHECK(violations > 0);
    }
}

// ---------------------------------------------------------------------------------------------------------------

namespace {

/// The refused transaction lies in the files, for whoever opens them next.
bool holds_refused_turn(const std::string& directory, const std::string& copy, int64_t turn) {
    std::filesystem::create_directory(copy);
    for (const char* name : {"hub.db", "hub.db-wal"}) {
        std::filesystem::copy_file(directory + "/" + name, copy + "/" + name);
    }
    SqliteConnection db;
    int64_t found = 0;
    REQUIRE(db.open(copy + "/hub.db", SQLITE_OPEN_READWRITE, ""));
    REQUIRE(db.query_integer("SELECT value FROM meta WHERE key = 'last_turn'", found));
    return found == turn;
}

struct FaultCounts {
    int failed_commits = 0;
    int kept_by_the_disk = 0;
};

// Commits with a disk that fails now and then; after each failure the world goes back to where it was, as the hub does.
void run_with_faults(uint64_t seed, bool with_second_connection, FaultCounts& counts) {
    INFO("seed " << seed << (with_second_connection ? ", with a second connection" : ""));
    TemporaryDirectory directory;
    RecordingVfs vfs("faulty-" + std::to_string(seed));
    StoreOptions options;
    options.vfs = vfs.name();
    const std::string path = directory.fresh();
    auto opened = SqliteStore::open(path, options);
    REQUIRE(opened);
    std::unique_ptr<SqliteStore> store = std::move(opened).value();
    SqliteConnection second;
    if (with_second_connection) {
        int64_t turn = 0;
        REQUIRE(second.open(path + "/hub.db", SQLITE_OPEN_READONLY, vfs.name()));
        REQUIRE(second.query_integer("SELECT value FROM meta WHERE key = 'last_turn'", turn));
    }

    WorldOptions world_options;
    world_options.prunes_messages = false;  // what retention deleted stays deleted, see SqliteStore::commit
    StoreWorld world(seed, world_options);
    Prng prng(seed + 1);
    for (int commit = 0; commit < 40; ++commit) {
        const StoreWorld before = world;
        std::vector<Batch> batches;
        for (uint64_t i = 0; i < 1 + prng.below(2); ++i) batches.push_back(world.next_turn());
        if (commit > 3 && prng.below(2) == 0) {
            constexpr DiskFault::Kind kKinds[] = {DiskFault::Kind::full, DiskFault::Kind::write_error,
                                                  DiskFault::Kind::sync_error};
            const DiskFault::Kind kind = kKinds[prng.below(3)];
            const uint64_t working = kind == DiskFault::Kind::sync_error ? 1 : 12;
            vfs.set_fault({kind, static_cast<int64_t>(prng.below(working)), static_cast<int64_t>(1 + prng.below(6))});
        }
        const auto error = store->commit(batches);
        if (!error) {
            REQUIRE(vfs.failures() == 0);
            vfs.set_fault({});
            continue;
        }
        ++counts.failed_commits;
        CHECK_FALSE(error->text.empty());
        CHECK(store->commit(batches));  // refused until recovered
        if (holds_refused_turn(path, directory.fresh(), batches.back().turn)) ++counts.kept_by_the_disk;

        world = before;
        const std::vector<RowChange> correction = correction_for(
            batches, [&world](TableId table, const RowValues& key) { return world.current(table, key); });
        bool recovered = false;
        for (int attempt = 0; attempt < 20 && !recovered; ++attempt) recovered = !store->recover(correction);
        REQUIRE(recovered);
        vfs.set_fault({});
        finish_upkeep(*store);
        const auto found = fingerprint_of(path + "/hub.db");
        INFO((found ? std::string() : found.error().text));
        REQUIRE(found);
        REQUIRE(found.value() == world.contents().fingerprint());
        REQUIRE(store->last_turn() == world.turn());
        if (prng.below(4) == 0) REQUIRE_FALSE(store->checkpoint());
    }
    second.close();
    store.reset();

    auto again = SqliteStore::open(path);
    REQUIRE(again);
    LoadedRows loaded;
    const auto loading = again.value()->load(loaded.sink());
    REQUIRE(loading);
    finish_upkeep(*again.value());
    CHECK(fingerprint_of(path + "/hub.db").value() == world.contents().fingerprint());
}

}  // namespace

TEST_CASE("A commit that the disk refused leaves nothing behind", "[store][power]") {
    FaultCounts counts;
    for (uint64_t seed = 101; seed <= 112; ++seed) run_with_faults(seed, seed % 3 == 0, counts);
    CHECK(counts.failed_commits > 50);
    // Else the test would not have seen the case that `recover` is for.
    CHECK(counts.kept_by_the_disk > 5);
}

}  // namespace agentcom::test
