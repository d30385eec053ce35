#include "tools/cli/task_journal.hpp"

#include "core/base/json.hpp"
#include "tools/cli/files.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

std::string journal_entry_text(const JournalEntry& entry) {
    json::Writer out;
    out.begin_object().member("format", 1).member("task_id", entry.task_id).member("generation", entry.generation);
    out.raw_member("task", entry.task_raw).member("succeeded", entry.succeeded);
    out.raw_member("report", entry.report_raw.empty() ? "null" : std::string_view(entry.report_raw));
    return out.end_object().take() + "\n";
}

std::optional<JournalEntry> parse_journal_entry(std::string text) {
    const std::optional<json::Document> document = json::Document::parse(std::move(text), json::Duplicates::last_wins);
    if (!document || !document->is_object()) return std::nullopt;
    const json::Object& members = document->object();
    const json::Value* task_id = members.find("task_id");
    const json::Value* generation = members.find("generation");
    const json::Value* task = members.find("task");
    const json::Value* succeeded = members.find("succeeded");
    const json::Value* report = members.find("report");
    const bool complete = task_id != nullptr && task_id->kind == json::Kind::string && generation != nullptr &&
                          generation->kind == json::Kind::integer && task != nullptr &&
                          task->kind == json::Kind::object && succeeded != nullptr &&
                          succeeded->kind == json::Kind::boolean && report != nullptr;
    if (!complete) return std::nullopt;
    const bool reported = report->kind == json::Kind::object;
    if (!reported && report->kind != json::Kind::null) return std::nullopt;
    return JournalEntry{json::decode_string(*task_id), json::to_int64_saturated(*generation), std::string(task->raw),
                        json::to_bool(*succeeded), reported ? std::string(report->raw) : std::string{}};
}

std::filesystem::path TaskJournal::file(std::string_view task_id) const {
    return directory_ / (file_name_for(task_id) + ".json");
}

Trouble TaskJournal::keep(const JournalEntry& entry) const {
    return write_private_file(file(entry.task_id), journal_entry_text(entry));
}

void TaskJournal::forget(std::string_view task_id) const { remove_file(file(task_id)); }

std::vector<JournalEntry> TaskJournal::load() const {
    std::vector<JournalEntry> entries;
    for (const std::string& name : file_names(directory_)) {
        if (!name.ends_with(".json")) continue;
        std::optional<std::string> text = read_file(directory_ / name);
        if (!text) continue;
        if (std::optional<JournalEntry> entry = parse_journal_entry(std::move(*text))) entries.push_back(*entry);
    }
    return entries;
}

}  // namespace agentcom::cli
