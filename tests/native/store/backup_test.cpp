#include "native-server/store/backup.hpp"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "core/base/prng.hpp"
#include "native-server/server/files.hpp"
#include "native-server/store/integrity.hpp"
#include "native-server/store/store.hpp"
#include "tests/native/store/store_world.hpp"

namespace agentcom::test {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kNow = 1'795'000'000'000;
constexpr int64_t kDay = 86'400'000;

std::unique_ptr<SqliteStore> store_at(const std::string& directory) {
    auto opened = SqliteStore::open(directory);
    INFO((opened ? std::string() : opened.error().text));
    REQUIRE(opened);
    return std::move(opened).value();
}

void run_turns(SqliteStore& store, StoreWorld& world, int turns) {
    for (int i = 0; i < turns; ++i) {
        const Batch batch = world.next_turn();
        REQUIRE_FALSE(store.commit({&batch, 1}));
    }
}

BackupManifest backup_of(const std::string& directory, const std::string& backups, int64_t wall_ms = kNow) {
    BackupOptions options;
    options.wall_ms = wall_ms;
    options.hub_version = "test";
    Pace pace;
    const Result<BackupManifest> made = make_backup(directory, backups, options, pace);
    INFO((made ? std::string() : made.error().text));
    REQUIRE(made);
    return made.value();
}

std::string bytes_of(const std::string& file) { return read_file(file).value_or(""); }

void put_bytes(const std::string& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

bool passes(const std::string& file) {
    SqliteConnection db;
    return open_unchanging(db, file) && verify_database(db).ok();
}

}  // namespace

TEST_CASE("a backup is one moment of a store that goes on, and is listed with what is in it", "[backup]") {
    TemporaryDirectory temporary;
    const std::string directory = temporary.fresh();
    const std::string backups = directory + "/backups";
    const auto store = store_at(directory);
    StoreWorld world(7);
    run_turns(*store, world, 300);
    const Fingerprint then = world.contents().fingerprint();
    const int64_t turn = world.turn();

    // Commits that come between the slices of the copy are not in it.
    BackupOptions options;
    options.wall_ms = kNow;
    options.step = [&](std::string_view step) {
        if (step == "copying") run_turns(*store, world, 1);
    };
    Pace pace;
    finish_upkeep(*store);
    const Result<BackupManifest> made = make_backup(directory, backups, options, pace);
    INFO((made ? std::string() : made.error().text));
    REQUIRE(made);
    CHECK(world.turn() > turn);
    CHECK(made.value().last_turn == turn);
    CHECK(made.value().name == "20261118T110640Z-1");
    CHECK(made.value().care_tables.size() == kCareTables.size());
    const Result<Fingerprint> copied = fingerprint_of(backups + "/" + made.value().name + "/hub.db");
    REQUIRE(copied);
    int64_t rows = 0;
    for (const auto& [table, sum] : then) rows += sum.first;
    CHECK(copied.value() == then);
    CHECK(made.value().rows == rows);
    CHECK(verify_backup(backups, made.value(), pace));

    const std::vector<BackupManifest> listed = list_backups(backups);
    REQUIRE(listed.size() == 1);
    CHECK(manifest_text(listed[0]) == manifest_text(made.value()));
    CHECK(backup_of(directory, backups).name == "20261118T110640Z-2");
}

TEST_CASE("what a killed backup left is neither listed nor kept", "[backup]") {
    TemporaryDirectory temporary;
    const std::string directory = temporary.fresh();
    const std::string backups = directory + "/backups";
    const auto store = store_at(directory);
    fs::create_directories(backups + "/.partial-20260101T000000Z-1");
    fs::create_directories(backups + "/not-a-backup");
    CHECK(list_backups(backups).size() == 1);
    CHECK_FALSE(list_backups(backups)[0].readable);
    const BackupManifest made = backup_of(directory, backups);
    CHECK_FALSE(fs::exists(backups + "/.partial-20260101T000000Z-1"));
    CHECK(list_backups(backups)[0].name == made.name);
    CHECK(expendable_backups(list_backups(backups), {1, 0, 0, 0}).empty());
}

TEST_CASE("W-26: retention goes by age, so that quick backups do not push out old ones", "[backup]") {
    struct Case {
        std::string name;
        BackupTiers tiers;
        std::vector<int64_t> ages;  // in hours before now, newest first
        std::vector<int64_t> kept;
    };
    const std::vector<Case> cases = {
        {"the last three", {3, 0, 0, 0}, {0, 1, 2, 3, 4}, {0, 1, 2}},
        {"one a day beside the last", {1, 3, 0, 0}, {0, 1, 2, 24, 25, 48, 72}, {0, 24, 48}},
        {"five by hand within an hour", {3, 2, 0, 0}, {0, 0, 0, 0, 0, 30}, {0, 0, 0, 30}},
        {"weeks and months", {1, 0, 2, 2}, {0, 24 * 7, 24 * 14, 24 * 40}, {0, 24 * 7, 24 * 40}},
        {"nothing there", {3, 7, 4, 6}, {}, {}},
    };
    for (const Case& each : cases) {
        CAPTURE(each.name);
        std::vector<BackupManifest> backups;
        for (const int64_t age : each.ages) {
            BackupManifest& backup = backups.emplace_back();
            // Friday, 2026-11-27 23:30 UTC
            backup.made_at = 1'795'822'200'000 - age * (kDay / 24);
            backup.name = std::to_string(backups.size() - 1);
        }
        const std::vector<std::string> gone = expendable_backups(backups, each.tiers);
        std::vector<int64_t> kept;
        for (const BackupManifest& backup : backups) {
            if (std::find(gone.begin(), gone.end(), backup.name) == gone.end()) {
                kept.push_back(each.ages[static_cast<std::size_t>(std::stoi(backup.name))]);
            }
        }
        CHECK(kept == each.kept);
    }
}

TEST_CASE("a copy in a second directory is the same backup", "[backup]") {
    TemporaryDirectory temporary;
    const std::string directory = temporary.fresh();
    const std::string backups = directory + "/backups";
    const std::string elsewhere = temporary.fresh();
    const auto store = store_at(directory);
    StoreWorld world(3);
    run_turns(*store, world, 20);
    const BackupManifest made = backup_of(directory, backups);
    Pace pace;
    REQUIRE(copy_backup(backups, elsewhere, made, pace));
    CHECK(copy_backup(backups, elsewhere, made, pace));
    CHECK(list_backups(elsewhere).size() == 1);
    CHECK(verify_backup(elsewhere, list_backups(elsewhere).at(0), pace));
    CHECK(remove_backup(elsewhere, made.name));
    CHECK(list_backups(elsewhere).empty());
}

TEST_CASE("the secrets of webhooks that only a backup knows are known", "[backup]") {
    TemporaryDirectory temporary;
    const std::string directory = temporary.fresh();
    const std::string backups = directory + "/backups";
    const auto store = store_at(directory);
    CHECK(webhook_secrets_in(backups).empty());
    for (const char* digest : {"first", "second"}) {
        WebhookRow webhook;
        webhook.workspace = 1;
        webhook.id = "ops";
        webhook.secret_sha256 = digest;
        Batch batch;
        batch.turn = store->last_turn() + 1;
        batch.changes.push_back(change_of(webhook));
        REQUIRE_FALSE(store->commit({&batch, 1}));
        backup_of(directory, backups);
    }
    fs::create_directories(backups + "/not-a-backup");
    CHECK(webhook_secrets_in(backups) == std::set<std::string>{"first", "second"});
}

TEST_CASE("a copy does not take another hub's backup of the same name for its own", "[backup]") {
    TemporaryDirectory temporary;
    const std::string first = temporary.fresh();
    const std::string second = temporary.fresh();
    const std::string elsewhere = temporary.fresh();
    const auto first_store = store_at(first);
    const auto second_store = store_at(second);
    StoreWorld world(3);
    run_turns(*second_store, world, 20);
    const BackupManifest ours = backup_of(first, first + "/backups");
    const BackupManifest theirs = backup_of(second, second + "/backups");
    REQUIRE(ours.name == theirs.name);
    Pace pace;
    REQUIRE(copy_backup(second + "/backups", elsewhere, theirs, pace));
    const Status refused = copy_backup(first + "/backups", elsewhere, ours, pace);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "backup_name_taken");
    CHECK(verify_backup(elsewhere, theirs, pace));
}

