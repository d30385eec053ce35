#include "native-server/server/client.hpp"

#include <algorithm>
#include <utility>

#include "core/base/time.hpp"
#include "core/protocol/credentials.hpp"
#include "native-server/net/proxies.hpp"
#include "native-server/net/websocket_frame.hpp"
#include "native-server/server/pages.hpp"

namespace agentcom {

Client::Client(ClientHost& host, Socket& socket)
    : host_(host), socket_(socket), outbox_(host.net().outboxes), opened_us_(host.net().now.mono_us) {}

Client::~Client() = default;

// ---------------------------------------------------------------------------------------------------------------------
// Bytes in

void Client::on_bytes(std::string_view bytes) {
    host_.begin_turn();
    if (closing_) return;
    if (awaits_input || !may_take_input()) return hold(bytes);
    feed(bytes);
}

bool Client::may_take_input() {
    return !host_.input_blocked() && window_.has_room(host_.released_turns(), host_.net().settings.inputs_in_flight);
}

void Client::hold(std::string_view bytes) {
    input_held_.append(bytes);
    note_held_bytes();
    socket_.set_reading(false);
    if (!awaits_input) host_.await_input(*this);
}

void Client::take_held() {
    awaits_input = false;
    const std::string bytes = std::exchange(input_held_, {});
    if (!closing_) feed(bytes);
}

void Client::feed(std::string_view bytes) {
    if (websocket_) {
        feed_websocket(bytes);
    } else {
        if (!http_)
            http_ = std::make_unique<HttpConnection>(host_.net(), outbox_, static_cast<HttpConnection::Events&>(*this));
        http_->receive(bytes);
    }
    settle();
}

void Client::feed_websocket(std::string_view bytes) {
    const std::string_view rest = websocket_->receive(bytes);
    // Also with nothing left: whole frames may lie in the protocol's own buffer.
    if (!closing_ && !may_take_input()) hold(rest);
}

// Brings everything that depends on the protocol's state up to date after it has moved.
void Client::settle() {
    if (upgraded_ && http_) {
        const std::string rest = http_->take_rest();
        http_.reset();
        if (!rest.empty() && !closing_) feed_websocket(rest);
    }
    if (http_ && http_->ended() && !upgraded_) begin_closing();
    if (closing_) return flush();
    socket_.set_reading(!awaits_input && (!http_ || http_->wants_input()));
    note_held_bytes();
    if (!outbox_.empty()) flush();
}

void Client::note_held_bytes() {
    int64_t now = static_cast<int64_t>(input_held_.size());
    if (http_) now += static_cast<int64_t>(http_->held_bytes());
    if (websocket_) now += static_cast<int64_t>(websocket_->held_bytes());
    if (closing_) now = 0;
    const int64_t change = now - std::exchange(held_bytes_, now);
    if (change != 0) host_.held_bytes_changed(change);
}

// ---------------------------------------------------------------------------------------------------------------------
// What the protocols say

void Client::on_request(HttpRequest request, bool mints_secret) {
    if (const Page* page = find_page(request.method, request.path)) {
        return http_->respond(page->status, page->headers, page->body);
    }
    const Peer peer = client_behind_proxies(socket_.peer(), http_->forwarded_for(), host_.net().trusted_proxies);
    request.peer = peer.address;
    request.loopback = peer.loopback;
    const RequestId id = host_.begin_request(*this, std::move(request), mints_secret);
    // The hub may have refused it already.
    if (http_->pending()) request_ = id;
}

void Client::on_upgrade() {
    upgraded_ = true;
    websocket_ = std::make_unique<WebSocketConnection>(static_cast<WebSocketConnection::Events&>(*this));
    open_for_hub_ = true;
    connection_ = host_.open_connection(*this);
    const Peer peer = client_behind_proxies(socket_.peer(), http_->forwarded_for(), host_.net().trusted_proxies);
    const HttpConnection::Upgrade& upgrade = http_->upgraded();
    if (upgrade.dashboard) {
        host_.submit(DashboardOpened{connection_, peer.address, peer.loopback, upgrade.query, upgrade.authorization});
    } else {
        host_.submit(ConnectionOpened{connection_, peer.address, peer.loopback});
    }
}

void Client::on_text(std::string text) {
    CutFrame cut = cut_frame_credentials(std::move(text));
    FrameReceived frame;
    frame.connection = connection_;
    frame.malformed = cut.malformed;
    frame.credential = std::move(cut.credential);
    if (!cut.malformed) frame.text = std::move(cut.document).take_text();
    submit_frame(std::move(frame));
}

void Client::submit_frame(InputBody input) {
    host_.submit(std::move(input));
    window_.add(host_.open_turn());
}

void Client::on_ping(std::string_view payload) {
    outbox_.add_bytes(control_frame(Opcode::pong, payload));
    submit_frame(ControlReceived{connection_});
    if (outbox_overflows()) end_slow_reader();
}

void Client::on_pong() { submit_frame(ControlReceived{connection_}); }

void Client::on_end(int code, std::string_view reason) {
    outbox_.add_bytes(close_frame(code, reason));
    // What the client is answered with: these two only when it said so first.
    constexpr int kNormal = 1000;
    constexpr int kGoingAway = 1001;
    report_closed(code == kNormal || code == kGoingAway);
    begin_closing();
}

// ---------------------------------------------------------------------------------------------------------------------
// What the hub says

bool Client::outbox_overflows() const {
    const NetSettings& settings = host_.net().settings;
    return outbox_.frames() > settings.outbox_frames || outbox_.bytes() > settings.outbox_bytes;
}

void Client::send(const std::shared_ptr<const std::string>& text, int64_t mail_seq) {
    if (closing_) return;
    outbox_.add_frame(text, mail_seq);
    // The kernel gets its chance before a reader is called slow: one turn may bring more than an outbox holds.
    if (outbox_overflows()) flush();
    if (outbox_overflows()) end_slow_reader();
}

void Client::ping() {
    if (!closing_) outbox_.add_bytes(control_frame(Opcode::ping, {}));
}

void Client::close(int code, std::string_view reason) {
    if (closing_) return;
    outbox_.add_bytes(close_frame(code, reason));
    begin_closing();
}

void Client::end_slow_reader() {
    if (closing_) return;
    host_.slow_reader_ended();
    outbox_.drop_waiting();
    if (websocket_) outbox_.add_bytes(close_frame(1008, "too slow"));
    report_closed();
    begin_closing();
}

void Client::end_large_holder() {
    if (closing_) return;
    if (websocket_) {
        websocket_->stop();
        on_end(1009, "too many half-received messages");
    } else if (http_) {
        http_->abort(413);
        begin_closing();
    }
    flush();
}

void Client::respond(RequestId request, int status, std::span<const HttpHeader> headers, std::string_view body) {
    if (request_ == request) request_ = 0;
    if (!http_ || closing_) return;
    http_->respond(status, headers, body);
    settle();
}

void Client::begin_stream(RequestId request, int status, std::span<const HttpHeader> headers) {
    if (request_ != request || !http_ || closing_) return;
    http_->begin_stream(status, headers);
}

void Client::send_piece(RequestId request, const std::shared_ptr<const std::string>& text, bool last) {
    if (request_ != request || !http_ || closing_) return;
    piece_under_way_ = !last;
    if (last) request_ = 0;
    http_->send_piece(text, last);
    if (last) settle();
}

void Client::cut_stream(RequestId request) {
    if (request_ != request || closing_) return;
    request_ = 0;
    outbox_.drop_waiting();
    begin_closing();
    flush();
}

void Client::drain() {
    if (closing_ || websocket_) return;
    if (http_) http_->finish();
    if (!http_ || http_->ended()) begin_closing();
    flush();
}

// ---------------------------------------------------------------------------------------------------------------------
// Bytes out

void Client::flush() {
    while (!outbox_.empty() && socket_.clear()) {
        const size_t bytes = outbox_.fill(host_.write_buffer(), kWriteBytes);
        if (!socket_.write(bytes)) return;
        // One write per turn and connection, so that a large outbox does not hold up the others.
        if (!outbox_.empty()) {
            socket_.want_writable();
            break;
        }
    }
    report_mail();
    report_piece();
    end_if_written();
}

void Client::on_writable() {
    host_.begin_turn();
    flush();
}

void Client::report_mail() {
    if (!open_for_hub_ || !socket_.clear()) return;
    const int64_t seq = outbox_.taken_mail_seq();
    if (seq == reported_mail_seq_) return;
    reported_mail_seq_ = seq;
    host_.submit(MailPushed{connection_, seq});
}

void Client::report_piece() {
    if (!piece_under_way_ || closing_ || !outbox_.empty() || !socket_.clear()) return;
    piece_under_way_ = false;
    host_.submit(BodyTaken{request_});
}

// ---------------------------------------------------------------------------------------------------------------------
// The end

void Client::begin_closing() {
    if (closing_) return;
    closing_ = true;
    closing_until_us_ = host_.net().now.mono_us + us_from_ms(host_.net().settings.close_linger_ms);
    if (websocket_) websocket_->stop();
    if (request_ != 0) host_.cancel_request(std::exchange(request_, 0));
    input_held_ = {};
    note_held_bytes();
    // What still comes is thrown away.
    socket_.set_reading(true);
}

void Client::end_if_written() {
    if (!closing_ || stream_ended_ || !outbox_.empty() || !socket_.clear()) return;
    report_closed();
    stream_ended_ = true;
    socket_.end_stream();
}

void Client::report_closed(bool goodbye) {
    if (!std::exchange(open_for_hub_, false)) return;
    host_.submit(ConnectionClosed{connection_, goodbye});
    host_.connection_ended(connection_);
}

void Client::on_closed() {
    host_.begin_turn();
    if (request_ != 0) host_.cancel_request(std::exchange(request_, 0));
    report_closed();
    closing_ = true;
    note_held_bytes();
    host_.gone(*this);
}

void Client::check_deadlines() {
    const int64_t now = host_.net().now.mono_us;
    if (closing_) {
        if (now >= closing_until_us_) socket_.kill();
        return;
    }
    if (websocket_) return;
    if (!http_) {
        // Nothing has come yet at all.
        if (now >= saturating_add(opened_us_, us_from_ms(host_.net().settings.keep_alive_ms))) {
            begin_closing();
            flush();
        }
        return;
    }
    const std::optional<int64_t> deadline = http_->deadline_us();
    if (!deadline || now < *deadline) return;
    http_->on_deadline();
    settle();
}

}  // namespace agentcom
