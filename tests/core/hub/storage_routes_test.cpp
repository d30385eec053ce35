#include "core/hub/storage_routes.hpp"

#include <catch2/catch.hpp>

#include "tests/core/hub/routes_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

const std::string kBackupResult =
    R"({"name":"b1","path":"/d/b1","bytes":9,"rows":4,"sha256":"aa","duration_ms":3,"copied_to":null,"removed":[],)"
    R"("tables":[{"table":"task_queue","rows":1,"bytes":4096},{"table":"task_dead_letter","rows":0,"bytes":0}]})";

int64_t ask(TestHub& hub, const std::string& target, const std::string& body = "") {
    return hub.begin_http(Method::post, target, body, kAdmin);
}

void end_last(TestHub& hub, bool ok, const std::string& result, const std::string& error = "") {
    hub.apply(StorageJobDone{hub.storage_jobs().back().job, ok, result, error});
}

void show_backups(TestHub& hub) {
    StorageFigures figures;
    figures.backups = R"([{"name":"b2","status":"ok","made_at":2,"duration_ms":1,"hub_version":"1","epoch":"e",)"
                      R"("last_turn":5,"bytes":9,"sha256":"aa","rows":4,"trigger":"manual","tables":[]}])";
    figures.database_bytes = 1'000;
    figures.free_bytes = 125;
    hub.apply(figures);
}

}  // namespace

TEST_CASE("a backup is answered when it is done, in v1.1's words", "[storage]") {
    World world;
    const int64_t request = ask(world.hub, "/api/admin/backup");
    CHECK(world.hub.answer(request).status == 0);
    REQUIRE(world.hub.storage_jobs().size() == 1);
    CHECK_FALSE(world.hub.storage_jobs()[0].scheduled);

    SECTION("it succeeds") {
        end_last(world.hub, true, kBackupResult);
        const Response done = world.hub.answer(request);
        CHECK(done.status == 200);
        CHECK(TestHub::member(done.body, "status") == "complete");
        CHECK(TestHub::member(done.body, "tables_success") == "2");
        CHECK(TestHub::member(done.body, "results")
                  .find(R"({"table":"task_queue","status":"ok","path":"/d/b1","size":4096,"rows":1})") !=
              std::string::npos);
    }
    SECTION("it fails, and says so") {
        end_last(world.hub, false, "{}", "no room");
        const Response failed = world.hub.answer(request);
        CHECK(failed.status == 500);
        CHECK(failed.body == R"({"error":"backup_failed","message":"no room"})");
    }
    SECTION("it takes long") {
        world.hub.advance_ms(Settings{}.storage_wait_ms);
        const Response goes_on = world.hub.answer(request);
        CHECK(goes_on.status == 202);
        CHECK(TestHub::member(goes_on.body, "status") == "running");
        end_last(world.hub, true, kBackupResult);
        CHECK(world.hub.http(Method::get, "/api/admin/storage", "", kAdmin).body.find("\"complete\"") !=
              std::string::npos);
    }
}

TEST_CASE("W-27: jobs exclude one another", "[storage]") {
    World world;
    show_backups(world.hub);
    const int64_t first = ask(world.hub, "/api/admin/backup");
    for (const char* target : {"/api/admin/backup", "/api/admin/compact", "/api/admin/compact/task_queue",
                               "/api/admin/backups/b2/verify", "/api/admin/backups/b2/restore"}) {
        CAPTURE(target);
        const Response busy = world.hub.http(Method::post, target, "", kAdmin);
        CHECK(busy.status == 409);
        CHECK(TestHub::member(busy.body, "error") == "storage_busy");
        CHECK(TestHub::member(busy.body, "running") == "backup");
    }
    CHECK(world.hub.storage_jobs().size() == 1);
    end_last(world.hub, true, kBackupResult);
    CHECK(world.hub.answer(first).status == 200);
    ask(world.hub, "/api/admin/compact");
    CHECK(world.hub.storage_jobs().size() == 2);
}

