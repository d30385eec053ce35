#include "native-server/store/salvage.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/base/json.hpp"
#include "native-server/store/archive_sums.hpp"
#include "native-server/store/database_pages.hpp"
#include "native-server/store/load.hpp"
#include "native-server/store/row_io.hpp"
#include "native-server/store/salvage_mend.hpp"
#include "native-server/store/schema.hpp"
#include "native-server/store/storage_files.hpp"

namespace agentcom {

namespace {

constexpr std::size_t kChecksumBytes = 16;
constexpr std::string_view kSumPrefix = "sum.";

/// "ROWS HEX": only the rows are of interest here.
std::optional<int64_t> rows_of_sum(std::string_view text) {
    int64_t rows = 0;
    const auto [rest, failure] = std::from_chars(text.data(), text.data() + text.size(), rows);
    return failure == std::errc() && rest != text.data() + text.size() && *rest == ' ' ? std::optional(rows)
                                                                                       : std::nullopt;
}

/// Puts what was read into the new database.
class RowKeeper {
  public:
    explicit RowKeeper(SqliteConnection& db) : db_(db) {}

    /// Takes a record if it is a row of a hub, or a line of `meta`. False: the new database cannot be written.
    bool take(RowValues values) {
        if (values.size() == 2) note_meta(values);
        for (const TableSchema& schema : stored_tables()) {
            const std::size_t columns = schema.columns.size();
            if (values.size() != columns + (has_place(schema.table) ? 2 : 1)) continue;
            const ColumnValue& checksum = values[columns];
            if (checksum.type != ColumnValue::Type::text || checksum.text.size() != kChecksumBytes) continue;
            RowValues row(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(columns));
            const std::optional<Hash128> found = checksum_of(schema.table, row);
            if (!found || ChecksumBytes(*found).view() != checksum.text) continue;
            return insert(schema, row, checksum.text);
        }
        return true;
    }

    void finish() { inserts_.clear(); }
    /// The lines of `meta` that say what should be there.
    const std::map<std::string, std::string>& meta() const { return meta_; }

  private:
    // These have no checksum: they say how much is lost, and nothing else rests on them.
    void note_meta(const RowValues& values) {
        const std::string& key = values[0].text;
        const bool wanted =
            key == "commit" || key == "last_turn" || key.starts_with(kSumPrefix) || key.starts_with(kArchiveSumPrefix);
        if (!wanted) return;
        meta_.try_emplace(
            key, values[1].type == ColumnValue::Type::integer ? std::to_string(values[1].integer) : values[1].text);
    }

    bool insert(const TableSchema& schema, const RowValues& row, std::string_view checksum) {
        SqliteStatement& insert = inserts_[schema.table];
        if (!insert.prepared()) {
            std::string parameters;
            for (std::size_t i = 1; i <= row.size() + 1; ++i) parameters += (i > 1 ? ", ?" : "?") + std::to_string(i);
            if (has_place(schema.table)) parameters += ", " + agentcom::place_of(1, 2);
            const std::string sql = "INSERT OR IGNORE INTO " + sql_name(schema.name) + " VALUES (" + parameters + ")";
            if (!insert.prepare(db_, sql)) return false;
        }
        for (std::size_t i = 0; i < row.size(); ++i) {
            const int parameter = static_cast<int>(i) + 1;
            if (row[i].type == ColumnValue::Type::integer) {
                insert.bind(parameter, row[i].integer);
            } else if (row[i].type == ColumnValue::Type::text) {
                insert.bind(parameter, row[i].text);
            } else {
                insert.bind_null(parameter);
            }
        }
        insert.bind_blob(static_cast<int>(row.size()) + 1, checksum);
        return insert.run();
    }

    SqliteConnection& db_;
    std::map<TableId, SqliteStatement> inserts_;
    std::map<std::string, std::string> meta_;
};

/// Walks the pages, those first that the trees name.
class PageWalk {
  public:
    PageWalk(const DatabasePages& pages, RowKeeper& keeper)
        : pages_(pages), keeper_(keeper), named_(static_cast<std::size_t>(pages.count()) + 1, false) {}

    bool run() {
        for (const int64_t root : roots()) name_tree(root);
        for (const bool named : {true, false}) {
            for (int64_t page = 1; page <= pages_.count(); ++page) {
                if (named_[static_cast<std::size_t>(page)] != named || (!named && !is_lost_part(page))) continue;
                if (!read(page)) return false;
            }
        }
        return true;
    }
    int64_t unreadable() const { return unreadable_; }

