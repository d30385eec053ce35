// The port to a store: what the hub hands over to be kept, and what it can ask for.
//
// A store keeps the durable and archive tables of core/state/rows.hpp under the names and columns of `TableSchema`,
// with one extra column `checksum` per row. It applies a `Batch` whole or not at all, in turn order. The hub knows no
// more of a store than this file; SQLite is in native-server/, a store in memory for tests in core/sim/.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/hash128.hpp"
#include "core/state/columns.hpp"
#include "core/state/rows.hpp"

namespace agentcom {

struct TableSchema {
    TableId table;
    std::string_view name;  ///< also the SQL table's name
    RowClass row_class;
    int key_columns;  ///< the first so many columns are the primary key
    std::vector<ColumnSchema> columns;
};

/// The tables a store keeps, in the order in which rows should be loaded.
const std::vector<TableSchema>& stored_tables();
const TableSchema& stored_table(TableId);

/// Hash of a row as read from a store, to be compared with its checksum column. Returns nullopt when the values do
/// not fit the table's columns.
std::optional<Hash128> checksum_of(TableId, RowValues values);

struct RowChange {
    TableId table{};
    bool erase = false;
    RowValues values;  ///< all columns; of an erased row only the key columns
    Hash128 checksum;  ///< of the row; zero for an erased one
};

/// Deletes archive rows of a workspace with a number up to and including `up_to`: events, receipts and messages by
/// `seq`, finished tasks (with their inputs, edges, attempts and output) by `finished_seq`. Of messages, a lot begins
/// where the one before ended: those in `keep` are unread and stay, and are erased one by one later. The output of one
/// attempt (`subject` and `generation`) loses the pieces before the one that holds position `up_to`.
struct Prune {
    enum class What : uint8_t { events, messages, finished_tasks, output, receipts } what{};
    int64_t workspace = 0;
    int64_t up_to = 0;
    std::vector<int64_t> keep;
    std::string subject{};
    int64_t generation = 0;
};

/// Count and sum of hashes of the rows of one table that a start must find again: all rows of a durable table that
/// are in memory (tasks: those with live = 1, and the rows that hang on them).
struct TableSum {
    TableId table{};
    int64_t rows = 0;
    Hash128 sum;
};

/// What one turn changed. Empty batches need no commit.
struct Batch {
    int64_t turn = 0;
    std::vector<RowChange> changes;
    std::vector<Prune> prunes;
    std::vector<TableSum> sums;  ///< of every durable table, after this turn
    int64_t bytes = 0;           ///< approximate size, for the limit on what is in flight

