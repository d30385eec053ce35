#include "tools/bench/dashboard_socket.hpp"

#include <algorithm>
#include <utility>

namespace agentcom::bench {

namespace {

constexpr int64_t kModelTimeoutMs = 30'000;

}  // namespace

DashboardSocket::DashboardSocket(LoadLoop& loop, std::string token)
    : loop_(loop), token_(std::move(token)), stream_(loop, static_cast<StreamUser&>(*this)) {}

void DashboardSocket::on_connected() { stream_.send(upgrade_request("/ws/dashboard?mode=delta", token_)); }

void DashboardSocket::on_end(std::string_view why) { loop_.fail("a dashboard ended: " + std::string(why)); }

void DashboardSocket::on_bytes(std::string_view bytes) {
    bytes_ += static_cast<int64_t>(bytes.size());
    if (partial_.empty()) {
        partial_.assign(bytes.substr(take(bytes)));
        return;
    }
    std::string held = std::exchange(partial_, {});
    held += bytes;
    held.erase(0, take(held));
    partial_ = std::move(held);
}

// Gives how many bytes were taken.
size_t DashboardSocket::take(std::string_view bytes) {
    size_t taken = 0;
    if (!upgraded_) {
        const auto answer = scan_http_answer(bytes);
        if (!answer) return 0;
        if (answer->status != 101) {
            loop_.fail("the upgrade of a dashboard was refused with " + std::to_string(answer->status));
            return bytes.size();
        }
        taken = answer->size;
        upgraded_ = true;
        stream_.send(client_frame(FrameKind::text, R"({"type":"subscribe","mode":"delta"})"));
    }
    while (const auto frame = scan_server_frame(bytes.substr(taken))) {
        taken += frame->size;
        take_frame(*frame);
    }
    return taken;
}

void DashboardSocket::take_frame(const ServerFrame& frame) {
    if (frame.kind == FrameKind::ping) return stream_.send(client_frame(FrameKind::pong, frame.payload));
    if (frame.kind == FrameKind::close) return on_end("closed by the hub");
    if (frame.kind != FrameKind::text) return;
    const std::string_view type = frame_type(frame.payload);
    if (type == "delta") ++deltas_;
    if (type == "model") ++models_;
    if (type == "error") on_end("the hub refused: " + std::string(frame.payload.substr(0, 200)));
}

Result<Dashboards> connect_dashboards(LoadLoop& loop, const Target& target, int64_t count) {
    Dashboards dashboards;
    for (int64_t i = 0; i < count; ++i) {
        dashboards.push_back(std::make_unique<DashboardSocket>(loop, target.admin_token));
        dashboards.back()->connect(target.address);
    }
    const Status done = loop.run_until(
        [&] { return std::ranges::all_of(dashboards, [](const auto& dashboard) { return dashboard->ready(); }); },
        kModelTimeoutMs, "the model of each dashboard");
    if (!done) return Result<Dashboards>(done.error());
    return Result<Dashboards>(std::move(dashboards));
}

}  // namespace agentcom::bench
