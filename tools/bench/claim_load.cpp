#include "tools/bench/claim_load.hpp"

#include <utility>

namespace agentcom::bench {

namespace {

// The place of "complete" in task_latency_names().
constexpr size_t kComplete = 3;
// Workers without a task wait in the hub rather than ask again and again.
constexpr std::string_view kClaim = "{\"wait_ms\":20000}";

}  // namespace

ClaimLoad::ClaimLoad(LoadLoop& loop, const Target& target, const std::vector<AgentIdentity>& agents, TaskLoad& tasks,
                     Meter& meter)
    : loop_(loop), tasks_(tasks), meter_(meter), workers_(agents.size()) {
    for (size_t i = 0; i < agents.size(); ++i) {
        Worker& worker = workers_[i];
        worker.token = agents[i].token;
        worker.claim_request = http_request("POST", "/api/tasks/claim", worker.token, kClaim);
        worker.connection = std::make_unique<HttpLane>(
            loop, [this, &worker](int status, std::string_view body) { on_answer(worker, status, body); });
        worker.connection->connect(target.address);
        claim(worker);
    }
}

void ClaimLoad::claim(Worker& worker) {
    worker.task = -1;
    worker.connection->send(worker.claim_request);
}

void ClaimLoad::on_answer(Worker& worker, int status, std::string_view body) {
    if (status != 200) {
        return loop_.fail(std::string(worker.task < 0 ? "a claim" : "a completion") +
                          " was refused: " + std::to_string(status) + " " + std::string(body.substr(0, 300)));
    }
    if (worker.task >= 0) {
        meter_.latencies[kComplete].second.record(loop_.now_ns() - worker.sent_ns);
        tasks_.on_completed(worker.task);
        return claim(worker);
    }
    const auto task = find_object(body, "task");
    if (!task) return claim(worker);
    on_claimed(worker, *task);
}

void ClaimLoad::on_claimed(Worker& worker, std::string_view task) {
    const auto id = find_text(task, "task_id");
    const auto generation = find_integer(task, "generation");
    worker.task = tasks_.on_assigned(find_text(task, "description").value_or(std::string_view()));
    if (worker.task < 0) return;
    if (!id || !generation) return loop_.fail("a claimed task without task_id or generation");
    const std::string body = "{\"generation\":" + std::to_string(*generation) + ",\"result\":{\"output\":\"done\"}}";
    worker.sent_ns = monotonic_ns();
    worker.connection->send(http_request("POST", "/api/tasks/" + std::string(*id) + "/complete", worker.token, body));
}

}  // namespace agentcom::bench
