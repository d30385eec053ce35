#include "tools/cli/choices.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/cli/temporary_directory.hpp"

using namespace agentcom::cli;

namespace {

struct Place {
    Place() {
        directories.config = root.path() / "config";
        std::filesystem::create_directories(directories.config);
        std::filesystem::create_directories(below);
    }
    Outcome<Choices> choose_here() {
        const auto look_up = [this](const char* name) { return environment[name]; };
        return choose(options, look_up, below, directories);
    }
    void write(const std::filesystem::path& file, const char* text) { std::ofstream(file) << text; }

    TemporaryDirectory root;
    std::filesystem::path below = root.path() / "a" / "b";
    Options options;
    Directories directories;
    std::map<std::string, std::string> environment;
};

}  // namespace

TEST_CASE("what was said nearest counts") {
    Place place;
    Outcome<Choices> nothing = place.choose_here();
    CHECK(nothing->hub == Choice{"http://127.0.0.1:4000", "built in"});
    CHECK(nothing->agent == Choice{});

    place.write(place.directories.config / "default", "hub = http://d:1\nagent = dan\n");
    CHECK(place.choose_here()->agent == Choice{"dan", "default"});
    CHECK(place.choose_here()->hub_url.host == "d");

    const std::filesystem::path file = place.root.path() / "a" / ".agentcom";
    place.write(file, "# ours\nagent=ann\n\nnonsense\n");
    CHECK(place.choose_here()->agent == Choice{"ann", file.string()});
    CHECK(place.choose_here()->hub == Choice{"http://d:1", "default"});

    place.environment["AGENTCOM_AGENT"] = "eve";
    CHECK(place.choose_here()->agent == Choice{"eve", "AGENTCOM_AGENT"});
    place.options.as = "bob";
    CHECK(place.choose_here()->agent == Choice{"bob", "--as"});
}

TEST_CASE("a directory cannot draw a token out of the environment") {
    Place place;
    place.write(place.below / ".agentcom", "hub = http://elsewhere.example\n");
    place.environment["AGENTCOM_TOKEN"] = "secret";
    CHECK(place.choose_here().failure().code == ExitCode::usage);
    place.environment["AGENTCOM_HUB"] = "http://elsewhere.example";
    CHECK(place.choose_here()->token == Choice{"secret", "AGENTCOM_TOKEN"});
}

TEST_CASE("a choice file is read as it is written") {
    const ChoiceFile file{"http://h:1", "ann"};
    CHECK(parse_choice_file(choice_file_text(file)) == file);
    CHECK(parse_choice_file("") == ChoiceFile{});
}
