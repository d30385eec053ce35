// The generator's one thread: a libuv loop with raw TCP streams.
//
//     LoadLoop loop;
//     Stream stream(loop, user);              // user.on_bytes(...) gets what comes
//     stream.connect(address);
//     stream.send(bytes);                     // leaves at the end of the round, together with all else
//     Status done = loop.run_until([&] { return ready; }, 10'000, "the answer");
//
// Writes are collected per round and stream, so that many frames leave with one system call. The first failure (of a
// stream, or told by `fail`) ends the run that is going on; later runs end at once with it.
#pragma once

#include <netinet/in.h>
#include <uv.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/failure.hpp"

namespace agentcom::bench {

class Stream;

class LoadLoop {
  public:
    LoadLoop();
    // All streams must be gone.
    ~LoadLoop();
    LoadLoop(const LoadLoop&) = delete;
    LoadLoop& operator=(const LoadLoop&) = delete;

    // Runs until `done`, which is asked once a round. Fails after `timeout_ms`, naming `what` did not come.
    Status run_until(const std::function<bool()>& done, int64_t timeout_ms, std::string_view what);
    Status run_for(int64_t duration_ms);

    // Called once a round, before what was sent leaves: where a closed loop sends more. Empty: nothing.
    void on_round(std::function<void()> action) { on_round_ = std::move(action); }
    // Wakes the loop at least this often; 0: only for sockets. For rounds that must come while nothing does.
    void set_beat(int64_t interval_ms);

    // Monotonic clock, read when bytes came last.
    int64_t now_ns() const { return now_ns_; }
    void read_clock();

    void fail(std::string why);

  private:
    friend class Stream;

    uv_loop_t loop_{};
    uv_timer_t timer_{};
    uv_timer_t beat_{};
    std::function<void()> on_round_;
    std::vector<Stream*> to_flush_;
    std::unique_ptr<char[]> read_buffer_;
    std::string failure_;
    int64_t now_ns_ = 0;
};

int64_t monotonic_ns();

class StreamUser {
  public:
    virtual ~StreamUser() = default;
    virtual void on_connected() = 0;
    virtual void on_bytes(std::string_view bytes) = 0;
    // The other side ended it, or it broke.
    virtual void on_end(std::string_view why) = 0;
};

class Stream {
  public:
    Stream(LoadLoop& loop, StreamUser& user);
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    void connect(const sockaddr_in& address);
    void send(std::string_view bytes);

  private:
    friend class LoadLoop;
    // What libuv holds on to; outlives the stream until libuv lets go of it.
    struct Handle;
    struct Write;

    void flush();
    void end(int error);

    LoadLoop& loop_;
    StreamUser& user_;
    Handle* handle_;
    std::string out_;
    bool marked_ = false;
    bool writing_ = false;  // libuv holds the rest of an earlier write
    bool connected_ = false;
};

}  // namespace agentcom::bench
