// The commands as CLI11 knows them, each with the struct that its options are written into.
//
//     auto& [app, command] = tree.add<TaskShowCommand>(task, "show", "Show one task");
//     app.add_option("ID", command.task_id, "The task's id")->required();
//
// Options hold pointers into the structs, so the tree owns those and is neither copied nor moved.
#pragma once

#include <CLI/CLI.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/cli/failure.hpp"
#include "tools/cli/options.hpp"

namespace agentcom::cli {

template <class C>
struct DeclaredCommand {
    CLI::App& app;
    C& command;
};

class CommandTree {
  public:
    explicit CommandTree(CLI::App& root) : root_(root) {}
    CommandTree(const CommandTree&) = delete;
    CommandTree& operator=(const CommandTree&) = delete;

    CLI::App& root() { return root_; }

    // A noun that only groups commands.
    CLI::App& add_group(const char* name, const char* help) {
        CLI::App* group = root_.add_subcommand(name, help);
        group->require_subcommand(1);
        return *group;
    }

    // `finish` completes what was parsed and may refuse it.
    template <class C>
    DeclaredCommand<C> add(CLI::App& parent, const char* name, const char* help,
                           std::function<Trouble(C&)> finish = nullptr) {
        CLI::App* app = parent.add_subcommand(name, help);
        auto command = std::make_shared<C>();
        declared_.push_back({app, [command, finish]() -> Outcome<Command> {
                                 if (finish) {
                                     if (Trouble trouble = finish(*command)) return *trouble;
                                 }
                                 return Command(std::move(*command));
                             }});
        return {*app, *command};
    }

    // What was asked for; to be called once, after parsing.
    Outcome<Command> take() {
        for (Declared& declared : declared_) {
            if (declared.app->parsed()) return declared.take();
        }
        return Failure{ExitCode::usage, "wrong usage", "no command was given", "See `agentcom --help`.", {}};
    }

  private:
    struct Declared {
        CLI::App* app;
        std::function<Outcome<Command>()> take;
    };

    CLI::App& root_;
    std::deque<Declared> declared_;
};

void add_message_commands(CommandTree& tree);
void add_task_commands(CommandTree& tree);
void add_fleet_commands(CommandTree& tree);
void add_identity_commands(CommandTree& tree);
void add_import_commands(CommandTree& tree);
void add_hub_commands(CommandTree& tree);
void add_recording_commands(CommandTree& tree);
void add_backup_commands(CommandTree& tree);
// The worker's own command comes later, by way of `worker_argv`, which must outlive the tree.
void add_worker_command(CommandTree& tree, const std::vector<std::string>& worker_argv);

// -- Checks of values -------------------------------------------------------------------------------------------------

const CLI::Validator& json_object_check();
const CLI::Validator& span_check();
const CLI::Validator& time_check();
const CLI::Validator& name_check();

Failure wrong_usage(std::string why, std::string next);

}  // namespace agentcom::cli