TEST_CASE("compactions are told for all nine tables or for one", "[storage]") {
    World world;
    const int64_t all = ask(world.hub, "/api/admin/compact");
    end_last(world.hub, true, R"({"freed_bytes":8192,"duration_ms":7})");
    const Response done = world.hub.answer(all);
    CHECK(done.status == 200);
    CHECK(TestHub::member(done.body, "tables_compacted") == "9");
    CHECK(TestHub::member(done.body, "freed_bytes") == "8192");

    const int64_t one = ask(world.hub, "/api/admin/compact/thread_replies");
    end_last(world.hub, true, R"({"freed_bytes":0,"duration_ms":0,"reason":"below_threshold"})");
    CHECK(world.hub.answer(one).body ==
          R"({"table":"thread_replies","status":"skipped","duration_ms":0,"reason":"below_threshold"})");
    const Response unknown = world.hub.http(Method::post, "/api/admin/compact/foo", "", kAdmin);
    CHECK(unknown.status == 404);
    CHECK(unknown.body == R"({"error":"unknown_table","table":"foo"})");
}

TEST_CASE("W-28: a restore is chosen, previewed, and never of one table alone", "[storage]") {
    World world;
    const auto post = [&](const std::string& target, const std::string& body = "") {
        return world.hub.http(Method::post, target, body, kAdmin);
    };
    CHECK(post("/api/admin/restore/foo").status == 404);
    CHECK(TestHub::member(post("/api/admin/restore/task_queue").body, "error") == "no_backup");
    show_backups(world.hub);
    const Response whole = post("/api/admin/restore/task_queue");
    CHECK(whole.status == 409);
    CHECK(TestHub::member(whole.body, "error") == "whole_set_only");
    CHECK(TestHub::member(whole.body, "backup") == "b2");
    CHECK(post("/api/admin/backups/b1/restore").status == 404);
    CHECK(world.hub.storage_jobs().empty());

    const int64_t preview = ask(world.hub, "/api/admin/backups/b2/restore", R"({"dry_run":true})");
    CHECK(world.hub.storage_jobs().back().dry_run);
    end_last(world.hub, true, R"({"backup":"b2"})");
    CHECK(world.hub.answer(preview).status == 200);
    const int64_t real = ask(world.hub, "/api/admin/restore/task_queue", R"({"whole_set":true})");
    CHECK(world.hub.storage_jobs().back().subject == "b2");
    end_last(world.hub, true, R"({"backup":"b2"})");
    CHECK(world.hub.answer(real).status == 202);
    const int64_t verified = ask(world.hub, "/api/admin/backups/b2/verify");
    end_last(world.hub, false, "{}", "damaged");
    CHECK(TestHub::member(world.hub.answer(verified).body, "error") == "verification_failed");
}

TEST_CASE("W-24: health reports the nine tables, and fragmentation is the share of free pages", "[storage]") {
    World world;
    show_backups(world.hub);
    world.submit();
    const Response health = world.hub.http(Method::get, "/api/admin/dets-health", "", kAdmin);
    CHECK(health.status == 200);
    CHECK(TestHub::member(health.body, "health_status") == "warning");  // the backup is of 1970
    CHECK(TestHub::member(health.body, "high_fragmentation") == "false");
    const std::string tables = TestHub::member(health.body, "tables");
    CHECK(tables.find(R"({"table":"task_queue","record_count":1,"file_size_bytes":0,"fragmentation_ratio":0.125,)"
                      R"("status":"ok"})") != std::string::npos);
    size_t at = 0;
    for (const std::string_view name : kCareTables) {
        const size_t found = tables.find("\"" + std::string(name) + "\"", at);
        REQUIRE(found != std::string::npos);
        at = found;
    }
    CHECK(world.hub.http(Method::get, "/api/admin/backups", "", kAdmin).status == 200);
    CHECK(world.get("/api/admin/backups").status == 403);
    CHECK(world.post("/api/admin/backup", "").status == 403);
}

