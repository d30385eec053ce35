// Every maximum of the network side, by name.
//
// The numbers that an operator may change are in NetSettings and are set exactly like the hub's own: `--set
// NAME=VALUE`, `AGENTCOM_NAME`, `NAME = VALUE` in the file. The rest belong to the protocol (http.md §1.1) or to the
// way bytes are moved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/limits.hpp"
#include "core/base/result.hpp"

namespace agentcom {

/// One write to a socket.
inline constexpr size_t kWriteBytes = size_t{64} * 1024;
/// One read from a socket. It bounds how many small frames of one client are handled before the others have their turn.
inline constexpr size_t kReadBytes = size_t{16} * 1024;

/// A request line; a longer one gets 414.
inline constexpr size_t kMaxRequestLineBytes = 10'000;
/// One header line; a longer one gets 431.
inline constexpr size_t kMaxHeaderLineBytes = 10'000;
/// Header lines of one request; more get 431.
inline constexpr size_t kMaxHeaderLines = 50;
/// A whole request head; a larger one gets 431.
inline constexpr size_t kMaxHeadBytes = size_t{128} * 1024;
/// Bytes of a chunked body that make no progress, i.e. a chunk header or trailers; more get 400.
inline constexpr size_t kMaxChunkHeaderBytes = size_t{16} * 1024;
/// Payload of a WebSocket control frame (RFC 6455 §5.5).
inline constexpr size_t kMaxControlBytes = 125;

static_assert(kMaxHeadBytes > kMaxRequestLineBytes + kMaxHeaderLineBytes, "one long line must fit into a head");

struct NetSettings {
    int64_t outbox_frames = 10'000;
    int64_t outbox_bytes = int64_t{16} * 1024 * 1024;
    int64_t outbox_total_bytes = int64_t{512} * 1024 * 1024;
    int64_t receive_total_bytes = int64_t{256} * 1024 * 1024;
    int64_t inputs_in_flight = 128;
    int64_t turns_in_flight = 256;
    int64_t bytes_in_flight = int64_t{64} * 1024 * 1024;
    int64_t head_timeout_ms = 60'000;
    int64_t body_timeout_ms = 60'000;
    int64_t keep_alive_ms = 60'000;
    int64_t close_linger_ms = 3'000;
    int64_t shutdown_drain_ms = 5'000;
    int64_t max_connections = 100'000;
    int64_t log_lines_per_s = 50;
    int64_t log_file_bytes = 10'000'000;
    int64_t log_files = 5;
    // what the hub was fed, to be played again
    int64_t recording = 1;
    int64_t recording_bytes = int64_t{256} * 1024 * 1024;
    int64_t recording_age_ms = 604'800'000;

    bool operator==(const NetSettings&) const = default;
};

struct NetSettingInfo {
    std::string_view name;
    int64_t NetSettings::*member;
    int64_t v11;  ///< its value under `--profile v1.1`
    int64_t minimum;
    int64_t maximum;
    std::string_view help;  ///< what it does, with its unit
};

std::span<const NetSettingInfo> net_setting_infos();

/// The numbers of AgentCom v1.1.
NetSettings v11_net_profile();

/// Sets one by name. Errors `unknown_setting`, `bad_value` (with the range in the text).
Status set_net_setting(NetSettings&, std::string_view name, std::string_view value);

}  // namespace agentcom
