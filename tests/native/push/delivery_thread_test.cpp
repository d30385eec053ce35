#include "native-server/push/delivery_thread.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "native-server/push/web_push.hpp"

using namespace agentcom;

namespace {

/// Listens on loopback. Answers each connection with a text, or (empty) never.
class AnsweringServer {
  public:
    explicit AnsweringServer(std::string answer) : answer_(std::move(answer)) {
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        REQUIRE(::listen(socket_, 16) == 0);
        socklen_t size = sizeof address;
        getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        if (!answer_.empty()) thread_ = std::thread([this] { serve(); });
    }
    ~AnsweringServer() {
        ::shutdown(socket_, SHUT_RDWR);
        if (thread_.joinable()) thread_.join();
        ::close(socket_);
    }
    AnsweringServer(const AnsweringServer&) = delete;
    AnsweringServer& operator=(const AnsweringServer&) = delete;

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/in"; }
    int accepted() const { return accepted_; }

  private:
    void serve() {
        for (int client = ::accept(socket_, nullptr, nullptr); client >= 0;
             client = ::accept(socket_, nullptr, nullptr)) {
            ++accepted_;
            char bytes[4096];
            std::string request;
            while (request.find("\r\n\r\n{}") == std::string::npos) {
                const ssize_t n = ::recv(client, bytes, sizeof bytes, 0);
                if (n <= 0) break;
                request.append(bytes, static_cast<size_t>(n));
            }
            size_t sent = 0;
            while (sent < answer_.size()) {
                const ssize_t n = ::send(client, answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
                if (n <= 0) break;
                sent += static_cast<size_t>(n);
            }
            ::close(client);
        }
    }

    std::string answer_;
    int socket_ = -1;
    uint16_t port_ = 0;
    std::atomic<int> accepted_{0};
    std::thread thread_;
};

/// A delivery thread and what it reports.
class Deliveries {
  public:
    explicit Deliveries(DeliveryOptions options)
        : thread_(EcKey::generate(), std::move(options), [this](Delivered report) {
              const std::lock_guard lock(mutex_);
              reports_.push_back(std::move(report));
              ready_.notify_all();
          }) {}

    Delivered deliver(const std::string& url, const std::string& secret = "secret") {
        Deliver what;
        what.workspace = 1;
        what.receiver = "webhook/a";
        what.seq = ++seq_;
        what.url = url;
        what.body = "{}";
        what.name = "e.1";
        return deliver(std::move(what), secret);
    }
    Delivered deliver(Deliver what, const std::string& secret) {
        thread_.submit(std::move(what), secret);
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return !reports_.empty(); });
        Delivered report = reports_.front();
        reports_.clear();
        return report;
    }
    DeliveryThread& thread() { return thread_; }

  private:
    std::mutex mutex_;
    std::condition_variable ready_;
    std::vector<Delivered> reports_;
    int64_t seq_ = 0;
    DeliveryThread thread_;
};

DeliveryOptions local_deliveries() { return {10'000, true, "mailto:a@b.example"}; }

}  // namespace

TEST_CASE("what a server answers is reported with what it asks for") {
    Deliveries world(local_deliveries());
    const AnsweringServer good("HTTP/1.1 204 No Content\r\n\r\n");
    const Delivered delivered = world.deliver(good.url());
    CHECK(delivered.status == 204);
    CHECK(delivered.receiver == "webhook/a");
    CHECK(delivered.seq == 1);
    CHECK(delivered.error.empty());
    const AnsweringServer busy("HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    const Delivered later = world.deliver(busy.url());
    CHECK(later.status == 429);
    CHECK(later.retry_after_ms == 7'000);
}

TEST_CASE("redirects are not followed") {
    Deliveries world(local_deliveries());
    const AnsweringServer other("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const AnsweringServer redirect("HTTP/1.1 302 Found\r\nLocation: " + other.url() + "\r\nContent-Length: 0\r\n\r\n");
    CHECK(world.deliver(redirect.url()).status == 302);
    CHECK(other.accepted() == 0);
}

TEST_CASE("of a long answer no more is read than needed") {
    Deliveries world(local_deliveries());
    const AnsweringServer chatty("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + std::string(1'000'000, 'x'));
    CHECK(world.deliver(chatty.url()).status == 200);
}

TEST_CASE("addresses that are not public are refused when they are connected to, by whatever name") {
    DeliveryOptions options = local_deliveries();
    options.allow_private = false;
    Deliveries world(options);
    const AnsweringServer listener("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const std::string port = listener.url().substr(std::string("http://127.0.0.1").size());
    for (const char* host : {"127.0.0.1", "localhost", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "[::1]"}) {
        INFO(host);
        const Delivered report = world.deliver("http://" + std::string(host) + port);
        CHECK(report.status == 0);
        CHECK(!report.error.empty());
    }
    CHECK(listener.accepted() == 0);
}

TEST_CASE("only http and https are spoken") {
    Deliveries world(local_deliveries());
    for (const char* url : {"file:///etc/passwd", "gopher://127.0.0.1/", "ftp://127.0.0.1/"}) {
        INFO(url);
        const Delivered report = world.deliver(url);
        CHECK(report.status == 0);
        CHECK(!report.error.empty());
    }
}

TEST_CASE("a server that does not answer is given up in time") {
    DeliveryOptions options = local_deliveries();
    options.timeout_ms = 50;
    Deliveries world(options);
    const AnsweringServer silent("");
    const Delivered report = world.deliver(silent.url());
    CHECK(report.status == 0);
    CHECK(!report.error.empty());
}

TEST_CASE("without its secret a webhook is not sent, and without good keys a notification is not") {
    Deliveries world(local_deliveries());
    const AnsweringServer listener("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(world.deliver(listener.url(), "").error.find("secret") != std::string::npos);
    Deliver push;
    push.kind = Deliver::Kind::push;
    push.url = listener.url();
    push.p256dh = "B" + std::string(86, 'x');
    push.auth = std::string(22, 'y');
    CHECK(world.deliver(push, "").status == 410);
    CHECK(listener.accepted() == 0);
}

TEST_CASE("the thread ends while a delivery is on its way") {
    Deliveries world(local_deliveries());
    const AnsweringServer silent("");
    Deliver what;
    what.url = silent.url();
    what.body = "{}";
    for (int i = 0; i < 100; ++i) world.thread().submit(what, "secret");
    world.thread().stop();
    SUCCEED("it has ended");
}
