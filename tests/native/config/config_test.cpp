#include "native-server/config/config.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace agentcom {
namespace {

class TempFile {
  public:
    explicit TempFile(const std::string& content) {
        char name[] = "/tmp/agentcom-config-XXXXXX";
        const int descriptor = mkstemp(name);
        REQUIRE(descriptor >= 0);
        path_ = name;
        std::ofstream(path_) << content;
        ::close(descriptor);
    }
    ~TempFile() { std::filesystem::remove(path_); }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

Config load(const std::vector<std::string>& arguments, const Environment& environment = {}) {
    auto config = load_config(arguments, environment);
    INFO((config ? std::string{} : config.error().text));
    REQUIRE(config.ok());
    return std::move(config).value();
}

std::string refusal(const std::vector<std::string>& arguments, const Environment& environment = {}) {
    const auto config = load_config(arguments, environment);
    return config ? std::string{} : config.error().text;
}

}  // namespace

TEST_CASE("precedence: command line, environment, file, profile, default", "[config]") {
    const TempFile file("reclaim_limit = 33\noutbox_frames = 333\n");
    struct Row {
        std::vector<std::string> arguments;
        Environment environment;
        bool with_file;
        int64_t reclaim_limit;
        int64_t outbox_frames;
        std::string said;
    };
    const std::string name = "AGENTCOM_RECLAIM_LIMIT";
    const Row rows[] = {
        {{}, {}, false, 5, 10'000, "default"},
        {{"--profile", "v1.1"}, {}, false, 100'000'000, 10'000, "profile"},
        {{"--profile", "v1.1"}, {}, true, 33, 333, "file"},
        {{}, {{name, "44"}, {"AGENTCOM_OUTBOX_FRAMES", "444"}}, true, 44, 444, "environment"},
        {{"--set", "reclaim_limit=55", "--set", "outbox_frames=555"}, {{name, "44"}}, true, 55, 555, "command line"},
        {{"--set", "reclaim_limit=1", "--set", "reclaim_limit=2"}, {}, true, 2, 333, "command line"},
    };
    for (Row row : rows) {
        if (row.with_file) row.arguments.insert(row.arguments.end(), {"--config", file.path()});
        const Config config = load(row.arguments, row.environment);
        CHECK(config.settings.reclaim_limit == row.reclaim_limit);
        CHECK(config.net.outbox_frames == row.outbox_frames);
        const std::string text = describe_config(config);
        const std::string line = "reclaim_limit = " + std::to_string(row.reclaim_limit) + "  (" + row.said;
        CHECK(text.find(line) != std::string::npos);
    }
}

TEST_CASE("where the hub listens", "[config]") {
    const TempFile file("listen = \"127.0.0.1:5001\"\n");
    struct Row {
        std::vector<std::string> arguments;
        Environment environment;
        std::string address;
    };
    const Row rows[] = {
        {{}, {}, "127.0.0.1:4000"},
        {{}, {{"PORT", "5000"}}, "127.0.0.1:5000"},
        {{"--config", file.path()}, {}, "127.0.0.1:5001"},
        {{"--config", file.path()}, {{"PORT", "5000"}}, "127.0.0.1:5000"},
        {{}, {{"PORT", "5000"}, {"AGENTCOM_LISTEN", "127.0.0.1:5002"}}, "127.0.0.1:5002"},
        {{"--listen", "[::1]:5003"}, {{"PORT", "5000"}}, "[::1]:5003"},
        {{"--listen", "0.0.0.0:5004", "--insecure-http"}, {}, "0.0.0.0:5004"},
    };
    for (const Row& row : rows) CHECK(to_text(load(row.arguments, row.environment).listen) == row.address);
}

TEST_CASE("the data directory", "[config]") {
    CHECK(load({}, {{"HOME", "/h/x"}}).data == "/h/x/.local/share/agentcom");
    CHECK(load({}, {{"HOME", "/h/x"}, {"XDG_DATA_HOME", "/data"}}).data == "/data/agentcom");
    CHECK(load({"--data", "/d/"}, {{"XDG_DATA_HOME", "/data"}}).data == "/d");
}

TEST_CASE("limits, profile, log", "[config]") {
    CHECK(load({}).settings.limits == 1);
    CHECK(load({"--limits", "off"}).settings.limits == 0);
    CHECK(load({}, {{"AGENTCOM_LIMITS", "off"}}).settings.limits == 0);
    CHECK(load({"--limits", "on"}, {{"AGENTCOM_LIMITS", "off"}}).settings.limits == 1);
    CHECK(load({"--profile", "v1.1"}).settings.limit_heavy_per_min == 10);
    CHECK(load({"--log-level", "warning"}).log_levels.level == Severity::warning);
    CHECK(load({"--log-format", "text"}).log_format == LogFormat::text);
    CHECK_FALSE(load({}).log_format.has_value());
    const Config planted = load({"--profile", "v1.1"}, {{"AGENTCOM_TEST_PLANTED_FAULT", "poison"}});
    CHECK(planted.settings.planted_fault == "poison");
}

TEST_CASE("names of the command line tool are not the hub's", "[config]") {
    CHECK(refusal({}, {{"AGENTCOM_HUB", "x"}, {"AGENTCOM_TOKEN", "x"}, {"AGENTCOM_AGENT", "x"}, {"AGENTCOM_BIN", "x"}})
              .empty());
}

TEST_CASE("what is wrong is named with its place", "[config]") {
    const TempFile unknown("reclaim_limit = 3\nnonsense = 1\n");
    const TempFile broken("reclaim_limit = \n");
    struct Row {
        std::vector<std::string> arguments;
        Environment environment;
        std::string names;
    };
    const Row rows[] = {
        {{"--nonsense"}, {}, "--nonsense"},
        {{"--set", "nonsense=1"}, {}, "'nonsense'"},
        {{"--set", "reclaim_limit"}, {}, "NAME=VALUE"},
        {{"--set", "reclaim_limit=many"}, {}, "reclaim_limit"},
        {{"--set", "outbox_frames=1"}, {}, "outbox_frames"},
        {{"--listen", "nowhere"}, {}, "nowhere"},
        {{"--listen", "0.0.0.0:4000"}, {}, "--insecure-http"},
        {{"--profile", "v9"}, {}, "v1.1"},
        {{"--limits", "perhaps"}, {}, "perhaps"},
        {{"--log-level", "loud"}, {}, "loud"},
        {{"--config", unknown.path()}, {}, "line 2"},
        {{"--config", broken.path()}, {}, "line 1"},
        {{"--config", "/nowhere/hub.toml"}, {}, "/nowhere/hub.toml"},
        {{}, {{"AGENTCOM_NONSENSE", "1"}}, "AGENTCOM_NONSENSE"},
        {{}, {{"PORT", "http"}}, "PORT"},
        {{"--set", "retry_delay_ms=9000", "--set", "retry_delay_max_ms=8000"}, {}, "retry_delay"},
    };
    for (const Row& row : rows) {
        const std::string text = refusal(row.arguments, row.environment);
        INFO(text);
        CHECK(text.find(row.names) != std::string::npos);
    }
}

TEST_CASE("other tasks than serving", "[config]") {
    CHECK(load({"--version"}).task == ConfigTask::print_version);
    CHECK(load({"--print-settings"}).task == ConfigTask::print_settings);
    CHECK(load({"--check-config"}).task == ConfigTask::check_config);
    CHECK(load({"--replay-fault", "x.fault"}).replay_file == "x.fault");
    const Config help = load({"--help"});
    CHECK(help.task == ConfigTask::print_help);
    CHECK(help.help.find("--listen") != std::string::npos);
}

TEST_CASE("every setting is described", "[config]") {
    const std::string text = describe_settings();
    for (const SettingInfo& info : setting_infos()) CHECK(text.find(std::string(info.name) + " ") != std::string::npos);
    for (const NetSettingInfo& info : net_setting_infos()) {
        CHECK(text.find(std::string(info.name) + " ") != std::string::npos);
        CHECK_FALSE(info.help.empty());
        const NetSettings settings;
        CHECK(settings.*info.member >= info.minimum);
        CHECK(settings.*info.member <= info.maximum);
        CHECK(info.v11 >= info.minimum);
        CHECK(info.v11 <= info.maximum);
    }
}

TEST_CASE("what a start does with a damaged database is one of three words", "[config]") {
    CHECK(load({}).on_damage == OnDamage::refuse);
    CHECK(load({"--on-damage", "refuse"}).on_damage == OnDamage::refuse);
    CHECK(load({"--on-damage", "degraded"}).on_damage == OnDamage::degraded);
    CHECK(load({}, {{"AGENTCOM_ON_DAMAGE", "restore"}}).on_damage == OnDamage::restore);
    CHECK(refusal({"--on-damage", "ignore"}).find("use refuse, degraded or restore") != std::string::npos);
    CHECK(load({"--backup-copy-command", "rclone copy"}).backup_copy_command == "rclone copy");
}

}  // namespace agentcom
