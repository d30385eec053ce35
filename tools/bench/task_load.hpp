// A closed loop of tasks: submitted over HTTP, done by agents on WebSockets. Each step waits for the answer to the one
// before, as an agent would.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/agent_socket.hpp"
#include "tools/bench/http_lane.hpp"
#include "tools/bench/message_load.hpp"
#include "tools/bench/meter.hpp"

namespace agentcom::bench {

// The latencies of a task load, in this order: submit until 201, submit until task_assign, accept and complete until
// their acknowledgements, and from submit to the last.
inline const std::vector<std::string>& task_latency_names() {
    static const std::vector<std::string> kNames{"submit", "assign", "accept", "complete", "lifecycle"};
    return kNames;
}

struct TaskLoadOptions {
    int64_t in_flight = 64;
    int64_t lanes = 64;
    int64_t pipeline = 4;
    int64_t batch = 0;
    int64_t limit = kEndless;
    bool accept = true;             // false: tasks are completed at once
    bool done_when_stored = false;  // true: nobody does them
    std::string more_fields;        // of the task, such as ,"kind":"x"
};

class TaskLoad {
  public:
    // `agents` may be empty, with `done_when_stored`. One operation of the meter is a task that is done.
    TaskLoad(LoadLoop& loop, const Target& target, Agents& agents, TaskLoadOptions options, Meter& meter);
    TaskLoad(const TaskLoad&) = delete;
    TaskLoad& operator=(const TaskLoad&) = delete;

    // Submits until enough are under way. To be called once a round.
    void send_more();
    void stop() { options_.limit = submitted_; }
    bool drained() const { return done_ == submitted_ && unanswered_ == 0; }
    bool finished() const { return drained() && submitted_ >= options_.limit; }

    // For agents that are no AgentSocket: a task with this description has come to one of them; its number, or -1.
    int64_t on_assigned(std::string_view description);
    void on_completed(int64_t number);

  private:
    enum class Step : uint8_t { accept, complete };
    struct Task {
        int64_t submitted_ns = 0;
        bool answered = false;
        bool completed = false;
    };
    struct Report {
        size_t task = 0;
        Step step = Step::accept;
        int64_t sent_ns = 0;
        std::string task_id;
        int64_t generation = 0;
    };
    struct Lane {
        std::unique_ptr<HttpLane> connection;
        std::deque<std::vector<size_t>> requests;  // the tasks of each that is unanswered
    };

    size_t new_task();
    void submit_on(Lane& lane, int64_t count);
    void on_answer(Lane& lane, int status, std::string_view body);
    void on_refusal(Lane& lane, std::string_view body);
    void on_text(size_t agent, std::string_view text);
    void on_assign(size_t agent, std::string_view text);
    void on_ack(size_t agent);
    void report(size_t agent, Report report);
    void free_if_done(size_t task);

    LoadLoop& loop_;
    const Target& target_;
    Agents& agents_;
    TaskLoadOptions options_;
    Meter& meter_;
    std::vector<Lane> lanes_;
    std::vector<std::deque<Report>> reports_;  // by agent: those not acknowledged
    std::vector<Task> tasks_;
    std::vector<size_t> free_;
    size_t next_lane_ = 0;
    int64_t submitted_ = 0;
    int64_t done_ = 0;
    int64_t unanswered_ = 0;
    int64_t paused_until_ns_ = 0;
};

}  // namespace agentcom::bench
