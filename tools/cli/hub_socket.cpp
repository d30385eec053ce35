#include "tools/cli/hub_socket.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream_base.hpp>
#include <chrono>
#include <utility>

#include "agentcom_version.hpp"

namespace agentcom::cli {

namespace {

namespace net = boost::asio;
namespace websocket = boost::beast::websocket;
using boost::beast::error_code;

constexpr std::chrono::seconds kTcpTimeout{10};
constexpr std::chrono::seconds kHandshakeTimeout{15};
// A hub that has been silent for so long is gone: it answers the worker's ping, every 30 s, at once.
constexpr std::chrono::seconds kIdleTimeout{45};
constexpr size_t kMaxMessageBytes = size_t{64} * 1024 * 1024;

}  // namespace

HubSocket::HubSocket(net::io_context& context, HubUrl hub, Handlers handlers)
    : hub_(std::move(hub)), handlers_(std::move(handlers)), resolver_(context), stream_(context, hub_) {}

std::shared_ptr<HubSocket> HubSocket::connect(net::io_context& context, const HubUrl& hub, Handlers handlers) {
    std::shared_ptr<HubSocket> socket(new HubSocket(context, hub, std::move(handlers)));
    socket->resolve();
    return socket;
}

void HubSocket::resolve() {
    resolver_.async_resolve(hub_.host, std::to_string(hub_.port),
                            [self = shared_from_this()](error_code error, const auto& addresses) {
                                if (error) return self->fail(error);
                                auto& tcp = boost::beast::get_lowest_layer(self->stream_);
                                tcp.expires_after(kTcpTimeout);
                                tcp.async_connect(addresses, [self](error_code connect_error, const auto&) {
                                    if (connect_error) return self->fail(connect_error);
                                    self->stream_.next_layer().async_secure([self](error_code tls_error) {
                                        if (tls_error) return self->fail(tls_error);
                                        self->shake_hands();
                                    });
                                });
                            });
}

void HubSocket::shake_hands() {
    auto& tcp = boost::beast::get_lowest_layer(stream_);
    // The WebSocket stream has timeouts of its own from here on.
    tcp.expires_never();
    error_code ignored;
    tcp.socket().set_option(net::ip::tcp::no_delay(true), ignored);
    websocket::stream_base::timeout timeout{};
    timeout.handshake_timeout = kHandshakeTimeout;
    timeout.idle_timeout = kIdleTimeout;
    timeout.keep_alive_pings = false;
    stream_.set_option(timeout);
    stream_.set_option(websocket::stream_base::decorator([](websocket::request_type& request) {
        request.set(boost::beast::http::field::user_agent, "agentcom/" + std::string(kVersion));
    }));
    stream_.read_message_max(kMaxMessageBytes);
    stream_.async_handshake(upgrade_response_, hub_.authority(), "/ws", [self = shared_from_this()](error_code error) {
        if (error) return self->fail(error);
        self->open_ = true;
        self->handlers_.opened();
        self->read_next();
    });
}

void HubSocket::read_next() {
    if (ended_) return;
    stream_.async_read(incoming_, [self = shared_from_this()](error_code error, size_t) {
        if (error) return self->fail(error);
        const std::string text = boost::beast::buffers_to_string(self->incoming_.data());
        self->incoming_.consume(self->incoming_.size());
        if (self->stream_.got_text()) self->handlers_.received(text);
        self->read_next();
    });
}

void HubSocket::send(std::string text) {
    if (!open_ || closing_ || ended_) return;
    outgoing_.push_back(std::move(text));
    write_next();
}

void HubSocket::write_next() {
    if (writing_ || ended_) return;
    if (outgoing_.empty()) {
        if (!closing_) return;
        writing_ = true;
        stream_.async_close(websocket::close_code::normal, [self = shared_from_this()](error_code) {
            self->end(SocketEnd{1000, "", 0, "closed"});
        });
        return;
    }
    writing_ = true;
    stream_.text(true);
    stream_.async_write(net::buffer(outgoing_.front()), [self = shared_from_this()](error_code error, size_t) {
        if (error) return self->fail(error);
        self->writing_ = false;
        self->outgoing_.pop_front();
        self->write_next();
    });
}

void HubSocket::close_when_sent() {
    if (closing_ || ended_) return;
    closing_ = true;
    if (!open_) return end(SocketEnd{0, "", 0, "not connected"});
    write_next();
}

void HubSocket::fail(error_code error) {
    // While closing, the read ends too; the end of the close handshake is what counts.
    if (closing_ && writing_ && outgoing_.empty()) return;
    SocketEnd reason;
    reason.why = error.message();
    if (std::string trouble = certificate_trouble(error, hub_); !trouble.empty()) reason.why = std::move(trouble);
    if (error == websocket::error::closed) {
        reason.close_code = stream_.reason().code;
        reason.close_reason = std::string(stream_.reason().reason.data(), stream_.reason().reason.size());
        reason.why = "closed by the hub with code " + std::to_string(reason.close_code) +
                     (reason.close_reason.empty() ? "" : ", " + reason.close_reason);
    } else if (error == websocket::error::upgrade_declined) {
        reason.http_status = upgrade_response_.result_int();
        reason.why = "it refuses the WebSocket with HTTP " + std::to_string(reason.http_status);
    } else if (error == boost::beast::error::timeout) {
        reason.why = "it does not answer";
    } else if (error == net::error::connection_refused) {
        reason.why = "nothing listens there";
    } else if (error == net::error::eof) {
        reason.why = "the connection was cut";
    }
    end(std::move(reason));
}

void HubSocket::end(SocketEnd reason) {
    if (std::exchange(ended_, true)) return;
    error_code ignored;
    boost::beast::get_lowest_layer(stream_).socket().close(ignored);
    resolver_.cancel();
    handlers_.ended(reason);
}

}  // namespace agentcom::cli
