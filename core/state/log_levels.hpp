// From which severity on the log is written: one level for all, and others for single components.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agentcom {

enum class Severity : uint8_t { debug, info, notice, warning, error };
std::string_view to_text(Severity);
bool from_text(std::string_view, Severity&);

/// The parts of the hub whose lines can be asked for or silenced by themselves.
enum class Component : uint8_t { hub, network, storage, access, limits, agents, tasks, messages, alerts };
inline constexpr size_t kComponents = 9;
std::string_view to_text(Component);
bool from_text(std::string_view, Component&);

struct LogLevels {
    Severity level = Severity::info;
    std::array<std::optional<Severity>, kComponents> own{};  ///< by Component; unset: `level` counts

    Severity of(Component component) const { return own[static_cast<size_t>(component)].value_or(level); }
    /// The least severe that any component writes.
    Severity lowest() const;

    bool operator==(const LogLevels&) const = default;
};

/// As on the command line: "info" or "notice,tasks=debug,network=error".
std::string to_text(const LogLevels&);
/// Reads that; the level for all may be left out (info) and stand anywhere, nothing may be said twice. nullopt: not
/// so. `wrong` is then the part that is not understood.
std::optional<LogLevels> parse_log_levels(std::string_view text, std::string* wrong = nullptr);

}  // namespace agentcom
