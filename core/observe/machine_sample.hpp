// What the core cannot know: how the machine around it fares. An input, given at the start and then every 10 s, and
// sooner when something has changed that an alert tells of (`MachineSample` in core/hub/input.hpp).
#pragma once

#include <cstdint>

#include "core/observe/histogram.hpp"

namespace agentcom {

/// Figures of the machine that are not known are -1.
struct MachineSample {
    // -- since the sample before
    Histogram commit_us;      ///< how long each transaction of the store took
    Histogram turn_us;        ///< how long each turn took, from its first input to its end
    int64_t loop_lag_us = 0;  ///< the longest that the event loop came too late

    // -- at this moment
    int64_t connections = 0;      ///< sockets, of whatever kind
    int64_t outbox_bytes = 0;     ///< waiting for readers
    int64_t receive_bytes = 0;    ///< half-received
    int64_t turns_in_flight = 0;  ///< waiting for the store
    int64_t memory_bytes = -1;    ///< resident, of the process
    int64_t database_bytes = -1;  ///< hub.db
    int64_t wal_bytes = -1;       ///< hub.db-wal
    int64_t disk_free_bytes = -1;
    int64_t disk_total_bytes = -1;

    // -- since the process started
    int64_t core_faults = 0;
    int64_t outboxes_closed = 0;  ///< readers that were too slow and were closed

    // -- what looks after the storage knows
    int64_t rows_lost = 0;           ///< rows that were missing or damaged, and nobody has dealt with it yet
    int64_t last_backup_at = 0;      ///< Unix ms of the last good one; 0: none
    int64_t backup_interval_ms = 0;  ///< 0: none are made by plan, and none are missed

    /// Every number of it, in the order in which it is written down.
    template <class Self, class Visit>
    static void numbers(Self& self, Visit&& visit) {
        visit(self.loop_lag_us);
        visit(self.connections);
        visit(self.outbox_bytes);
        visit(self.receive_bytes);
        visit(self.turns_in_flight);
        visit(self.memory_bytes);
        visit(self.database_bytes);
        visit(self.wal_bytes);
        visit(self.disk_free_bytes);
        visit(self.disk_total_bytes);
        visit(self.core_faults);
        visit(self.outboxes_closed);
        visit(self.rows_lost);
        visit(self.last_backup_at);
        visit(self.backup_interval_ms);
    }
    void save(ByteWriter& out) const {
        commit_us.save(out);
        turn_us.save(out);
        numbers(*this, [&out](int64_t number) { out.i64(number); });
    }
    bool load(ByteReader& in) {
        if (!commit_us.load(in) || !turn_us.load(in)) return false;
        numbers(*this, [&in](int64_t& number) { number = in.i64(); });
        return !in.failed();
    }
};

}  // namespace agentcom
