// Which hub a command talks to and as whom, and what said so.
//
// In this order: the option (--hub, --as, --token), the environment (AGENTCOM_HUB, AGENTCOM_AGENT, AGENTCOM_TOKEN), the
// nearest .agentcom file up the directories, the user's default (`agentcom config use`). A .agentcom file has lines
//
//     # comment
//     hub = http://127.0.0.1:4000
//     agent = alice
//
// and counts only if it belongs to the user or to root, since it decides where messages go.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tools/cli/failure.hpp"
#include "tools/cli/files.hpp"
#include "tools/cli/hub_url.hpp"
#include "tools/cli/options.hpp"

namespace agentcom::cli {

// A value and where it comes from: "--as", "AGENTCOM_AGENT", "DIR/.agentcom", "default", "".
struct Choice {
    std::string value;
    std::string from;

    bool operator==(const Choice&) const = default;
};

struct Choices {
    Choice hub;
    Choice agent;  // "" = nobody said
    Choice token;  // "" = one that is kept
    HubUrl hub_url;
};

// What .agentcom or the default file says.
struct ChoiceFile {
    std::string hub;
    std::string agent;

    bool operator==(const ChoiceFile&) const = default;
};

// Gives a variable's value, "" when it is not set.
using Environ = std::function<std::string(const char*)>;
std::string process_environment(const char* name);

inline constexpr std::string_view kDefaultHub = "http://127.0.0.1:4000";

// `start` is the directory whose .agentcom files count, and its parents.
Outcome<Choices> choose(const Options& options, const Environ& environment, const std::filesystem::path& start,
                        const Directories& directories);

// Lines that are not of the form above are passed over.
ChoiceFile parse_choice_file(std::string_view text);
std::string choice_file_text(const ChoiceFile& file);

// The user's default: CONFIG/default, in the form of .agentcom.
std::filesystem::path default_file(const Directories& directories);

}  // namespace agentcom::cli
