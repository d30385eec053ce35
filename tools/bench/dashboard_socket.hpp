// A dashboard that follows by deltas: connects to /ws/dashboard, subscribes, and reads. It looks at nothing of what it
// is sent but the types of frames: what is measured is the hub, which shares two processors with the generator.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/load_loop.hpp"
#include "tools/bench/target.hpp"
#include "tools/bench/wire.hpp"

namespace agentcom::bench {

class DashboardSocket final : private StreamUser {
  public:
    // `token` empty: reads are open.
    DashboardSocket(LoadLoop& loop, std::string token);

    void connect(const sockaddr_in& address) { stream_.connect(address); }
    // The model has come.
    bool ready() const { return models_ > 0; }
    int64_t models() const { return models_; }
    int64_t deltas() const { return deltas_; }
    int64_t bytes() const { return bytes_; }

  private:
    void on_connected() override;
    void on_bytes(std::string_view bytes) override;
    void on_end(std::string_view why) override;
    size_t take(std::string_view bytes);
    void take_frame(const ServerFrame& frame);

    LoadLoop& loop_;
    std::string token_;
    Stream stream_;
    std::string partial_;
    bool upgraded_ = false;
    int64_t models_ = 0;
    int64_t deltas_ = 0;
    int64_t bytes_ = 0;
};

using Dashboards = std::vector<std::unique_ptr<DashboardSocket>>;
// Connects so many, and waits until each has its model.
Result<Dashboards> connect_dashboards(LoadLoop& loop, const Target& target, int64_t count);

}  // namespace agentcom::bench
