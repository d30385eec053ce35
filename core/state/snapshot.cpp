// Snapshots of Tables in slices; the rule that makes them consistent is in tables.hpp.
#include <algorithm>
#include <tuple>
#include <type_traits>

#include "core/state/tables.hpp"

namespace agentcom {

void Tables::begin_snapshot() {
    AGENTCOM_ASSERT(!in_input_ && dirty_.empty(), "a snapshot begins between turns");
    ++snapshot_number_;
    snapshot_ = std::make_unique<Snapshot>();
    snapshot_->rows = rows_digest();
    activity_.begin_snapshot(snapshot_number_);
}

bool Tables::take_snapshot(ByteWriter& out, int64_t rows) {
    AGENTCOM_ASSERT(snapshot_ != nullptr && !in_input_, "a snapshot is taken between inputs");
    Snapshot& snapshot = *snapshot_;
    out.raw(snapshot.kept.bytes());
    snapshot.kept = {};
    int64_t budget = rows;
    size_t place = 0;
    for_each_resident_row([&]<class Row>() {
        if (place++ != snapshot.table) return;
        const bool complete = table<Row>().visit_missing(snapshot_number_, snapshot.walk, budget, [&out](auto& entry) {
            out.u8(static_cast<uint8_t>(Row::kTable));
            saved::write_row(out, entry.row);
        });
        if (!complete) return;
        ++snapshot.table;
        snapshot.walk = {};
    });
    if (snapshot.table < place || !activity_.take_snapshot(out, budget)) return false;
    snapshot_digest_ = snapshot.rows;
    snapshot_digest_ += activity_.snapshot_digest();
    activity_.end_snapshot();
    snapshot_.reset();
    return true;
}

void Tables::cancel_snapshot() {
    activity_.end_snapshot();
    snapshot_.reset();
}

namespace {

/// The rows of all pieces, by type: they are taken in as a saved state has them, whatever order they came in.
template <class... Rows>
struct Gathered {
    std::tuple<std::vector<Rows>...> rows;

    bool read_piece(const std::string& piece, Activity& activity) {
        ByteReader in(piece);
        while (!in.at_end()) {
            const uint8_t table = in.u8();
            const bool known = table == static_cast<uint8_t>(TableId::activity) ? activity.load_entry(in)
                                                                                : (read_row<Rows>(table, in) || ...);
            if (!known || in.failed()) return false;
        }
        return true;
    }

    template <class Row>
    bool read_row(uint8_t table, ByteReader& in) {
        if (table != static_cast<uint8_t>(Row::kTable)) return false;
        return saved::read_row(in, std::get<std::vector<Row>>(rows).emplace_back());
    }
};

template <class... Rows>
Gathered<Rows...> gathered_for(const std::tuple<Table<Rows>...>&) {
    return {};
}

}  // namespace

bool Tables::load_snapshot(const std::vector<std::string>& pieces) {
    auto gathered = gathered_for(tables_);
    for (const std::string& piece : pieces) {
        if (!gathered.read_piece(piece, activity_)) return false;
    }
    bool once = true;
    for_each_resident_row([&]<class Row>() {
        auto& rows = std::get<std::vector<Row>>(gathered.rows);
        std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.key() < b.key(); });
        for (size_t i = 1; i < rows.size(); ++i) once = once && rows[i - 1].key() != rows[i].key();
        for (Row& row : rows) restore(std::move(row));
    });
    return once;
}

}  // namespace agentcom
