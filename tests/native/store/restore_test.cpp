#include "native-server/store/restore.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "core/base/prng.hpp"
#include "native-server/server/files.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/store.hpp"
#include "tests/native/store/store_world.hpp"

namespace agentcom::test {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kToday = 1'795'000'000'000;

std::unique_ptr<SqliteStore> store_in(const std::string& directory) {
    auto opened = SqliteStore::open(directory);
    INFO((opened ? std::string() : opened.error().text));
    REQUIRE(opened);
    return std::move(opened).value();
}

void commit_turns(SqliteStore& store, StoreWorld& world, int turns) {
    for (int i = 0; i < turns; ++i) {
        const Batch batch = world.next_turn();
        REQUIRE_FALSE(store.commit({&batch, 1}));
    }
}

/// A data directory with a backup, and work that was done after it.
struct Scene {
    explicit Scene(const std::string& directory) : path(directory), backups(directory + "/backups"), world(21) {
        const auto store = store_in(path);
        commit_turns(*store, world, 60);
        finish_upkeep(*store);
        BackupOptions options;
        options.wall_ms = kToday;
        Pace pace;
        const Result<BackupManifest> made = make_backup(path, backups, options, pace);
        REQUIRE(made);
        backup = made.value().name;
        then = world.contents().fingerprint();
        commit_turns(*store, world, 60);
        finish_upkeep(*store);
        now = world.contents().fingerprint();
    }

    RestoreOptions options() const {
        RestoreOptions restore;
        restore.backups = backups;
        restore.wall_ms = kToday + 1'000;
        return restore;
    }
    Status restore(const RestoreOptions& how) const {
        DataDirectory directory;
        if (const Status acquired = directory.acquire(path); !acquired) return acquired;
        return restore_backup(directory, backup, how);
    }
    Status finish() const {
        DataDirectory directory;
        if (const Status acquired = directory.acquire(path); !acquired) return acquired;
        return finish_restore(directory, options());
    }
    Fingerprint contents() const {
        const Result<Fingerprint> read = fingerprint_of(path + "/hub.db");
        INFO((read ? std::string() : read.error().text));
        REQUIRE(read);
        return read.value();
    }

    std::string path;
    std::string backups;
    StoreWorld world;
    std::string backup;
    Fingerprint then;
    Fingerprint now;
};

}  // namespace

TEST_CASE("a restore brings back the backup, and keeps what was there as another one", "[restore]") {
    TemporaryDirectory temporary;
    const Scene scene(temporary.fresh());
    Pace pace;
    const std::optional<BackupManifest> manifest = find_backup(scene.backups, scene.backup);
    const Result<std::string> preview = preview_restore(scene.path, scene.backups, *manifest, pace);
    REQUIRE(preview);
    CHECK(preview.value().find("\"present_is_readable\":true") != std::string::npos);
    CHECK(scene.contents() == scene.now);

    REQUIRE(scene.restore(scene.options()));
    CHECK(scene.contents() == scene.then);
    const std::vector<BackupManifest> backups = list_backups(scene.backups);
    REQUIRE(backups.size() == 2);
    CHECK(backups[0].trigger == "before_restore");
    CHECK(fingerprint_of(scene.backups + "/" + backups[0].name + "/hub.db").value() == scene.now);
    const std::optional<Restored> restored = read_restored(scene.path);
    REQUIRE(restored);
    CHECK(restored->backup == scene.backup);
    CHECK(restored->lost_messages > 0);
    CHECK(forget_restored(scene.path));
    CHECK_FALSE(read_restored(scene.path));
    // The restored database is one that a hub starts with.
    const auto store = store_in(scene.path);
    LoadedRows loaded;
    CHECK(store->load(loaded.sink()));
}

TEST_CASE("W-27, W-28: what cannot be restored changes nothing", "[restore]") {
    TemporaryDirectory temporary;
    const Scene scene(temporary.fresh());
    SECTION("no such backup") {
        DataDirectory directory;
        REQUIRE(directory.acquire(scene.path));
        const Status refused = restore_backup(directory, "20200101T000000Z-1", scene.options());
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == "backup_not_found");
    }
    SECTION("a damaged backup") {
        const std::string file = scene.backups + "/" + scene.backup + "/hub.db";
        std::string bytes = *read_file(file);
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] + 1);
        REQUIRE(write_private_file(file, bytes));
        const Status refused = scene.restore(scene.options());
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == "backup_damaged");
    }
    SECTION("a hub runs on the directory") {
        const auto store = store_in(scene.path);
        const Status refused = scene.restore(scene.options());
        REQUIRE_FALSE(refused);
        CHECK(refused.error().code == "data_directory_in_use");
    }
    CHECK(scene.contents() == scene.now);
    CHECK_FALSE(fs::exists(scene.path + "/restored"));
    CHECK_FALSE(fs::exists(scene.path + "/restore.staged"));
}

