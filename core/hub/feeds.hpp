// Readers of a workspace's events: long polls that wait for the next one, and open streams (server-sent events).
//
// A reader is a FeedRow with the sequence number up to which it has been given everything. Events are not pushed to
// readers one by one: readers are served in rounds. In a round all readers at the same place share one query and one
// rendered text, and a round that serves many is followed by a longer pause (`feed_round_ms`), so that thousands of
// events a second and hundreds of readers cost a bounded share of the hub, and one reader hears of an event at once. A
// reader that lags behind catches up over the rounds, a bounded piece at a time.
//
// No gap and no repeat: events are read from the store by number, after the turn that made them is committed, and up to
// the head that this turn knows; a cursor is (epoch, seq). A reader whose place was pruned, or is of another epoch,
// gets the overview (core/hub/overview.hpp) in place of the events, and a cursor to go on from.
#pragma once

#include "core/hub/request_call.hpp"

namespace agentcom::requests {

/// GET /api/events
Reply on_events(const Call&);

}  // namespace agentcom::requests

namespace agentcom::feeds {

/// The cursor of an event.
std::string cursor(const Context&, int64_t seq);

/// Serves the readers for whom the input brought events. Comes last of all that an input does.
void run(Context&);

/// The rows that a group of readers waited for are there.
void answered(Context&, const PendingRow&, const QueryResult&);

/// The last piece has left the outbox: the stream may go on.
void taken(Context&, RequestId);
/// The client has gone.
void cancelled(Context&, RequestId);
/// Timers of readers and of rounds.
void on_timer(Context&, const TimerRow&);

/// Turns were taken back: readers that were sent something in one of them are gone, the others look again.
void commit_failed(Context&, int64_t first_turn);
/// A token has ended: its readers get no more.
void end_of_token(Context&, const std::string& token_sha256);
/// The hub stops: every poll is answered, every stream ends.
void end_all(Context&);

}  // namespace agentcom::feeds
