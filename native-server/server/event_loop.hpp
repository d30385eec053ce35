// The handles of the hub's libuv loop, with owners and plain callbacks.
//
// A turn of the loop: timers run, then the sockets that are ready, then `on_turn_end`, then it waits for the next event
// unless `stay_awake` was asked for. Single-threaded, except for `post`.
#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

namespace agentcom {

class EventLoop {
  public:
    struct Callbacks {
        std::function<void()> on_turn_end;
        std::function<void()> on_timer;      ///< the deadline of `set_timer` has come
        std::function<void()> on_sweep;      ///< twice a second
        std::function<void(int)> on_signal;  ///< SIGTERM or SIGINT
    };

    explicit EventLoop(Callbacks callbacks);
    /// All foreign handles must be closed before: see `close`.
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    uv_loop_t* loop() { return &loop_; }
    /// Runs until `stop`.
    void run();
    void stop() { uv_stop(&loop_); }
    /// Closes all handles and runs until they are gone, those of others on this loop too.
    void close();

    void set_timer(int64_t delay_ms);
    /// The next turn comes at once, without waiting for an event.
    void stay_awake();
    /// Runs a task on the loop's thread. From any thread.
    void post(std::function<void()> task);

  private:
    void run_posted();

    Callbacks callbacks_;
    uv_loop_t loop_{};
    uv_check_t check_{};
    uv_idle_t idle_{};
    uv_timer_t timer_{};
    uv_timer_t sweep_{};
    uv_async_t async_{};
    uv_signal_t signals_[3]{};
    std::mutex mutex_;
    std::vector<std::function<void()>> posted_;
    bool closed_ = false;
};

}  // namespace agentcom
