// A TCP connection to a hub, with TLS over it when the hub's address is https: what Beast's HTTP functions and
// WebSocket stream are given as their stream. The hub proves itself by a certificate that this machine trusts and that
// names it.
//
//     HubStream stream(context, hub);
//     stream.next_layer().async_connect(addresses, …);
//     stream.async_secure([](error_code error) { … });   // at once when there is no TLS
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <optional>
#include <string>
#include <utility>

#include "tools/cli/hub_url.hpp"

namespace agentcom::cli {

class HubStream {
  public:
    using next_layer_type = boost::beast::tcp_stream;
    using executor_type = next_layer_type::executor_type;

    HubStream(boost::asio::io_context& context, const HubUrl& hub);

    executor_type get_executor() { return tcp_.get_executor(); }
    next_layer_type& next_layer() { return tcp_; }
    const next_layer_type& next_layer() const { return tcp_; }

    // Does what must be done between connecting and the first byte.
    template <class Handler>
    void async_secure(Handler&& handler) {
        if (tls_) {
            if (setup_error_) return complete(std::forward<Handler>(handler), setup_error_);
            return tls_->async_handshake(boost::asio::ssl::stream_base::client, std::forward<Handler>(handler));
        }
        complete(std::forward<Handler>(handler), {});
    }

    template <class Buffers, class Handler>
    auto async_read_some(const Buffers& buffers, Handler&& handler) {
        if (tls_) return tls_->async_read_some(buffers, std::forward<Handler>(handler));
        return tcp_.async_read_some(buffers, std::forward<Handler>(handler));
    }
    template <class Buffers, class Handler>
    auto async_write_some(const Buffers& buffers, Handler&& handler) {
        if (tls_) return tls_->async_write_some(buffers, std::forward<Handler>(handler));
        return tcp_.async_write_some(buffers, std::forward<Handler>(handler));
    }

  private:
    template <class Handler>
    void complete(Handler&& handler, boost::system::error_code error) {
        boost::asio::post(get_executor(),
                          [handler = std::forward<Handler>(handler), error]() mutable { handler(error); });
    }

    boost::beast::tcp_stream tcp_;
    std::optional<boost::asio::ssl::context> tls_context_;
    std::optional<boost::asio::ssl::stream<boost::beast::tcp_stream&>> tls_;
    boost::system::error_code setup_error_;
};

// What a WebSocket stream does at its end: a hub ends the connection itself, so nothing is waited for.
void teardown(boost::beast::role_type role, HubStream& stream, boost::system::error_code& error);
template <class Handler>
void async_teardown(boost::beast::role_type, HubStream& stream, Handler&& handler) {
    boost::asio::post(stream.get_executor(), [handler = std::forward<Handler>(handler), &stream]() mutable {
        boost::system::error_code ignored;
        stream.next_layer().socket().shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
        handler(boost::system::error_code{});
    });
}

// Why a certificate was not taken, for people; "" when the error is about something else.
std::string certificate_trouble(boost::system::error_code error, const HubUrl& hub);

}  // namespace agentcom::cli
