#include "core/state/log_levels.hpp"

#include <algorithm>

namespace agentcom {

namespace {

constexpr std::array<std::string_view, 5> kSeverities = {"debug", "info", "notice", "warning", "error"};
constexpr std::array<std::string_view, kComponents> kComponentNames = {
    "hub", "network", "storage", "access", "limits", "agents", "tasks", "messages", "alerts"};

template <class Enum, size_t size>
bool find_name(const std::array<std::string_view, size>& names, std::string_view name, Enum& value) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) return false;
    value = static_cast<Enum>(found - names.begin());
    return true;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

/// One part of the list; false: not understood, or said before.
bool read_part(std::string_view part, LogLevels& levels, bool& has_level) {
    const size_t equals = part.find('=');
    Severity severity{};
    if (equals == std::string_view::npos) {
        if (has_level || !from_text(part, severity)) return false;
        has_level = true;
        levels.level = severity;
        return true;
    }
    Component component{};
    if (!from_text(trimmed(part.substr(0, equals)), component)) return false;
    if (!from_text(trimmed(part.substr(equals + 1)), severity)) return false;
    std::optional<Severity>& own = levels.own[static_cast<size_t>(component)];
    if (own) return false;
    own = severity;
    return true;
}

}  // namespace

std::string_view to_text(Severity severity) { return kSeverities[static_cast<size_t>(severity)]; }
bool from_text(std::string_view name, Severity& severity) { return find_name(kSeverities, name, severity); }

std::string_view to_text(Component component) { return kComponentNames[static_cast<size_t>(component)]; }
bool from_text(std::string_view name, Component& component) { return find_name(kComponentNames, name, component); }

Severity LogLevels::lowest() const {
    Severity lowest = Severity::error;
    for (size_t i = 0; i < kComponents; ++i) lowest = std::min(lowest, of(static_cast<Component>(i)));
    return lowest;
}

std::string to_text(const LogLevels& levels) {
    std::string text(to_text(levels.level));
    for (size_t i = 0; i < kComponents; ++i) {
        if (!levels.own[i]) continue;
        text.append(",").append(kComponentNames[i]).append("=").append(to_text(*levels.own[i]));
    }
    return text;
}

std::optional<LogLevels> parse_log_levels(std::string_view text, std::string* wrong) {
    LogLevels levels;
    bool has_level = false;
    while (true) {
        const size_t comma = std::min(text.find(','), text.size());
        const std::string_view part = trimmed(text.substr(0, comma));
        if (!read_part(part, levels, has_level)) {
            if (wrong != nullptr) *wrong = part;
            return std::nullopt;
        }
        if (comma == text.size()) return levels;
        text.remove_prefix(comma + 1);
    }
}

}  // namespace agentcom
