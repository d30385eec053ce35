// The whole hub as one state machine: inputs in, effects out, no clock, no threads, no files.
//
// Use: construct, `restore` every stored row and `restore_mail` every message that may be unread, apply `Started`;
// then for each turn `apply` the inputs at hand and call `end_turn`. Hand the batch to the store and carry out the
// effects when it is committed; tell the hub with `Committed` or `CommitFailed`. Apply a `Tick` when a deadline of
// `next_deadline` has come. Not thread-safe: one thread owns a hub.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/assert.hpp"
#include "core/base/hash128.hpp"
#include "core/base/result.hpp"
#include "core/hub/input.hpp"
#include "core/state/effect.hpp"
#include "core/state/settings.hpp"
#include "core/state/store.hpp"
#include "core/view/model.hpp"

namespace agentcom {

class Tables;

/// A broken invariant that an input laid bare. The hub is as it was before that input.
struct Fault {
    std::string text;
    std::string file;
    int line = 0;
    ConnectionId connection = 0;  ///< that sent the input; 0 = none
    RequestId request = 0;        ///< that was the input; 0 = none
};

struct Deadlines {
    std::optional<int64_t> mono_us;
    std::optional<int64_t> wall_ms;
};

class Hub {
  public:
    explicit Hub(Settings settings);
    ~Hub();
    Hub(Hub&&) noexcept;
    Hub& operator=(Hub&&) noexcept;

    // -- start ------------------------------------------------------------------------------------------------

    /// Takes in one stored row of a durable table. Error `corrupt_row` when the values do not fit the table.
    Status restore(TableId, RowValues);
    /// Messages up to and including this number need not be given to `restore_mail`: the recipient has them behind
    /// it. Ask after all rows were restored; `recipient` nullopt means broadcasts.
    int64_t mail_floor(int64_t workspace, const std::optional<std::string>& recipient) const;
    /// Takes in a stored message that may be unread (the payload is not looked at).
    void restore_mail(const MessageRow&);
    /// Compares what was restored with the sums written by the last batch.
    /// Error `lost_rows` naming the table when rows are missing or altered.
    Status check_sums(const std::vector<TableSum>&) const;

    // -- run --------------------------------------------------------------------------------------------------

    /// Applies one input. nullopt: done. A fault: nothing of the input has happened.
    std::optional<Fault> apply(const Input&);
    /// Ends the turn and gives all that it changed and puts out.
    TurnResult end_turn();
    /// When the next `Tick` is due.
    Deadlines next_deadline() const;
    /// The number of the turn that is being collected.
    int64_t current_turn() const;

    // -- look -------------------------------------------------------------------------------------------------

    /// The current value of a durable row as a change: for a store that must be put right after a failure.
    RowChange current(TableId, RowValues key_values) const;
    /// The rows, to be looked at.
    const Tables& tables() const;
    /// What a dashboard of this workspace shows after the last input; without a place in a feed.
    view::Model dashboard_view(int64_t workspace);
    /// The 128-bit sum of the hashes of all rows in memory.
    Hash128 digest() const;
    /// The whole state in memory as bytes, and back: digest and behaviour are then the same.
    /// Between turns only. Error `corrupt_state` for bytes that are no state of this version.
    std::string save() const;
    static Result<Hub> load(std::string_view, Settings);

    /// The part of the digest that costs nothing to ask for: all rows, without the counters of Activity.
    Hash128 rows_digest() const;

    // -- a snapshot: the state at one moment, taken in slices while inputs go on
    // ----------------------------------------

    /// What a snapshot has beside the pieces.
    struct SnapshotHead {
        int64_t turn = 0;  ///< that was about to be collected
        Time last;         ///< of the last input
    };
    /// Begins one between turns: it will be of this moment. It takes the place of one that is under way.
    SnapshotHead begin_snapshot();
    /// Between inputs: appends the next rows to `out`, until about so many were looked at. True: it is complete.
    bool take_snapshot(std::string& out, int64_t rows);
    void cancel_snapshot();
    /// The digest at the moment when the last complete snapshot began.
    Hash128 snapshot_digest() const;
    /// A hub from all pieces of a snapshot, in any order. It cannot take back turns from before the snapshot
    /// (`CommitFailed`): what they had changed is not in it. Error `corrupt_state`.
    static Result<Hub> load_snapshot(const SnapshotHead&, const std::vector<std::string>& pieces, Settings);

    const Settings& settings() const;

  private:
    class Core;
    std::unique_ptr<Core> core_;
};

}  // namespace agentcom
