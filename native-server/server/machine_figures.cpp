#include "native-server/server/machine_figures.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/base/time.hpp"

namespace agentcom {

namespace {

constexpr int64_t kEveryUs = 10 * kUsPerSecond;
constexpr int64_t kSweepUs = kUsPerSecond / 2;

int64_t file_bytes(const std::string& path) {
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? static_cast<int64_t>(info.st_size) : -1;
}

/// Resident pages are the second number of this file.
int64_t memory_bytes() {
    std::FILE* file = std::fopen("/proc/self/statm", "re");
    if (file == nullptr) return -1;
    long long size = 0;
    long long resident = -1;
    const int read = std::fscanf(file, "%lld %lld", &size, &resident);
    std::fclose(file);
    return read == 2 ? static_cast<int64_t>(resident) * sysconf(_SC_PAGESIZE) : -1;
}

}  // namespace

void MachineFigures::swept(int64_t mono_us) {
    if (swept_us_ != 0) {
        collected_.loop_lag_us = std::max(collected_.loop_lag_us, mono_us - swept_us_ - kSweepUs);
    }
    swept_us_ = mono_us;
}

MachineSample MachineFigures::take(int64_t mono_us) {
    due_us_ = mono_us + kEveryUs;
    MachineSample sample = std::exchange(collected_, MachineSample{});
    sample.core_faults = core_faults_;
    sample.outboxes_closed = slow_readers_;
    sample.memory_bytes = memory_bytes();
    sample.database_bytes = file_bytes(data_directory_ + "/hub.db");
    sample.wal_bytes = file_bytes(data_directory_ + "/hub.db-wal");
    struct statvfs disk {};
    if (statvfs(data_directory_.c_str(), &disk) == 0) {
        sample.disk_free_bytes = static_cast<int64_t>(disk.f_bavail * disk.f_frsize);
        sample.disk_total_bytes = static_cast<int64_t>(disk.f_blocks * disk.f_frsize);
    }
    return sample;
}

}  // namespace agentcom
