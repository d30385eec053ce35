// One HTTP/1.1 connection: bytes in, requests out, responses in, bytes out.
//
// Knows no sockets: the owner feeds `receive` with what arrives, writes what the outbox holds, and calls `on_deadline`
// when `deadline_us` has come. Parsing and the decoding of bodies are Boost.Beast's; the limits and answers of http.md
// §1 are made here. Requests are handed out strictly one at a time, in order: while one is unanswered, later bytes
// wait, and `wants_input` says that the socket should not be read. Credentials are cut out before a request is handed
// out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/hub/input.hpp"
#include "native-server/net/http_head.hpp"
#include "native-server/net/http_response.hpp"
#include "native-server/net/net_context.hpp"
#include "native-server/net/net_limits.hpp"
#include "native-server/net/outbox.hpp"

namespace agentcom {

class HttpConnection {
  public:
    /// A WebSocket upgrade: on /ws of an agent, on /ws/dashboard of a dashboard.
    struct Upgrade {
        bool dashboard = false;
        std::string query{};         ///< without '?', its `token` parameter cut out
        Credential authorization{};  ///< from the Authorization header, read strictly
    };
    /// Called from `receive` and `respond`. A callee may call `respond` but not destroy the connection.
    class Events {
      public:
        virtual ~Events() = default;
        /// A complete request, named; its `request`, `peer`, `loopback` and `secret` are for the callee to fill in.
        /// `mints_secret`: the operation that it names needs a fresh secret.
        virtual void on_request(HttpRequest request, bool mints_secret) = 0;
        /// The connection is a WebSocket from here on: 101 is in the outbox, `take_rest` gives what came behind, once
        /// `receive` has returned.
        virtual void on_upgrade() = 0;
    };

    HttpConnection(const NetContext& context, Outbox& outbox, Events& events);
    ~HttpConnection();
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    void receive(std::string_view bytes);
    /// Answers the request that is pending.
    void respond(int status, std::span<const HttpHeader> headers, std::string_view body);
    /// Begins an answer to the pending request whose body follows by `send_piece`; it stays pending until the last one.
    void begin_stream(int status, std::span<const HttpHeader> headers);
    /// The next piece of the body; null: nothing but, with `last`, its end.
    void send_piece(const std::shared_ptr<const std::string>& text, bool last);
    /// Answers and ends the connection whatever it was doing, e.g. 413 when half-received bodies take too much room.
    void abort(int status);

    /// False while many bytes of a next request wait for the answer to this one. As long as it is read, a socket also
    /// tells when the client goes: an answer may be a long time coming.
    bool wants_input() const { return !ended_ && (!pending_ || unread().size() < kReadBytes); }
    /// What the upgrade asked for; from `on_upgrade` on.
    const Upgrade& upgraded() const { return upgraded_; }
    /// What proxies say about the client of the request at hand, for client_behind_proxies; within Events only.
    std::optional<std::string> forwarded_for() const;
    /// A request is unanswered.
    bool pending() const { return pending_; }
    /// Nothing more is read or answered: the connection ends when the outbox is empty.
    bool ended() const { return ended_; }
    /// Ends it after the answer to the request that is pending, or at once.
    void finish();
    /// Bytes of a request that is not yet complete.
    size_t held_bytes() const;
    /// Bytes that follow an upgrade; call when `receive` has returned.
    std::string take_rest() { return std::move(rest_); }

    /// When `on_deadline` is due, on the monotonic clock. None while a request is with the hub.
    std::optional<int64_t> deadline_us() const;
    void on_deadline();

  private:
    struct Body;

    std::string_view unread() const { return std::string_view(rest_).substr(read_of_rest_); }
    void consume();
    bool consume_head();
    bool consume_body();
    bool check_head();
    void finish_request();
    /// Whether the request was answered with 403 because of where it comes from.
    bool refuse_foreign();
    void hand_out(Method method, std::string target, std::string body);
    bool read_json_body(HttpRequest& request, std::string body);
    void upgrade(Upgrade wanted);
    void answer(int status, std::span<const HttpHeader> headers, std::string_view body);
    void answer_error(int status);
    void answered();
    /// What the request is called: by its client, or by us.
    const std::string& name();
    void stop_on(int status);

    const NetContext& context_;
    Outbox& outbox_;
    Events& events_;
    HttpHead head_;
    std::unique_ptr<Body> body_;  // from the end of a head to the answer
    std::string name_;            // of the request at hand; "" until it is asked for
    std::string rest_;            // bytes from the socket; those before read_of_rest_ are parsed
    size_t read_of_rest_ = 0;
    int64_t waiting_since_us_;  // what the deadline counts from
    bool pending_ = false;
    bool ended_ = false;
    bool streaming_ = false;  // the head of the answer is out, its body is not
    Upgrade upgraded_;
    bool close_after_ = false;
    bool consuming_ = false;
};

}  // namespace agentcom
