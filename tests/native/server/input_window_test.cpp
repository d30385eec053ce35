#include "native-server/server/input_window.hpp"

#include <catch2/catch.hpp>

namespace agentcom {

TEST_CASE("a window has room again as its turns are done", "[server]") {
    InputWindow window;
    CHECK(window.has_room(0, 1));
    for (int i = 0; i < 3; ++i) window.add(1);
    for (int i = 0; i < 2; ++i) window.add(2);
    window.add(5);
    CHECK_FALSE(window.has_room(0, 6));
    CHECK(window.has_room(0, 7));
    CHECK(window.has_room(1, 4));
    CHECK_FALSE(window.has_room(1, 3));
    CHECK(window.has_room(4, 2));
    CHECK_FALSE(window.has_room(4, 1));
    CHECK(window.has_room(5, 1));
}

TEST_CASE("turns without input of the connection do not matter to its window", "[server]") {
    InputWindow window;
    window.add(7);
    CHECK_FALSE(window.has_room(6, 1));
    CHECK(window.has_room(100, 1));
    window.add(101);
    CHECK_FALSE(window.has_room(100, 1));
}

}  // namespace agentcom
