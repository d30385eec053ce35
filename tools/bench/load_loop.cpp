#include "tools/bench/load_loop.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace agentcom::bench {

namespace {

constexpr size_t kReadBufferBytes = size_t{256} * 1024;

}  // namespace

int64_t monotonic_ns() {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + static_cast<int64_t>(t.tv_nsec);
}

// ---------------------------------------------------------------------------------------------------------------------
// LoadLoop

LoadLoop::LoadLoop() : read_buffer_(std::make_unique<char[]>(kReadBufferBytes)) {
    uv_loop_init(&loop_);
    uv_timer_init(&loop_, &timer_);
    uv_timer_init(&loop_, &beat_);
    read_clock();
}

LoadLoop::~LoadLoop() {
    uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&beat_), nullptr);
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
}

void LoadLoop::read_clock() { now_ns_ = monotonic_ns(); }

void LoadLoop::fail(std::string why) {
    if (failure_.empty()) failure_ = std::move(why);
}

void LoadLoop::set_beat(int64_t interval_ms) {
    uv_timer_stop(&beat_);
    const auto interval = static_cast<uint64_t>(interval_ms);
    if (interval_ms > 0)
        uv_timer_start(
            &beat_, [](uv_timer_t*) {}, interval, interval);
}

Status LoadLoop::run_until(const std::function<bool()>& done, int64_t timeout_ms, std::string_view what) {
    const int64_t deadline_ns = monotonic_ns() + timeout_ms * 1'000'000;
    // Only wakes the loop; the clock decides.
    uv_update_time(&loop_);
    uv_timer_start(
        &timer_, [](uv_timer_t*) {}, static_cast<uint64_t>(timeout_ms), 10);
    Status status;
    for (;;) {
        if (on_round_) on_round_();
        for (size_t i = 0; i < to_flush_.size(); ++i) {
            to_flush_[i]->marked_ = false;
            to_flush_[i]->flush();
        }
        to_flush_.clear();
        if (!failure_.empty()) {
            status = Status(failed_run(failure_));
            break;
        }
        if (done()) break;
        if (monotonic_ns() >= deadline_ns) {
            status = Status(failed_run("no " + std::string(what) + " within " + std::to_string(timeout_ms) + " ms"));
            break;
        }
        uv_run(&loop_, UV_RUN_ONCE);
    }
    uv_timer_stop(&timer_);
    return status;
}

Status LoadLoop::run_for(int64_t duration_ms) {
    const int64_t until_ns = monotonic_ns() + duration_ms * 1'000'000;
    // The timeout wakes the loop in time; that it is over is what was wanted.
    return run_until([until_ns] { return monotonic_ns() >= until_ns; }, duration_ms + 1, "end");
}

// ---------------------------------------------------------------------------------------------------------------------
// Stream

struct Stream::Handle {
    uv_tcp_t tcp{};
    uv_connect_t connecting{};
    Stream* owner = nullptr;
};

struct Stream::Write {
    uv_write_t request{};
    std::string bytes;
};

Stream::Stream(LoadLoop& loop, StreamUser& user) : loop_(loop), user_(user), handle_(new Handle) {
    handle_->owner = this;
    uv_tcp_init(&loop_.loop_, &handle_->tcp);
    handle_->tcp.data = handle_;
}

Stream::~Stream() {
    if (marked_) std::erase(loop_.to_flush_, this);
    handle_->owner = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_->tcp),
             [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

void Stream::connect(const sockaddr_in& address) {
    handle_->connecting.data = handle_;
    const int error = uv_tcp_connect(&handle_->connecting, &handle_->tcp, reinterpret_cast<const sockaddr*>(&address),
                                     [](uv_connect_t* request, int status) {
                                         Stream* stream = static_cast<Handle*>(request->data)->owner;
                                         if (stream == nullptr) return;
                                         if (status < 0) return stream->end(status);
                                         stream->connected_ = true;
                                         uv_tcp_nodelay(&stream->handle_->tcp, 1);
                                         stream->user_.on_connected();
                                         stream->flush();
                                     });
    if (error < 0) end(error);
}

void Stream::send(std::string_view bytes) {
    out_ += bytes;
    if (!std::exchange(marked_, true)) loop_.to_flush_.push_back(this);
}

void Stream::flush() {
    if (!connected_ || writing_) return;
    if (uv_is_active(reinterpret_cast<uv_handle_t*>(&handle_->tcp)) == 0) {
        uv_read_start(
            reinterpret_cast<uv_stream_t*>(&handle_->tcp),
            [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
                Stream* stream = static_cast<Handle*>(handle->data)->owner;
                if (stream == nullptr) {
                    *buffer = uv_buf_init(nullptr, 0);
                } else {
                    *buffer = uv_buf_init(stream->loop_.read_buffer_.get(), kReadBufferBytes);
                }
            },
            [](uv_stream_t* handle, ssize_t size, const uv_buf_t* buffer) {
                Stream* stream = static_cast<Handle*>(handle->data)->owner;
                if (stream == nullptr || size == 0) return;
                if (size < 0) return stream->end(static_cast<int>(size));
                stream->loop_.read_clock();
                stream->user_.on_bytes({buffer->base, static_cast<size_t>(size)});
            });
    }
    if (out_.empty()) return;
    uv_buf_t buffer = uv_buf_init(out_.data(), static_cast<unsigned int>(out_.size()));
    auto* stream = reinterpret_cast<uv_stream_t*>(&handle_->tcp);
    const int written = uv_try_write(stream, &buffer, 1);
    if (written < 0 && written != UV_EAGAIN) return end(written);
    out_.erase(0, static_cast<size_t>(std::max(0, written)));
    if (out_.empty()) return;

    auto* write = new Write;
    write->bytes = std::exchange(out_, {});
    write->request.data = write;
    buffer = uv_buf_init(write->bytes.data(), static_cast<unsigned int>(write->bytes.size()));
    writing_ = true;
    uv_write(&write->request, stream, &buffer, 1, [](uv_write_t* request, int status) {
        const std::unique_ptr<Write> finished(static_cast<Write*>(request->data));
        Stream* owner = static_cast<Handle*>(request->handle->data)->owner;
        if (owner == nullptr) return;
        owner->writing_ = false;
        if (status < 0) return owner->end(status);
        owner->flush();
    });
}

void Stream::end(int error) {
    uv_read_stop(reinterpret_cast<uv_stream_t*>(&handle_->tcp));
    user_.on_end(error == UV_EOF ? "the connection was closed" : uv_strerror(error));
}

}  // namespace agentcom::bench
