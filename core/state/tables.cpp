#include "core/state/tables.hpp"

#include "core/base/bytes.hpp"
#include "core/state/saved_rows.hpp"

namespace agentcom {

namespace {

constexpr std::string_view kStateMagic = "agentcom state 1\n";

}  // namespace

Tables::Tables() = default;

void Tables::begin_input() {
    AGENTCOM_ASSERT(!in_input_, "an input ends before the next begins");
    in_input_ = true;
    activity_.begin_input();
    input_emitted_ = emitted_.size();
    input_prunes_ = prunes_.size();
}

void Tables::end_input() {
    in_input_ = false;
    for (std::unique_ptr<Undo>& undo : input_undo_) {
        if (!undo->transient) turn_undo_.push_back(std::move(undo));
    }
    input_undo_.clear();
}

void Tables::undo_input() {
    for (auto undo = input_undo_.rbegin(); undo != input_undo_.rend(); ++undo) (*undo)->run(*this);
    input_undo_.clear();
    activity_.undo_input();
    emitted_.resize(input_emitted_);
    prunes_.resize(input_prunes_);
    in_input_ = false;
}

void Tables::erase_archived(const MessageRow::Key& key) {
    RowChange change;
    change.table = TableId::messages;
    change.erase = true;
    change.values = {ColumnValue::of(std::get<0>(key)), ColumnValue::of(std::get<1>(key))};
    emitted_.push_back(std::move(change));
}

void Tables::count_bytes(const RowChange& change) {
    for (const ColumnValue& value : change.values) turn_bytes_ += static_cast<int64_t>(value.text.size()) + 8;
}

Batch Tables::end_turn(int64_t turn, int64_t inline_body_bytes) {
    AGENTCOM_ASSERT(!in_input_, "a turn ends between inputs");
    for (const Dirty& dirty : dirty_) dirty.emit(*this, dirty.key.get());
    dirty_.clear();
    for (const TaskInputRow::Key& key : new_inputs_) {
        auto* entry = table<TaskInputRow>().entry(key);
        if (entry == nullptr) continue;
        entry->row.description.shed(inline_body_bytes);
        entry->row.metadata.shed(inline_body_bytes);
    }
    new_inputs_.clear();
    Batch batch;
    batch.turn = turn;
    batch.changes = std::move(emitted_);
    batch.prunes = std::move(prunes_);
    batch.bytes = turn_bytes_;
    if (!batch.empty()) batch.sums = sums();
    emitted_.clear();
    prunes_.clear();
    turn_bytes_ = 0;
    turn_ = turn + 1;
    return batch;
}

void Tables::committed(int64_t turn) {
    while (!turn_undo_.empty() && turn_undo_.front()->turn <= turn) turn_undo_.pop_front();
}

std::vector<TaskRow::Key> Tables::undo_turns(int64_t first_turn) {
    std::vector<TaskRow::Key> tasks;
    while (!turn_undo_.empty() && turn_undo_.back()->turn >= first_turn) {
        if (const TaskRow::Key* task = turn_undo_.back()->task()) tasks.push_back(*task);
        turn_undo_.back()->run(*this);
        turn_undo_.pop_back();
    }
    // The turn that is being collected is undone too: its rows are noted anew when they change again.
    for (const Dirty& dirty : dirty_) dirty.forget(*this, dirty.key.get());
    dirty_.clear();
    new_inputs_.clear();
    emitted_.clear();
    prunes_.clear();
    turn_bytes_ = 0;
    input_emitted_ = 0;
    input_prunes_ = 0;
    std::sort(tasks.begin(), tasks.end());
    tasks.erase(std::unique(tasks.begin(), tasks.end()), tasks.end());
    return tasks;
}

Hash128 Tables::rows_digest() const {
    Hash128 digest;
    std::apply([&digest](const auto&... tables) { ((digest += tables.sum()), ...); }, tables_);
    return digest;
}

Hash128 Tables::digest() const {
    Hash128 digest = rows_digest();
    digest += activity_.digest();
    return digest;
}

std::vector<TableSum> Tables::sums() const {
    std::vector<TableSum> sums;
    for_each_stored_row([&]<class Row>() {
        if constexpr (Row::kClass == RowClass::durable) {
            sums.push_back({Row::kTable, table<Row>().size(), table<Row>().sum()});
        }
    });
    return sums;
}

std::string Tables::save() const {
    ByteWriter out;
    for (const char c : kStateMagic) out.u8(static_cast<uint8_t>(c));
    for_each_resident_row([&]<class Row>() {
        out.u8(static_cast<uint8_t>(Row::kTable));
        out.u64(static_cast<uint64_t>(table<Row>().size()));
        for (const auto& key : table<Row>().sorted_keys()) {
            saved::write_row(out, *find<Row>(key));
        }
    });
    activity_.save(out);
    return std::move(out).take();
}

bool Tables::load(std::string_view bytes) {
    if (!bytes.starts_with(kStateMagic)) return false;
    ByteReader in(bytes.substr(kStateMagic.size()));
    bool good = true;
    for_each_resident_row([&]<class Row>() {
        if (!good) return;
        good = in.u8() == static_cast<uint8_t>(Row::kTable);
        const uint64_t count = in.count();
        for (uint64_t i = 0; good && i < count; ++i) {
            Row row;
            good = saved::read_row(in, row);
            if (good) restore(std::move(row));
        }
        good = good && !in.failed();
    });
    return good && activity_.load(in) && in.at_end();
}

RowChange Tables::current(TableId id, RowValues key_values) const {
    RowChange change;
    change.table = id;
    change.erase = true;
    for_each_stored_row([&]<class Row>() {
        if constexpr (Row::kClass == RowClass::durable) {
            if (Row::kTable != id) return;
            // A row type whose key columns alone are known, the rest at their defaults: enough to name it.
            Row row;
            size_t index = 0;
            Row::columns(row, [&](std::string_view, auto& field) {
                if (index < static_cast<size_t>(Row::kKeyColumns) && index < key_values.size()) {
                    detail::from_value(ColumnValue(key_values[index]), field);
                }
                ++index;
            });
            if (const Row* found = find<Row>(row.key())) {
                change.erase = false;
                change.values = row_values(*found);
                change.checksum = row_hash(*found);
            }
        }
    });
    if (change.erase) change.values = std::move(key_values);
    return change;
}

}  // namespace agentcom
