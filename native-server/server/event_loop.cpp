#include "native-server/server/event_loop.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace agentcom {

namespace {

constexpr uint64_t kSweepMs = 500;

EventLoop& owner(void* data) { return *static_cast<EventLoop*>(data); }

}  // namespace

EventLoop::EventLoop(Callbacks callbacks) : callbacks_(std::move(callbacks)) {
    uv_loop_init(&loop_);
    uv_check_init(&loop_, &check_);
    uv_idle_init(&loop_, &idle_);
    uv_timer_init(&loop_, &timer_);
    uv_timer_init(&loop_, &sweep_);
    uv_async_init(&loop_, &async_, [](uv_async_t* handle) { owner(handle->data).run_posted(); });
    check_.data = idle_.data = timer_.data = sweep_.data = async_.data = this;
    uv_check_start(&check_, [](uv_check_t* handle) {
        uv_idle_stop(&owner(handle->data).idle_);
        owner(handle->data).callbacks_.on_turn_end();
    });
    uv_timer_start(
        &sweep_, [](uv_timer_t* handle) { owner(handle->data).callbacks_.on_sweep(); }, kSweepMs, kSweepMs);
    const int numbers[3] = {SIGTERM, SIGINT, SIGHUP};
    for (int i = 0; i < 3; ++i) {
        uv_signal_init(&loop_, &signals_[i]);
        signals_[i].data = this;
        uv_signal_start(
            &signals_[i], [](uv_signal_t* handle, int number) { owner(handle->data).callbacks_.on_signal(number); },
            numbers[i]);
    }
}

EventLoop::~EventLoop() { close(); }

void EventLoop::run() { uv_run(&loop_, UV_RUN_DEFAULT); }

void EventLoop::close() {
    if (std::exchange(closed_, true)) return;
    callbacks_.on_turn_end = [] {};
    for (void* handle : {static_cast<void*>(&check_), static_cast<void*>(&idle_), static_cast<void*>(&timer_),
                         static_cast<void*>(&sweep_), static_cast<void*>(&async_), static_cast<void*>(&signals_[0]),
                         static_cast<void*>(&signals_[1]), static_cast<void*>(&signals_[2])}) {
        uv_close(static_cast<uv_handle_t*>(handle), nullptr);
    }
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
}

void EventLoop::set_timer(int64_t delay_ms) {
    uv_timer_start(
        &timer_, [](uv_timer_t* handle) { owner(handle->data).callbacks_.on_timer(); },
        static_cast<uint64_t>(std::max<int64_t>(0, delay_ms)), 0);
}

void EventLoop::stay_awake() {
    uv_idle_start(&idle_, [](uv_idle_t*) {});
}

void EventLoop::post(std::function<void()> task) {
    {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(task));
    }
    uv_async_send(&async_);
}

void EventLoop::run_posted() {
    std::vector<std::function<void()>> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(posted_);
    }
    for (const std::function<void()>& task : tasks) task();
}

}  // namespace agentcom
