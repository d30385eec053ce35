#include "tools/cli/import_tokens.hpp"

#include <catch2/catch.hpp>

#include "core/base/sha256.hpp"
#include "tests/cli/temporary_directory.hpp"
#include "tools/cli/files.hpp"

using namespace agentcom::cli;
namespace fs = std::filesystem;

TEST_CASE("the token file of v1.1 is read, and what is none is said to be none", "[import]") {
    const std::string token(64, 'a');
    auto tokens = parse_token_file("{\n  \"" + token + "\": \"alice\",\n  \"b\": \"bob\"\n}");
    REQUIRE(tokens);
    REQUIRE(tokens->size() == 2);
    CHECK(tokens->at(0).agent == "alice");
    CHECK(tokens->at(0).sha256() == agentcom::sha256_hex(token));
    CHECK(tokens->at(0).prefix() == "aaaaaaaa");
    CHECK(tokens->at(1).prefix().empty());
    for (const char* bad : {"", "[]", "{\"t\":1}", "{\"\":\"alice\"}", "{\"t\":\"alice\""}) {
        CAPTURE(bad);
        auto none = parse_token_file(bad);
        REQUIRE(!none);
        CHECK(none.failure().code == ExitCode::usage);
    }
}

TEST_CASE("a token file that others can read is noticed", "[import]") {
    TemporaryDirectory directory;
    const fs::path file = directory.path() / "tokens.json";
    CHECK(!read_token_file(file));
    REQUIRE(!write_private_file(file, "{}"));
    CHECK(!is_readable_by_others(file));
    CHECK(read_token_file(file));
    fs::permissions(file, fs::perms::group_read, fs::perm_options::add);
    CHECK(is_readable_by_others(file));
}
