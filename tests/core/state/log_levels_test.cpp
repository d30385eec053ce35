#include "core/state/log_levels.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;

TEST_CASE("levels are read as they are written") {
    for (const char* text : {"info", "debug", "error,tasks=debug", "notice,hub=warning,network=error,alerts=info"}) {
        const std::optional<LogLevels> levels = parse_log_levels(text);
        REQUIRE(levels);
        CHECK(to_text(*levels) == text);
    }
    CHECK(to_text(*parse_log_levels("tasks=debug")) == "info,tasks=debug");
    CHECK(to_text(*parse_log_levels(" tasks = debug , warning ")) == "warning,tasks=debug");
}

TEST_CASE("what is no level is named") {
    for (const char* text : {"", "loud", "info,", ",info", "info,info", "tasks=loud", "engine=info",
                             "tasks=debug,tasks=info", "=info", "tasks=", "info tasks=debug"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_log_levels(text));
    }
    std::string wrong;
    CHECK_FALSE(parse_log_levels("info,engine=debug", &wrong));
    CHECK(wrong == "engine=debug");
}

TEST_CASE("a component has its own level or that of all") {
    const LogLevels levels = *parse_log_levels("warning,tasks=debug");
    CHECK(levels.of(Component::tasks) == Severity::debug);
    CHECK(levels.of(Component::hub) == Severity::warning);
    CHECK(levels.lowest() == Severity::debug);
    CHECK(parse_log_levels("error")->lowest() == Severity::error);
}

TEST_CASE("every severity and component has a name of its own") {
    for (int i = 0; i < 5; ++i) {
        Severity severity{};
        CHECK(from_text(to_text(static_cast<Severity>(i)), severity));
        CHECK(severity == static_cast<Severity>(i));
    }
    for (size_t i = 0; i < kComponents; ++i) {
        Component component{};
        CHECK(from_text(to_text(static_cast<Component>(i)), component));
        CHECK(component == static_cast<Component>(i));
    }
}
