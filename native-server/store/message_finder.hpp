// Looks in the log of messages: by filters and words, and along threads. Part of the reader.
//
// Every filter has an index, or is a question put to each entry of another one's: then the work is bounded, and an
// answer may end early and say from where to go on. Instants become numbers by halving, since times ascend with numbers
// but where the clock was set back.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/state/store.hpp"
#include "native-server/store/sqlite.hpp"

namespace agentcom {

class MessageFinder {
  public:
    explicit MessageFinder(SqliteConnection& db) : db_(db) {}

    /// What there is to fetch, in order.
    struct Found {
        std::vector<int64_t> seqs;
        int64_t reached = 0;     ///< up to here everything was looked at
        bool more = false;       ///< there may be more behind it
        int64_t searchable = 0;  ///< the search knows messages up to here
        std::string root;        ///< of a thread
    };
    // Both false: an error, see the connection.
    bool find(const FindMessages& query, Found& found);
    bool thread(const FetchThread& query, Found& found);

    /// Resets all statements: at the end of a transaction.
    void reset();

  private:
    struct Range {
        int64_t first = 0;
        int64_t last = 0;
    };
    /// A message that may match.
    struct Candidate {
        int64_t seq = 0;
        bool fits = false;
    };
    /// Statements that give candidates, each in the order asked for.
    struct Source {
        SqliteStatement* select = nullptr;
        std::optional<Candidate> next;
    };

    SqliteStatement* statement(const std::string& sql);
    bool ranges_of(const FindMessages& query, std::vector<Range>& ranges);
    /// The lowest number in the range whose message was sent at or after `at_ms`; last + 1 if there is none.
    bool first_at(int64_t workspace, Range range, int64_t at_ms, int64_t& seq);
    bool open_sources(const FindMessages& query, Range range, std::vector<Source>& sources);
    /// The numbers of the search's tables, ascending.
    bool shards_of(int64_t workspace, std::vector<int64_t>& shards);
    bool open_shards(const FindMessages& query, Range range, std::vector<Source>& sources);
    bool advance(const FindMessages& query, Source& source);
    bool scan(const FindMessages& query, Range range, Found& found, bool& stopped);
    bool next_candidate(const FindMessages& query, std::vector<Source>& sources, std::optional<Candidate>& candidate);
    bool parent_of(int64_t workspace, const std::string& id, bool& stored, int64_t& seq,
                   std::optional<std::string>& parent);
    bool root_of(const FetchThread& query, Found& found);

    SqliteConnection& db_;
    std::map<std::string, SqliteStatement> statements_;
    std::string expression_;  ///< of the search at hand: statements refer to it
    int64_t looked_at_ = 0;
    std::function<bool()> out_of_time_;
};

}  // namespace agentcom
