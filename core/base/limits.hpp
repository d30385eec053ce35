// Every maximum of the hub, by name.
//
// Nothing a client sends may make a queue, table, name or frame grow without bound, so each has its limit here. Those
// that an operator may change are the defaults of settings; the rest are part of the protocol. Lengths are in Unicode
// code points unless the name says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace agentcom {

// -- Frames and bodies ------------------------------------------------------------------------------------------------

// A WebSocket message, after reassembly. A larger one closes the connection with 1009.
inline constexpr size_t kMaxFrameBytes = size_t{16} * 1024 * 1024;
// An HTTP request body. A larger one gets 413.
inline constexpr size_t kMaxBodyBytes = 8'000'000;
// Nesting of arrays and objects in any JSON text.
inline constexpr size_t kMaxJsonDepth = 512;
// An offending value that a validation error repeats; a longer one is shortened.
inline constexpr size_t kMaxEchoBytes = size_t{16} * 1024;
// Code points of an over-long string that a validation error repeats.
inline constexpr size_t kEchoCodePoints = 50;

// -- Names and texts --------------------------------------------------------------------------------------------------

inline constexpr size_t kMaxAgentIdCodePoints = 128;
inline constexpr size_t kMaxTokenCodePoints = 256;
inline constexpr size_t kMaxAgentNameCodePoints = 256;
inline constexpr size_t kMaxStatusCodePoints = 256;
inline constexpr size_t kMaxChannelCodePoints = 64;
// `name` of a new channel, before it is normalised.
inline constexpr size_t kMaxChannelNameCodePoints = 256;
inline constexpr size_t kMaxDescriptionCodePoints = 10'000;
// `error` and `reason` of a failed task.
inline constexpr size_t kMaxFailureTextCodePoints = 2'000;
// Keys that a client makes up: kind, unique_key, fairness_key, origin, idempotency keys.
inline constexpr size_t kMaxKeyCodePoints = 256;
inline constexpr size_t kMaxTraceCodePoints = 1'024;
// Every other name: to, message_type, reply_to, task_id, a capability, a label.
inline constexpr size_t kMaxNameCodePoints = 1'024;

// What a holder asks, and what it is told.
inline constexpr size_t kMaxQuestionCodePoints = 10'000;
// The beginning of a task's description in the event of its submission.
inline constexpr size_t kEventTextCodePoints = 80;
// A task_note.
inline constexpr size_t kMaxNoteCodePoints = 2'000;
// One task_output frame; in code points, so up to four times as many bytes.
inline constexpr size_t kMaxOutputCodePoints = size_t{64} * 1024;

// -- Tasks at work ----------------------------------------------------------------------------------------------------

// The output of one attempt that is kept: the last so many bytes.
inline constexpr int64_t kOutputBytes = int64_t{256} * 1024;
// Where a piece of output may begin: a number that every client can write, and far from what an integer holds.
inline constexpr int64_t kMaxOutputOffset = (int64_t{1} << 53) - 1;
// Things said to a holder within one lease.
inline constexpr size_t kMaxSays = 100;
inline constexpr size_t kMaxOptions = 50;
// Tasks of one batch.
inline constexpr size_t kMaxBatchTasks = 1'000;
// A long poll.
inline constexpr int64_t kMaxWaitMs = 55'000;
inline constexpr int64_t kMinLeaseMs = 1'000;
inline constexpr int64_t kMaxLeaseMs = 86'400'000;
// Time that a holder can be given to end a cancelled task.
inline constexpr int64_t kMaxGraceMs = 3'600'000;

// -- Lists ------------------------------------------------------------------------------------------------------------

inline constexpr size_t kMaxCapabilities = 256;
inline constexpr size_t kMaxBlockedBy = 1'000;
inline constexpr size_t kMaxLabels = 64;
// Kinds that one reader of events may name.
inline constexpr size_t kMaxEventKinds = 100;
// Leases that one agent may hold at a time.
inline constexpr int64_t kMaxSlots = 1'000;

// -- Mailboxes --------------------------------------------------------------------------------------------------------

inline constexpr size_t kMailboxMaxEntries = 10'000;

static_assert(kMaxBodyBytes < kMaxFrameBytes, "whatever HTTP accepts must fit into a frame when it is pushed");
static_assert(kEchoCodePoints < kMaxChannelCodePoints, "a shortened text must be shorter than any limit it breaks");
static_assert(kEchoCodePoints * 4 < kMaxEchoBytes, "a shortened text is never shortened again");
static_assert(kMaxAgentIdCodePoints <= kMaxNameCodePoints, "`to` must be able to name any agent");
static_assert(kMaxKeyCodePoints <= kMaxNameCodePoints && kMaxTraceCodePoints <= kMaxNameCodePoints,
              "a key is a name, with a tighter limit");

}  // namespace agentcom
