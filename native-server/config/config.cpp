#include "native-server/config/config.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <toml++/toml.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "native-server/net/host_policy.hpp"

extern char** environ;

namespace agentcom {

namespace {

Error bad_config(std::string text) { return Error{"bad_config", 422, Blame::client, std::move(text)}; }

// Options that are no numeric settings. All are known to file and environment too, but `config` to the file.
constexpr std::array<std::string_view, 23> kOptions{
    "admin_agents",   "allowed_hosts", "allowed_origins", "backup_copy_command",
    "backup_copy_to", "backup_dir",    "config",          "data",
    "insecure_http",  "limits",        "listen",          "log_file",
    "log_format",     "log_level",     "on_damage",       "open",
    "profile",        "public_url",    "push_contact",    "push_hosts",
    "tls_cert",       "tls_key",       "trusted_proxies"};

// Names in the environment that belong to the command line tool, or are read elsewhere.
constexpr std::array<std::string_view, 6> kForeignNames{"AGENTCOM_HUB",     "AGENTCOM_TOKEN",
                                                        "AGENTCOM_AGENT",   "AGENTCOM_BIN",
                                                        "AGENTCOM_CA_FILE", "AGENTCOM_TEST_PLANTED_FAULT"};

template <size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_setting(std::string_view name) {
    const auto hub = setting_infos();
    const auto net = net_setting_infos();
    return std::any_of(hub.begin(), hub.end(), [&](const SettingInfo& info) { return info.name == name; }) ||
           std::any_of(net.begin(), net.end(), [&](const NetSettingInfo& info) { return info.name == name; });
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return out;
}

std::optional<bool> parse_switch(std::string_view text) {
    const std::string word = lower_case(text);
    if (word == "on" || word == "1" || word == "true" || word == "yes") return true;
    if (word == "off" || word == "0" || word == "false" || word == "no") return false;
    return std::nullopt;
}

// ---------------------------------------------------------------------------------------------------------------------
// Layers

Status read_command_line(const std::vector<std::string>& arguments, Config& config) {
    CLI::App app{"The hub of AgentCom: carries messages of AI agents and holds their work queue.", "agentcom-hub"};
    std::map<std::string, std::string> options;
    const auto add = [&](const std::string& name, const std::string& flag, const std::string& value_name,
                         const std::string& help) { app.add_option(flag, options[name], help)->type_name(value_name); };
    add("listen", "--listen", "ADDR:PORT", "Where to listen (default 127.0.0.1:4000; port 0: any free one)");
    add("data", "--data", "DIR", "Data directory (default $XDG_DATA_HOME/agentcom)");
    add("config", "--config", "FILE", "Settings as TOML: NAME = VALUE");
    add("profile", "--profile", "v1.1", "Start from the numbers of AgentCom v1.1");
    add("limits", "--limits", "on|off", "Rate limits; off is for tests and trusted machines only");
    add("log_level", "--log-level", "LEVELS",
        "debug, info, notice, warning or error (default info); others for single components, as in info,tasks=debug");
    add("log_file", "--log-file", "FILE",
        "Where JSON lines of the log go, too (default DIR/logs/hub.log); none: nowhere");
    add("log_format", "--log-format", "FORMAT", "text or json (default: text on a terminal, else json)");
    add("tls_cert", "--tls-cert", "FILE", "Speak TLS with this certificate (PEM, its chain behind it)");
    add("tls_key", "--tls-key", "FILE", "The certificate's key (PEM); SIGHUP reads both anew");
    add("public_url", "--public-url", "URL", "Where clients reach the hub, e.g. https://hub.example");
    add("allowed_hosts", "--allowed-hosts", "NAMES", "Further names of this hub, separated by commas; * is any");
    add("allowed_origins", "--allowed-origins", "URLS", "Web pages of other places that may use it; * is any");
    add("trusted_proxies", "--trusted-proxies", "ADDRS", "Proxies whose X-Forwarded-For counts");
    add("push_hosts", "--push-hosts", "NAMES",
        "Push services that browsers may be notified by; replaces the known ones");
    add("push_contact", "--push-contact", "URL", "Whom a push service can write to: mailto:… or https://…");
    add("admin_agents", "--admin-agents", "NAMES", "Agents that are administrators (also ADMIN_AGENTS)");
    add("backup_dir", "--backup-dir", "DIR", "Where backups lie (default: backups in the data directory)");
    add("backup_copy_to", "--backup-copy-to", "DIR", "Puts each backup here, too: another disk");
    add("backup_copy_command", "--backup-copy-command", "WORDS",
        "Run after each backup, without a shell; its directory is the last word");
    add("on_damage", "--on-damage", "refuse|degraded|restore",
        "A damaged database: end, go on with what can be read, or go back to the newest backup");
    std::vector<std::string> sets;
    app.add_option("--set", sets, "Sets one setting; see --print-settings. Repeatable")
        ->type_name("NAME=VALUE")
        ->take_all()
        ->expected(1);
    bool insecure_http = false;
    bool open = false;
    bool check = false;
    bool print_settings = false;
    bool print_lifecycle = false;
    bool print_log_events = false;
    bool version = false;
    std::string replay;
    app.add_flag("--insecure-http", insecure_http, "Allow plain HTTP beyond this machine: tokens can be overheard");
    app.add_flag("--open", open, "As open as AgentCom v1.1: anybody may read, register and administer");
    app.add_flag("--check-config", check, "Print what counts and where it comes from, then end (0 = good, 2 = bad)");
    app.add_flag("--print-settings", print_settings, "Print all settings, their defaults and meanings, then end");
    app.add_flag("--print-lifecycle", print_lifecycle, "Print the lifecycle of tasks as Markdown, then end");
    app.add_flag("--print-log-events", print_log_events, "Print what the log can tell as Markdown, then end");
    app.add_flag("--version", version, "Print the version, then end");
    app.add_option("--replay-fault", replay, "Repeat a saved fault: ends with 1 when it comes again")
        ->type_name("FILE");
    bool list = false;
    bool back_up = false;
    bool doctor = false;
    std::string verified;
    std::string restored;
    app.add_flag("--list-backups", list, "Print the backups as JSON, the newest first, then end");
    app.add_flag("--make-backup", back_up, "Make a backup of the data directory, then end");
    app.add_option("--verify-backup", verified, "Read a whole backup, then end (1: it is damaged)")->type_name("NAME");
    app.add_option("--restore-backup", restored, "Go back to this backup while no hub runs, then end")
        ->type_name("NAME");
    app.add_flag("--doctor", doctor, "Check the data directory and explain what is found, then end (1: something is)");
    app.footer(
        "Each option and setting is also AGENTCOM_NAME in the environment and NAME = VALUE in the file.\n"
        "Precedence: command line, environment, file, profile, default.");
    config.help = app.help();
    try {
        std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
        app.parse(reversed);
    } catch (const CLI::CallForHelp&) {
        config.task = ConfigTask::print_help;
        return {};
    } catch (const CLI::ParseError& error) {
        return Status(bad_config(std::string(error.what()) + ". See --help"));
    }
    for (const auto& [name, text] : options) {
        if (app.count("--" + [](std::string flag) {
                std::replace(flag.begin(), flag.end(), '_', '-');
                return flag;
            }(name)) > 0) {
            config.layers.put(name, text, Source::command_line, "command line");
        }
    }
    if (insecure_http) config.layers.put("insecure_http", "on", Source::command_line, "command line");
    if (open) config.layers.put("open", "on", Source::command_line, "command line");
    for (const std::string& set : sets) {
        const size_t equals = set.find('=');
        if (equals == std::string::npos) return Status(bad_config("--set needs NAME=VALUE, not '" + set + "'"));
        const std::string name = set.substr(0, equals);
        if (!is_setting(name)) {
            return Status(bad_config("--set: there is no setting '" + name + "'. See --print-settings"));
        }
        config.layers.put(name, set.substr(equals + 1), Source::command_line, "--set");
    }
    config.replay_file = replay;
    if (check) config.task = ConfigTask::check_config;
    if (print_settings) config.task = ConfigTask::print_settings;
    if (print_lifecycle) config.task = ConfigTask::print_lifecycle;
    if (print_log_events) config.task = ConfigTask::print_log_events;
    if (!replay.empty()) config.task = ConfigTask::replay_fault;
    if (list) config.task = ConfigTask::list_backups;
    if (back_up) config.task = ConfigTask::make_backup;
    if (doctor) config.task = ConfigTask::doctor;
    if (!verified.empty()) config.task = ConfigTask::verify_backup;
    if (!restored.empty()) config.task = ConfigTask::restore_backup;
    config.subject = restored.empty() ? verified : restored;
    if (version) config.task = ConfigTask::print_version;
    return {};
}

Status read_environment(const Environment& environment, Config& config) {
    static constexpr std::string_view kPrefix = "AGENTCOM_";
    for (const auto& [key, text] : environment) {
        if (!key.starts_with(kPrefix) || contains(kForeignNames, key)) continue;
        const std::string name = lower_case(key.substr(kPrefix.size()));
        if (!contains(kOptions, name) && !is_setting(name)) {
            return Status(bad_config(key + " in the environment names no option or setting. See --print-settings"));
        }
        config.layers.put(name, text, Source::environment, key);
    }
    // As v1.1 called it.
    if (const auto admins = environment.find("ADMIN_AGENTS");
        admins != environment.end() && !environment.contains("AGENTCOM_ADMIN_AGENTS")) {
        config.layers.put("admin_agents", admins->second, Source::environment, "ADMIN_AGENTS");
    }
    if (const auto planted = environment.find("AGENTCOM_TEST_PLANTED_FAULT"); planted != environment.end()) {
        config.settings.planted_fault = planted->second;
    }
    return {};
}

std::optional<std::string> toml_text(const toml::node& node) {
    if (const auto* text = node.as_string()) return text->get();
    if (const auto* number = node.as_integer()) return std::to_string(number->get());
    if (const auto* truth = node.as_boolean()) return truth->get() ? "1" : "0";
    return std::nullopt;
}

Status read_file(const std::string& path, Config& config) {
    toml::table table;
    try {
        table = toml::parse_file(path);
    } catch (const toml::parse_error& error) {
        return Status(bad_config(path + ", line " + std::to_string(error.source().begin.line) + ": " +
                                 std::string(error.description())));
    }
    for (const auto& [key, node] : table) {
        const std::string name(key.str());
        const std::string where = path + ", line " + std::to_string(key.source().begin.line);
        if (name == "config" || (!contains(kOptions, name) && !is_setting(name))) {
            return Status(bad_config(where + ": there is no option or setting '" + name + "'. See --print-settings"));
        }
        const std::optional<std::string> text = toml_text(node);
        if (!text) return Status(bad_config(where + ": '" + name + "' must be a text, an integer or a boolean"));
        config.layers.put(name, *text, Source::file, where);
    }
    return {};
}

// ---------------------------------------------------------------------------------------------------------------------
// From layers to values

std::string default_data_directory(const Environment& environment) {
    const auto value = [&](const char* name) {
        const auto found = environment.find(name);
        return found == environment.end() ? std::string{} : found->second;
    };
    if (const std::string data_home = value("XDG_DATA_HOME"); !data_home.empty()) return data_home + "/agentcom";
    if (const std::string home = value("HOME"); !home.empty()) return home + "/.local/share/agentcom";
    return "agentcom-data";
}

Error bad_value(std::string_view name, const Layers::Value& value, std::string_view allowed) {
    return bad_config(value.origin + ": " + std::string(name) + " = '" + value.text +
                      "' is not valid: " + std::string(allowed));
}

Status resolve_listen(const Environment& environment, Config& config) {
    // PORT is weaker than any word on the whole address that stands in the environment or above.
    const Layers::Value* listen = config.layers.find("listen");
    if (listen != nullptr) {
        const std::optional<Address> address = parse_address(listen->text);
        if (!address) {
            return Status(bad_value("listen", *listen, "use ADDR:PORT with a numeric address, e.g. 127.0.0.1:4000"));
        }
        config.listen = *address;
    }
    const auto port = environment.find("PORT");
    if (port == environment.end() || (listen != nullptr && listen->source >= Source::environment)) return {};
    const std::optional<Address> address = parse_address("127.0.0.1:" + port->second);
    if (!address) return Status(bad_config("PORT = '" + port->second + "' in the environment is no port"));
    config.listen.port = address->port;
    config.layers.put("listen", to_text(config.listen), Source::environment, "PORT");
    return {};
}

Status resolve_profile(Config& config) {
    const Layers::Value* profile = config.layers.find("profile");
    if (profile == nullptr || profile->text.empty() || profile->text == "default") return {};
    if (profile->text != "v1.1") return Status(bad_value("profile", *profile, "the only profile is v1.1"));
    const std::string planted = config.settings.planted_fault;
    config.profile = profile->text;
    config.settings = v11_profile();
    config.settings.planted_fault = planted;
    config.net = v11_net_profile();
    return {};
}

Status resolve_settings(Config& config) {
    for (const auto& [name, value] : config.layers.all()) {
        if (!is_setting(name)) continue;
        std::string text = value.text;
        if (const std::optional<bool> on = parse_switch(text); on && text.find_first_of("01") == std::string::npos) {
            text = *on ? "1" : "0";
        }
        Status set = set_setting(config.settings, name, text);
        if (!set && set.error().code == "unknown_setting") set = set_net_setting(config.net, name, text);
        if (!set) return Status(bad_config(value.origin + ": " + set.error().text));
    }
    if (const Status checked = check_settings(config.settings); !checked) {
        return Status(bad_config(checked.error().text));
    }
    return {};
}

Status resolve_options(const Environment& environment, Config& config) {
    const Layers::Value* data = config.layers.find("data");
    config.data = data != nullptr ? data->text : default_data_directory(environment);
    if (config.data.empty()) return Status(bad_value("data", *data, "it must name a directory"));
    while (config.data.size() > 1 && config.data.back() == '/') config.data.pop_back();
    if (const Layers::Value* insecure = config.layers.find("insecure_http")) {
        const std::optional<bool> on = parse_switch(insecure->text);
        if (!on) return Status(bad_value("insecure_http", *insecure, "use on or off"));
        config.insecure_http = *on;
    }
    if (const Layers::Value* level = config.layers.find("log_level")) {
        std::string wrong;
        const std::optional<LogLevels> levels = parse_log_levels(level->text, &wrong);
        if (!levels) {
            return Status(bad_value("log_level", *level,
                                    "\"" + wrong +
                                        "\" is not debug, info, notice, warning or error, nor one of these "
                                        "for a component, such as tasks=debug; nothing is said twice"));
        }
        config.log_levels = *levels;
    }
    const Layers::Value* file = config.layers.find("log_file");
    config.log_file = file == nullptr ? config.data + "/logs/hub.log" : file->text == "none" ? "" : file->text;
    if (file != nullptr && file->text.empty()) return Status(bad_value("log_file", *file, "name a file, or none"));
    if (const Layers::Value* format = config.layers.find("log_format")) {
        if (format->text != "text" && format->text != "json") {
            return Status(bad_value("log_format", *format, "use text or json"));
        }
        config.log_format = format->text == "json" ? LogFormat::json : LogFormat::text;
    }
    if (const Layers::Value* limits = config.layers.find("limits"); limits != nullptr && !parse_switch(limits->text)) {
        return Status(bad_value("limits", *limits, "use on or off"));
    }
    return {};
}

Status resolve_storage(Config& config) {
    const auto text = [&config](std::string_view name) {
        const Layers::Value* value = config.layers.find(name);
        return value == nullptr ? std::string{} : value->text;
    };
    config.backups = text("backup_dir").empty() ? config.data + "/backups" : text("backup_dir");
    config.backup_copy_to = text("backup_copy_to");
    config.backup_copy_command = text("backup_copy_command");
    const std::string on_damage = text("on_damage");
    if (on_damage == "degraded") {
        config.on_damage = OnDamage::degraded;
    } else if (on_damage == "restore") {
        config.on_damage = OnDamage::restore;
    } else if (!on_damage.empty() && on_damage != "refuse") {
        return Status(bad_value("on_damage", *config.layers.find("on_damage"), "use refuse, degraded or restore"));
    }
    return {};
}

/// The items of a comma list, trimmed, without empty ones.
std::vector<std::string> items_of(std::string_view list) {
    std::vector<std::string> items;
    while (!list.empty()) {
        const size_t comma = std::min(list.find(','), list.size());
        std::string_view item = list.substr(0, comma);
        list.remove_prefix(std::min(comma + 1, list.size()));
        while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
        while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
        if (!item.empty()) items.emplace_back(item);
    }
    return items;
}

/// TLS needs both files, and has been looked at before anything is opened.
Status resolve_tls(Config& config) {
    const Layers::Value* certificate = config.layers.find("tls_cert");
    const Layers::Value* key = config.layers.find("tls_key");
    if (certificate == nullptr && key == nullptr) return {};
    if (certificate == nullptr || key == nullptr) {
        return Status(bad_config("TLS needs --tls-cert and --tls-key; only one of them is given"));
    }
    config.tls = TlsFiles{certificate->text, key->text};
    if (const Status good = check_tls_files(*config.tls); !good) return Status(bad_config(good.error().text));
    return {};
}

/// What `--open` opens, unless somebody says otherwise about one of it.
Status resolve_open(Config& config) {
    const Layers::Value* open = config.layers.find("open");
    if (open == nullptr) return {};
    const std::optional<bool> on = parse_switch(open->text);
    if (!on) return Status(bad_value("open", *open, "use on or off"));
    if (!*on) return {};
    config.open = true;
    config.settings.open_admin = 1;
    config.settings.open_reads = 1;
    config.settings.open_registration = 1;
    return {};
}

Status resolve_access(Config& config) {
    const auto list = [&config](std::string_view name) {
        const Layers::Value* value = config.layers.find(name);
        return value == nullptr ? std::vector<std::string>{} : items_of(value->text);
    };
    config.settings.admin_agents = list("admin_agents");
    config.allowed_hosts = list("allowed_hosts");
    config.allowed_origins = list("allowed_origins");
    config.trusted_proxies = list("trusted_proxies");
    for (const std::string& proxy : config.trusted_proxies) {
        sockaddr_storage ignored{};
        if (to_socket_address(Address{proxy, 0}, ignored) == 0) {
            return Status(
                bad_value("trusted_proxies", *config.layers.find("trusted_proxies"), "use numeric addresses"));
        }
    }
    for (const std::string& origin : config.allowed_origins) {
        if (origin != "*" && !normal_origin(origin)) {
            return Status(bad_value("allowed_origins", *config.layers.find("allowed_origins"),
                                    "use scheme://host[:port], e.g. https://tools.example"));
        }
    }
    if (const Layers::Value* url = config.layers.find("public_url"); url != nullptr && !url->text.empty()) {
        const std::optional<std::string> normal = normal_origin(url->text);
        if (!normal) return Status(bad_value("public_url", *url, "use scheme://host[:port], e.g. https://hub.example"));
        config.settings.public_url = *normal;
    }
    return {};
}

Status resolve_push(Config& config) {
    if (const Layers::Value* hosts = config.layers.find("push_hosts")) {
        config.settings.push_hosts = items_of(lower_case(hosts->text));
    }
    const Layers::Value* contact = config.layers.find("push_contact");
    if (contact == nullptr || contact->text.empty()) return {};
    if (!contact->text.starts_with("mailto:") && !contact->text.starts_with("https://")) {
        return Status(bad_value("push_contact", *contact, "use mailto:NAME@HOST or https://…"));
    }
    config.settings.push_contact = contact->text;
    return {};
}

Status refuse_open_plain_http(const Config& config) {
    if (is_loopback(config.listen) || config.insecure_http || config.tls) return {};
    return Status(
        bad_config("listening on " + to_text(config.listen) +
                   " would send tokens in the clear to other machines. Give it --tls-cert and --tls-key, or listen "
                   "on 127.0.0.1 behind a proxy that does TLS, or say --insecure-http if the network is trusted"));
}

void describe_line(std::ostringstream& out, const Config& config, std::string_view name, const std::string& value,
                   Source unset) {
    const Layers::Value* set = config.layers.find(name);
    out << name << " = " << value << "  (" << to_text(set != nullptr ? set->source : unset);
    if (set != nullptr && set->origin != to_text(set->source)) out << ": " << set->origin;
    out << ")\n";
}

}  // namespace

Environment process_environment() {
    Environment environment;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const size_t equals = text.find('=');
        if (equals != std::string_view::npos) {
            environment.emplace(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
        }
    }
    return environment;
}

/// The others only print what they know without them.
bool needs_settings(ConfigTask task) {
    switch (task) {
        case ConfigTask::print_settings:
        case ConfigTask::print_lifecycle:
        case ConfigTask::print_version:
        case ConfigTask::print_help:
        case ConfigTask::replay_fault:
            return false;
        default:
            return true;
    }
}

Result<Config> load_config(const std::vector<std::string>& arguments, const Environment& environment) {
    Config config;
    Status status = read_command_line(arguments, config);
    const bool serves = needs_settings(config.task);
    if (status && !serves) return Result<Config>(std::move(config));
    if (status) status = read_environment(environment, config);
    if (status) {
        const Layers::Value* file = config.layers.find("config");
        if (file != nullptr) {
            const std::string path = file->text;
            status = read_file(path, config);
        }
    }
    if (status) status = resolve_profile(config);
    if (status) status = resolve_listen(environment, config);
    if (status) status = resolve_options(environment, config);
    if (status) status = resolve_storage(config);
    if (status) status = resolve_open(config);
    if (status) status = resolve_settings(config);
    if (status) status = resolve_access(config);
    if (status) status = resolve_push(config);
    if (status) status = resolve_tls(config);
    if (status) status = refuse_open_plain_http(config);
    if (!status) return Result<Config>(status.error());
    return Result<Config>(std::move(config));
}

std::string describe_config(const Config& config) {
    std::ostringstream out;
    describe_line(out, config, "listen", to_text(config.listen), Source::default_value);
    describe_line(out, config, "data", config.data, Source::default_value);
    describe_line(out, config, "profile", config.profile.empty() ? "default" : config.profile, Source::default_value);
    describe_line(out, config, "insecure_http", config.insecure_http ? "on" : "off", Source::default_value);
    describe_line(out, config, "log_level", to_text(config.log_levels), Source::default_value);
    describe_line(out, config, "log_file", config.log_file.empty() ? "none" : config.log_file, Source::default_value);
    const std::string format = !config.log_format ? "auto" : *config.log_format == LogFormat::json ? "json" : "text";
    describe_line(out, config, "log_format", format, Source::default_value);
    for (const std::string_view name :
         {"admin_agents", "allowed_hosts", "allowed_origins", "backup_copy_command", "backup_copy_to", "backup_dir",
          "on_damage", "open", "public_url", "push_contact", "push_hosts", "tls_cert", "tls_key", "trusted_proxies"}) {
        if (const Layers::Value* value = config.layers.find(name)) {
            describe_line(out, config, name, value->text, Source::default_value);
        }
    }
    const Source unset = config.profile.empty() ? Source::default_value : Source::profile;
    for (const SettingInfo& info : setting_infos()) {
        describe_line(out, config, info.name, std::to_string(config.settings.*info.member), unset);
    }
    for (const NetSettingInfo& info : net_setting_infos()) {
        describe_line(out, config, info.name, std::to_string(config.net.*info.member), unset);
    }
    return out.str();
}

std::string describe_settings() {
    struct Row {
        std::string_view name;
        int64_t standard;
        int64_t v11;
        std::string_view help;
    };
    std::vector<Row> rows;
    const Settings settings;
    for (const SettingInfo& info : setting_infos()) {
        rows.push_back({info.name, settings.*info.member, info.v11, info.help});
    }
    const NetSettings net;
    for (const NetSettingInfo& info : net_setting_infos()) {
        rows.push_back({info.name, net.*info.member, info.v11, info.help});
    }
    std::ostringstream out;
    const auto cell = [&](std::string_view text, size_t width) {
        out << text << std::string(text.size() < width ? width - text.size() : 1, ' ');
    };
    cell("name", 30);
    cell("default", 14);
    cell("v1.1", 14);
    out << "meaning\n";
    for (const Row& row : rows) {
        cell(row.name, 30);
        cell(std::to_string(row.standard), 14);
        cell(std::to_string(row.v11), 14);
        out << row.help << "\n";
    }
    return out.str();
}

}  // namespace agentcom
