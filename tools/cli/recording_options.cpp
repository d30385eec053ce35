#include "tools/cli/command_tree.hpp"

namespace agentcom::cli {

void add_recording_commands(CommandTree& tree) {
    CLI::App& recording = tree.add_group("recording", "What the hub was fed lately, to be looked at and played again");
    tree.add<RecordingListCommand>(recording, "list", "List the parts of the recording and how far back it reaches");
    const auto [export_app, exported] =
        tree.add<RecordingExportCommand>(recording, "export", "Download it as one file; takes an admin's token");
    export_app.add_option("FILE", exported.file, "Where to; it must not be there yet")->required();
    export_app.add_option("--from", exported.from, "The state from then on is to be seen (default: all there is)")
        ->type_name("TIME")
        ->check(time_check());
    export_app.add_option("--to", exported.to, "Leave out what came later")->type_name("TIME")->check(time_check());
    export_app.add_option("--strip", exported.strip, "payloads: leave out what people and agents wrote")
        ->type_name("WHAT")
        ->check(CLI::IsMember({"payloads"}));
    const auto [verify_app, verify] = tree.add<RecordingVerifyCommand>(
        recording, "verify", "Play a recording and compare each state with what was noted then; needs no hub");
    verify_app
        .add_option("PATH", verify.path, "A file that was exported, or a directory of segments: DIR/recording of a hub")
        ->required();
}

}  // namespace agentcom::cli
