// What the hub is told of the machine that it runs on: collects durations as they come and reads the rest every 10 s.
//
// Belongs to the network thread. Reading costs a few system calls; nothing here waits for another thread.
#pragma once

#include <cstdint>
#include <string>

#include "core/observe/machine_sample.hpp"

namespace agentcom {

class MachineFigures {
  public:
    explicit MachineFigures(std::string data_directory) : data_directory_(std::move(data_directory)) {}

    // -- as it happens
    void turn_took(int64_t us) { collected_.turn_us.record(us); }
    void committed(int64_t us) { collected_.commit_us.record(us); }
    void core_failed() { ++core_faults_; }
    void closed_slow_reader() { ++slow_readers_; }
    /// The loop's regular call, which comes every kSweepUs if nothing holds it up.
    void swept(int64_t mono_us);

    // -- now and then
    bool is_due(int64_t mono_us) const { return mono_us >= due_us_; }
    /// What was collected since the last time, and the figures of the process and its files.
    MachineSample take(int64_t mono_us);

  private:
    std::string data_directory_;
    MachineSample collected_;
    int64_t core_faults_ = 0;
    int64_t slow_readers_ = 0;
    int64_t swept_us_ = 0;
    int64_t due_us_ = 0;
};

}  // namespace agentcom
