// Agents without a socket: each claims a task over HTTP, completes it, and claims the next.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/http_lane.hpp"
#include "tools/bench/task_load.hpp"

namespace agentcom::bench {

class ClaimLoad {
  public:
    // `tasks` submits, and hears of what is done. Both must outlive this.
    ClaimLoad(LoadLoop& loop, const Target& target, const std::vector<AgentIdentity>& agents, TaskLoad& tasks,
              Meter& meter);
    ClaimLoad(const ClaimLoad&) = delete;
    ClaimLoad& operator=(const ClaimLoad&) = delete;

  private:
    struct Worker {
        std::unique_ptr<HttpLane> connection;
        std::string claim_request;
        std::string token;
        int64_t task = -1;  // that it completes; -1: it claims
        int64_t sent_ns = 0;
    };

    void claim(Worker& worker);
    void on_answer(Worker& worker, int status, std::string_view body);
    void on_claimed(Worker& worker, std::string_view task);

    LoadLoop& loop_;
    TaskLoad& tasks_;
    Meter& meter_;
    std::vector<Worker> workers_;
};

}  // namespace agentcom::bench