namespace {

/// A directory whose rows are put there one by one, as runs of a hub would.
struct HandMade {
    explicit HandMade(const std::string& directory) : path(directory), backups(directory + "/backups") {
        WorkspaceRow workspace;
        workspace.id = 1;
        workspace.name = "default";
        workspace.message_seq = 100;
        put({change_of(workspace), token("kept", kToday - 10), token("old", kToday - 10)});
        BackupOptions how;
        how.wall_ms = kToday;
        Pace pace;
        const Result<BackupManifest> made = make_backup(path, backups, how, pace);
        REQUIRE(made);
        backup = made.value().name;
        workspace.message_seq = 5'000;
        put({change_of(workspace), erasure_of<TokenRow>({"old"}), token("newcomer", kToday + 1'100)});
    }

    static RowChange token(const std::string& digest, int64_t created_at) {
        TokenRow row;
        row.sha256 = digest;
        row.workspace = 1;
        row.created_at = created_at;
        return change_of(row);
    }
    void put(std::vector<RowChange> changes) {
        const auto store = store_in(path);
        Batch batch;
        batch.turn = ++turn;
        batch.changes = std::move(changes);
        REQUIRE_FALSE(store->commit({&batch, 1}));
    }
    Status restore(const std::string& name, int64_t wall_ms, bool quarantine = false) {
        DataDirectory directory;
        REQUIRE(directory.acquire(path));
        RestoreOptions how;
        how.backups = backups;
        how.wall_ms = wall_ms;
        how.quarantine = quarantine;
        const Status restored = restore_backup(directory, name, how);
        turn = 1'000 + turn;
        return restored;
    }
    /// What the first run after a restore does.
    void start(int64_t wall_ms) {
        const Restored restored = *read_restored(path);
        StorageRunRow run;
        run.id = turn;
        run.kind = StorageJobKind::restore;
        run.subject = restored.backup;
        run.began_at = wall_ms;
        run.ok = true;
        run.result = "{}";
        put({change_of(run), erasure_of<TokenRow>({"old"})});
        REQUIRE(forget_restored(path));
    }

    std::string path;
    std::string backups;
    std::string backup;
    int64_t turn = 0;
};

}  // namespace

TEST_CASE("a restore revokes what was revoked since, not what the present data never knew", "[restore]") {
    TemporaryDirectory temporary;
    HandMade hub(temporary.fresh());
    REQUIRE(hub.restore(hub.backup, kToday + 1'200));
    CHECK(read_restored(hub.path)->revoked_tokens == "old");
    const std::string safe = list_backups(hub.backups).front().name;
    SECTION("forward again after a run, in which one more was revoked") {
        hub.start(kToday + 1'500);
        hub.put({erasure_of<TokenRow>({"kept"}), HandMade::token("later", kToday + 1'600)});
        const bool backup_is_there = GENERATE(true, false);
        if (!backup_is_there) REQUIRE(remove_backup(hub.backups, hub.backup));
        REQUIRE(hub.restore(safe, kToday + 2'000));
        CHECK(read_restored(hub.path)->revoked_tokens == "kept");
    }
    SECTION("forward again without a run between: both restores count") {
        const int64_t lost = read_restored(hub.path)->lost_messages;
        CHECK(lost >= 4'900);
        REQUIRE(hub.restore(safe, kToday + 2'000));
        const Restored both = *read_restored(hub.path);
        CHECK(both.backup == safe);
        CHECK(both.revoked_tokens == "old");
        CHECK(both.lost_messages > lost);
        // And what a salvage finds was not told either.
        DataDirectory directory;
        REQUIRE(directory.acquire(hub.path));
        RestoreOptions how;
        how.backups = hub.backups;
        how.wall_ms = kToday + 3'000;
        REQUIRE(salvage_damaged(directory, "for the test", how));
        CHECK(read_restored(hub.path)->revoked_tokens == "old");
    }
}

TEST_CASE("damaged data do not say how many messages there were", "[restore]") {
    TemporaryDirectory temporary;
    HandMade hub(temporary.fresh());
    REQUIRE(hub.restore(hub.backup, kToday + 1'000, true));
    CHECK(read_restored(hub.path)->lost_messages == 1'000'000'000);
}

TEST_CASE("a restore waits until a backup beside it is done, and changes nothing", "[restore]") {
    TemporaryDirectory temporary;
    const Scene scene(temporary.fresh());
    BackupOptions others;
    others.wall_ms = kToday + 500;
    int refused = 0;
    others.step = [&](std::string_view step) {
        if (step != "verified") return;
        const Status busy = scene.restore(scene.options());
        REQUIRE_FALSE(busy);
        CHECK(busy.error().code == "backup_busy");
        ++refused;
    };
    Pace pace;
    REQUIRE(make_backup(scene.path, scene.backups, others, pace));
    CHECK(refused == 1);
    CHECK(scene.contents() == scene.now);
    CHECK_FALSE(fs::exists(scene.path + "/quarantine"));
    CHECK_FALSE(fs::exists(scene.path + "/restore.pending"));
    REQUIRE(scene.restore(scene.options()));
    CHECK(scene.contents() == scene.then);
}

TEST_CASE("a restore that is decided and cannot be ended is gone on with, whatever happens", "[restore]") {
    TemporaryDirectory temporary;
    const Scene scene(temporary.fresh());
    // Before the database is swapped, and behind that.
    const std::string obstacle = scene.path + GENERATE("/hub.db-shm", "/restored");
    CAPTURE(obstacle);
    RestoreOptions how = scene.options();
    how.step = [&](std::string_view step) {
        if (step != "decided") return;
        fs::remove(obstacle);
        fs::create_directories(obstacle + "/in the way");
    };
    const Status stopped = scene.restore(how);
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().code == "restore_interrupted");
    CHECK(stopped.error().text.find(scene.backup) != std::string::npos);
    const Status again = scene.finish();
    REQUIRE_FALSE(again);
    CHECK(again.error().code == "restore_interrupted");
    fs::remove_all(obstacle);
    REQUIRE(scene.finish());
    CHECK(scene.contents() == scene.then);
    CHECK(read_restored(scene.path)->backup == scene.backup);
}

TEST_CASE("a damaged database goes into quarantine, whole", "[restore]") {
    TemporaryDirectory temporary;
    const Scene scene(temporary.fresh());
    REQUIRE(write_private_file(scene.path + "/hub.db", "this is no database"));
    REQUIRE(scene.restore(scene.options()));
    CHECK(scene.contents() == scene.then);
    CHECK(read_file(scene.path + "/quarantine/20261118T110641Z/hub.db") == "this is no database");
    CHECK(read_restored(scene.path)->lost_messages >= 1'000);
}

TEST_CASE("a restore that is asked for happens at the next start", "[restore]") {
    TemporaryDirectory temporary;
    const Scene scene(temporary.fresh());
    REQUIRE(request_restore(scene.path, scene.backup));
    CHECK(scene.contents() == scene.now);
    REQUIRE(scene.finish());
    CHECK(scene.contents() == scene.then);
    REQUIRE(scene.finish());
    CHECK(list_backups(scene.backups).size() == 2);
    REQUIRE(request_restore(scene.path, "gone"));
    CHECK_FALSE(scene.finish());
    CHECK(scene.finish());
    CHECK(scene.contents() == scene.then);
}

TEST_CASE("killed at 50 random points of backups and of restores, a directory is old or new, never mixed",
          "[restore][kill]") {
    const bool backs_up = GENERATE(true, false);
    CAPTURE(backs_up);
    TemporaryDirectory temporary;
    const std::string original = temporary.fresh();
    const Scene scene(original);
    Prng prng(0x5a7e);
    int kills = 0;
    for (int round = 0; kills < 50 && round < 150; ++round) {
        CAPTURE(round);
        Scene copy = scene;
        copy.path = temporary.fresh();
        copy.backups = copy.path + "/backups";
        fs::copy(original, copy.path, fs::copy_options::recursive);
        const int step = 1 + static_cast<int>(prng.below(backs_up ? 8 : 24));
        const bool killed = killed_at(step, [&](const StepObserver& observer) {
            if (backs_up) {
                BackupOptions options;
                options.wall_ms = kToday + 5'000;
                options.step = observer;
                Pace pace;
                static_cast<void>(make_backup(copy.path, copy.backups, options, pace).ok());
                return;
            }
            RestoreOptions how = copy.options();
            how.step = observer;
            static_cast<void>(copy.restore(how).ok());
        });
        kills += killed ? 1 : 0;
        // Some starts are killed as well.
        if (killed && prng.below(2) == 0) {
            killed_at(1 + static_cast<int>(prng.below(4)), [&](const StepObserver& observer) {
                DataDirectory directory;
                if (!directory.acquire(copy.path)) return;
                RestoreOptions how = copy.options();
                how.step = observer;
                static_cast<void>(finish_restore(directory, how).ok());
            });
        }
        REQUIRE(copy.finish());
        const Fingerprint found = copy.contents();
        CHECK((found == copy.then || found == copy.now));
        if (backs_up) CHECK(found == copy.now);
        // A hub that was told of a restore has restored data, and the other way round.
        CHECK((found == copy.then) == fs::exists(copy.path + "/restored"));
        Pace pace;
        for (const BackupManifest& backup : list_backups(copy.backups))
            CHECK(verify_backup(copy.backups, backup, pace));
        const auto store = store_in(copy.path);
        LoadedRows loaded;
        CHECK(store->load(loaded.sink()));
    }
    CHECK(kills == 50);
}

}  // namespace agentcom::test