TEST_CASE("what another process makes beside is not taken for a leftover", "[backup]") {
    TemporaryDirectory temporary;
    const std::string directory = temporary.fresh();
    const std::string backups = directory + "/backups";
    const auto store = store_at(directory);
    const BackupManifest before = backup_of(directory, backups);
    const std::string elsewhere = temporary.fresh();
    Pace pace;
    int steps = 0;
    BackupOptions options;
    options.wall_ms = kNow;
    options.step = [&](std::string_view step) {
        if (step == "renamed") return;
        ++steps;
        BackupOptions others;
        others.wall_ms = kNow;
        const Result<BackupManifest> busy = make_backup(directory, backups, others, pace);
        REQUIRE_FALSE(busy);
        CHECK(busy.error().code == "backup_busy");
        const Status copied = copy_backup(elsewhere, backups, before, pace);
        REQUIRE_FALSE(copied);
        CHECK(copied.error().code == "backup_busy");
    };
    const Result<BackupManifest> made = make_backup(directory, backups, options, pace);
    INFO((made ? std::string() : made.error().text));
    REQUIRE(made);
    CHECK(steps > 3);
    CHECK(verify_backup(backups, made.value(), pace));
    // The lock ends with the backup.
    CHECK(list_backups(backups).size() == 2);
    CHECK(backup_of(directory, backups).name == "20261118T110640Z-3");
}