  private:
    /// Of all tables and indexes, as far as the schema can be read.
    std::vector<int64_t> roots() {
        std::vector<int64_t> roots;
        name_tree(1);
        for (std::size_t page = 1; page < named_.size(); ++page) {
            if (!named_[page]) continue;
            const auto number = static_cast<int64_t>(page);
            pages_.read_records(number, pages_.read(number), [&roots](const RowValues& values) {
                if (values.size() == 5 && values[3].integer > 1) roots.push_back(values[3].integer);
            });
        }
        return roots;
    }

    void name_tree(int64_t root) {
        std::vector<int64_t> next{root};
        while (!next.empty()) {
            const int64_t page = next.back();
            next.pop_back();
            if (page < 1 || page > pages_.count() || named_[static_cast<std::size_t>(page)]) continue;
            // A damaged page may name any other one. The map knows which ones are no part of a tree.
            const DatabasePages::Place::Kind kind = pages_.place_of(page).kind;
            if (kind == DatabasePages::Place::Kind::free || kind == DatabasePages::Place::Kind::overflow) continue;
            named_[static_cast<std::size_t>(page)] = true;
            const std::vector<int64_t> children = DatabasePages::children_of(page, pages_.read(page));
            next.insert(next.end(), children.begin(), children.end());
        }
    }

    /// A page that no readable tree names, but that was part of one when the page above it was whole.
    bool is_lost_part(int64_t page) const {
        const DatabasePages::Place place = pages_.place_of(page);
        if (place.kind == DatabasePages::Place::Kind::root) return true;
        if (place.kind != DatabasePages::Place::Kind::tree) return false;
        const std::vector<int64_t> siblings = DatabasePages::children_of(place.parent, pages_.read(place.parent));
        return siblings.empty() || std::find(siblings.begin(), siblings.end(), page) != siblings.end();
    }

    bool read(int64_t page) {
        bool kept = true;
        const int64_t unreadable = pages_.read_records(
            page, pages_.read(page), [&](RowValues values) { kept = kept && keeper_.take(std::move(values)); });
        if (unreadable > 0) ++unreadable_;
        return kept;
    }

