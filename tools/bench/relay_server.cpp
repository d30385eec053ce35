#include "tools/bench/relay_server.hpp"

#include <libwebsockets.h>

#include <algorithm>
#include <boost/json.hpp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tools/bench/failure.hpp"
#include "tools/bench/wire.hpp"

namespace agentcom::bench {

namespace {

// As the hub's.
constexpr size_t kWriteBytes = size_t{64} * 1024;
constexpr size_t kReadBytes = size_t{64} * 1024;

struct Session {
    lws* wsi = nullptr;
    std::string name;
    std::string incoming;  // fragments of a frame
    std::string outgoing;  // frames that wait
    size_t written = 0;    // of outgoing
};

class Relay {
  public:
    Relay() : parse_buffer_(kReadBytes), write_buffer_(LWS_PRE + kWriteBytes) {}

    void opened(Session* session) { sessions_.push_back(session); }
    void closed(Session* session) {
        std::erase(sessions_, session);
        const auto named = by_name_.find(session->name);
        if (named != by_name_.end() && named->second == session) by_name_.erase(named);
    }
    void received(Session& session, std::string_view bytes, bool complete);
    bool writable(Session& session);

  private:
    void take(Session& session, const boost::json::object& frame);
    void pass_on(Session& session, const boost::json::object& frame);
    static void send(Session& session, std::string_view text);
    std::string next_id();

    std::vector<Session*> sessions_;
    std::unordered_map<std::string, Session*> by_name_;
    std::vector<unsigned char> parse_buffer_;
    std::vector<unsigned char> write_buffer_;
    uint64_t next_id_ = 1;
};

void Relay::received(Session& session, std::string_view bytes, bool complete) {
    session.incoming += bytes;
    if (!complete) return;
    boost::json::monotonic_resource memory(parse_buffer_.data(), parse_buffer_.size());
    boost::json::error_code error;
    const boost::json::value frame = boost::json::parse(session.incoming, error, &memory);
    session.incoming.clear();
    if (error || !frame.is_object()) {
        send(session, R"({"type":"error","error":"invalid_json"})");
    } else {
        take(session, frame.get_object());
    }
}

std::string_view text_of(const boost::json::object& object, std::string_view name) {
    const boost::json::value* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

void Relay::take(Session& session, const boost::json::object& frame) {
    const std::string_view type = text_of(frame, "type");
    if (type == "message") return pass_on(session, frame);
    if (type == "identify") {
        session.name = text_of(frame, "agent_id");
        by_name_[session.name] = &session;
        return send(session, R"({"type":"identified","agent_id":)" + boost::json::serialize(session.name) + "}");
    }
    send(session, type == "ping" ? R"({"type":"pong","timestamp":0})" : R"({"type":"error","error":"unknown_type"})");
}

void Relay::pass_on(Session& session, const boost::json::object& frame) {
    const boost::json::value* payload = frame.if_contains("payload");
    const std::string id = next_id();
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    const std::string push =
        R"({"type":"message","id":")" + id + R"(","from":)" + boost::json::serialize(session.name) +
        R"(,"message_type":"chat","payload":)" + (payload == nullptr ? "null" : boost::json::serialize(*payload)) +
        R"(,"reply_to":null,"timestamp":)" + std::to_string(now.tv_sec * 1000 + now.tv_nsec / 1'000'000) + "}";
    send(session, R"({"type":"message_sent","id":")" + id + "\"}");
    const std::string_view to = text_of(frame, "to");
    if (to.empty()) {
        for (Session* receiver : sessions_) send(*receiver, push);
    } else if (const auto receiver = by_name_.find(std::string(to)); receiver != by_name_.end()) {
        send(*receiver->second, push);
    }
}

void Relay::send(Session& session, std::string_view text) {
    const bool waiting = !session.outgoing.empty();
    append_server_header(session.outgoing, text.size());
    session.outgoing += text;
    if (!waiting) lws_callback_on_writable(session.wsi);
}

// False: the connection broke.
bool Relay::writable(Session& session) {
    const size_t size = std::min(kWriteBytes, session.outgoing.size() - session.written);
    if (size == 0) return true;
    std::memcpy(write_buffer_.data() + LWS_PRE, session.outgoing.data() + session.written, size);
    if (lws_write(session.wsi, write_buffer_.data() + LWS_PRE, size, LWS_WRITE_RAW) < 0) return false;
    session.written += size;
    if (session.written < session.outgoing.size()) {
        lws_callback_on_writable(session.wsi);
    } else {
        session.outgoing.clear();
        session.written = 0;
    }
    return true;
}

std::string Relay::next_id() {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(next_id_++));
    return text;
}

int on_event(lws* wsi, lws_callback_reasons reason, void* user, void* in, size_t length) {
    auto& relay = *static_cast<Relay*>(lws_context_user(lws_get_context(wsi)));
    auto** slot = static_cast<Session**>(user);
    switch (reason) {
        case LWS_CALLBACK_ESTABLISHED:
            *slot = new Session;
            (*slot)->wsi = wsi;
            relay.opened(*slot);
            return 0;
        case LWS_CALLBACK_RECEIVE: {
            const bool complete = lws_is_final_fragment(wsi) != 0 && lws_remaining_packet_payload(wsi) == 0;
            relay.received(**slot, {static_cast<const char*>(in), length}, complete);
            return 0;
        }
        case LWS_CALLBACK_SERVER_WRITEABLE:
            return relay.writable(**slot) ? 0 : -1;
        case LWS_CALLBACK_CLOSED:
            relay.closed(*slot);
            delete std::exchange(*slot, nullptr);
            return 0;
        default:
            return 0;
    }
}

volatile std::sig_atomic_t stop_requested = 0;

}  // namespace

int run_relay_server() {
    Relay relay;
    const lws_protocols protocols[] = {{"relay", &on_event, sizeof(Session*), kReadBytes, 0, nullptr, 0},
                                       {nullptr, nullptr, 0, 0, 0, nullptr, 0}};
    lws_set_log_level(LLL_ERR, nullptr);
    lws_context_creation_info info{};
    info.port = 0;
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.pt_serv_buf_size = static_cast<unsigned int>(kReadBytes);
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_IPV6;
    info.user = &relay;
    info.gid = static_cast<decltype(info.gid)>(-1);
    info.uid = static_cast<decltype(info.uid)>(-1);
    lws_context* context = lws_create_context(&info);
    if (context == nullptr) {
        std::fprintf(stderr,
                     "libwebsockets did not start; its libuv plugin (libwebsockets-evlib-uv) must be installed\n");
        return kExitFailedRun;
    }
    lws_vhost* host = lws_create_vhost(context, &info);
    if (host == nullptr) return kExitFailedRun;
    std::signal(SIGTERM, [](int) { stop_requested = 1; });
    std::fprintf(stderr, "listening on 127.0.0.1:%d\n", lws_get_vhost_listen_port(host));
    while (stop_requested == 0 && lws_service(context, 0) >= 0) {
    }
    lws_context_destroy(context);
    return kExitOk;
}

}  // namespace agentcom::bench
