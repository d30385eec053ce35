// Tasks that have not ended, and dead letters.
#include <algorithm>

#include "tools/cli/import_hubs.hpp"
#include "tools/cli/output.hpp"

namespace agentcom::cli {

namespace {

std::string item_of(const json::Object& task, bool dead_letter) {
    json::Writer item;
    item.begin_object().member("kind", "task").raw_member("key", raw_of(task, "id"));
    for (const char* member : {"assigned_at", "assigned_to", "complete_by", "created_at", "description", "generation",
                               "history", "last_error", "max_retries", "metadata", "needed_capabilities", "priority",
                               "retry_count", "submitted_by", "updated_at"}) {
        item.raw_member(member, raw_of(task, member));
    }
    return item.member("dead_letter", dead_letter).end_object().take();
}

struct Seen {
    int64_t assigned = 0;
    int64_t completed = 0;
};

Trouble import_list(Import& import, const std::string& target, bool dead_letter, Seen& seen) {
    Outcome<std::string> answer = import.old_hub->get(target);
    if (!answer) return answer.failure();
    std::vector<json::Value> tasks = elements_of(members_of(*answer), "tasks");
    // The oldest first, whatever its priority: that is the order within each priority here, too.
    std::stable_sort(tasks.begin(), tasks.end(), [](const json::Value& a, const json::Value& b) {
        return number_of(members_of(a.raw), "created_at") < number_of(members_of(b.raw), "created_at");
    });
    for (const json::Value& value : tasks) {
        const json::Object task = members_of(value.raw);
        const std::string status = text_of(task, "status");
        if (status == "completed") {
            ++seen.completed;
            continue;
        }
        if (status == "assigned") ++seen.assigned;
        const std::string item = item_of(task, dead_letter);
        if (Trouble trouble = import.sender.add(ImportPart::tasks, text_of(task, "id"), item)) return trouble;
    }
    return import.sender.flush();
}

std::string many(int64_t count, const std::string& what) { return std::to_string(count) + " " + what; }

}  // namespace

Trouble import_tasks(Import& import) {
    Seen seen;
    if (Trouble trouble = import_list(import, "/api/tasks", false, seen)) return trouble;
    if (Trouble trouble = import_list(import, "/api/tasks/dead-letter", true, seen)) return trouble;
    if (seen.completed > 0) {
        import.report.leave_behind(
            many(seen.completed, "completed tasks: they and their results stay with the old hub"));
    }
    if (seen.assigned > 0) {
        import.report.leave_behind(many(seen.assigned,
                                        "assigned tasks are queued here: who works on them for the old hub does so in "
                                        "vain"));
    }
    return std::nullopt;
}

}  // namespace agentcom::cli
