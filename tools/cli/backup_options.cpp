#include "tools/cli/command_tree.hpp"

namespace agentcom::cli {

namespace {

constexpr const char* kOfflineHelp = "No hub runs: work on its data directory (--data)";

}  // namespace

void add_backup_commands(CommandTree& tree) {
    CLI::App& backup =
        tree.add_group("backup", "Backups of a hub's data; takes an admin's token or this machine's hub");
    const auto [list_app, list] = tree.add<BackupListCommand>(backup, "list", "Show the backups, the newest first");
    list_app.add_flag("--offline", list.offline, kOfflineHelp);
    const auto [create_app, create] = tree.add<BackupCreateCommand>(backup, "create", "Make one now, and verify it");
    create_app.add_flag("--offline", create.offline, kOfflineHelp);
    const auto [verify_app, verify] =
        tree.add<BackupVerifyCommand>(backup, "verify", "Read a whole backup and compare it with its manifest");
    verify_app.add_option("NAME", verify.name, "Which one")->required();
    verify_app.add_flag("--offline", verify.offline, kOfflineHelp);
    const auto [restore_app, restore] = tree.add<BackupRestoreCommand>(
        backup, "restore", "Go back to a backup; what is there becomes a backup of its own before");
    restore_app.add_option("NAME", restore.name, "Which one")->required();
    CLI::Option* dry_run = restore_app.add_flag("--dry-run", restore.dry_run, "Only say what would be different");
    restore_app.add_flag("--offline", restore.offline, kOfflineHelp)->excludes(dry_run);
    const auto [doctor_app, doctor] = tree.add<DoctorCommand>(
        tree.root(), "doctor", "Check the hub, and its data directory if that is here, and say what to do");
    doctor_app.add_flag("--offline", doctor.offline, "Look at the data directory (--data) alone");
}

}  // namespace agentcom::cli