TEST_CASE("W-29: what is damaged is said wherever somebody may look, and once for each thing", "[storage]") {
    struct Case {
        const char* damage;
        int64_t lost_rows;
        const char* problems;
    };
    const Case each = GENERATE(Case{"", 0, ""}, Case{"page 7", 0, R"(["storage_failure"])"},
                               Case{"salvaged", 3, R"(["storage_failure","rows_lost"])"});
    World world;
    StorageFigures figures;
    figures.damage = each.damage;
    figures.lost_rows = each.lost_rows;
    figures.checked_at = 5;
    figures.tables = R"([{"table":"task_queue","record_count":1,"file_size_bytes":4096}])";
    const int64_t before = world.hub.tables().find<WorkspaceRow>({1})->event_seq;
    world.hub.apply(figures);
    world.hub.apply(figures);
    const bool damaged = *each.damage != 0;
    CHECK(world.hub.tables().find<WorkspaceRow>({1})->event_seq - before == (damaged ? 1 : 0));
    const Response health = world.hub.http(Method::get, "/health", "", "");
    CHECK(TestHub::member(health.body, "problems") == each.problems);
    const Response storage = world.hub.http(Method::get, "/api/admin/storage", "", kAdmin);
    CHECK(TestHub::member(storage.body, "damage") == (damaged ? each.damage : "null"));
    CHECK(TestHub::member(storage.body, "lost_rows") == std::to_string(each.lost_rows));
    CHECK(TestHub::member(storage.body, "checked_at") == "5");
    const Response metrics = world.hub.http(Method::get, "/api/metrics", "", kAdmin);
    const std::string care = TestHub::member(metrics.body, "dets_health");
    CHECK(TestHub::member(care, "tables").find(R"("table":"task_queue","record_count":1)") != std::string::npos);
    const Response verdict = world.hub.http(Method::get, "/api/admin/dets-health", "", kAdmin);
    CHECK(TestHub::member(verdict.body, "health_status") == (damaged ? "unhealthy" : "healthy"));
}

TEST_CASE("the metrics and the dashboard's state say the same of the storage", "[storage]") {
    World world;
    const auto care_in = [&](const char* target) {
        return TestHub::member(world.hub.http(Method::get, target, "", kAdmin).body, "dets_health");
    };
    CHECK(care_in("/api/metrics") == "null");
    StorageFigures figures;
    figures.tables = R"([{"table":"task_queue","record_count":1,"file_size_bytes":4096}])";
    figures.backups = "[]";
    world.hub.apply(figures);
    const std::string tables =
        R"({"tables":[{"table":"task_queue","record_count":1,"file_size_bytes":4096,"fragmentation_ratio":0.000,)"
        R"("status":"ok"}],"last_backup_at":)";
    CHECK(care_in("/api/metrics") ==
          tables + R"(null,"last_backup_results":null,"last_compaction_at":null,"compaction_history":[]})");
    const std::string now = std::to_string(world.hub.now_ms());
    ask(world.hub, "/api/admin/backup");
    end_last(world.hub, true, kBackupResult);
    ask(world.hub, "/api/admin/compact");
    end_last(world.hub, true, R"({"freed_bytes":0,"reason":"below_threshold"})");
    const std::string care = care_in("/api/metrics");
    CHECK(care.find(tables + now +
                    R"(,"last_backup_results":[{"table":"task_queue","status":"ok",)"
                    R"("path":"/d/b1","size":4096,"rows":1})") == 0);
    CHECK(care.find(R"("last_compaction_at":)" + now + R"(,"compaction_history":[{"timestamp":)" + now +
                    R"(,"results":[{"table":"task_queue","status":"skipped","reason":"below_threshold",)" +
                    R"("duration_ms":0})") != std::string::npos);
    CHECK(care == care_in("/api/dashboard/state"));
}
