// agentcom-hub: the hub as a process. See --help.

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "agentcom_version.hpp"
#include "native-server/config/config.hpp"
#include "native-server/config/lifecycle_text.hpp"
#include "native-server/log/log.hpp"
#include "native-server/server/fault_guard.hpp"
#include "native-server/server/server.hpp"
#include "native-server/store/storage_tool.hpp"

namespace {

using namespace agentcom;

constexpr int kBadConfig = 2;

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// As many connections as the system lets us have. Tables are sized by the limit, hence a bound.
void raise_descriptor_limit() {
    static constexpr rlim_t kEnough = 1'048'576;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = std::min(limit.rlim_max, kEnough);
    setrlimit(RLIMIT_NOFILE, &limit);
}

StorageTool storage_tool(const Config& config) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return {config.data, config.backups, std::string(kVersion),
            std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

int finish(const StorageTool::Outcome& outcome) {
    print(outcome.text);
    return outcome.exit_code;
}

void greet(const Config& config, const Server& server) {
    Address shown = server.address();
    if (is_wildcard(shown)) shown.host = shown.host == "::" ? "::1" : "127.0.0.1";
    const std::string scheme = config.tls ? "https://" : "http://";
    print("AgentCom " + std::string(kVersion) + (config.settings.limits == 0 ? "  (RATE LIMITS ARE OFF)" : "") +
          "\nHub: " + scheme + to_text(shown) + "\nDashboard: " + scheme + to_text(shown) +
          "/dashboard#token=" + server.admin_token() + "\nAdmin token: " + config.data + "/admin.token\n");
    std::fflush(stdout);
}

int serve(const Config& config) {
    const LogFormat standard = isatty(STDERR_FILENO) != 0 ? LogFormat::text : LogFormat::json;
    Log log({config.log_format.value_or(standard), config.log_levels, config.net.log_lines_per_s,
             config.net.log_file_bytes, config.net.log_files});
    ServerOptions options{config.listen, config.data, config.settings, config.net, config.tls};
    options.hosts =
        HostPolicy({config.listen, config.settings.public_url, config.allowed_hosts, config.allowed_origins});
    options.trusted_proxies = config.trusted_proxies;
    options.log_file = config.log_file;
    options.backups = config.backups;
    options.backup_copy_to = config.backup_copy_to;
    options.backup_copy_command = config.backup_copy_command;
    options.on_damage = config.on_damage;
    // A restore restarts the hub within its process: same pid, same address.
    for (bool first = true;; first = false) {
        Server server(options, log);
        if (const Status started = server.start(); !started) {
            log.write(started.error().code, started.error().text);
            return 1;
        }
        // For a person at a terminal; what a service prints is in its log already.
        if (first && isatty(STDOUT_FILENO) != 0) greet(config, server);
        options.listen = server.address();
        const int exit_code = server.run();
        if (exit_code != 0 || !server.wants_restart()) return exit_code;
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a write beyond a file size limit is an error to be answered, not the end
    const Result<Config> loaded = load_config(std::vector<std::string>(argv + 1, argv + argc), process_environment());
    if (!loaded) {
        std::fprintf(stderr, "agentcom-hub: %s\n", loaded.error().text.c_str());
        return kBadConfig;
    }
    const Config& config = loaded.value();
    switch (config.task) {
        case ConfigTask::print_help:
            print(config.help);
            return 0;
        case ConfigTask::print_version:
            print("agentcom-hub " + std::string(kVersion) + "\n");
            return 0;
        case ConfigTask::print_settings:
            print(describe_settings());
            return 0;
        case ConfigTask::print_lifecycle:
            print(describe_lifecycle());
            return 0;
        case ConfigTask::print_log_events:
            print(describe_log_events());
            return 0;
        case ConfigTask::check_config:
            print(describe_config(config));
            return 0;
        case ConfigTask::replay_fault: {
            const ReplayOutcome outcome = replay_fault(config.replay_file);
            print(outcome.text + "\n");
            if (!outcome.loaded) return kBadConfig;
            return outcome.repeated ? 1 : 0;
        }
        case ConfigTask::list_backups:
            return finish(storage_tool(config).list());
        case ConfigTask::make_backup:
            return finish(storage_tool(config).make());
        case ConfigTask::verify_backup:
            return finish(storage_tool(config).verify(config.subject));
        case ConfigTask::restore_backup:
            return finish(storage_tool(config).restore(config.subject));
        case ConfigTask::doctor:
            return finish(storage_tool(config).doctor());
        case ConfigTask::serve:
            break;
    }
    // What the hub writes is nobody else's to read.
    umask(077);
    raise_descriptor_limit();
    return serve(config);
}