    bool empty() const { return changes.empty() && prunes.empty(); }
};

// ---------------------------------------------------------------------------------------------------------------
// Queries. Each is bounded; results are rows in the order described.

/// One task by id, live or not: its tasks, task_inputs, task_edges and attempts rows (attempts ascending), then the
/// newest `events` events about it, newest first. No rows if there is none.
struct FetchTask {
    int64_t workspace = 0;
    std::string task_id;
    int64_t events = 0;
};

/// Tasks in the order (priority, seq), each as its tasks row followed by the rows that FetchTask gives: those named in
/// `live` (which the hub has chosen, in that order) among those of `states` that are finished.
struct ListTasks {
    int64_t workspace = 0;
    std::vector<std::string> live;  ///< ids; the filters below are not for these
    std::vector<TaskState> states;  ///< completed, cancelled, both or none
    std::optional<int64_t> priority;
    std::optional<std::string> assigned_to;
    int64_t after_priority = -1;  ///< cursor: only tasks behind (after_priority, after_seq)
    int64_t after_seq = 0;
    int64_t limit = 100;
    int64_t events = 50;
};

/// How many finished tasks there are: one row of three integers (state's number as in TaskState, priority, count) per
/// group, given as `QueryRow` with table = tasks and three values.
struct CountTasks {
    int64_t workspace = 0;
};

/// The messages with these sequence numbers (ascending), those that exist.
struct FetchMessages {
    int64_t workspace = 0;
    std::vector<int64_t> seqs;
};

/// The messages with these sequence numbers (ascending), those that exist, each followed by its receipts: of its
/// recipient, or, if it is a broadcast, of each of `agents` in their order, or, if a channel's, of as many of those who
/// are or were its members, by name. Of an agent those in the order of
/// ReceiptKind: of each kind the lot that holds the message, if there is one.
struct FetchDeliveries {
    int64_t workspace = 0;
    std::vector<int64_t> seqs;
    std::vector<std::string> agents;
};

/// Likewise what `sender` has sent, newest first, with numbers below `before`. Ends early, with at least one message,
/// when the payloads reach `bytes`.
struct FetchSent {
    int64_t workspace = 0;
    std::string sender;
    int64_t before = INT64_MAX;
    int64_t limit = 100;
    int64_t bytes = int64_t{16} * 1024 * 1024;
    std::vector<std::string> agents;
};

/// Messages that match every filter, in the order of their numbers. First a row of three integers (table = messages):
/// the number up to which all were looked at, in the order asked for; 1 if there may be more behind it; the number
/// above which the search does not know messages yet. Then the messages.
///
/// A store may end early, before `limit`, when it has looked at many messages that do not match; whoever asks goes on
/// from the number it gave.
struct FindMessages {
    int64_t workspace = 0;
    std::optional<std::string> from;
    std::optional<std::string> to;
    std::vector<std::string> channels;  ///< any of these in column `channel`; empty = all
    std::optional<std::string> type;
    std::optional<int64_t> start_ms;  ///< both inclusive
    std::optional<int64_t> end_ms;
    std::optional<std::string> search;  ///< as people type it, see core/state/search.hpp
    int64_t after_seq = 0;              ///< both exclusive
    int64_t before_seq = INT64_MAX;
    bool newest_first = false;
    int64_t limit = 50;
    int64_t bytes = int64_t{16} * 1024 * 1024;  ///< ends early, with at least one message, when payloads reach this
    /// Ascending: messages whose time lies before that of the one before them. Between two of them times ascend, so
    /// that an instant can be found by halving.
    std::vector<int64_t> clock_steps;
};

/// What hangs together by `reply_to`, behind a first row (table = messages): the root's id as text, and 1 if something
/// was left out. A message hangs on the one that it replies to if that is stored under a lower
/// number; an id that is not stored has no parent.
struct FetchThread {
    enum class What : uint8_t {
        tree,     ///< the root and all that hangs on it, ascending by number
        replies,  ///< direct replies, ascending by number
        root      ///< nothing but the first row
    } what{};
    int64_t workspace = 0;
    std::string message_id;
    int64_t limit = 10'000;                     ///< messages, and steps towards the root
    int64_t bytes = int64_t{16} * 1024 * 1024;  ///< ends early when payloads reach this
};

/// The output of one attempt of a task: a row of three integers (generation, start, end of what is kept; table =
/// task_outputs), then the task_outputs rows from the one that holds position `since` on, in order, until they
/// make `limit_bytes` or more. Nothing if the attempt has no output. Generation 0 is the newest that has some.
struct FetchOutput {
    int64_t workspace = 0;
    std::string task_id;
    int64_t generation = 0;
    int64_t since = 0;
    int64_t limit_bytes = 65'536;
};

/// Events of a workspace with `after_seq` < seq <= `up_to_seq`, ascending, the first `limit` of those that match.
/// Whoever asks bounds the work by `up_to_seq`: events that do not match are looked at, too.
struct FetchEvents {
    int64_t workspace = 0;
    int64_t after_seq = 0;
    int64_t up_to_seq = 0;
    std::vector<std::string> kinds;  ///< any of these; empty = all
    std::string subject;             ///< "" = all
    int64_t limit = 500;
};
/// Whether an event's kind is one of these; "task_*" stands for all kinds that begin with "task_".
bool matches_kind(const std::vector<std::string>& kinds, std::string_view kind);

/// The cause of every event that is an administrative act.
inline constexpr std::string_view kAdminCause = "admin";

/// Events of a workspace whose cause is kAdminCause with `after_seq` < seq < `before_seq`, newest first unless
/// `ascending`, the first `limit` of those that match.
struct FetchAudit {
    int64_t workspace = 0;
    int64_t after_seq = 0;
    int64_t before_seq = INT64_MAX;
    std::vector<std::string> kinds;  ///< any of these; empty = all
    std::string principal;           ///< who did it; "" = anybody
    int64_t limit = 100;
    bool ascending = false;
};

/// The tables of v1.1's storage care, in its order: names for parts of what is kept, whatever tables hold them.
inline constexpr std::array<std::string_view, 9> kCareTables = {
    "task_queue",      "task_dead_letter", "agent_mailbox",   "message_history", "agent_channels",
    "channel_history", "agentcom_config",  "thread_messages", "thread_replies"};

/// How many rows the store has of `kCareTables`, of all workspaces: nine rows of two integers (table = hub), the count
/// and the bytes that it takes in the file. -1: the store cannot say that in the time that a query has.
struct CountRows {};

using StoreQuery = std::variant<FetchTask, ListTasks, CountTasks, FetchMessages, FetchDeliveries, FetchSent,
                                FetchOutput, FetchEvents, FetchAudit, FindMessages, FetchThread, CountRows>;

struct QueryRow {
    TableId table{};
    RowValues values;
};

}  // namespace agentcom