    const DatabasePages& pages_;
    RowKeeper& keeper_;
    std::vector<bool> named_;
    int64_t unreadable_ = 0;
};

int64_t number_in_meta(const std::map<std::string, std::string>& meta, const std::string& key) {
    const auto found = meta.find(key);
    int64_t value = 0;
    if (found == meta.end()) return 0;
    const std::string& text = found->second;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc() ? std::max<int64_t>(0, value) : 0;
}

/// The rows of a table that its sums are about: those of `archive` or those that a start loads.
std::string counted_sql(const TableSchema& schema, bool archive) {
    const std::string count = "SELECT count(*) FROM " + sql_name(schema.name);
    switch (schema.table) {
        case TableId::tasks:
            return count + (archive ? " WHERE live = 0" : " WHERE live = 1");
        case TableId::task_inputs:
        case TableId::task_edges:
        case TableId::attempts:
            // Of a lost task they are not lost.
            return count +
                   " AS part WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.workspace = part.workspace AND "
                   "tasks.id = part.task_id AND tasks.live = 0)";
        default:
            return count;
    }
}

bool count_lost(SqliteConnection& db, const std::map<std::string, std::string>& meta, SalvageReport& report) {
    bool any_sum = false;
    for (const TableSchema& schema : stored_tables()) {
        SalvageReport::Table table{std::string(schema.name), 0, 0};
        if (!db.query_integer("SELECT count(*) FROM " + sql_name(schema.name), table.kept)) return false;
        for (const bool archive : {false, true}) {
            const auto sum = meta.find(std::string(archive ? kArchiveSumPrefix : kSumPrefix) + table.name);
            if (sum == meta.end()) continue;
            const std::optional<int64_t> wanted = rows_of_sum(sum->second);
            int64_t found = 0;
            if (!wanted || !db.query_integer(counted_sql(schema, archive), found)) continue;
            any_sum = true;
            table.lost += std::max<int64_t>(0, *wanted - found);
        }
        report.kept_rows += table.kept;
        report.lost_rows += table.lost;
        report.tables.push_back(std::move(table));
    }
    report.sums_known = any_sum;
    return true;
}

/// As a commit would leave them.
bool write_salvaged_sums(SqliteConnection& db, const std::map<std::string, std::string>& meta) {
    std::map<TableId, TableSum> sums;
    for (const TableSchema& schema : stored_tables()) {
        if (schema.row_class == RowClass::durable) sums[schema.table] = {schema.table, 0, {}};
    }
    LoadSink sink;
    sink.row = [&sums](TableId table, RowValues values) {
        TableSum& sum = sums[table];
        ++sum.rows;
        if (const std::optional<Hash128> hash = checksum_of(table, std::move(values))) sum.sum += *hash;
        return Status();
    };
    sink.mail_floor = [](int64_t, const std::optional<std::string>&) { return kMaxPlaceSeq; };
    sink.message = [](const MessageRow&) {};
    sink.sums = [](const std::vector<TableSum>&) { return Status(); };
    if (!load_rows(db, sink)) return false;
    SqliteStatement set;
    if (!set.prepare(db, "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")) return false;
    for (const auto& [table, sum] : sums) {
        const std::string key = std::string(kSumPrefix) + std::string(stored_table(table).name);
        const std::string text = sum_text(sum);
        set.bind(1, key);
        set.bind(2, text);
        if (!set.run()) return false;
    }
    for (const std::string key : {"commit", "last_turn"}) {
        set.bind(1, key);
        set.bind(2, number_in_meta(meta, key));
        if (!set.run()) return false;
    }
    return rewrite_archive_sums(db);
}

Status create_salvage(SqliteConnection& db, const std::string& target) {
    const int descriptor = ::open(target.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) return storage_error("creating " + target, errno);
    ::close(descriptor);
    bool created = false;
    if (!db.open(target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, "") ||
        !db.execute("PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = OFF; "
                    "PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536")) {
        return Status(store_unavailable(db, "creating " + target));
    }
    return prepare_schema(db, created);
}

Status fill_salvage(SqliteConnection& db, const DatabasePages& pages, int64_t acknowledged, SalvageReport& report) {
    RowKeeper keeper(db);
    PageWalk walk(pages, keeper);
    const auto failed = [&db] { return Status(store_unavailable(db, "writing what was salvaged")); };
    if (!db.execute("BEGIN") || !walk.run()) return failed();
    keeper.finish();
    report.unreadable_pages = walk.unreadable();
    const int64_t commit = number_in_meta(keeper.meta(), "commit");
    report.lost_commits = commit > 0 ? std::max<int64_t>(0, acknowledged - commit) : 0;
    if (!count_lost(db, keeper.meta(), report)) return failed();
    if (report.kept_rows == 0) {
        return Status(Error{"not_a_hub_database", 500, Blame::hub, "hub.db holds not one readable row of a hub"});
    }
    if (!mend_salvaged(db, report.made_at, report.mended) || !write_salvaged_sums(db, keeper.meta()) ||
        !db.execute("COMMIT")) {
        return failed();
    }
    return {};
}

}  // namespace

std::string SalvageReport::summary() const {
    std::string text = std::to_string(kept_rows) + " rows could be read and are served";
    if (lost_rows > 0) text += ", " + std::to_string(lost_rows) + " are lost";
    std::string names;
    for (const Table& table : tables) {
        if (table.lost > 0) names += (names.empty() ? "" : ", ") + table.name + " " + std::to_string(table.lost);
    }
    if (!names.empty()) text += " (" + names + ")";
    if (!sums_known) text += ", and nobody knows how many are lost";
    if (lost_commits > 0) {
        text += ". The last " + std::to_string(lost_commits) +
                " transactions are lost: what was done, revoked or finished in them is as it was before";
    }
    for (const std::string& line : mended) text += ". " + line;
    return text;
}

std::string salvage_text(const SalvageReport& report) {
    json::Writer out;
    out.begin_object().member("damage", report.damage).member("made_at", report.made_at);
    out.member("summary", report.summary()).member("kept_rows", report.kept_rows).member("lost_rows", report.lost_rows);
    out.member("lost_commits", report.lost_commits).member("unreadable_pages", report.unreadable_pages);
    out.member("sums_known", report.sums_known).key("tables").begin_array();
    for (const SalvageReport::Table& table : report.tables) {
        out.begin_object().member("table", table.name).member("kept", table.kept).member("lost", table.lost);
        out.end_object();
    }
    out.end_array().key("mended").raw(json::encode_strings(report.mended)).end_object();
    return out.take() + "\n";
}

Result<SalvageReport> salvage_database(const std::string& data_directory, const std::string& target,
                                       int64_t acknowledged, int64_t wall_ms) {
    SalvageReport report;
    report.made_at = wall_ms;
    DatabasePages pages;
    if (const Status opened = pages.open(data_directory + "/hub.db", data_directory + "/hub.db-wal"); !opened) {
        return Result<SalvageReport>(opened.error());
    }
    SqliteConnection db;
    Status done = create_salvage(db, target);
    if (done) done = fill_salvage(db, pages, acknowledged, report);
    db.close();
    if (done) done = sync_path(target);
    if (done) return Result<SalvageReport>(std::move(report));
    static_cast<void>(remove_file(target));
    return Result<SalvageReport>(done.error());
}

}  // namespace agentcom
