// What an import has done so far: counts by part, what could not be taken over and why, and what stays behind.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/options.hpp"

namespace agentcom::cli {

inline constexpr std::array<std::string_view, 7> kImportPartNames = {"tokens",   "settings", "limits", "whitelist",
                                                                     "channels", "messages", "tasks"};
constexpr std::string_view name_of(ImportPart part) { return kImportPartNames.at(static_cast<size_t>(part)); }

enum class ImportStatus : uint8_t {
    created,  // taken over, or, in a dry run, what would be
    known,    // it was here already
    skipped,  // it cannot be taken over
};

class ImportReport {
  public:
    ImportReport(std::string from, bool dry_run) : from_(std::move(from)), dry_run_(dry_run) {}

    void begin(ImportPart part);
    void add(ImportPart part, ImportStatus status);
    // One that is skipped. Beyond 1 000 of a part they are only counted.
    void skip(ImportPart part, std::string key, std::string reason);
    // Something that an import cannot take along.
    void leave_behind(std::string what) { left_behind_.push_back(std::move(what)); }

    int64_t total(ImportPart part) const;
    std::string json() const;
    std::string text() const;

  private:
    struct Problem {
        std::string key;
        std::string reason;
    };
    struct Tally {
        bool begun = false;
        int64_t created = 0;
        int64_t known = 0;
        int64_t skipped = 0;
        std::vector<Problem> problems;
    };
    Tally& tally(ImportPart part) { return tallies_.at(static_cast<size_t>(part)); }

    std::string from_;
    bool dry_run_;
    std::array<Tally, kImportPartNames.size()> tallies_;
    std::vector<std::string> left_behind_;
};

}  // namespace agentcom::cli
