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
        const int step = 1 + static_cast<int>(prng.below(24));
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
