#include "native-server/config/lifecycle_text.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "core/tasks/lifecycle.hpp"

namespace agentcom {

TEST_CASE("the lifecycle is printed whole", "[config]") {
    const std::string text = describe_lifecycle();
    const std::string table = text.substr(text.find("| event |"));
    REQUIRE(std::count(table.begin(), table.end(), '\n') == static_cast<std::ptrdiff_t>(kTaskEvents + 2));
    REQUIRE(std::count(table.begin(), table.end(), '|') ==
            static_cast<std::ptrdiff_t>((kTaskEvents + 2) * (kTaskStates + 2)));
    REQUIRE(text.find("queued --> assigned: dispatch\n") != std::string::npos);
    REQUIRE(text.find("completed --> queued") == std::string::npos);
    REQUIRE(table.find("| retry | *not_found* | *not_found* | *not_found* | *not_found* | *not_found* | *not_found* | "
                       "revive |\n") != std::string::npos);
}

}  // namespace agentcom
