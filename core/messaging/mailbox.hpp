// Who has read what.
//
// Messages of a workspace share one sequence. A recipient's mailbox row says how far it has got: everything up to
// `seen_seq` is done, but for the `unread` ranges below it; everything above is unread. A direct message is mail of its
// recipient, a broadcast of every agent that was registered before it, but its sender, and a channel's message of those
// who were members when it was sent, but its sender. So marking a thousand pushed
// messages as done is one small row, and a message itself is written once.
//
// On a socket that ends mail by pushing (protocol 1, no sidecar), what was unread when it opened is set aside as a
// range, and everything later is done as soon as its push has left the outbox. On any other socket, and without one,
// mail stays until it is acknowledged.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/state/context.hpp"

namespace agentcom::mailbox {

/// Closed ranges of sequence numbers, ascending, not touching.
struct Range {
    int64_t first = 0;
    int64_t last = 0;
    friend bool operator==(const Range&, const Range&) = default;
};
/// "3-7,9-9" and back; text that is none gives no ranges.
std::vector<Range> parse_ranges(const std::string& text);
std::string format_ranges(const std::vector<Range>& ranges);

/// Files a message that was given its number: for its recipient, its channel, or everybody. True when nobody has the
/// recipient's name.
bool file(Context&, const MessageRow&);

/// False for a message that ended as mail when it was sent: it was taken over from another hub, where whoever it was
/// for has had it.
bool is_mail(const MessageRow&);

/// The agent has had the message with this number, which must be the newest one, elsewhere; what is unread before it
/// stays so. An agent whose open socket ends mail by pushing may be given it once more.
void pass_over(Context&, int64_t workspace, const std::string& agent, int64_t newest);

/// The unread messages above `since`, ascending, at most `limit`. Mail that is being pushed to the agent is left out.
std::vector<int64_t> unread(const Context&, int64_t workspace, const std::string& agent, int64_t since, int64_t limit);
/// How many there are; counts no further than `limit`.
int64_t pending(const Context&, int64_t workspace, const std::string& agent, int64_t limit);

/// Whether the mail with this number needs nobody's attention any more.
bool is_done(const Tables&, int64_t workspace, const std::string& agent, int64_t seq);

/// The agent is done with everything up to `up_to`.
void acknowledge(Context&, int64_t workspace, const std::string& agent, int64_t up_to);
/// Likewise, by a frame: the receipt is written with the next flush, for many frames at once.
void acknowledge(Context&, const SessionRow&, int64_t up_to);

/// The agent itself has been given its mail up to this number over HTTP. Noted once for each number: whoever begins to
/// read at a later one says that it knows what lies before.
void read(Context&, int64_t workspace, const std::string& agent, int64_t up_to);

/// A session that ends mail by pushing begins: what is unread up to `newest`, the last message before it, stays so.
void set_aside(Context&, int64_t workspace, const std::string& agent, int64_t newest);
/// Pushes up to this number have left the session's outbox; written down a little later, or by `flush`.
void pushed(Context&, const SessionRow&, int64_t up_to);
void flush(Context&, const SessionRow&);
/// The store works again: flushes that were taken back with their turn are due anew.
void resume(Context&);

/// An agent was registered: mail that waits for its name is no longer undeliverable.
void registered(Context&, int64_t workspace, const std::string& agent);

/// Drops what has expired, with an event per mailbox, and sets the timer for what is next.
void expire(Context&, int64_t workspace);

/// Everything up to this number is certainly done for the recipient (nullopt: broadcasts).
int64_t floor(const Tables&, int64_t workspace, const std::optional<std::string>& recipient);
/// Whether a stored message is mail still, and what it is then.
std::optional<MailRow> restored(const Tables&, const MessageRow&);
/// After a restart: what lies beyond the limits or has expired goes.
void trim_all(Context&);

}  // namespace agentcom::mailbox
