#include "native-server/net/transport.hpp"

#include <fcntl.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace agentcom {

namespace {

constexpr const char* kProtocolName = "agentcom";
// Connections taken from the queue of a listening socket per turn, so that a flood of them leaves room for others.
constexpr int kAcceptsPerTurn = 64;
// Two writes: one on its way into the network, one ready to follow.
constexpr int kKernelUnsentBytes = 2 * static_cast<int>(kWriteBytes);
constexpr int kBacklog = 4096;

// libwebsockets has one log function per process.
Transport::LogLine& library_log() {
    static Transport::LogLine log;
    return log;
}

void emit_library_line(int level, const char* line) {
    std::string_view text = line;
    while (text.ends_with('\n')) text.remove_suffix(1);
    if (library_log()) library_log()((level & LLL_ERR) != 0, text);
}

bool make_nonblocking(int descriptor) {
    const int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

Error cannot_listen(const Address& address, int error) {
    std::string text = "cannot listen on " + to_text(address) + ": " + std::strerror(error);
    if (error == EADDRINUSE) text += ". Another hub may be running: stop it, or use --listen with another port";
    return Error{"cannot_listen", 500, Blame::hub, text};
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------
// Socket

bool Socket::clear() const { return wsi_ != nullptr && !stream_ended_ && lws_partial_buffered(wsi_) == 0; }

bool Socket::write(size_t bytes) {
    auto* buffer = reinterpret_cast<unsigned char*>(transport_->write_buffer());
    const int written = lws_write(wsi_, buffer, bytes, LWS_WRITE_RAW);
    if (written < 0) {
        kill();
        return false;
    }
    // on_writable tells when the library has got rid of what the kernel did not take.
    if (lws_partial_buffered(wsi_) != 0) lws_callback_on_writable(wsi_);
    apply_reading();
    return true;
}

void Socket::want_writable() {
    if (wsi_ != nullptr) lws_callback_on_writable(wsi_);
}

void Socket::set_reading(bool reading) {
    wants_reading_ = reading;
    apply_reading();
}

// With unsent bytes of its own libwebsockets leaves input lying there and would be told of it without end.
void Socket::apply_reading() {
    if (wsi_ == nullptr) return;
    const bool reading = wants_reading_ && lws_partial_buffered(wsi_) == 0;
    if (reading == reading_) return;
    reading_ = reading;
    lws_rx_flow_control(wsi_, reading ? 1 : 0);
}

void Socket::end_stream() {
    if (wsi_ == nullptr || stream_ended_) return;
    stream_ended_ = true;
    // Without this goodbye a TLS client cannot tell an end from an attack.
    if (SSL* tls = lws_get_ssl(wsi_)) SSL_shutdown(tls);
    shutdown(lws_get_socket_fd(wsi_), SHUT_WR);
}

void Socket::kill() {
    if (wsi_ != nullptr) lws_set_timeout(wsi_, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

// ---------------------------------------------------------------------------------------------------------------------
// Transport

Result<std::unique_ptr<Transport>> Transport::create(uv_loop_t* loop, LogLine log, std::optional<TlsFiles> tls) {
    if (tls) {
        if (const Status good = check_tls_files(*tls); !good) {
            return Result<std::unique_ptr<Transport>>(good.error());
        }
    }
    std::unique_ptr<Transport> transport(new Transport);
    transport->tls_ = std::move(tls);
    transport->loop_ = loop;
    transport->buffer_offset_ = LWS_PRE;
    transport->buffer_ = std::make_unique<char[]>(LWS_PRE + kWriteBytes);
    library_log() = std::move(log);
    lws_set_log_level(LLL_ERR | LLL_WARN, &emit_library_line);

    static const lws_protocols kProtocols[] = {
        {kProtocolName,
         [](lws* wsi, lws_callback_reasons reason, void* user, void* in, size_t length) {
             return Transport::callback(wsi, static_cast<int>(reason), user, in, length);
         },
         sizeof(Socket*), kReadBytes, 0, nullptr, kWriteBytes},
        {nullptr, nullptr, 0, 0, 0, nullptr, 0}};
    void* loops[1] = {loop};
    lws_context_creation_info info{};
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = kProtocols;
    info.pt_serv_buf_size = static_cast<unsigned int>(kReadBytes);
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    if (transport->tls_) info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.foreign_loops = loops;
    info.user = transport.get();
    info.gid = static_cast<decltype(info.gid)>(-1);
    info.uid = static_cast<decltype(info.uid)>(-1);
    transport->context_ = lws_create_context(&info);
    if (transport->context_ == nullptr) {
        return Result<std::unique_ptr<Transport>>(
            Error{"no_transport", 500, Blame::hub,
                  "libwebsockets did not start; its libuv plugin (libwebsockets-evlib-uv) must be installed"});
    }
    info.options = 0;
    if (transport->tls_) {
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.port = CONTEXT_PORT_NO_LISTEN_SERVER;  // else it takes the certificate for a client's
        info.ssl_cert_filepath = transport->tls_->certificate.c_str();
        info.ssl_private_key_filepath = transport->tls_->key.c_str();
        info.ssl_options_set = SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_RENEGOTIATION;
        info.alpn = "http/1.1";
    }
    transport->vhost_ = lws_create_vhost(transport->context_, &info);
    if (transport->vhost_ == nullptr) {
        return Result<std::unique_ptr<Transport>>(
            Error{"no_transport", 500, Blame::hub, "libwebsockets could not create its virtual host"});
    }
    // Given back and taken again when descriptors run out, so that a waiting connection can be refused.
    transport->spare_descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    return Result<std::unique_ptr<Transport>>(std::move(transport));
}

Transport::~Transport() {
    // On a foreign loop the first call only begins to close; the second, once the loop has closed what was open, frees.
    if (context_ != nullptr) lws_context_destroy(context_);
    if (spare_descriptor_ >= 0) ::close(spare_descriptor_);
    library_log() = {};
}

Result<Address> Transport::listen(const Address& address, int64_t max_connections, Acceptor acceptor) {
    acceptor_ = std::move(acceptor);
    max_connections_ = max_connections;
    sockaddr_storage where{};
    socklen_t size = to_socket_address(address, where);
    const int descriptor = size == 0 ? -1 : ::socket(where.ss_family, SOCK_STREAM, 0);
    if (descriptor < 0) return Result<Address>(cannot_listen(address, size == 0 ? EINVAL : errno));
    const int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (!make_nonblocking(descriptor) || ::bind(descriptor, reinterpret_cast<sockaddr*>(&where), size) != 0 ||
        ::listen(descriptor, kBacklog) != 0) {
        const int error = errno;
        ::close(descriptor);
        return Result<Address>(cannot_listen(address, error));
    }
    size = sizeof where;
    getsockname(descriptor, reinterpret_cast<sockaddr*>(&where), &size);
    listening_on_ = descriptor;
    uv_poll_init(loop_, &listener_, descriptor);
    listener_.data = this;
    uv_poll_start(&listener_, UV_READABLE,
                  [](uv_poll_t* handle, int, int) { static_cast<Transport*>(handle->data)->accept_waiting(); });
    return Result<Address>(from_socket_address(where));
}

Status Transport::reload_tls() {
    if (!tls_) return {};
    if (Status good = check_tls_files(*tls_); !good) return good;
    if (lws_tls_cert_updated(context_, tls_->certificate.c_str(), tls_->key.c_str(), nullptr, 0, nullptr, 0) != 0) {
        return Status(Error{"bad_tls_files", 500, Blame::hub, "the TLS certificate could not be taken over"});
    }
    return {};
}

void Transport::stop_listening() {
    if (listening_on_ < 0) return;
    uv_poll_stop(&listener_);
    uv_close(reinterpret_cast<uv_handle_t*>(&listener_), nullptr);
    ::close(listening_on_);
    listening_on_ = -1;
}

void Transport::shut_down() {
    stop_listening();
    if (context_gone_) return;
    context_gone_ = true;
    lws_context_destroy(context_);
}

void Transport::accept_waiting() {
    for (int i = 0; i < kAcceptsPerTurn && listening_on_ >= 0; ++i) {
        sockaddr_storage who{};
        socklen_t size = sizeof who;
        int descriptor = accept4(listening_on_, reinterpret_cast<sockaddr*>(&who), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (descriptor < 0 && (errno == EMFILE || errno == ENFILE) && spare_descriptor_ >= 0) {
            ::close(spare_descriptor_);
            descriptor = accept4(listening_on_, nullptr, nullptr, SOCK_CLOEXEC);
            if (descriptor >= 0) ::close(descriptor);
            spare_descriptor_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
            emit_library_line(LLL_ERR, "a connection was refused: no file descriptor is free");
            continue;
        }
        if (descriptor < 0) return;
        if (open_ >= max_connections_) {
            ::close(descriptor);
            continue;
        }
        const int on = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        // What is not yet on its way waits in the outbox, where it is counted and can be dropped, not in the kernel.
        const int unsent_bytes = kKernelUnsentBytes;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
        const Address address = from_socket_address(who);
        adopt(descriptor, Peer{address.host, is_loopback(address)});
    }
}

void Transport::adopt(int descriptor, Peer peer) {
    adopting_ = std::move(peer);
    lws_sock_file_fd_type socket{};
    socket.sockfd = descriptor;
    // On failure libwebsockets closes the descriptor itself.
    const int kind = tls_ ? LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL : LWS_ADOPT_SOCKET;
    lws_adopt_descriptor_vhost(vhost_, static_cast<lws_adoption_type>(kind), socket, kProtocolName, nullptr);
}

int Transport::callback(lws* wsi, int reason, void*, void* in, size_t length) {
    auto* transport = static_cast<Transport*>(lws_context_user(lws_get_context(wsi)));
    return transport->on_event(wsi, reason, in, length);
}

int Transport::on_event(lws* wsi, int reason, void* in, size_t length) {
    auto** slot = static_cast<Socket**>(lws_wsi_user(wsi));
    switch (reason) {
        case LWS_CALLBACK_RAW_ADOPT: {
            lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0);
            auto socket = std::make_unique<Socket>();
            socket->transport_ = this;
            socket->wsi_ = wsi;
            socket->peer_ = std::exchange(adopting_, {});
            socket->user_ = acceptor_(*socket);
            *slot = socket.release();
            ++open_;
            return 0;
        }
        case LWS_CALLBACK_RAW_RX:
            if (slot != nullptr && *slot != nullptr && length > 0) {
                (*slot)->user_->on_bytes({static_cast<const char*>(in), length});
            }
            return 0;
        case LWS_CALLBACK_RAW_WRITEABLE:
            if (slot != nullptr && *slot != nullptr) {
                (*slot)->apply_reading();
                (*slot)->user_->on_writable();
            }
            return 0;
        case LWS_CALLBACK_RAW_CLOSE:
            if (slot != nullptr && *slot != nullptr) {
                const std::unique_ptr<Socket> socket(std::exchange(*slot, nullptr));
                --open_;
                socket->wsi_ = nullptr;
                socket->user_->on_closed();
            }
            return 0;
        default:
            return 0;
    }
}

}  // namespace agentcom
