// The full-text index over the payloads of messages (core/state/search.hpp): SQLite FTS5 tables without contents.
//
// Indexing a message costs about as much as storing it, so it is done behind the commits, in idle moments: the search
// lags, and says so (meta `search.WORKSPACE` is the number up to which it knows messages). A table holds a range of
// numbers, so that forgetting old messages is dropping a table rather than deleting words. Its rowid is the message's
// number.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "native-server/store/sqlite.hpp"

namespace agentcom {

/// Numbers of one table.
inline constexpr int64_t kSearchShardSeqs = 65'536;

/// What the names of a workspace's tables begin with; a number follows.
std::string search_shard_prefix(int64_t workspace);
/// The table that holds the words of this message.
std::string search_shard_name(int64_t workspace, int64_t seq);
std::string search_progress_key(int64_t workspace);

class SearchIndex {
  public:
    explicit SearchIndex(SqliteConnection& db) : db_(db) {}

    /// Adds the words of at most `limit` messages, or drops one table of messages that are kept no more. Must run
    /// inside a transaction; `more`: call again. False: an error, after which `finish` must be called.
    bool advance(int64_t limit, bool& more);
    /// Whether the last `advance` left nothing to do and no message has been written since.
    bool is_done() const { return done_; }
    void messages_written() { done_ = false; }
    /// Forgets statements and progress: before the connection is closed, and after an error.
    void finish();

  private:
    bool read_progress();
    bool index_messages(int64_t workspace, int64_t pruned, int64_t& limit);
    bool drop_shard(int64_t workspace, int64_t pruned, bool& dropped);
    SqliteStatement* statement(const std::string& sql);

    SqliteConnection& db_;
    std::map<std::string, SqliteStatement> statements_;
    std::map<int64_t, int64_t> indexed_;  ///< by workspace
    bool done_ = false;
};

}  // namespace agentcom
