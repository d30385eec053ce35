// What the load goes to: a hub that the bench starts, a hub that runs, or the relay; and the agents it registers there.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/agent_socket.hpp"
#include "tools/bench/child_server.hpp"
#include "tools/bench/load_loop.hpp"
#include "tools/bench/options.hpp"

namespace agentcom::bench {

struct Target {
    std::string name;  // "hub", "relay"
    sockaddr_in address{};
    std::string admin_token;  // empty: agents register themselves
    pid_t pid = 0;            // 0: what it uses is not read
    bool checks_tokens = true;
};

// The hub that the options name, running for as long as this lives.
class HubUnderTest {
  public:
    // `more_settings`: NAME=VALUE, weaker than those of the options.
    static Result<std::unique_ptr<HubUnderTest>> start(const Options& options,
                                                       const std::vector<std::string>& more_settings = {});

    const Target& target() const { return target_; }
    // "ext4", ...; empty for a running hub.
    const std::string& file_system() const { return file_system_; }
    const ChildServer* child() const { return child_.get(); }
    // A clean stop and a start on the same data. Only for a hub of our own.
    Status restart();

  private:
    HubUnderTest() = default;
    Status start_child();

    std::vector<std::string> command_;
    std::optional<DataDirectory> data_;
    std::unique_ptr<ChildServer> child_;
    std::string file_system_;
    Target target_;
};

// The relay, as a process of its own.
class RelayUnderTest {
  public:
    static Result<std::unique_ptr<RelayUnderTest>> start();
    const Target& target() const { return target_; }

  private:
    RelayUnderTest() = default;
    std::unique_ptr<ChildServer> child_;
    Target target_;
};

// One request, waited for.
struct Answer {
    int status = 0;
    std::string body;
};
Result<Answer> request(LoadLoop& loop, const Target& target, std::string_view method, std::string_view path,
                       std::string_view body);

// `count` agents with names of their own, whatever else is on the hub.
Result<std::vector<AgentIdentity>> register_agents(LoadLoop& loop, const Target& target, int64_t count);

using Agents = std::vector<std::unique_ptr<AgentSocket>>;
// Connects and identifies them.
Result<Agents> connect_agents(LoadLoop& loop, const Target& target, const std::vector<AgentIdentity>& identities,
                              int64_t slots = 1);

}  // namespace agentcom::bench
