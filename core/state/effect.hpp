// What the hub wants done, as data. The machine carries effects out in order, but none before every row of the turn
// that made it (and of all turns before) is committed; see docs/architecture.md, "A turn".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/state/log_levels.hpp"
#include "core/state/store.hpp"

namespace agentcom {

/// Names a WebSocket connection for as long as it is open; never used twice in a run. The node number is in the upper
/// 16 bits (0 on a single hub).
using ConnectionId = int64_t;
/// Names an HTTP request until it is answered; never used twice in a run.
using RequestId = int64_t;

/// A text frame for one or many connections. The text is shared, not copied, among its receivers.
struct SendFrame {
    std::vector<ConnectionId> to;
    std::shared_ptr<const std::string> text;
    /// It answers a frame: if the turn is taken back, the error frame `storage_unavailable` takes its place. Other
    /// frames are then dropped.
    bool reply = false;
    /// Not 0: the message's number, or that of a dashboard's frame; `MailPushed` tells when it has left the outbox.
    /// The numbers of one connection grow.
    int64_t mail_seq = 0;
};

/// A WebSocket ping.
struct SendPing {
    ConnectionId connection = 0;
};

/// Sends a close frame after what the outbox holds, and reads nothing more.
struct CloseConnection {
    ConnectionId connection = 0;
    int code = 1000;
    std::string reason;
};

struct HttpRespond {
    RequestId request = 0;
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;  ///< beyond those every response has
    std::string body;                                          ///< JSON
    /// Where in `body` the fresh secret of the request goes (64 hex digits are inserted there).
    std::optional<int64_t> secret_at;
    /// The body follows piece by piece as `HttpBody`; `body` is empty.
    bool stream = false;
};

/// The next piece of a body that `HttpRespond::stream` began. `BodyTaken` tells when its text has left the outbox: the
/// hub sends no further piece before, so that a slow reader owes one piece at most.
struct HttpBody {
    enum class End : uint8_t {
        open,      ///< more will come
        complete,  ///< this was all
        cut,       ///< it breaks off here; what waits is dropped, and the client sees that the body is not whole
    };
    RequestId request = 0;
    std::shared_ptr<const std::string> text;  ///< shared among the readers of the same piece; null: nothing
    End end = End::open;
};

/// Runs after the turn is committed; answered by `QueryResult`.
struct RunQuery {
    int64_t query = 0;
    StoreQuery what;
};

/// A member of a line of the log.
struct LogField {
    LogField(std::string name_in, std::string value_in) : name(std::move(name_in)), value(std::move(value_in)) {}
    LogField(std::string name_in, int64_t number)
        : name(std::move(name_in)), value(std::to_string(number)), is_number(true) {}

    std::string name;
    std::string value;
    bool is_number = false;

    bool operator==(const LogField&) const = default;
};

/// A line for the log. Its name says by core/state/log_catalogue.hpp how severe it is and where it comes from.
struct LogEvent {
    std::string event;
    std::vector<LogField> fields{};
    std::string data{};     ///< a JSON object whose members follow the fields; "" = none
    bool recorded = false;  ///< it tells of an event of the event log: if that is taken back, there is nothing to tell
};

/// From here on the machine logs by these levels, until it ends.
struct SetLogLevels {
    LogLevels levels;
};

/// Answers a request with what the machine has recorded of its inputs (docs/formats.md, "Recordings"): the machine
/// makes the whole answer.
struct AnswerRecording {
    RequestId request = 0;
    bool list = false;    ///< the segments that there are; else their contents
    int64_t from_ms = 0;  ///< wall time
    int64_t to_ms = INT64_MAX;
    bool strip_payloads = false;
};

/// Sends an event to a program or browser elsewhere; answered by `Delivered`.
struct Deliver {
    enum class Kind : uint8_t { webhook, push };
    Kind kind = Kind::webhook;
    // These three name it again in `Delivered`.
    int64_t workspace = 0;
    std::string receiver;
    int64_t seq = 0;
    std::string url;
    std::string body;           ///< JSON
    std::string name;           ///< the same for each attempt: the receiver knows a repetition by it
    std::string secret_sha256;  ///< webhook: which of the secrets that the machine keeps signs it
    std::string p256dh, auth;   ///< push: the browser's keys, base64url
    bool urgent = false;        ///< push: worth waking a device for
    int64_t ttl_s = 0;          ///< push: how long it may wait for the device
};

/// The secret that was drawn for a request is to be kept, under its digest. Comes before the request's answer.
struct KeepSecret {
    RequestId request = 0;
    std::string sha256;
};

/// A secret that was kept is not needed any more.
struct ForgetSecret {
    std::string sha256;
};

/// Work on the files of the data directory, away from the hub's turns. Answered by `StorageJobDone`; the hub asks for
/// no second job before.
struct StorageJob {
    int64_t job = 0;
    StorageJobKind kind{};
    std::string subject;     ///< the backup it is about (verification, restore)
    bool scheduled = false;  ///< nobody waits: a compaction takes idle moments only
    bool dry_run = false;    ///< of a restore: only says what it would do
};

/// Who sent a request, for the log. Comes before the request's answer, which may take a while; not at all for requests
/// of nobody in particular.
struct CallerKnown {
    RequestId request = 0;
    std::string principal;
};

/// Ends the run in good order and begins a new one in its place. A restore that was asked for happens in between.
struct RestartHub {};

using Effect =
    std::variant<SendFrame, SendPing, CloseConnection, HttpRespond, RunQuery, LogEvent, HttpBody, SetLogLevels,
                 AnswerRecording, Deliver, KeepSecret, ForgetSecret, StorageJob, RestartHub, CallerKnown>;

/// All that one turn puts out.
struct TurnResult {
    int64_t turn = 0;
    Batch batch;
    std::vector<Effect> effects;
};

/// What a refused write is answered with.
std::string storage_unavailable_frame();
HttpRespond storage_unavailable_response(RequestId);
/// The effect that takes this one's place when its turn is taken back; nullopt: none.
std::optional<Effect> effect_of_failed_turn(const Effect&);

}  // namespace agentcom
