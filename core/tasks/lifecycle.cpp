#include "core/tasks/lifecycle.hpp"

namespace agentcom {

namespace {

using Row = std::array<LifecycleCell, kTaskStates>;

constexpr LifecycleCell no(std::string_view error) { return {TaskAction::nothing, error}; }
constexpr LifecycleCell yes(TaskAction action) { return {action, {}}; }

constexpr std::string_view kInvalid = "invalid_state";
constexpr std::string_view kGone = "not_found";  // v1.1 kept dead letters in another store and did not see them
constexpr std::string_view kNotLeased = "not_assigned";
constexpr std::string_view kIgnored = "ignored";

/// One row per event, in the order of TaskEvent; columns: held, queued, assigned, working, completed, cancelled,
/// dead_letter.
constexpr std::array<Row, kTaskEvents> kTable{{
    // dispatch
    {no(kInvalid), yes(TaskAction::begin_lease), no(kInvalid), no(kInvalid), no(kInvalid), no(kInvalid), no(kGone)},
    // accept
    {no(kInvalid), no(kInvalid), yes(TaskAction::begin_work), yes(TaskAction::keep), no(kInvalid), no(kGone),
     no(kGone)},
    // progress
    {no(kInvalid), no(kInvalid), yes(TaskAction::begin_work), yes(TaskAction::keep), no(kInvalid), no(kGone),
     no(kGone)},
    // complete
    {no(kInvalid), no(kInvalid), yes(TaskAction::finish), yes(TaskAction::finish), no(kInvalid), no(kGone), no(kGone)},
    // fail
    {no(kInvalid), no(kInvalid), yes(TaskAction::count_failure), yes(TaskAction::count_failure), no(kInvalid),
     no(kGone), no(kGone)},
    // reject
    {no(kInvalid), no(kInvalid), yes(TaskAction::give_back), yes(TaskAction::give_back), no(kInvalid), no(kGone),
     no(kGone)},
    // release
    {no(kInvalid), no(kInvalid), yes(TaskAction::give_back), yes(TaskAction::give_back), no(kInvalid), no(kGone),
     no(kGone)},
    // recover
    {no(kInvalid), no(kInvalid), yes(TaskAction::begin_work), yes(TaskAction::keep), no(kInvalid), no(kGone),
     no(kGone)},
    // acceptance_timeout
    {no(kNotLeased), no(kNotLeased), yes(TaskAction::reclaim), no(kIgnored), no(kNotLeased), no(kNotLeased),
     no(kNotLeased)},
    // silence
    {no(kNotLeased), no(kNotLeased), yes(TaskAction::reclaim), yes(TaskAction::reclaim), no(kNotLeased), no(kNotLeased),
     no(kNotLeased)},
    // max_run
    {no(kNotLeased), no(kNotLeased), yes(TaskAction::reclaim), yes(TaskAction::reclaim), no(kNotLeased), no(kNotLeased),
     no(kNotLeased)},
    // grace_over
    {no(kNotLeased), no(kNotLeased), yes(TaskAction::reclaim), yes(TaskAction::reclaim), no(kNotLeased), no(kNotLeased),
     no(kNotLeased)},
    // stuck
    {no(kNotLeased), no(kNotLeased), yes(TaskAction::reclaim), yes(TaskAction::reclaim), no(kNotLeased), no(kNotLeased),
     no(kNotLeased)},
    // deadline
    {yes(TaskAction::expire), yes(TaskAction::expire), yes(TaskAction::expire), yes(TaskAction::expire), no(kIgnored),
     no(kIgnored), no(kIgnored)},
    // unhold
    {yes(TaskAction::enqueue), no(kIgnored), no(kIgnored), no(kIgnored), no(kIgnored), no(kIgnored), no(kIgnored)},
    // cancel
    {yes(TaskAction::end), yes(TaskAction::end), yes(TaskAction::end), yes(TaskAction::end), no(kInvalid), no(kInvalid),
     yes(TaskAction::end)},
    // request_cancel
    {no(kNotLeased), no(kNotLeased), yes(TaskAction::keep), yes(TaskAction::keep), no(kInvalid), no(kInvalid),
     no(kNotLeased)},
    // retry
    {no(kGone), no(kGone), no(kGone), no(kGone), no(kGone), no(kGone), yes(TaskAction::revive)},
}};

constexpr std::array<std::string_view, kTaskEvents> kEventNames{
    "dispatch",           "accept",  "progress", "complete",   "fail",  "reject",   "release", "recover",
    "acceptance_timeout", "silence", "max_run",  "grace_over", "stuck", "deadline", "unhold",  "cancel",
    "request_cancel",     "retry"};

constexpr std::array<std::string_view, 12> kActionNames{"nothing", "keep",          "begin_lease", "begin_work",
                                                        "finish",  "count_failure", "give_back",   "reclaim",
                                                        "expire",  "enqueue",       "end",         "revive"};

}  // namespace

const LifecycleCell& lifecycle(TaskState state, TaskEvent event) {
    return kTable.at(static_cast<std::size_t>(event)).at(static_cast<std::size_t>(state));
}

std::string_view to_text(TaskEvent event) { return kEventNames.at(static_cast<std::size_t>(event)); }
std::string_view to_text(TaskAction action) { return kActionNames.at(static_cast<std::size_t>(action)); }

std::string_view v11_status(TaskState state) {
    switch (state) {
        case TaskState::held:
        case TaskState::queued:
            return "queued";
        case TaskState::assigned:
        case TaskState::working:
            return "assigned";
        case TaskState::completed:
            return "completed";
        case TaskState::cancelled:
        case TaskState::dead_letter:
            return "dead_letter";
    }
    return "queued";
}

}  // namespace agentcom
