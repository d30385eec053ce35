// Everything that can happen to the hub, as data.
//
// A machine around the core (the native server, a simulator, a player) turns what it sees into inputs and hands them
// to `Hub::apply` one by one, in order. Time enters only here. Credentials do not: the machine cuts them out with the
// pure functions of core/protocol/credentials.hpp before it builds an input, and new secrets are drawn by the machine
// (see `FreshSecret`). Inputs can be encoded, so that a run can be recorded and repeated.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/time.hpp"
#include "core/observe/machine_sample.hpp"
#include "core/protocol/credentials.hpp"
#include "core/protocol/operation.hpp"
#include "core/state/effect.hpp"
#include "core/state/store.hpp"

namespace agentcom {

/// The hub begins to run: once, after the stored rows were restored. A store that refuses its turn ends the hub.
struct Started {
    int64_t seed = 0;                 ///< of the ids that this run makes
    std::string epoch;                ///< 32 hex digits; kept only when the data directory is new
    int64_t last_turn = 0;            ///< the store's last committed turn: this run counts on from it
    std::string admin_token_sha256;   ///< hex digest of DIR/admin.token: the one token of the hub's admin
    std::string admin_token_prefix;   ///< its first 8 characters
    std::string log_levels = "info";  ///< from which severities on the machine logs
    std::string vapid_public_key;     ///< of the key pair for Web Push, base64url; "": there is none
    std::string
        restored_from;  ///< the backup that the data directory was just restored from, or storage::kSalvage; "" = none
    int64_t lost_messages = 0;   ///< then: numbers of messages that were given out after that backup, at least
    std::string revoked_tokens;  ///< then: digests of tokens that were revoked after it, with blanks between
};

/// A WebSocket upgrade on /ws was answered with 101.
struct ConnectionOpened {
    ConnectionId connection = 0;
    std::string peer;  ///< address without port
    bool loopback = false;
};

/// A whole text message arrived. `text` has its credential cut out; it is empty when the message was no valid JSON.
struct FrameReceived {
    ConnectionId connection = 0;
    bool malformed = false;
    std::string text;
    Credential credential;
};

/// A WebSocket ping or pong arrived: a sign of life.
struct ControlReceived {
    ConnectionId connection = 0;
};

/// Frames marked with a `mail_seq` up to this one have left the connection's outbox for the kernel.
struct MailPushed {
    ConnectionId connection = 0;
    int64_t up_to_seq = 0;
};

struct ConnectionClosed {
    ConnectionId connection = 0;
    bool goodbye = false;  ///< the client said that it leaves: it sent a close frame of its own
};

/// A secret that the machine drew in case the request makes a token. The core only ever sees this.
struct FreshSecret {
    std::string sha256;  ///< 64 hex digits
    std::string prefix;  ///< the token's first 8 characters
};

/// A request whose head and body are complete and well-formed as HTTP. What is no HTTP at all (bad request line,
/// body too large, ...) the machine answers itself.
struct HttpRequest {
    RequestId request = 0;
    std::string name;  ///< what logs call it and the header X-Request-Id says: the client's word or the machine's
    Method method{};
    std::string path;          ///< as sent, still percent-encoded, without the query
    std::string query;         ///< without '?', its `token` parameter cut out
    std::string host;          ///< the Host header
    std::string content_type;  ///< "" = none
    bool has_content_type = false;
    bool malformed_body = false;    ///< a body that should be JSON and is not; `body` is then empty
    std::string body;               ///< JSON text with its `token` and `invite` members cut out
    std::string accept;             ///< the Accept header
    std::string last_event_id;      ///< the Last-Event-ID header: where a stream of events goes on
    std::string idempotency_key;    ///< header Idempotency-Key; "" = none
    Credential authorization;       ///< from the Authorization header, read strictly (http.md §2.2 "strict")
    Credential flex_authorization;  ///< the same header read as "flex" does
    bool has_bearer = false;        ///< exactly one Authorization header that begins with "Bearer ": no fallback then
    Credential query_token;
    Credential body_token;
    Credential invite;  ///< the body's `invite` member
    std::string peer;
    bool loopback = false;  ///< it comes from this machine, and through no proxy
    bool tls = false;
    FreshSecret secret;
};

/// The client of an unanswered request has gone.
struct RequestCancelled {
    RequestId request = 0;
};

/// The text of the last `HttpBody` for this request has left the outbox for the kernel.
struct BodyTaken {
    RequestId request = 0;
};

/// A deadline of `Hub::next_deadline()` may have come.
struct Tick {};

/// All turns up to and including this one are in the store for good.
struct Committed {
    int64_t turn = 0;
};

/// This turn and all later ones are not in the store and will not be.
struct CommitFailed {
    int64_t first_turn = 0;
};

/// A probe commit succeeded after a failure: writes are possible again.
struct StorageRecovered {};

struct QueryResult {
    int64_t query = 0;
    bool ok = true;  ///< false: the store could not answer
    std::vector<QueryRow> rows;
};

/// The wall clock was set: it moved by this much more than the monotonic one.
struct ClockJumped {
    int64_t delta_ms = 0;
};

/// The hub is asked to end: sockets are closed with 1001, nothing new is begun.
struct Shutdown {};

/// What became of a `Deliver`; comes once for each, in any order.
struct Delivered {
    int64_t workspace = 0;
    std::string receiver;
    int64_t seq = 0;
    int64_t status = 0;          ///< of the HTTP answer; 0: there was none
    int64_t retry_after_ms = 0;  ///< what the answer asks for; 0: nothing
    std::string error;           ///< why there was no answer
};

/// A `StorageJob` has ended. `result` is a JSON object, "{}" after a failure; `error` says what failed.
struct StorageJobDone {
    int64_t job = 0;
    bool ok = false;
    std::string result;
    std::string error;
};

/// The files as the machine finds them: at the start, once a minute, and after each job.
struct StorageFigures {
    int64_t database_bytes = 0;
    int64_t free_bytes = 0;       ///< of these, in pages that hold nothing
    int64_t disk_free_bytes = 0;  ///< of the file system
    /// That damaged databases cost, as long as these lie in quarantine, and that checks of this run have missed.
    int64_t lost_rows = 0;
    std::string damage;      ///< what was found damaged, at the start or since, for people; "" = nothing
    int64_t checked_at = 0;  ///< when the last background check has gone through everything; 0: not in this run
    std::string tables;      ///< JSON array of {table, record_count, file_size_bytes}, of kCareTables
    std::string backups;     ///< JSON array of manifests, the newest first
};

/// A WebSocket upgrade on /ws/dashboard was answered with 101. What comes on the connection are the inputs of any
/// other one.
struct DashboardOpened {
    ConnectionId connection = 0;
    std::string peer;  ///< address without port
    bool loopback = false;
    std::string query;         ///< without '?', its `token` parameter cut out
    Credential authorization;  ///< from the Authorization header, read strictly
};

using InputBody =
    std::variant<Started, ConnectionOpened, FrameReceived, ControlReceived, MailPushed, ConnectionClosed, HttpRequest,
                 RequestCancelled, Tick, Committed, CommitFailed, StorageRecovered, QueryResult, ClockJumped, Shutdown,
                 BodyTaken, Delivered, MachineSample, StorageJobDone, StorageFigures, DashboardOpened>;

struct Input {
    Time at;
    InputBody body;
};

/// The name of the input's type, e.g. "FrameReceived".
std::string_view input_name(const InputBody&);

/// Bytes of an input for rows and fault files (docs/formats.md), and back; nullopt for bytes that are none.
std::string encode_input(const Input&);
std::optional<Input> decode_input(std::string_view);

/// The same without the time and with short numbers, for recordings. False: the bytes are none.
void encode_body(CompactWriter&, const InputBody&);
bool decode_body(CompactReader&, InputBody&);

}  // namespace agentcom
