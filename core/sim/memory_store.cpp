#include "core/sim/memory_store.hpp"

#include <algorithm>

#include "core/state/search.hpp"

namespace agentcom::sim {

namespace {

/// The key of a row of this table, from its first columns.
RowValues key_of(TableId table, const RowValues& values) {
    return {values.begin(), values.begin() + stored_table(table).key_columns};
}

template <class Row>
Row typed(const RowValues& values) {
    std::optional<Row> row = row_from_values<Row>(values);
    AGENTCOM_ASSERT(row.has_value(), "the store holds rows that fit their tables");
    return std::move(*row);
}

}  // namespace

bool MemoryStore::Order::operator()(const RowValues& a, const RowValues& b) const {
    return std::lexicographical_compare(
        a.begin(), a.end(), b.begin(), b.end(), [](const ColumnValue& x, const ColumnValue& y) {
            return std::tie(x.type, x.integer, x.text) < std::tie(y.type, y.integer, y.text);
        });
}

const MemoryStore::TableRows& MemoryStore::table(TableId id) const {
    static const TableRows kNone;
    const auto found = tables_.find(id);
    return found == tables_.end() ? kNone : found->second;
}

std::vector<RowValues> MemoryStore::rows(TableId id) const {
    std::vector<RowValues> all;
    for (const auto& [key, values] : table(id)) all.push_back(values);
    return all;
}

bool MemoryStore::commit(const Batch& batch) {
    if (failing_) return false;
    for (const RowChange& change : batch.changes) {
        TableRows& rows = tables_[change.table];
        if (change.erase) {
            rows.erase(change.values);
            continue;
        }
        RowValues values = change.values;
        RowValues key = key_of(change.table, values);
        const auto before = rows.find(key);
        for (size_t i = 0; i < values.size(); ++i) {
            if (values[i].type != ColumnValue::Type::unchanged) continue;
            AGENTCOM_ASSERT(before != rows.end(), "a body is left out only of rows that are stored");
            values[i] = before->second[i];
        }
        rows[std::move(key)] = std::move(values);
    }
    for (const Prune& lot : batch.prunes) prune(lot);
    if (!batch.empty()) {
        sums_ = batch.sums;
        last_turn_ = batch.turn;
    }
    return true;
}

void MemoryStore::prune(const Prune& lot) {
    if (lot.what == Prune::What::finished_tasks) {
        std::vector<std::string> gone;
        for (const auto& [key, values] : table(TableId::tasks)) {
            const TaskRow task = typed<TaskRow>(values);
            if (task.workspace == lot.workspace && !task.live && task.finished_seq <= lot.up_to)
                gone.push_back(task.id);
        }
        for (const TableId id :
             {TableId::tasks, TableId::task_inputs, TableId::task_edges, TableId::attempts, TableId::task_outputs}) {
            std::erase_if(tables_[id], [&](const auto& row) {
                return row.first[0].integer == lot.workspace &&
                       std::find(gone.begin(), gone.end(), row.first[1].text) != gone.end();
            });
        }
        return;
    }
    if (lot.what == Prune::What::output) {
        TableRows& pieces = tables_[TableId::task_outputs];
        const auto key_at = [&](int64_t position) {
            return RowValues{ColumnValue::of(lot.workspace), ColumnValue::of(lot.subject),
                             ColumnValue::of(lot.generation), ColumnValue::of(position)};
        };
        const auto first = pieces.lower_bound(key_at(0));
        const auto behind = pieces.upper_bound(key_at(lot.up_to));
        if (first != behind) pieces.erase(first, std::prev(behind));
        return;
    }
    const bool messages = lot.what == Prune::What::messages;
    const TableId id = messages                            ? TableId::messages
                       : lot.what == Prune::What::receipts ? TableId::receipts
                                                           : TableId::events;
    const int64_t from = messages ? std::exchange(messages_pruned_[lot.workspace], lot.up_to) : 0;
    std::erase_if(tables_[id], [&](const auto& row) {
        const int64_t seq = row.first[1].integer;
        return row.first[0].integer == lot.workspace && seq > from && seq <= lot.up_to &&
               std::find(lot.keep.begin(), lot.keep.end(), seq) == lot.keep.end();
    });
}

void MemoryStore::add_task(std::vector<QueryRow>& rows, const RowValues& task_values, int64_t events) const {
    const int64_t workspace = task_values[0].integer;
    const std::string& id = task_values[1].text;
    rows.push_back({TableId::tasks, task_values});
    for (const TableId child : {TableId::task_inputs, TableId::task_edges, TableId::attempts}) {
        for (const auto& [key, values] : table(child)) {
            if (key[0].integer == workspace && key[1].text == id) rows.push_back({child, values});
        }
    }
    const TableRows& log = table(TableId::events);
    int64_t left = events;
    for (auto event = log.rbegin(); event != log.rend() && left > 0; ++event) {
        const EventRow row = typed<EventRow>(event->second);
        if (row.workspace != workspace || row.subject != id) continue;
        rows.push_back({TableId::events, event->second});
        --left;
    }
}

void MemoryStore::add_message(std::vector<QueryRow>& rows, const RowValues& values,
                              const std::vector<std::string>& agents) const {
    const MessageRow message = typed<MessageRow>(values);
    rows.push_back({TableId::messages, values});
    std::vector<std::string> those = agents;
    if (message.recipient) those = {*message.recipient};
    if (message.of_channel()) {
        those.clear();
        for (const auto& [key, values_of_one] : table(TableId::memberships)) {
            const MembershipRow membership = typed<MembershipRow>(values_of_one);
            if (membership.workspace != message.workspace || membership.channel != *message.channel) continue;
            if (those.size() < agents.size()) those.push_back(membership.agent);
        }
    }
    for (const std::string& agent : those) {
        for (const ReceiptKind kind : {ReceiptKind::pushed, ReceiptKind::delivered, ReceiptKind::read,
                                       ReceiptKind::acked, ReceiptKind::dropped}) {
            const RowValues* last = nullptr;
            int64_t begins = 0;
            for (const auto& [key, receipt] : table(TableId::receipts)) {
                const ReceiptRow row = typed<ReceiptRow>(receipt);
                if (row.workspace != message.workspace || row.agent != agent || row.kind != kind) continue;
                if (row.first_seq > message.seq || row.first_seq < begins) continue;
                last = row.last_seq >= message.seq ? &receipt : nullptr;
                begins = row.first_seq;
            }
            if (last != nullptr) rows.push_back({TableId::receipts, *last});
        }
    }
}

QueryResult MemoryStore::run(int64_t query, const StoreQuery& what) const {
    QueryResult result;
    result.query = query;
    if (const auto* fetch = std::get_if<FetchTask>(&what)) {
        const TableRows& tasks = table(TableId::tasks);
        const auto found = tasks.find({ColumnValue::of(fetch->workspace), ColumnValue::of(fetch->task_id)});
        if (found != tasks.end()) add_task(result.rows, found->second, fetch->events);
    } else if (const auto* messages = std::get_if<FetchMessages>(&what)) {
        for (const int64_t seq : messages->seqs) {
            const TableRows& all = table(TableId::messages);
            const auto found = all.find({ColumnValue::of(messages->workspace), ColumnValue::of(seq)});
            if (found != all.end()) result.rows.push_back({TableId::messages, found->second});
        }
    } else if (const auto* events = std::get_if<FetchEvents>(&what)) {
        const TableRows& log = table(TableId::events);
        const RowValues first{ColumnValue::of(events->workspace), ColumnValue::of(events->after_seq + 1)};
        for (auto row = log.lower_bound(first); row != log.end(); ++row) {
            const EventRow event = typed<EventRow>(row->second);
            if (event.workspace != events->workspace || event.seq > events->up_to_seq) break;
            if (static_cast<int64_t>(result.rows.size()) >= events->limit) break;
            if (!matches_kind(events->kinds, event.kind)) continue;
            if (!events->subject.empty() && event.subject != events->subject) continue;
            result.rows.push_back({TableId::events, row->second});
        }
    } else if (const auto* audit = std::get_if<FetchAudit>(&what)) {
        std::vector<QueryRow> all;
        for (const auto& [key, values] : table(TableId::events)) {
            const EventRow event = typed<EventRow>(values);
            if (event.workspace != audit->workspace || event.cause != kAdminCause) continue;
            if (event.seq <= audit->after_seq || event.seq >= audit->before_seq) continue;
            if (!matches_kind(audit->kinds, event.kind)) continue;
            if (!audit->principal.empty() && event.principal != audit->principal) continue;
            all.push_back({TableId::events, values});
        }
        if (!audit->ascending) std::reverse(all.begin(), all.end());
        if (static_cast<int64_t>(all.size()) > audit->limit) all.resize(static_cast<size_t>(audit->limit));
        result.rows = std::move(all);
    } else if (const auto* deliveries = std::get_if<FetchDeliveries>(&what)) {
        const TableRows& all = table(TableId::messages);
        for (const int64_t seq : deliveries->seqs) {
            const auto found = all.find({ColumnValue::of(deliveries->workspace), ColumnValue::of(seq)});
            if (found != all.end()) add_message(result.rows, found->second, deliveries->agents);
        }
    } else if (const auto* sent = std::get_if<FetchSent>(&what)) {
        const TableRows& all = table(TableId::messages);
        int64_t left = sent->limit;
        int64_t bytes = 0;
        for (auto each = all.rbegin(); each != all.rend() && left > 0 && bytes < sent->bytes; ++each) {
            const MessageRow message = typed<MessageRow>(each->second);
            if (message.workspace != sent->workspace || message.sender != sent->sender) continue;
            if (message.seq >= sent->before) continue;
            add_message(result.rows, each->second, sent->agents);
            bytes += message.payload.size;
            --left;
        }
    } else if (const auto* count = std::get_if<CountTasks>(&what)) {
        std::map<std::pair<int64_t, int64_t>, int64_t> groups;
        for (const auto& [key, values] : table(TableId::tasks)) {
            const TaskRow task = typed<TaskRow>(values);
            if (task.workspace == count->workspace && !task.live)
                ++groups[{static_cast<int64_t>(task.state), task.priority}];
        }
        for (const auto& [group, number] : groups) {
            result.rows.push_back(
                {TableId::tasks,
                 {ColumnValue::of(group.first), ColumnValue::of(group.second), ColumnValue::of(number)}});
        }
    } else if (const auto* list = std::get_if<ListTasks>(&what)) {
        std::map<std::pair<int64_t, int64_t>, const RowValues*> order;
        for (const auto& [key, values] : table(TableId::tasks)) {
            const TaskRow task = typed<TaskRow>(values);
            const std::pair<int64_t, int64_t> place{task.priority, task.seq};
            if (task.workspace != list->workspace) continue;
            if (std::find(list->live.begin(), list->live.end(), task.id) != list->live.end()) {
                order.emplace(place, &values);
                continue;
            }
            if (place <= std::pair{list->after_priority, list->after_seq}) continue;
            if (std::find(list->states.begin(), list->states.end(), task.state) == list->states.end()) continue;
            if (list->priority && task.priority != *list->priority) continue;
            if (list->assigned_to && task.assigned_to != list->assigned_to) continue;
            order.emplace(place, &values);
        }
        int64_t left = list->limit;
        for (const auto& [place, values] : order) {
            if (left-- <= 0) break;
            add_task(result.rows, *values, list->events);
        }
    } else if (const auto* output = std::get_if<FetchOutput>(&what)) {
        add_output(*output, result.rows);
    } else if (std::holds_alternative<CountRows>(what)) {
        count_rows(result.rows);
    } else if (const auto* find = std::get_if<FindMessages>(&what)) {
        find_messages(*find, result.rows);
    } else if (const auto* thread = std::get_if<FetchThread>(&what)) {
        fetch_thread(*thread, result.rows);
    }
    return result;
}

void MemoryStore::find_messages(const FindMessages& query, std::vector<QueryRow>& rows) const {
    const std::vector<SearchPhrase> phrases = parse_search(query.search.value_or(""));
    const auto matches = [&](const MessageRow& message) {
        const auto names = [&message](const std::string& channel) { return message.channel == channel; };
        return message.workspace == query.workspace && message.seq > query.after_seq &&
               message.seq < query.before_seq && (!query.from || message.sender == *query.from) &&
               (!query.to || message.recipient == query.to) && (!query.type || message.type == *query.type) &&
               (query.channels.empty() || std::any_of(query.channels.begin(), query.channels.end(), names)) &&
               message.sent_at >= query.start_ms.value_or(INT64_MIN) &&
               message.sent_at <= query.end_ms.value_or(INT64_MAX) &&
               (!query.search || search_matches(phrases, search_text(message.payload.bytes)));
    };
    std::vector<const RowValues*> found;
    for (const auto& [key, values] : table(TableId::messages)) {
        if (matches(typed<MessageRow>(values))) found.push_back(&values);
    }
    if (query.newest_first) std::reverse(found.begin(), found.end());
    size_t count = 0;
    int64_t bytes = 0;
    while (count < found.size() && static_cast<int64_t>(count) < query.limit && bytes < query.bytes) {
        bytes += typed<MessageRow>(*found[count++]).payload.size;
    }
    const bool more = count < found.size() && query.limit > 0;
    int64_t reached = query.newest_first ? query.before_seq : query.after_seq;
    if (count > 0) reached = typed<MessageRow>(*found[count - 1]).seq;
    rows.push_back({TableId::messages,
                    {ColumnValue::of(reached), ColumnValue::of(int64_t{more ? 1 : 0}), ColumnValue::of(INT64_MAX)}});
    for (size_t i = 0; i < count; ++i) rows.push_back({TableId::messages, *found[i]});
}

void MemoryStore::count_rows(std::vector<QueryRow>& rows) const {
    int64_t dead = 0;
    for (const auto& [key, values] : table(TableId::tasks)) {
        dead += typed<TaskRow>(values).state == TaskState::dead_letter ? 1 : 0;
    }
    int64_t published = 0;
    int64_t replies = 0;
    for (const auto& [key, values] : table(TableId::messages)) {
        const MessageRow message = typed<MessageRow>(values);
        published += message.of_channel() ? 1 : 0;
        replies += message.reply_to ? 1 : 0;
    }
    const auto size = [this](TableId id) { return static_cast<int64_t>(table(id).size()); };
    const int64_t messages = size(TableId::messages);
    for (const int64_t count : {size(TableId::tasks) - dead, dead, messages - published, messages - published,
                                size(TableId::channels), published, size(TableId::config), messages, replies}) {
        rows.push_back({TableId::hub, {ColumnValue::of(count), ColumnValue::of(int64_t{0})}});
    }
}

void MemoryStore::fetch_thread(const FetchThread& query, std::vector<QueryRow>& rows) const {
    std::map<std::string, MessageRow> by_id;
    for (const auto& [key, values] : table(TableId::messages)) {
        MessageRow message = typed<MessageRow>(values);
        if (message.workspace == query.workspace) by_id.emplace(message.id, std::move(message));
    }
    const auto parent_of = [&by_id](const MessageRow& message) -> const MessageRow* {
        const auto found = message.reply_to ? by_id.find(*message.reply_to) : by_id.end();
        return found == by_id.end() || found->second.seq >= message.seq ? nullptr : &found->second;
    };
    std::string root = query.message_id;
    bool cut = false;
    if (query.what != FetchThread::What::replies) {
        int64_t steps = 0;
        for (auto at = by_id.find(root); at != by_id.end();) {
            const MessageRow* parent = parent_of(at->second);
            if (parent == nullptr) {
                // v1.1 gives an id that was never stored as the root of what replies to it.
                if (at->second.reply_to && !by_id.contains(*at->second.reply_to)) root = *at->second.reply_to;
                break;
            }
            cut = ++steps > query.limit;
            if (cut) break;
            root = parent->id;
            at = by_id.find(root);
        }
    }
    std::map<int64_t, const MessageRow*> members;
    std::vector<std::string> parents = {root};
    if (query.what == FetchThread::What::tree && by_id.contains(root))
        members.emplace(by_id.at(root).seq, &by_id.at(root));
    while (query.what != FetchThread::What::root && !parents.empty()) {
        const std::string parent = parents.back();
        parents.pop_back();
        const auto stored = by_id.find(parent);
        for (const auto& [id, message] : by_id) {
            if (message.reply_to != parent) continue;
            if (stored != by_id.end() && stored->second.seq >= message.seq) continue;
            if (members.emplace(message.seq, &message).second && query.what == FetchThread::What::tree) {
                parents.push_back(id);
            }
        }
    }
    std::vector<QueryRow> found;
    int64_t bytes = 0;
    for (const auto& [seq, message] : members) {
        if (static_cast<int64_t>(found.size()) >= query.limit || bytes >= query.bytes) {
            cut = true;
            break;
        }
        bytes += message->payload.size;
        found.push_back({TableId::messages, row_values(*message)});
    }
    rows.push_back({TableId::messages, {ColumnValue::of(root), ColumnValue::of(int64_t{cut ? 1 : 0})}});
    rows.insert(rows.end(), found.begin(), found.end());
}

void MemoryStore::add_output(const FetchOutput& query, std::vector<QueryRow>& rows) const {
    int64_t generation = query.generation;
    std::vector<TaskOutputRow> pieces;
    for (const auto& [key, values] : table(TableId::task_outputs)) {
        if (key[0].integer != query.workspace || key[1].text != query.task_id) continue;
        TaskOutputRow piece = typed<TaskOutputRow>(values);
        if (query.generation > 0 && piece.generation != query.generation) continue;
        if (query.generation <= 0 && piece.generation > generation) {
            pieces.clear();
            generation = piece.generation;
        }
        pieces.push_back(std::move(piece));
    }
    if (pieces.empty()) return;
    rows.push_back({TableId::task_outputs,
                    {ColumnValue::of(generation), ColumnValue::of(pieces.front().position),
                     ColumnValue::of(pieces.back().position + pieces.back().text.size)}});
    int64_t bytes = 0;
    for (size_t i = 0; i < pieces.size() && bytes < query.limit_bytes; ++i) {
        if (i + 1 < pieces.size() && pieces[i + 1].position <= query.since) continue;
        bytes += pieces[i].text.size;
        rows.push_back({TableId::task_outputs, row_values(pieces[i])});
    }
}

Status MemoryStore::restore_into(Hub& hub) const {
    std::vector<std::pair<int64_t, std::string>> live;
    for (const TableSchema& schema : stored_tables()) {
        if (schema.row_class != RowClass::durable) continue;
        for (const auto& [key, values] : table(schema.table)) {
            if (schema.table == TableId::tasks) {
                if (!typed<TaskRow>(values).live) continue;
                live.emplace_back(key[0].integer, key[1].text);
            }
            const bool hangs_on_task = schema.table == TableId::task_inputs || schema.table == TableId::task_edges ||
                                       schema.table == TableId::attempts;
            if (hangs_on_task &&
                !std::binary_search(live.begin(), live.end(), std::pair{key[0].integer, key[1].text})) {
                continue;
            }
            if (Status restored = hub.restore(schema.table, values); !restored) return restored;
        }
    }
    for (const auto& [key, values] : table(TableId::messages)) {
        const MessageRow message = typed<MessageRow>(values);
        if (message.seq > hub.mail_floor(message.workspace, message.recipient)) hub.restore_mail(message);
    }
    return hub.check_sums(sums_);
}

}  // namespace agentcom::sim
