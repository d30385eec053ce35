// The last tasks that ended, as they are shown to people: a task that ended leaves memory, its short form stays a
// while.
#pragma once

#include <string>
#include <vector>

#include "core/state/context.hpp"

namespace agentcom::tasks {

/// Code points of a description that lists show.
inline constexpr size_t kLabelCodePoints = 120;

/// What a task is about: the beginning of its description, or what names it when that is not in memory.
std::string label(const Tables&, const TaskRow&);

/// Takes down a task that has just completed or was cancelled; its input must still be there.
void note_completion(Context&, const TaskRow&);

/// The last tasks of a workspace that ended in this run, the newest first: so many that completed, and so many that
/// were cancelled, as CompletionRow has places for.
std::vector<const CompletionRow*> completions(const Tables&, int64_t workspace);

}  // namespace agentcom::tasks
