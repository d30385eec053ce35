// Files of backups and restores: copied with their SHA-256, made durable, named by time; and the pace of long work.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace agentcom {

/// How long work goes on beside a hub that serves: it works a share of the time, and can be stopped.
class Pace {
  public:
    /// `percent` of the time it works, 100: all of it. `stop`, if there is one, must outlive the pace.
    explicit Pace(int64_t percent = 100, const std::atomic<bool>* stop = nullptr);
    /// To be called often: sleeps if it is time. False: stop, the work is not wanted any more.
    bool rest();

  private:
    using Clock = std::chrono::steady_clock;
    int64_t percent_;
    const std::atomic<bool>* stop_;
    Clock::time_point working_since_ = Clock::now();
};

/// Called before each step of work on files that a kill could come between; tests kill there.
using StepObserver = std::function<void(std::string_view step)>;

/// "20261121T153000Z".
std::string utc_name(int64_t wall_ms);

Status storage_error(const std::string& what, int system_error);
Status sync_path(const std::string& path);
/// Copies a file into a new one (0600) and syncs it. Gives its SHA-256 in hex.
Result<std::string> copy_file_with_sha256(const std::string& from, const std::string& to, Pace& pace);
Result<std::string> sha256_of_file(const std::string& path, Pace& pace);
/// Renames, and makes that durable in the directory of `to`.
Status rename_durably(const std::string& from, const std::string& to);
/// Removes a file if it is there.
Status remove_file(const std::string& path);

}  // namespace agentcom
