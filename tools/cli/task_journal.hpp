// What a worker must not forget when it dies: the tasks it has taken, and results that the hub has not acknowledged.
//
//     STATE/worker/<hub>/<agent>/lock          held by the running worker
//     STATE/worker/<hub>/<agent>/<task>.json
//     {"format":1,"task_id":…,"generation":…,"task":{…},"succeeded":…,"report":{…}}
//
// `report` is the frame to send; while the task runs it is null. A file that is not of this form is passed over.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/cli/failure.hpp"

namespace agentcom::cli {

struct JournalEntry {
    std::string task_id;
    int64_t generation = 0;
    std::string task_raw;    // the task as JSON, as its command gets it
    bool succeeded = false;  // what the report says
    std::string report_raw;  // "" while the task runs

    bool operator==(const JournalEntry&) const = default;
};

std::string journal_entry_text(const JournalEntry& entry);
std::optional<JournalEntry> parse_journal_entry(std::string text);

class TaskJournal {
  public:
    explicit TaskJournal(std::filesystem::path directory) : directory_(std::move(directory)) {}

    // Replaces the task's entry; it is on the disk when this returns.
    Trouble keep(const JournalEntry& entry) const;
    void forget(std::string_view task_id) const;
    // All entries, ordered by file name.
    std::vector<JournalEntry> load() const;

  private:
    std::filesystem::path file(std::string_view task_id) const;

    std::filesystem::path directory_;
};

}  // namespace agentcom::cli
