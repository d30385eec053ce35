// TCP by libwebsockets, used as a raw transport on a libuv loop that the hub owns: it watches sockets, reads, writes
// and keeps what the kernel did not take. It knows neither HTTP nor WebSocket.
//
// Single-threaded: everything happens on the loop's thread. Each accepted connection is a Socket, and has one
// SocketUser, made by the acceptor. A user must outlive `on_closed`, which is its last call.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "native-server/net/address.hpp"
#include "native-server/net/net_context.hpp"
#include "native-server/net/tls_files.hpp"

struct lws;
struct lws_context;
struct lws_vhost;

namespace agentcom {

class SocketUser {
  public:
    virtual ~SocketUser() = default;
    virtual void on_bytes(std::string_view bytes) = 0;
    /// All that was written is in the kernel, and it takes more. Comes after `want_writable`.
    virtual void on_writable() = 0;
    /// The connection is gone.
    virtual void on_closed() = 0;
};

class Socket {
  public:
    /// Whether a write would now go to the kernel: nothing of an earlier one is left.
    bool clear() const;
    /// Writes; call only when clear(). At most kWriteBytes, from Transport::write_buffer(). False: it broke, and
    /// `on_closed` will come.
    bool write(size_t bytes);
    /// Asks for one `on_writable`.
    void want_writable();
    /// Stops or goes on reading. While something written is left in the library, nothing is read either way.
    void set_reading(bool reading);
    /// The peer sees the end of the stream; it may still send.
    void end_stream();
    /// Ends the connection soon, without flushing; `on_closed` comes from the loop.
    void kill();

    const Peer& peer() const { return peer_; }

  private:
    friend class Transport;

    void apply_reading();

    class Transport* transport_ = nullptr;
    lws* wsi_ = nullptr;
    std::unique_ptr<SocketUser> user_;
    Peer peer_;
    bool wants_reading_ = true;
    bool reading_ = true;
    bool stream_ended_ = false;
};

class Transport {
  public:
    using Acceptor = std::function<std::unique_ptr<SocketUser>(Socket&)>;
    using LogLine = std::function<void(bool error, std::string_view text)>;

    /// `loop` must outlive the transport. `log` gets what libwebsockets has to say. With `tls` every connection is one
    /// of TLS 1.2 or newer that speaks HTTP/1.1.
    static Result<std::unique_ptr<Transport>> create(uv_loop_t* loop, LogLine log,
                                                     std::optional<TlsFiles> tls = std::nullopt);
    ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// Listens and accepts; gives the real address, also when port 0 was asked for. Error `cannot_listen`.
    Result<Address> listen(const Address& address, int64_t max_connections, Acceptor acceptor);
    /// New connections get the certificate that the files hold now. Errors are those of check_tls_files, and then the
    /// old one stays.
    Status reload_tls();
    /// Accepts nothing more.
    void stop_listening();
    /// Ends all sockets; then the loop must run until it has nothing to do.
    void shut_down();

    /// Where the bytes of a write are put together: kWriteBytes long.
    char* write_buffer() { return buffer_.get() + buffer_offset_; }
    int64_t open_sockets() const { return open_; }

  private:
    friend class Socket;

    Transport() = default;
    static int callback(lws* wsi, int reason, void* user, void* in, size_t length);
    int on_event(lws* wsi, int reason, void* in, size_t length);
    void accept_waiting();
    void adopt(int descriptor, Peer peer);

    lws_context* context_ = nullptr;
    lws_vhost* vhost_ = nullptr;
    uv_loop_t* loop_ = nullptr;
    uv_poll_t listener_{};
    int listening_on_ = -1;
    int spare_descriptor_ = -1;
    Acceptor acceptor_;
    Peer adopting_;
    std::unique_ptr<char[]> buffer_;
    size_t buffer_offset_ = 0;
    int64_t max_connections_ = 0;
    int64_t open_ = 0;
    bool context_gone_ = false;
    std::optional<TlsFiles> tls_;
};

}  // namespace agentcom