TEST_CASE("a job that is not wanted any more leaves nothing", "[backup]") {
    TemporaryDirectory temporary;
    const std::string directory = temporary.fresh();
    const auto store = store_at(directory);
    const std::atomic<bool> stop{true};
    Pace pace(50, &stop);
    BackupOptions options;
    options.wall_ms = kNow;
    CHECK_FALSE(make_backup(directory, directory + "/backups", options, pace));
    for (const fs::directory_entry& left : fs::directory_iterator(directory + "/backups")) {
        CHECK(left.path().filename() == ".lock");
    }
}

TEST_CASE("200 damages of a database are found by a verification whenever a reader would see something else",
          "[backup][damage]") {
    TemporaryDirectory temporary;
    const std::string directory = temporary.fresh();
    {
        const auto store = store_at(directory);
        StoreWorld world(11);
        run_turns(*store, world, 150);
        finish_upkeep(*store);
    }
    const std::string good = bytes_of(directory + "/hub.db");
    const Result<Fingerprint> truth = fingerprint_of(directory + "/hub.db");
    REQUIRE(truth);
    REQUIRE(passes(directory + "/hub.db"));
    const std::string damaged = temporary.fresh() + ".db";
    int found = 0;
    for (uint64_t seed = 1; seed <= 200; ++seed) {
        CAPTURE(seed);
        Prng prng(seed);
        std::string bytes = good;
        if (seed % 10 == 0) {
            bytes.resize(prng.below(bytes.size()));
        } else {
            const uint64_t count = 1 + prng.below(seed % 2 == 0 ? 1 : 64);
            const uint64_t at = prng.below(bytes.size() - 64);
            for (uint64_t i = 0; i < count; ++i) bytes[at + i] = static_cast<char>(prng.below(256));
        }
        put_bytes(damaged, bytes);
        const bool accepted = passes(damaged);
        found += accepted ? 0 : 1;
        if (!accepted) continue;
        // What is accepted reads as it was written: the damage lies where nobody reads.
        const Result<Fingerprint> read = fingerprint_of(damaged);
        REQUIRE(read);
        CHECK(read.value() == truth.value());
        fs::remove(damaged + "-wal");
        fs::remove(damaged + "-shm");
    }
    CHECK(found > 100);
}

TEST_CASE("rows that are lost or altered in good pages are found", "[backup][damage]") {
    TemporaryDirectory temporary;
    const std::string directory = temporary.fresh();
    {
        const auto store = store_at(directory);
        StoreWorld world(5);
        run_turns(*store, world, 100);
        finish_upkeep(*store);
    }
    const std::string good = bytes_of(directory + "/hub.db");
    for (const std::string sql : {"DELETE FROM tasks WHERE rowid = (SELECT rowid FROM tasks WHERE live = 1 LIMIT 1)",
                                  "DELETE FROM workspaces", "UPDATE tasks SET priority = priority + 1",
                                  "UPDATE messages SET sender = 'mallory' WHERE seq = (SELECT max(seq) FROM messages)",
                                  "DELETE FROM meta WHERE key = 'sum.tasks'"}) {
        CAPTURE(sql);
        const std::string file = temporary.fresh() + ".db";
        put_bytes(file, good);
        {
            SqliteConnection db;
            REQUIRE(db.open(file, SQLITE_OPEN_READWRITE, ""));
            REQUIRE(db.execute(sql));
            REQUIRE(db.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
        }
        // A sum that is missing hides nothing by itself.
        CHECK(passes(file) == (sql.find("sum.tasks") != std::string::npos));
    }
}

}  // namespace agentcom::test
