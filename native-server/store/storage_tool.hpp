// What agentcom-hub does to a data directory without serving it: backups, restores, a check-up.
#pragma once

#include <cstdint>
#include <string>

namespace agentcom {

struct StorageTool {
    std::string data_directory;
    std::string backups;
    std::string hub_version;
    int64_t wall_ms = 0;  ///< now

    struct Outcome {
        int exit_code = 0;  ///< 1: it failed, or something is wrong
        std::string text;   ///< lines for people; of `list` JSON
        std::string data;   ///< the same as a JSON object; {"error":{"code","message"}} when it could not be done
    };

    Outcome list() const;
    /// Also beside a hub that runs.
    Outcome make() const;
    Outcome verify(const std::string& backup) const;
    /// No hub may run on the directory.
    Outcome restore(const std::string& backup) const;
    /// Looks at everything and changes nothing; each finding comes with what to do. Also beside a hub that runs.
    Outcome doctor() const;
};

}  // namespace agentcom
