// One WebSocket connection to a hub, from resolving its name to its end. Callbacks come from the context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "tools/cli/hub_stream.hpp"
#include "tools/cli/hub_url.hpp"

namespace agentcom::cli {

// Why a connection is no more.
struct SocketEnd {
    unsigned close_code = 0;  // 0 = without a close frame
    std::string close_reason;
    unsigned http_status = 0;  // of a hub that refused the upgrade, else 0
    std::string why;           // for people
};

class HubSocket : public std::enable_shared_from_this<HubSocket> {
  public:
    struct Handlers {
        std::function<void()> opened;
        std::function<void(const std::string&)> received;
        std::function<void(const SocketEnd&)> ended;  // once, at last
    };

    static std::shared_ptr<HubSocket> connect(boost::asio::io_context& context, const HubUrl& hub, Handlers handlers);

    void send(std::string text);
    // Closes when everything is sent; `ended` follows.
    void close_when_sent();

  private:
    HubSocket(boost::asio::io_context& context, HubUrl hub, Handlers handlers);

    void resolve();
    void shake_hands();
    void read_next();
    void write_next();
    void fail(boost::system::error_code error);
    void end(SocketEnd end);

    HubUrl hub_;
    Handlers handlers_;
    boost::asio::ip::tcp::resolver resolver_;
    boost::beast::websocket::stream<HubStream> stream_;
    boost::beast::websocket::response_type upgrade_response_;
    boost::beast::flat_buffer incoming_;
    std::deque<std::string> outgoing_;
    bool open_ = false;
    bool writing_ = false;
    bool closing_ = false;
    bool ended_ = false;
};

}  // namespace agentcom::cli
