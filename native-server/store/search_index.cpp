#include "native-server/store/search_index.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/state/search.hpp"
#include "native-server/store/schema.hpp"

namespace agentcom {

std::string search_shard_prefix(int64_t workspace) { return "search_" + std::to_string(workspace) + "_"; }

std::string search_shard_name(int64_t workspace, int64_t seq) {
    return search_shard_prefix(workspace) + std::to_string(seq / kSearchShardSeqs);
}

std::string search_progress_key(int64_t workspace) { return "search." + std::to_string(workspace); }

void SearchIndex::finish() {
    statements_.clear();
    indexed_.clear();
    done_ = false;
}

SqliteStatement* SearchIndex::statement(const std::string& sql) {
    SqliteStatement& found = statements_[sql];
    if (!found.prepared() && !found.prepare(db_, sql)) return nullptr;
    return &found;
}

bool SearchIndex::advance(int64_t limit, bool& more) {
    std::vector<std::pair<int64_t, int64_t>> workspaces;
    SqliteStatement* select = statement("SELECT id, messages_pruned FROM workspaces ORDER BY id");
    if (select == nullptr) return false;
    int code = select->step();
    for (; code == SQLITE_ROW; code = select->step()) workspaces.emplace_back(select->integer(0), select->integer(1));
    select->reset();
    if (code != SQLITE_DONE) return false;
    more = true;
    for (const auto& [workspace, pruned] : workspaces) {
        bool dropped = false;
        if (!drop_shard(workspace, pruned, dropped)) return false;
        if (dropped) return true;
        const int64_t before = limit;
        if (!index_messages(workspace, pruned, limit)) return false;
        if (limit <= 0) return true;
        if (limit < before) continue;
    }
    more = false;
    done_ = true;
    return true;
}

bool SearchIndex::drop_shard(int64_t workspace, int64_t pruned, bool& dropped) {
    // Only the oldest can be empty of kept messages; a channel's history may reach further back, and is searched no
    // more.
    SqliteStatement* oldest = statement(
        "SELECT min(CAST(substr(name, length(?1) + 1) AS INTEGER)) FROM sqlite_schema WHERE type = 'table' AND "
        "sql LIKE 'CREATE VIRTUAL TABLE%' AND substr(name, 1, length(?1)) = ?1");
    if (oldest == nullptr) return false;
    const std::string prefix = search_shard_prefix(workspace);
    oldest->bind(1, prefix);
    const int code = oldest->step();
    const bool any = code == SQLITE_ROW && oldest->type(0) != SQLITE_NULL;
    const int64_t number = any ? oldest->integer(0) : 0;
    oldest->reset();
    if (code != SQLITE_ROW) return false;
    dropped = any && (number + 1) * kSearchShardSeqs <= pruned + 1;
    if (!dropped) return true;
    // No statement may hold the table.
    statements_.clear();
    return db_.execute("DROP TABLE " + prefix + std::to_string(number));
}

bool SearchIndex::index_messages(int64_t workspace, int64_t pruned, int64_t& limit) {
    const std::string key = search_progress_key(workspace);
    if (!indexed_.contains(workspace)) {
        SqliteStatement* progress = statement("SELECT value FROM meta WHERE key = ?1");
        if (progress == nullptr) return false;
        progress->bind(1, key);
        const int code = progress->step();
        indexed_[workspace] = code == SQLITE_ROW ? progress->integer(0) : 0;
        progress->reset();
        if (code != SQLITE_ROW && code != SQLITE_DONE) return false;
    }
    int64_t& indexed = indexed_[workspace];
    const int64_t before = indexed;
    indexed = std::max(indexed, pruned);
    SqliteStatement* select = statement("SELECT place, payload FROM messages WHERE place > " + place_of(1, 2) +
                                        " AND place <= " + place_of(1, 3) + " ORDER BY place LIMIT ?4");
    if (select == nullptr) return false;
    select->bind(1, workspace);
    select->bind(2, indexed);
    select->bind(3, kMaxPlaceSeq);
    select->bind(4, limit);
    std::string shard;
    SqliteStatement* insert = nullptr;
    int code = select->step();
    for (; code == SQLITE_ROW; code = select->step()) {
        const int64_t seq = select->integer(0) & kMaxPlaceSeq;
        if (std::string name = search_shard_name(workspace, seq); name != shard) {
            shard = std::move(name);
            if (!db_.execute("CREATE VIRTUAL TABLE IF NOT EXISTS " + shard +
                             " USING fts5(words, content='', columnsize=0, "
                             "tokenize='unicode61 remove_diacritics 2')")) {
                return false;
            }
            insert = statement("INSERT INTO " + shard + "(rowid, words) VALUES (?1, ?2)");
            if (insert == nullptr) return false;
        }
        const std::string text = search_text(select->text(1));
        insert->bind(1, seq);
        insert->bind(2, text);
        if (!text.empty() && !insert->run()) return false;
        indexed = seq;
        --limit;
    }
    select->reset();
    if (code != SQLITE_DONE) return false;
    if (indexed == before) return true;
    SqliteStatement* note = statement("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2");
    if (note == nullptr) return false;
    note->bind(1, key);
    note->bind(2, indexed);
    return note->run();
}

}  // namespace agentcom
