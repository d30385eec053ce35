#include "native-server/net/net_limits.hpp"

#include <array>
#include <charconv>
#include <string>

namespace agentcom {

namespace {

constexpr int64_t kMiB = int64_t{1024} * 1024;
constexpr int64_t kGiB = 1024 * kMiB;

// Strings and frames are at most kMaxFrameBytes, so an outbox must hold at least one such frame.
constexpr int64_t kOutboxMinimum = static_cast<int64_t>(kMaxFrameBytes);

constexpr std::array<NetSettingInfo, 19> kInfos{{
    {"outbox_frames", &NetSettings::outbox_frames, 10'000, 16, 10'000'000,
     "frames that may wait for one reader; a slower one is closed with 1008"},
    {"outbox_bytes", &NetSettings::outbox_bytes, 16 * kMiB, kOutboxMinimum, 64 * kGiB,
     "bytes that may wait for one reader; a slower one is closed with 1008"},
    {"outbox_total_bytes", &NetSettings::outbox_total_bytes, 512 * kMiB, kOutboxMinimum, 1024 * kGiB,
     "bytes that may wait for all readers together; the one who owes most is closed first"},
    {"receive_total_bytes", &NetSettings::receive_total_bytes, 256 * kMiB, kOutboxMinimum, 1024 * kGiB,
     "bytes of half-received frames and bodies over all connections; the largest holder is closed first"},
    {"inputs_in_flight", &NetSettings::inputs_in_flight, 128, 1, 1'000'000,
     "frames of one WebSocket that may wait for the store before it is no longer read"},
    {"turns_in_flight", &NetSettings::turns_in_flight, 256, 1, 1'000'000,
     "turns that may wait for the store before sockets are no longer read"},
    {"bytes_in_flight", &NetSettings::bytes_in_flight, 64 * kMiB, 1'024, 64 * kGiB,
     "bytes of changed rows that may wait for the store before sockets are no longer read"},
    {"head_timeout_ms", &NetSettings::head_timeout_ms, 60'000, 10, 86'400'000,
     "milliseconds that a request head may take from its first byte"},
    {"body_timeout_ms", &NetSettings::body_timeout_ms, 60'000, 10, 86'400'000,
     "milliseconds that a request body may stand still"},
    {"keep_alive_ms", &NetSettings::keep_alive_ms, 60'000, 10, 86'400'000,
     "milliseconds that an idle HTTP connection is kept"},
    {"close_linger_ms", &NetSettings::close_linger_ms, 3'000, 10, 60'000,
     "milliseconds that a closing connection has to take its last bytes"},
    {"shutdown_drain_ms", &NetSettings::shutdown_drain_ms, 15'000, 0, 600'000,
     "milliseconds that connections have to end when the hub stops"},
    {"max_connections", &NetSettings::max_connections, 100'000, 1, 1'000'000,
     "open connections; more are closed as they come"},
    {"log_lines_per_s", &NetSettings::log_lines_per_s, 50, 0, 1'000'000,
     "lines of the log per second and event; more are counted (0: all are written)"},
    {"log_file_bytes", &NetSettings::log_file_bytes, 10'000'000, 10'000, 1 * kGiB,
     "size at which the log file is put aside for a new one"},
    {"log_files", &NetSettings::log_files, 5, 1, 1'000, "old log files that are kept"},
    {"recording", &NetSettings::recording, 1, 0, 1,
     "1: keep what the hub was fed lately in DIR/recording, so that it can be played again"},
    {"recording_bytes", &NetSettings::recording_bytes, 256 * kMiB, 1 * kMiB, 1024 * kGiB,
     "bytes on the disk that the recording may take; its oldest part goes first"},
    {"recording_age_ms", &NetSettings::recording_age_ms, 604'800'000, 60'000, 31'536'000'000,
     "milliseconds after which a part of the recording goes"},
}};

}  // namespace

std::span<const NetSettingInfo> net_setting_infos() { return kInfos; }

NetSettings v11_net_profile() {
    NetSettings settings;
    for (const NetSettingInfo& info : kInfos) settings.*info.member = info.v11;
    return settings;
}

Status set_net_setting(NetSettings& settings, std::string_view name, std::string_view value) {
    for (const NetSettingInfo& info : kInfos) {
        if (info.name != name) continue;
        int64_t number = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        const bool whole = error == std::errc{} && end == value.data() + value.size();
        if (!whole || number < info.minimum || number > info.maximum) {
            return Status(Error{"bad_value", 422, Blame::client,
                                std::string(name) + " must be an integer from " + std::to_string(info.minimum) +
                                    " to " + std::to_string(info.maximum)});
        }
        settings.*info.member = number;
        return {};
    }
    return Status(Error{"unknown_setting", 404, Blame::client, "there is no setting " + std::string(name)});
}

}  // namespace agentcom
