#include "native-server/store/archive_sums.hpp"

#include <algorithm>
#include <charconv>

#include "native-server/store/load.hpp"
#include "native-server/store/schema.hpp"

namespace agentcom {

namespace {

std::string sum_key(TableId table) { return std::string(kArchiveSumPrefix) + std::string(stored_table(table).name); }

/// The hash that a checksum column holds.
Hash128 hash_in_column(std::string_view checksum) {
    Hash128 hash;
    if (checksum.size() != 16) return hash;
    for (std::size_t i = 0; i < 8; ++i) {
        hash.hi = hash.hi << 8U | static_cast<uint8_t>(checksum[i]);
        hash.lo = hash.lo << 8U | static_cast<uint8_t>(checksum[8 + i]);
    }
    return hash;
}

}  // namespace

bool is_archived(const TableSchema& schema, const RowValues& values) {
    return schema.row_class == RowClass::archive ||
           (schema.table == TableId::tasks && values[kLiveColumn].integer == 0);
}

std::string_view archive_condition(TableId table) { return table == TableId::tasks ? " WHERE live = 0" : ""; }

bool ArchiveSums::read(SqliteConnection& db) {
    SqliteStatement select;
    if (!select.prepare(db, "SELECT value FROM meta WHERE key = ?1")) return false;
    for (std::size_t i = 0; i < kArchiveSumTables.size(); ++i) {
        Entry& entry = entries_.at(i);
        entry = {};
        entry.sum.table = kArchiveSumTables.at(i);
        const std::string key = sum_key(entry.sum.table);
        select.bind(1, key);
        const int code = select.step();
        if (code == SQLITE_ROW) {
            const std::optional<TableSum> sum = parse_sum(entry.sum.table, select.text(0));
            if (!sum) return false;
            entry.sum = *sum;
            entry.known = true;
        }
        select.reset();
        if (code != SQLITE_ROW && code != SQLITE_DONE) return false;
    }
    return true;
}

bool ArchiveSums::write(const std::function<bool(const std::string& key, const std::string& value)>& set) {
    for (Entry& entry : entries_) {
        if (!entry.changed) continue;
        if (!set(sum_key(entry.sum.table), sum_text(entry.sum))) return false;
        entry.changed = false;
    }
    return true;
}

ArchiveSums::Entry* ArchiveSums::entry(TableId table) {
    for (Entry& entry : entries_) {
        if (entry.known && entry.sum.table == table) return &entry;
    }
    return nullptr;
}

void ArchiveSums::add(TableId table, std::string_view checksum) {
    Entry* const found = entry(table);
    if (found == nullptr) return;
    ++found->sum.rows;
    found->sum.sum += hash_in_column(checksum);
    found->changed = true;
}

void ArchiveSums::subtract(TableId table, std::string_view checksum) {
    Entry* const found = entry(table);
    if (found == nullptr) return;
    --found->sum.rows;
    found->sum.sum -= hash_in_column(checksum);
    found->changed = true;
}

const TableSum* ArchiveSums::find(TableId table) const {
    for (const Entry& entry : entries_) {
        if (entry.known && entry.sum.table == table) return &entry.sum;
    }
    return nullptr;
}

bool rewrite_archive_sums(SqliteConnection& db) {
    SqliteStatement set;
    if (!set.prepare(db, "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")) return false;
    for (const TableId table : kArchiveSumTables) {
        TableSum sum{table, 0, {}};
        SqliteStatement select;
        if (!select.prepare(db, "SELECT checksum FROM " + sql_name(stored_table(table).name) +
                                    std::string(archive_condition(table)))) {
            return false;
        }
        int code = select.step();
        for (; code == SQLITE_ROW; code = select.step()) {
            ++sum.rows;
            sum.sum += hash_in_column(select.text(0));
        }
        if (code != SQLITE_DONE) return false;
        const std::string key = sum_key(table);
        const std::string text = sum_text(sum);
        set.bind(1, key);
        set.bind(2, text);
        if (!set.run()) return false;
    }
    return true;
}

}  // namespace agentcom
