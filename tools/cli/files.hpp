// The command line's own files: where they lie, and writing them so that only their owner reads them and a crash leaves
// either the old content or the new.
//
// Directories follow the XDG base directory specification: configuration (identities) in $XDG_CONFIG_HOME/agentcom,
// state (results that no hub has acknowledged) in $XDG_STATE_HOME/agentcom, the hub's data in $XDG_DATA_HOME/agentcom.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/failure.hpp"

namespace agentcom::cli {

struct Directories {
    std::filesystem::path config;
    std::filesystem::path state;
    std::filesystem::path hub_data;

    // From the environment. Relative XDG paths do not count, as the specification demands.
    static Directories from_environment();
};

// Makes the directory and its missing parents, all with mode 0700.
Trouble make_private_directory(const std::filesystem::path& directory);

// Replaces the file's content as one step and brings it to the disk. The file has mode 0600.
Trouble write_private_file(const std::filesystem::path& file, std::string_view content);

// The content, or nothing when the file is missing or may not be read. At most 64 MiB.
std::optional<std::string> read_file(const std::filesystem::path& file);

// The names of the regular files in a directory, sorted; none when there is no such directory.
std::vector<std::string> file_names(const std::filesystem::path& directory);

// Removes the file; that there is none is fine.
void remove_file(const std::filesystem::path& file);

// Held by at most one process at a time, and given up with the process at the latest.
class LockFile {
  public:
    LockFile() = default;
    LockFile(LockFile&& other) noexcept;
    LockFile& operator=(LockFile&& other) noexcept;
    ~LockFile();

    // Nothing when another process holds the lock, or the file cannot be made.
    static std::optional<LockFile> acquire(const std::filesystem::path& file);

  private:
    int descriptor_ = -1;
};

}  // namespace agentcom::cli
