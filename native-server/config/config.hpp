// How the hub is told what to do: command line, environment, TOML file, profile, defaults, in this order of precedence.
//
// A setting has the same name everywhere: `--set NAME=VALUE`, `AGENTCOM_NAME` in the environment (upper case),
// `NAME = VALUE` in the file. So have the options: `--listen`, `AGENTCOM_LISTEN`, `listen = "…"`. `PORT` in the
// environment is the port of AgentCom's old start scripts; it counts where AGENTCOM_LISTEN is not set.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/settings.hpp"
#include "native-server/config/layers.hpp"
#include "native-server/log/log.hpp"
#include "native-server/net/address.hpp"
#include "native-server/net/net_limits.hpp"
#include "native-server/net/tls_files.hpp"
#include "native-server/store/damage.hpp"

namespace agentcom {

using Environment = std::map<std::string, std::string>;

/// The environment of this process.
Environment process_environment();

/// What the process is asked to do.
enum class ConfigTask : uint8_t {
    serve,
    check_config,
    print_settings,
    print_lifecycle,
    print_log_events,
    print_version,
    print_help,
    replay_fault,
    list_backups,
    make_backup,
    verify_backup,
    restore_backup,
    doctor
};

struct Config {
    ConfigTask task = ConfigTask::serve;
    Address listen;
    std::string data;
    std::string profile;  ///< "" or "v1.1"
    bool insecure_http = false;
    bool open = false;  ///< --open
    std::optional<TlsFiles> tls;
    std::vector<std::string> allowed_hosts;
    std::vector<std::string> allowed_origins;
    std::vector<std::string> trusted_proxies;
    LogLevels log_levels;
    std::string log_file;                 ///< "" = none
    std::optional<LogFormat> log_format;  ///< unset: text on a terminal, JSON lines otherwise
    Settings settings;
    NetSettings net;
    std::string backups;  ///< "" = DIR/backups
    std::string backup_copy_to;
    std::string backup_copy_command;
    OnDamage on_damage = OnDamage::refuse;
    std::string subject;  ///< the backup that --restore-backup and --verify-backup name
    std::string replay_file;
    std::string help;
    /// Where each value comes from that was set at all; by option or setting name.
    Layers layers;
};

/// Reads everything. `arguments` without the program's name. Errors `bad_config`: the text says which name, where it
/// stands, and what is allowed.
Result<Config> load_config(const std::vector<std::string>& arguments, const Environment& environment);

/// What counts in the end, one "name = value  (source)" per line.
std::string describe_config(const Config& config);

/// All settings: name, default, value under --profile v1.1, meaning.
std::string describe_settings();

}  // namespace agentcom
