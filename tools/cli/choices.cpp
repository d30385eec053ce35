#include "tools/cli/choices.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace fs = std::filesystem;

namespace {

bool is_trusted(const fs::path& file) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
    return info.st_uid == ::getuid() || info.st_uid == 0;
}

std::optional<fs::path> nearest_choice_file(fs::path directory) {
    for (;;) {
        fs::path file = directory / ".agentcom";
        if (is_trusted(file)) return file;
        if (!directory.has_parent_path() || directory.parent_path() == directory) return std::nullopt;
        directory = directory.parent_path();
    }
}

}  // namespace

std::string process_environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string{} : std::string(value);
}

ChoiceFile parse_choice_file(std::string_view text) {
    ChoiceFile file;
    while (!text.empty()) {
        const size_t end = text.find('\n');
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const size_t equals = line.find('=');
        if (line.starts_with('#') || equals == std::string_view::npos) continue;
        const std::string_view name = trimmed(line.substr(0, equals));
        const std::string value(trimmed(line.substr(equals + 1)));
        if (name == "hub") file.hub = value;
        if (name == "agent") file.agent = value;
    }
    return file;
}

std::string choice_file_text(const ChoiceFile& file) {
    std::string text = "# What `agentcom` goes by when nothing else is said; see `agentcom config show`.\n";
    if (!file.hub.empty()) text += "hub = " + file.hub + "\n";
    if (!file.agent.empty()) text += "agent = " + file.agent + "\n";
    return text;
}

fs::path default_file(const Directories& directories) { return directories.config / "default"; }

Outcome<Choices> choose(const Options& options, const Environ& environment, const fs::path& start,
                        const Directories& directories) {
    Choices choices;
    const auto offer = [](Choice& choice, std::string value, std::string from) {
        if (choice.value.empty() && !value.empty()) choice = Choice{std::move(value), std::move(from)};
    };
    offer(choices.hub, options.hub, "--hub");
    offer(choices.hub, environment("AGENTCOM_HUB"), "AGENTCOM_HUB");
    offer(choices.agent, options.as, "--as");
    offer(choices.agent, environment("AGENTCOM_AGENT"), "AGENTCOM_AGENT");
    offer(choices.token, options.token, "--token");
    offer(choices.token, environment("AGENTCOM_TOKEN"), "AGENTCOM_TOKEN");

    bool hub_from_directory = false;
    if (const std::optional<fs::path> file = nearest_choice_file(start)) {
        const ChoiceFile said = parse_choice_file(read_file(*file).value_or(""));
        hub_from_directory = choices.hub.value.empty() && !said.hub.empty();
        offer(choices.hub, said.hub, file->string());
        offer(choices.agent, said.agent, file->string());
    }
    const ChoiceFile said = parse_choice_file(read_file(default_file(directories)).value_or(""));
    offer(choices.hub, said.hub, "default");
    offer(choices.agent, said.agent, "default");
    offer(choices.hub, std::string(kDefaultHub), "built in");

    Outcome<HubUrl> url = HubUrl::parse(choices.hub.value);
    if (!url) return url.failure();
    choices.hub_url = *url;
    choices.hub_url.ca_file = options.ca_file.empty() ? environment("AGENTCOM_CA_FILE") : options.ca_file;
    if (hub_from_directory && choices.token.from == "AGENTCOM_TOKEN" && !choices.hub_url.is_loopback()) {
        // A directory that somebody else wrote must not draw a token to a hub of theirs.
        return Failure{ExitCode::usage,
                       "the token of AGENTCOM_TOKEN is not sent to " + choices.hub_url.text(),
                       "only " + choices.hub.from + " names that hub",
                       "Name it with --hub or AGENTCOM_HUB if it is the right one.",
                       {}};
    }
    return choices;
}

}  // namespace agentcom::cli
