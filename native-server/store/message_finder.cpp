#include "native-server/store/message_finder.hpp"

#include <algorithm>
#include <chrono>
#include <queue>
#include <utility>

#include "core/messaging/message_id.hpp"
#include "core/state/search.hpp"
#include "native-server/store/schema.hpp"
#include "native-server/store/search_index.hpp"

namespace agentcom {

namespace {

// An answer ends early once it has looked at so many entries, and for so long.
constexpr int64_t kEntriesAtLeast = 1'000;
constexpr int64_t kEntriesBetweenLooks = 64;
constexpr std::chrono::microseconds kTimeForOneAnswer{3'000};

/// Parameters of every statement that gives candidates: 1 workspace, 2 and 3 the range, 4 and 5 what the source needs,
/// 6 to 9 what is asked of each entry.
std::string condition_of(const FindMessages& query, bool by_sender, bool by_recipient, bool by_channel) {
    std::string condition;
    const auto also = [&condition](const std::string& text) { condition += (condition.empty() ? "" : " AND ") + text; };
    if (query.from && !by_sender) also("sender = ?6");
    if (query.to && !by_recipient) also("recipient IS ?7");
    if (query.type) also("type = ?8");
    if (!query.channels.empty() && !by_channel) also("channel IN (?4, ?5)");
    return condition.empty() ? "1" : condition;
}

/// Cuts ranges at the bounds of the search's tables, and at the last message that the search knows. `shards` are the
/// numbers of those tables that there are, ascending: a restore leaves a gap that would have many.
template <class Range>
void split_by_shard(const std::vector<int64_t>& shards, int64_t searchable, bool newest_first,
                    std::vector<Range>& ranges) {
    std::vector<Range> pieces;
    for (const Range& range : ranges) {
        std::vector<Range> of_range;
        for (const int64_t shard : shards) {
            const int64_t first = std::max(range.first, shard * kSearchShardSeqs);
            const int64_t last = std::min({range.last, searchable, (shard + 1) * kSearchShardSeqs - 1});
            if (first <= last) of_range.push_back({first, last});
        }
        if (newest_first) std::reverse(of_range.begin(), of_range.end());
        pieces.insert(pieces.end(), of_range.begin(), of_range.end());
    }
    ranges = std::move(pieces);
}

}  // namespace

SqliteStatement* MessageFinder::statement(const std::string& sql) {
    SqliteStatement& found = statements_[sql];
    if (!found.prepared() && !found.prepare(db_, sql)) return nullptr;
    return &found;
}

void MessageFinder::reset() {
    for (auto& [sql, each] : statements_) each.reset();
}

bool MessageFinder::first_at(int64_t workspace, Range range, int64_t at_ms, int64_t& seq) {
    SqliteStatement* select = statement("SELECT place, sent_at FROM messages WHERE place >= " + place_of(1, 2) +
                                        " AND place <= " + place_of(1, 3) + " ORDER BY place LIMIT 1");
    SqliteStatement* newest = statement("SELECT place FROM messages WHERE place >= " + place_of(1, 2) +
                                        " AND place <= " + place_of(1, 3) + " ORDER BY place DESC LIMIT 1");
    if (select == nullptr || newest == nullptr) return false;
    newest->bind(1, workspace);
    newest->bind(2, range.first);
    newest->bind(3, range.last);
    int code = newest->step();
    // Between `low` and `high` lies the first one; `high` is right if there is none.
    int64_t low = range.first;
    int64_t high = code == SQLITE_ROW ? (newest->integer(0) & kMaxPlaceSeq) + 1 : range.first;
    newest->reset();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return false;
    const int64_t behind = high;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        select->bind(1, workspace);
        select->bind(2, middle);
        select->bind(3, behind);
        code = select->step();
        const bool late = code != SQLITE_ROW || select->integer(1) >= at_ms;
        const int64_t there = code == SQLITE_ROW ? select->integer(0) & kMaxPlaceSeq : behind;
        select->reset();
        if (code != SQLITE_ROW && code != SQLITE_DONE) return false;
        if (late) {
            high = middle;
        } else {
            low = there + 1;
        }
    }
    seq = low;
    return true;
}

bool MessageFinder::ranges_of(const FindMessages& query, std::vector<Range>& ranges) {
    const int64_t first = std::clamp<int64_t>(query.after_seq, -1, kMaxPlaceSeq) + 1;
    const int64_t last = std::clamp<int64_t>(query.before_seq, 0, kMaxPlaceSeq) - 1;
    if (!query.start_ms && !query.end_ms) {
        if (first <= last) ranges.push_back({first, last});
        return true;
    }
    std::vector<int64_t> begins = {0};
    begins.insert(begins.end(), query.clock_steps.begin(), query.clock_steps.end());
    for (std::size_t i = 0; i < begins.size(); ++i) {
        Range stretch{begins[i], i + 1 < begins.size() ? begins[i + 1] - 1 : kMaxPlaceSeq - 1};
        const Range whole = stretch;
        if (query.start_ms && !first_at(query.workspace, whole, *query.start_ms, stretch.first)) return false;
        if (query.end_ms && *query.end_ms != INT64_MAX) {
            int64_t behind = 0;
            if (!first_at(query.workspace, whole, *query.end_ms + 1, behind)) return false;
            stretch.last = behind - 1;
        }
        stretch.first = std::max(stretch.first, first);
        stretch.last = std::min(stretch.last, last);
        if (stretch.first <= stretch.last) ranges.push_back(stretch);
    }
    if (query.newest_first) std::reverse(ranges.begin(), ranges.end());
    return true;
}

bool MessageFinder::open_sources(const FindMessages& query, Range range, std::vector<Source>& sources) {
    if (query.search) return open_shards(query, range, sources);
    const bool by_channel = !query.channels.empty();
    const bool by_sender = !by_channel && query.from.has_value();
    const bool by_recipient = !by_channel && !by_sender && query.to.has_value();
    const std::string fits = condition_of(query, by_sender, by_recipient, by_channel);
    std::string index;
    std::string key;
    if (by_channel) {
        index = " INDEXED BY messages_by_channel";
        key = "workspace = ?1 AND channel = ?4 AND ";
    } else if (by_sender) {
        index = " INDEXED BY messages_by_sender";
        key = "workspace = ?1 AND sender = ?6 AND ";
    } else if (by_recipient) {
        index = " INDEXED BY messages_by_recipient";
        key = "workspace = ?1 AND channel_seq = 0 AND recipient = ?7 AND ";
    }
    const std::string sql = "SELECT place, " + fits + " FROM messages" + index + " WHERE " + key +
                            "place >= " + place_of(1, 2) + " AND place <= " + place_of(1, 3) + " ORDER BY place" +
                            (query.newest_first ? " DESC" : "");
    for (std::size_t i = 0; i < std::max<std::size_t>(1, query.channels.size()); ++i) {
        // The same text twice needs two statements: a trailing blank tells them apart.
        SqliteStatement* select = statement(sql + std::string(i, ' '));
        if (select == nullptr) return false;
        select->bind(1, query.workspace);
        select->bind(2, range.first);
        select->bind(3, range.last);
        if (by_channel) select->bind(4, query.channels[i]);
        if (query.from) select->bind(6, *query.from);
        if (query.to) select->bind(7, *query.to);
        if (query.type) select->bind(8, *query.type);
        sources.push_back({select, std::nullopt});
        if (!advance(query, sources.back())) return false;
    }
    return true;
}

bool MessageFinder::shards_of(int64_t workspace, std::vector<int64_t>& shards) {
    SqliteStatement* select = statement(
        "SELECT CAST(substr(name, length(?1) + 1) AS INTEGER) AS shard FROM sqlite_schema WHERE type = 'table' AND "
        "sql LIKE 'CREATE VIRTUAL TABLE%' AND substr(name, 1, length(?1)) = ?1 ORDER BY shard");
    if (select == nullptr) return false;
    const std::string prefix = search_shard_prefix(workspace);
    select->bind(1, prefix);
    int code = select->step();
    for (; code == SQLITE_ROW; code = select->step()) shards.push_back(select->integer(0));
    select->reset();
    return code == SQLITE_DONE;
}

// The shards follow one another, so that only one of them is open at a time; each is asked for its numbers, and the
// message for what else is wanted.
bool MessageFinder::open_shards(const FindMessages& query, Range range, std::vector<Source>& sources) {
    expression_ = search_expression(parse_search(*query.search));
    if (expression_.empty()) return true;
    const std::string shard = search_shard_name(query.workspace, range.first);
    const std::string fits = condition_of(query, false, false, false);
    const std::string order = query.newest_first ? " ORDER BY rowid DESC" : " ORDER BY rowid";
    const std::string found =
        "SELECT rowid FROM " + shard + " WHERE " + shard + " MATCH ?9 AND rowid >= ?2 AND rowid <= ?3";
    // A message that is kept no more has no place; then nothing fits.
    SqliteStatement* select =
        statement("SELECT found.rowid, (SELECT " + fits + " FROM messages WHERE place = (?1 << " +
                  std::to_string(kPlaceShift) + " | found.rowid)) FROM (" + found + order + ") AS found");
    if (select == nullptr) return false;
    select->bind(1, query.workspace);
    select->bind(2, range.first);
    select->bind(3, range.last);
    if (!query.channels.empty()) {
        select->bind(4, query.channels.front());
        select->bind(5, query.channels.back());
    }
    if (query.from) select->bind(6, *query.from);
    if (query.to) select->bind(7, *query.to);
    if (query.type) select->bind(8, *query.type);
    select->bind(9, expression_);
    sources.push_back({select, std::nullopt});
    return advance(query, sources.back());
}

bool MessageFinder::advance(const FindMessages&, Source& source) {
    const int code = source.select->step();
    source.next.reset();
    if (code == SQLITE_ROW) {
        source.next = Candidate{source.select->integer(0) & kMaxPlaceSeq, source.select->integer(1) != 0};
    } else {
        source.select->reset();
    }
    return code == SQLITE_ROW || code == SQLITE_DONE;
}

bool MessageFinder::next_candidate(const FindMessages& query, std::vector<Source>& sources,
                                   std::optional<Candidate>& candidate) {
    candidate.reset();
    Source* first = nullptr;
    for (Source& source : sources) {
        if (!source.next) continue;
        const bool earlier = first == nullptr || (query.newest_first ? source.next->seq > first->next->seq
                                                                     : source.next->seq < first->next->seq);
        if (earlier) first = &source;
    }
    if (first == nullptr) return true;
    candidate = first->next;
    return advance(query, *first);
}

bool MessageFinder::scan(const FindMessages& query, Range range, Found& found, bool& stopped) {
    std::vector<Source> sources;
    if (!open_sources(query, range, sources)) return false;
    std::optional<Candidate> candidate;
    for (;;) {
        if (!next_candidate(query, sources, candidate)) return false;
        if (!candidate) break;
        ++looked_at_;
        if (candidate->fits) {
            // One more than asked for tells that there are more.
            if (static_cast<int64_t>(found.seqs.size()) == query.limit) {
                found.reached = found.seqs.back();
                stopped = true;
                break;
            }
            found.seqs.push_back(candidate->seq);
        }
        found.reached = candidate->seq;
        stopped = looked_at_ >= kEntriesAtLeast && looked_at_ % kEntriesBetweenLooks == 0 && out_of_time_();
        if (stopped) break;
    }
    for (Source& source : sources) source.select->reset();
    return true;
}

bool MessageFinder::find(const FindMessages& query, Found& found) {
    const int64_t start = query.newest_first ? query.before_seq : query.after_seq;
    found.reached = start;
    if (query.limit <= 0) return true;
    SqliteStatement* progress = statement("SELECT value FROM meta WHERE key = ?1");
    if (progress == nullptr) return false;
    const std::string key = search_progress_key(query.workspace);
    progress->bind(1, key);
    const int code = progress->step();
    found.searchable = code == SQLITE_ROW ? progress->integer(0) : 0;
    progress->reset();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return false;

    std::vector<Range> ranges;
    if (!ranges_of(query, ranges)) return false;
    if (query.search) {
        std::vector<int64_t> shards;
        if (!shards_of(query.workspace, shards)) return false;
        split_by_shard(shards, found.searchable, query.newest_first, ranges);
    }
    looked_at_ = 0;
    const auto until = std::chrono::steady_clock::now() + kTimeForOneAnswer;
    out_of_time_ = [until] { return std::chrono::steady_clock::now() > until; };
    bool stopped = false;
    for (const Range& range : ranges) {
        if (!scan(query, range, found, stopped)) return false;
        if (stopped) break;
    }
    found.more = stopped;
    if (!stopped) found.reached = found.seqs.empty() ? start : found.seqs.back();
    return true;
}

// ---------------------------------------------------------------------------------------------------------------
// Threads

bool MessageFinder::parent_of(int64_t workspace, const std::string& id, bool& stored, int64_t& seq,
                              std::optional<std::string>& parent) {
    stored = false;
    parent.reset();
    const std::optional<int64_t> number = seq_of_message_id(id);
    if (!number) return true;
    SqliteStatement* select = statement("SELECT id, reply_to FROM messages WHERE place = " + place_of(1, 2));
    if (select == nullptr) return false;
    select->bind(1, workspace);
    select->bind(2, *number);
    const int code = select->step();
    if (code == SQLITE_ROW && select->text(0) == id) {
        stored = true;
        seq = *number;
        if (select->type(1) != SQLITE_NULL) parent = std::string(select->text(1));
    }
    select->reset();
    return code == SQLITE_ROW || code == SQLITE_DONE;
}

bool MessageFinder::root_of(const FetchThread& query, Found& found) {
    found.root = query.message_id;
    bool stored = false;
    int64_t seq = 0;
    std::optional<std::string> parent;
    if (!parent_of(query.workspace, found.root, stored, seq, parent)) return false;
    int64_t steps = 0;
    while (stored && parent) {
        bool above_stored = false;
        int64_t above = 0;
        std::optional<std::string> next;
        if (!parent_of(query.workspace, *parent, above_stored, above, next)) return false;
        if (above_stored && above >= seq) return true;
        found.more = ++steps > query.limit;
        if (found.more) return true;
        found.root = *parent;
        stored = above_stored;
        seq = above;
        parent = std::move(next);
    }
    return true;
}

bool MessageFinder::thread(const FetchThread& query, Found& found) {
    found.root = query.message_id;
    if (query.what != FetchThread::What::replies && !root_of(query, found)) return false;
    if (query.what == FetchThread::What::root) return true;
    SqliteStatement* children = statement(
        "SELECT place, id FROM messages INDEXED BY messages_by_parent WHERE workspace = ?1 AND reply_to = ?2 AND place "
        "> " +
        place_of(1, 3) + " ORDER BY place LIMIT ?4");
    if (children == nullptr) return false;
    // Whatever replies has a higher number: so the lowest one that is known is the next one of the whole tree.
    using Member = std::pair<int64_t, std::string>;
    std::priority_queue<Member, std::vector<Member>, std::greater<>> next;
    const auto add_children = [&](const std::string& id, int64_t seq) {
        children->bind(1, query.workspace);
        children->bind(2, id);
        children->bind(3, seq);
        children->bind(4, query.limit + 1);
        int code = children->step();
        for (; code == SQLITE_ROW; code = children->step()) {
            next.emplace(children->integer(0) & kMaxPlaceSeq, std::string(children->text(1)));
        }
        children->reset();
        return code == SQLITE_DONE;
    };
    const bool tree = query.what == FetchThread::What::tree;
    bool stored = false;
    int64_t seq = 0;
    std::optional<std::string> unused;
    if (!parent_of(query.workspace, found.root, stored, seq, unused)) return false;
    if (tree && stored) {
        next.emplace(seq, found.root);
    } else if (!add_children(found.root, stored ? seq : 0)) {
        return false;
    }
    while (!next.empty()) {
        const auto [number, id] = next.top();
        next.pop();
        if (static_cast<int64_t>(found.seqs.size()) >= query.limit) {
            found.more = true;
            break;
        }
        found.seqs.push_back(number);
        if (tree && !add_children(id, number)) return false;
    }
    return true;
}

}  // namespace agentcom
