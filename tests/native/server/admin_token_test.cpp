#include "native-server/server/admin_token.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "native-server/server/files.hpp"
#include "native-server/server/secret.hpp"

namespace agentcom {

TEST_CASE("the admin token is made once, private, and read again", "[server]") {
    char name[] = "/tmp/agentcom-token-XXXXXX";
    const std::string directory = mkdtemp(name);
    const auto first = load_admin_token(directory);
    REQUIRE(first.ok());
    CHECK(first.value().created);
    CHECK(first.value().token.size() == 64);
    struct stat status {};
    REQUIRE(::stat((directory + "/admin.token").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    const auto second = load_admin_token(directory);
    REQUIRE(second.ok());
    CHECK_FALSE(second.value().created);
    CHECK(second.value().token == first.value().token);
    REQUIRE(write_private_file(directory + "/admin.token", "\n").ok());
    CHECK(load_admin_token(directory).error().code == "bad_admin_token");
    std::filesystem::remove_all(directory);
}

TEST_CASE("tokens are drawn, described and wiped", "[server]") {
    std::string token = draw_token();
    CHECK(token != draw_token());
    const FreshSecret described = describe_token(token);
    CHECK(described.prefix == token.substr(0, 8));
    CHECK(described.sha256.size() == 64);
    wipe(token);
    CHECK(token.empty());
}

}  // namespace agentcom
