// The lifecycle of a task as Markdown: a diagram and a table, drawn from core/tasks/lifecycle.hpp. docs/architecture.md
// holds a copy, which a test compares.
#pragma once

#include <string>

namespace agentcom {

/// A mermaid state diagram, a blank line, and a table of events (rows) and states (columns).
std::string describe_lifecycle();

}  // namespace agentcom
