#include "tools/bench/target.hpp"

#include <arpa/inet.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <random>

#include "tools/bench/http_lane.hpp"

namespace agentcom::bench {

namespace {

constexpr int64_t kStartTimeoutMs = 600'000;
constexpr int64_t kAnswerTimeoutMs = 60'000;
// The hub answers one request of a connection at a time, each after its commit; more connections share a commit.
constexpr int64_t kRegistrationLanes = 64;
// Connections that are being made at a time.
constexpr size_t kConnectsAtOnce = 256;

sockaddr_in loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

// http://HOST:PORT with a numeric IPv4 address or localhost.
Result<sockaddr_in> address_of(std::string_view url) {
    constexpr std::string_view kScheme = "http://";
    const auto wrong = [url] {
        return Result<sockaddr_in>(
            wrong_usage("--hub: " + std::string(url) + " is no address of a hub, such as http://127.0.0.1:4000"));
    };
    if (!url.starts_with(kScheme)) return wrong();
    std::string_view rest = url.substr(kScheme.size());
    while (rest.ends_with('/')) rest.remove_suffix(1);
    const size_t colon = rest.rfind(':');
    uint16_t port = 0;
    if (colon == std::string_view::npos) return wrong();
    const auto [end, error] = std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), port);
    if (error != std::errc() || end != rest.data() + rest.size() || port == 0) return wrong();
    sockaddr_in address = loopback(port);
    const std::string host(rest.substr(0, colon));
    if (host != "localhost" && inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return wrong();
    return Result<sockaddr_in>(address);
}

std::filesystem::path own_directory() {
    std::error_code error;
    return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

// Thousands of sockets need as many descriptors.
void raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

std::string run_name() {
    std::random_device random;
    char text[9];
    std::snprintf(text, sizeof text, "%08x", static_cast<unsigned int>(random()));
    return text;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------
// The servers

Result<std::unique_ptr<HubUnderTest>> HubUnderTest::start(const Options& options,
                                                          const std::vector<std::string>& more_settings) {
    using Started = Result<std::unique_ptr<HubUnderTest>>;
    raise_descriptor_limit();
    std::unique_ptr<HubUnderTest> hub(new HubUnderTest);
    hub->target_.name = "hub";
    if (!options.hub_url.empty()) {
        const Result<sockaddr_in> address = address_of(options.hub_url);
        if (!address) return Started(address.error());
        hub->target_.address = address.value();
        hub->target_.admin_token = options.token;
        hub->target_.pid = static_cast<pid_t>(options.hub_pid);
        return Started(std::move(hub));
    }
    Result<DataDirectory> data = DataDirectory::open(options.data_directory);
    if (!data) return Started(data.error());
    hub->data_.emplace(std::move(data).value());
    hub->file_system_ = file_system_of(hub->data_->path());
    const std::string program =
        options.hub_program.empty() ? (own_directory() / "agentcom-hub").string() : options.hub_program;
    // Whatever else is quiet: the line "listening" says where it listens.
    std::string log_level = options.log_level;
    if (log_level.find("network=") == std::string::npos) log_level += ",network=notice";
    hub->command_ = {program, "--listen", "127.0.0.1:0", "--data", hub->data_->path(), "--log-level", log_level};
    if (!options.with_limits) hub->command_.insert(hub->command_.end(), {"--limits", "off"});
    for (const std::vector<std::string>* settings : {&more_settings, &options.settings}) {
        for (const std::string& setting : *settings) hub->command_.insert(hub->command_.end(), {"--set", setting});
    }
    if (const Status started = hub->start_child(); !started) return Started(started.error());
    return Started(std::move(hub));
}

Status HubUnderTest::start_child() {
    Result<std::unique_ptr<ChildServer>> child = ChildServer::start(command_, kStartTimeoutMs);
    if (!child) return Status(failed_run(command_.front() + ": " + child.error().text));
    child_ = std::move(child).value();
    target_.address = loopback(child_->port());
    target_.pid = child_->pid();
    std::ifstream file(data_->path() + "/admin.token");
    if (!(file >> target_.admin_token)) return Status(failed_run("the hub has written no admin.token"));
    return {};
}

Status HubUnderTest::restart() {
    if (const Status stopped = child_->stop(); !stopped) return stopped;
    child_.reset();
    return start_child();
}

Result<std::unique_ptr<RelayUnderTest>> RelayUnderTest::start() {
    using Started = Result<std::unique_ptr<RelayUnderTest>>;
    raise_descriptor_limit();
    std::unique_ptr<RelayUnderTest> relay(new RelayUnderTest);
    std::error_code error;
    const std::string program = std::filesystem::read_symlink("/proc/self/exe", error).string();
    Result<std::unique_ptr<ChildServer>> child = ChildServer::start({program, "relay-server"}, kStartTimeoutMs);
    if (!child) return Started(failed_run("the relay: " + child.error().text));
    relay->child_ = std::move(child).value();
    relay->target_ = Target{"relay", loopback(relay->child_->port()), {}, relay->child_->pid(), false};
    return Started(std::move(relay));
}

// ---------------------------------------------------------------------------------------------------------------------
// Agents

Result<Answer> request(LoadLoop& loop, const Target& target, std::string_view method, std::string_view path,
                       std::string_view body) {
    Answer answer;
    HttpLane lane(loop, [&answer](int status, std::string_view text) { answer = Answer{status, std::string(text)}; });
    lane.connect(target.address);
    lane.send(http_request(method, path, target.admin_token, body));
    const Status done = loop.run_until([&] { return answer.status != 0; }, kAnswerTimeoutMs,
                                       "answer to " + std::string(method) + " " + std::string(path));
    if (!done) return Result<Answer>(done.error());
    return Result<Answer>(std::move(answer));
}

Result<std::vector<AgentIdentity>> register_agents(LoadLoop& loop, const Target& target, int64_t count) {
    using Registered = Result<std::vector<AgentIdentity>>;
    const std::string prefix = "bench-" + run_name() + "-";
    std::vector<AgentIdentity> identities(static_cast<size_t>(count));
    for (size_t i = 0; i < identities.size(); ++i) identities[i].name = prefix + std::to_string(i);
    if (!target.checks_tokens) return Registered(std::move(identities));

    const std::string_view path = target.admin_token.empty() ? "/api/onboard/register" : "/admin/tokens";
    const auto lane_count = static_cast<size_t>(std::min(count, kRegistrationLanes));
    std::vector<size_t> next(lane_count);  // the identity that each lane is at
    std::vector<std::unique_ptr<HttpLane>> lanes(lane_count);
    size_t registered = 0;
    const auto send_next = [&](size_t lane) {
        if (next[lane] >= identities.size()) return;
        const std::string body = "{\"agent_id\":\"" + identities[next[lane]].name + "\"}";
        lanes[lane]->send(http_request("POST", path, target.admin_token, body));
    };
    for (size_t lane = 0; lane < lane_count; ++lane) {
        next[lane] = lane;
        lanes[lane] = std::make_unique<HttpLane>(loop, [&, lane](int status, std::string_view body) {
            const auto token = find_text(body, "token");
            if (status != 201 || !token) {
                return loop.fail("an agent could not be registered: " + std::to_string(status) + " " +
                                 std::string(body.substr(0, 300)));
            }
            identities[next[lane]].token = *token;
            ++registered;
            next[lane] += lane_count;
            send_next(lane);
        });
        lanes[lane]->connect(target.address);
        send_next(lane);
    }
    const Status done = loop.run_until([&] { return registered == identities.size(); }, kAnswerTimeoutMs + count * 10,
                                       "registration of all agents");
    if (!done) return Registered(done.error());
    return Registered(std::move(identities));
}

Result<Agents> connect_agents(LoadLoop& loop, const Target& target, const std::vector<AgentIdentity>& identities,
                              int64_t slots) {
    Agents agents;
    agents.reserve(identities.size());
    size_t ready = 0;
    while (ready < identities.size()) {
        const size_t until = std::min(identities.size(), ready + kConnectsAtOnce);
        for (size_t i = ready; i < until; ++i) {
            agents.push_back(std::make_unique<AgentSocket>(loop, identities[i], slots));
            agents.back()->connect(target.address);
        }
        const Status done = loop.run_until(
            [&] {
                while (ready < until && agents[ready]->ready()) ++ready;
                return ready == until;
            },
            kAnswerTimeoutMs, "connection of all agents");
        if (!done) return Result<Agents>(done.error());
    }
    return Result<Agents>(std::move(agents));
}

}  // namespace agentcom::bench
