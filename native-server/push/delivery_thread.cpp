#include "native-server/push/delivery_thread.hpp"

#include <curl/curl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "agentcom_version.hpp"
#include "core/observe/webhooks.hpp"
#include "native-server/log/thread_name.hpp"
#include "native-server/push/public_address.hpp"
#include "native-server/push/web_push.hpp"
#include "native-server/push/webhook_secrets.hpp"
#include "native-server/server/secret.hpp"

namespace agentcom {

namespace {

constexpr size_t kAtATime = 64;
constexpr size_t kMaxAnswerBytes = size_t{64} * 1024;
constexpr int kWaitMs = 1'000;

struct FreeEasy {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeMulti {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
};
struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

int64_t wall_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

/// One delivery on its way. libcurl points into it, so it stays where it is.
struct Transfer {
    Deliver what;
    std::string body;
    std::unique_ptr<CURL, FreeEasy> handle;
    std::unique_ptr<curl_slist, FreeList> headers;
    std::array<char, CURL_ERROR_SIZE> error{};
    size_t answer_bytes = 0;
    bool allow_private = false;
    bool refused_address = false;
};

size_t on_answer(char*, size_t size, size_t count, void* user) {
    Transfer& transfer = *static_cast<Transfer*>(user);
    transfer.answer_bytes += size * count;
    // The rest is not worth its while: the status is known.
    return transfer.answer_bytes > kMaxAnswerBytes ? 0 : size * count;
}

curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
    Transfer& transfer = *static_cast<Transfer*>(user);
    if (!transfer.allow_private && !is_public_address(&address->addr)) {
        transfer.refused_address = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void add_header(Transfer& transfer, const std::string& line) {
    // The head of the list stays the same but for the first.
    curl_slist* list = curl_slist_append(transfer.headers.get(), line.c_str());
    if (list == nullptr) return;
    static_cast<void>(transfer.headers.release());
    transfer.headers.reset(list);
}

Delivered report_of(const Deliver& what) {
    Delivered report;
    report.workspace = what.workspace;
    report.receiver = what.receiver;
    report.seq = what.seq;
    return report;
}

}  // namespace

class DeliveryThread::Impl {
  public:
    Impl(EcKey vapid_key, DeliveryOptions options, std::function<void(Delivered)> report)
        : vapid_key_(std::move(vapid_key)), options_(std::move(options)), report_(std::move(report)) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        multi_.reset(curl_multi_init());
        thread_ = std::thread([this] { run(); });
    }
    ~Impl() {
        stop();
        multi_.reset();
        curl_global_cleanup();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void submit(Deliver what, std::string secret) {
        {
            const std::lock_guard lock(mutex_);
            queue_.emplace_back(std::move(what), std::move(secret));
        }
        curl_multi_wakeup(multi_.get());
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        curl_multi_wakeup(multi_.get());
        if (thread_.joinable()) thread_.join();
    }

  private:
    void run() {
        name_this_thread("deliveries");
        while (begin_queued()) {
            int running = 0;
            curl_multi_perform(multi_.get(), &running);
            take_finished();
            curl_multi_poll(multi_.get(), nullptr, 0, has_more() ? 0 : kWaitMs, nullptr);
        }
        for (auto& [handle, transfer] : transfers_) curl_multi_remove_handle(multi_.get(), handle);
        transfers_.clear();
    }

    /// False: the thread is to end.
    bool begin_queued() {
        std::unique_lock lock(mutex_);
        while (!stopping_ && !queue_.empty() && transfers_.size() < kAtATime) {
            auto [what, secret] = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            begin(std::move(what), secret);
            wipe(secret);
            lock.lock();
        }
        return !stopping_;
    }

    /// There is room for some that wait.
    bool has_more() {
        const std::lock_guard lock(mutex_);
        return !queue_.empty() && transfers_.size() < kAtATime;
    }

    void begin(Deliver what, const std::string& secret) {
        auto transfer = std::make_unique<Transfer>();
        transfer->what = std::move(what);
        const bool prepared =
            transfer->what.kind == Deliver::Kind::push ? prepare_push(*transfer) : prepare_webhook(*transfer, secret);
        if (!prepared) return;
        transfer->handle.reset(curl_easy_init());
        if (transfer->handle == nullptr) return fail(transfer->what, "out of memory");
        set_options(*transfer);
        CURL* handle = transfer->handle.get();
        curl_multi_add_handle(multi_.get(), handle);
        transfers_.emplace(handle, std::move(transfer));
    }

    bool prepare_webhook(Transfer& transfer, const std::string& secret) {
        if (secret.empty()) {
            fail(transfer.what, "its secret is not in webhook_secrets: make a new one");
            return false;
        }
        transfer.body = std::move(transfer.what.body);
        add_header(transfer, "Content-Type: application/json");
        add_header(transfer, "AgentCom-Delivery: " + transfer.what.name);
        add_header(transfer, "AgentCom-Signature: " + webhook_signature(secret, wall_ms() / 1'000, transfer.body));
        return true;
    }

    bool prepare_push(Transfer& transfer) {
        const Deliver& what = transfer.what;
        if (what.body.size() > kMaxPushBytes) {
            Delivered report = report_of(what);
            report.status = 413;
            report.error = "too long for a push service";
            report_(std::move(report));
            return false;
        }
        const std::optional<PushTarget> target = read_push_target(what.p256dh, what.auth);
        std::optional<std::string> sealed;
        if (target) sealed = encrypt_push(what.body, *target);
        if (!sealed) {
            // Nobody can ever be told by these keys: as good as a subscription that has ended.
            Delivered report = report_of(what);
            report.status = 410;
            report.error = "the keys of the subscription are none";
            report_(std::move(report));
            return false;
        }
        transfer.body = std::move(*sealed);
        const std::string origin = webhooks::origin_of(what.url);
        add_header(transfer, "Content-Type: application/octet-stream");
        add_header(transfer, "Content-Encoding: aes128gcm");
        add_header(transfer, "TTL: " + std::to_string(what.ttl_s));
        add_header(transfer, std::string("Urgency: ") + (what.urgent ? "high" : "normal"));
        add_header(transfer, "Authorization: " + vapid_authorization(vapid_key_, origin, options_.contact, wall_ms()));
        return true;
    }

    void set_options(Transfer& transfer) {
        CURL* handle = transfer.handle.get();
        transfer.allow_private = options_.allow_private;
        add_header(transfer, "Expect:");
        curl_easy_setopt(handle, CURLOPT_URL, transfer.what.url.c_str());
        curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
        curl_easy_setopt(handle, CURLOPT_PROXY, "");
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        // A name that is being looked up must not hold up the end of the hub.
        curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
        curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.timeout_ms));
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer.headers.get());
        curl_easy_setopt(handle, CURLOPT_USERAGENT, kUserAgent.c_str());
        curl_easy_setopt(handle, CURLOPT_POST, 1L);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, transfer.body.data());
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.body.size()));
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &on_answer);
        curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
        curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
        curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &transfer);
        curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer.error.data());
    }

    void take_finished() {
        int left = 0;
        while (CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            CURL* handle = message->easy_handle;
            const CURLcode result = message->data.result;
            const auto found = transfers_.find(handle);
            finished(*found->second, result);
            curl_multi_remove_handle(multi_.get(), handle);
            transfers_.erase(found);
        }
    }

    void finished(const Transfer& transfer, CURLcode result) {
        Delivered report = report_of(transfer.what);
        long status = 0;
        curl_easy_getinfo(transfer.handle.get(), CURLINFO_RESPONSE_CODE, &status);
        // Of a body that is too long the status counts all the same.
        const bool answered = result == CURLE_OK || (result == CURLE_WRITE_ERROR && status != 0);
        if (answered) {
            curl_off_t retry_after_s = 0;
            curl_easy_getinfo(transfer.handle.get(), CURLINFO_RETRY_AFTER, &retry_after_s);
            report.status = status;
            report.retry_after_ms = std::min<int64_t>(retry_after_s, 86'400) * 1'000;
        } else if (transfer.refused_address) {
            report.error = "its address is not public (see the setting delivery_private)";
        } else {
            report.error = transfer.error[0] != '\0' ? transfer.error.data() : curl_easy_strerror(result);
        }
        report_(std::move(report));
    }

    void fail(const Deliver& what, std::string error) {
        Delivered report = report_of(what);
        report.error = std::move(error);
        report_(std::move(report));
    }

    const std::string kUserAgent = "AgentCom/" + std::string(kVersion);
    EcKey vapid_key_;
    DeliveryOptions options_;
    std::function<void(Delivered)> report_;
    std::unique_ptr<CURLM, FreeMulti> multi_;
    std::map<CURL*, std::unique_ptr<Transfer>> transfers_;
    std::mutex mutex_;
    std::deque<std::pair<Deliver, std::string>> queue_;
    bool stopping_ = false;
    std::thread thread_;  // last: it uses all of the above
};

DeliveryThread::DeliveryThread(EcKey vapid_key, DeliveryOptions options, std::function<void(Delivered)> report)
    : impl_(std::make_unique<Impl>(std::move(vapid_key), std::move(options), std::move(report))) {}
DeliveryThread::~DeliveryThread() { stop(); }
void DeliveryThread::submit(Deliver what, std::string secret) { impl_->submit(std::move(what), std::move(secret)); }
void DeliveryThread::stop() { impl_->stop(); }

}  // namespace agentcom
