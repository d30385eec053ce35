#include "tools/cli/identity_store.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/cli/temporary_directory.hpp"
#include "tools/cli/files.hpp"

using namespace agentcom::cli;

namespace {

const HubUrl kHub{"127.0.0.1", 4000};
const HubUrl kOtherHub{"hub.example", 80};

unsigned mode_of(const std::filesystem::path& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 0777;
}

}  // namespace

TEST_CASE("identities are kept per hub and agent, for their owner's eyes only") {
    const TemporaryDirectory directory;
    const IdentityStore store(directory.path() / "agentcom");
    CHECK(store.list(kHub).empty());
    CHECK(!store.find(kHub, "ann"));
    REQUIRE(!store.save(kHub, {"ann", "t1"}));
    REQUIRE(!store.save(kHub, {"../b/\xC3\xA9", "t2"}));
    REQUIRE(!store.save(kOtherHub, {"ann", "t3"}));
    REQUIRE(!store.save(kHub, {"ann", "t4"}));
    CHECK(store.find(kHub, "ann") == Identity{"ann", "t4"});
    CHECK(store.find(HubUrl{"localhost", 4000}, "ann") == Identity{"ann", "t4"});
    CHECK(store.find(kHub, "../b/\xC3\xA9") == Identity{"../b/\xC3\xA9", "t2"});
    CHECK(store.list(kHub).size() == 2);
    CHECK(store.list(kOtherHub) == std::vector<Identity>{{"ann", "t3"}});
    const std::filesystem::path file = store.path(kHub, "ann");
    CHECK(mode_of(file) == 0600);
    CHECK(mode_of(file.parent_path()) == 0700);
    CHECK(mode_of(directory.path() / "agentcom") == 0700);
}

TEST_CASE("files that are no identities are passed over") {
    const TemporaryDirectory directory;
    const IdentityStore store(directory.path());
    REQUIRE(!store.save(kHub, {"ann", "t"}));
    const std::filesystem::path place = store.path(kHub, "x").parent_path();
    for (const char* text : {"", "{", "[]", "{\"agent_id\":\"x\"}", "{\"agent_id\":5,\"token\":\"t\"}"}) {
        std::ofstream(place / "x.json") << text;
        CHECK(store.list(kHub).size() == 1);
        CHECK(!store.find(kHub, "x"));
    }
    std::ofstream(place / "y.json.123.tmp") << "{\"agent_id\":\"y\",\"token\":\"t\"}";
    CHECK(store.list(kHub).size() == 1);
}

TEST_CASE("one process at a time holds a lock") {
    const TemporaryDirectory directory;
    {
        const auto lock = LockFile::acquire(directory.path() / "lock");
        REQUIRE(lock);
        CHECK(!LockFile::acquire(directory.path() / "lock"));
    }
    CHECK(LockFile::acquire(directory.path() / "lock"));
    CHECK(!LockFile::acquire(directory.path() / "missing" / "lock"));
}
