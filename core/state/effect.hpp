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
    /// Not 0: the message's number; `MailPushed` tells when it has left the outbox.
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

enum class Severity : uint8_t { debug, info, notice, warning, error };
std::string_view to_text(Severity);
bool from_text(std::string_view, Severity&);

/// A line for the log: a name of docs/operations.md's catalogue and flat fields.
struct LogEvent {
    Severity severity = Severity::info;
    std::string event;
    std::vector<std::pair<std::string, std::string>> fields;
};

/// From here on the machine logs what is at least so severe, until it ends.
struct SetLogLevel {
    Severity threshold = Severity::info;
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

/// Ends the run in good order and begins a new one in its place. A restore that was asked for happens in between.
struct RestartHub {};

using Effect = std::variant<SendFrame, SendPing, CloseConnection, HttpRespond, RunQuery, LogEvent, HttpBody,
                            SetLogLevel, StorageJob, RestartHub>;

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
