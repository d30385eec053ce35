// One connection of a client from its first byte to its last: it begins as HTTP and may become a WebSocket.
//
// Glues a Socket to the protocol classes and to an outbox, keeps the outbox within its bounds, and reports to its host
// (the server) what becomes an input of the hub. A connection that ends does so in this order: the outbox is written,
// the stream is ended, what the client still sends is thrown away for a moment (closing at once would make the kernel
// take back what the client has not read yet), then the socket is closed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/hub/input.hpp"
#include "native-server/net/http_connection.hpp"
#include "native-server/net/net_context.hpp"
#include "native-server/net/outbox.hpp"
#include "native-server/net/transport.hpp"
#include "native-server/net/websocket_connection.hpp"
#include "native-server/server/input_window.hpp"

namespace agentcom {

class Client;

/// What a client needs of the server.
class ClientHost {
  public:
    virtual ~ClientHost() = default;
    virtual NetContext& net() = 0;
    virtual char* write_buffer() = 0;
    /// Something has come: begins a turn, and ends the one before if that has lasted long enough. Sets NetContext::now.
    virtual void begin_turn() = 0;
    virtual void submit(InputBody input) = 0;
    virtual ConnectionId open_connection(Client& client) = 0;
    virtual RequestId begin_request(Client& client, HttpRequest request, bool mints_secret) = 0;
    virtual void cancel_request(RequestId request) = 0;
    /// Too much waits for the store: nothing is read.
    virtual bool input_blocked() const = 0;
    /// The client keeps its bytes until it `may_take_input`; `take_held` is to be called then.
    virtual void await_input(Client& client) = 0;
    /// The turn that is open, and how many have left, as TurnQueue counts them.
    virtual int64_t open_turn() const = 0;
    virtual int64_t released_turns() const = 0;
    /// Half-received bytes over all connections changed by this much.
    virtual void held_bytes_changed(int64_t by) = 0;
    /// The connection is no longer one for the hub.
    virtual void connection_ended(ConnectionId connection) = 0;
    /// A connection is closed because its reader was too slow.
    virtual void slow_reader_ended() = 0;
    virtual void gone(Client& client) = 0;
};

class Client final : public SocketUser, private HttpConnection::Events, private WebSocketConnection::Events {
  public:
    Client(ClientHost& host, Socket& socket);
    ~Client() override;

    // -- SocketUser
    void on_bytes(std::string_view bytes) override;
    void on_writable() override;
    void on_closed() override;

    // -- effects; all but `flush` only fill the outbox
    void send(const std::shared_ptr<const std::string>& text, int64_t mail_seq);
    void ping();
    /// Sends a close frame after what the outbox holds.
    void close(int code, std::string_view reason);
    void respond(RequestId request, int status, std::span<const HttpHeader> headers, std::string_view body);
    /// Begins an answer whose body comes piece by piece.
    void begin_stream(RequestId request, int status, std::span<const HttpHeader> headers);
    void send_piece(RequestId request, const std::shared_ptr<const std::string>& text, bool last);
    /// The answer breaks off, and the connection with it.
    void cut_stream(RequestId request);
    /// Writes what the socket takes, reports what mail and which piece has left.
    void flush();

    /// Whether neither the hub as a whole nor this client has too much under way.
    bool may_take_input();
    /// Takes the bytes that came while that was not so.
    void take_held();
    /// Closes a reader that is too slow: what it did not get stays in its mailbox.
    void end_slow_reader();
    /// Refuses a half-received message: 413 or 1009.
    void end_large_holder();
    /// The hub stops: idle HTTP ends now, a pending request after its answer.
    void drain();
    /// Something may have timed out.
    void check_deadlines();

    bool is_websocket() const { return websocket_ != nullptr; }
    bool closing() const { return closing_; }
    ConnectionId connection() const { return connection_; }
    int64_t outbox_bytes() const { return outbox_.bytes(); }
    int64_t held_bytes() const { return held_bytes_; }

    // Places in lists of the host.
    size_t index = 0;
    bool marked_for_flush = false;
    bool awaits_input = false;  // its bytes are held

  private:
    void on_request(HttpRequest request, bool mints_secret) override;
    void on_upgrade() override;
    void on_text(std::string text) override;
    void on_ping(std::string_view payload) override;
    void on_pong() override;
    bool takes_input() override { return may_take_input(); }
    void on_end(int code, std::string_view reason) override;

    void feed(std::string_view bytes);
    void feed_websocket(std::string_view bytes);
    void hold(std::string_view bytes);
    void submit_frame(InputBody input);
    void settle();
    void note_held_bytes();
    void begin_closing();
    void end_if_written();
    void report_mail();
    void report_piece();
    void report_closed(bool goodbye = false);
    bool outbox_overflows() const;

    ClientHost& host_;
    Socket& socket_;
    Outbox outbox_;
    std::unique_ptr<HttpConnection> http_;  // from the first byte to the upgrade
    std::unique_ptr<WebSocketConnection> websocket_;
    std::string input_held_;
    InputWindow window_;
    ConnectionId connection_ = 0;
    RequestId request_ = 0;  // unanswered
    int64_t opened_us_;
    int64_t closing_until_us_ = 0;
    int64_t held_bytes_ = 0;
    int64_t reported_mail_seq_ = 0;
    bool closing_ = false;          // nothing more is read or queued
    bool piece_under_way_ = false;  // of the body that answers request_
    bool stream_ended_ = false;     // all is written, the client has its last moment
    bool open_for_hub_ = false;     // between ConnectionOpened and ConnectionClosed
    bool upgraded_ = false;
};

}  // namespace agentcom
