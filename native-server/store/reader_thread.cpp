#include "native-server/store/reader_thread.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "native-server/log/thread_name.hpp"

namespace agentcom {

class ReaderThread::Impl {
  public:
    Impl(std::unique_ptr<StoreReader> reader, std::function<void(QueryAnswer)> answer)
        : reader_(std::move(reader)), answer_(std::move(answer)), thread_([this] { run(); }) {}

    void submit(int64_t query, StoreQuery what) {
        {
            const std::lock_guard lock(mutex_);
            queue_.emplace_back(query, std::move(what));
        }
        wake_.notify_one();
    }

    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        if (thread_.joinable()) thread_.join();
        reader_.reset();
    }

  private:
    void run() {
        name_this_thread("store-reader");
        for (;;) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            const auto [query, what] = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            answer_(reader_->run(query, what));
        }
    }

    std::unique_ptr<StoreReader> reader_;
    std::function<void(QueryAnswer)> answer_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::pair<int64_t, StoreQuery>> queue_;
    bool stopping_ = false;
    std::thread thread_;  // last: it uses all of the above
};

ReaderThread::ReaderThread(std::unique_ptr<StoreReader> reader, std::function<void(QueryAnswer)> answer)
    : impl_(std::make_unique<Impl>(std::move(reader), std::move(answer))) {}
ReaderThread::~ReaderThread() { stop(); }
void ReaderThread::submit(int64_t query, StoreQuery what) { impl_->submit(query, std::move(what)); }
void ReaderThread::stop() { impl_->stop(); }

}  // namespace agentcom
