#include "tools/bench/task_load.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace agentcom::bench {

namespace {

// The places in task_latency_names().
enum : size_t { kSubmit, kAssign, kAccept, kComplete, kLifecycle };

constexpr std::string_view kDescription = "bench task ";

std::string task_body(size_t number, const std::string& more_fields) {
    return "{\"description\":\"" + std::string(kDescription) + std::to_string(number) + "\"" + more_fields + "}";
}

}  // namespace

TaskLoad::TaskLoad(LoadLoop& loop, const Target& target, Agents& agents, TaskLoadOptions options, Meter& meter)
    : loop_(loop),
      target_(target),
      agents_(agents),
      options_(std::move(options)),
      meter_(meter),
      lanes_(static_cast<size_t>(options_.lanes)),
      reports_(agents.size()) {
    for (Lane& lane : lanes_) {
        lane.connection = std::make_unique<HttpLane>(
            loop, [this, &lane](int status, std::string_view body) { on_answer(lane, status, body); });
        lane.connection->connect(target.address);
    }
    for (size_t i = 0; i < agents.size(); ++i) {
        agents[i]->on_text([this, i](std::string_view text) { on_text(i, text); });
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Submitting

size_t TaskLoad::new_task() {
    size_t task = tasks_.size();
    if (free_.empty()) {
        tasks_.emplace_back();
    } else {
        task = free_.back();
        free_.pop_back();
    }
    tasks_[task] = Task{monotonic_ns(), false, false};
    ++submitted_;
    return task;
}

void TaskLoad::send_more() {
    if (paused_until_ns_ > 0 && monotonic_ns() < paused_until_ns_) return;
    const int64_t at_once = std::max<int64_t>(1, options_.batch);
    for (size_t tried = 0; tried < lanes_.size();) {
        const int64_t room = std::min(options_.limit - submitted_, options_.in_flight - (submitted_ - done_));
        if (room <= 0 || (room < at_once && submitted_ + room < options_.limit)) return;
        Lane& lane = lanes_[next_lane_];
        next_lane_ = (next_lane_ + 1) % lanes_.size();
        if (lane.connection->unanswered() >= options_.pipeline) {
            ++tried;
            continue;
        }
        tried = 0;
        submit_on(lane, std::min(room, at_once));
    }
}

void TaskLoad::submit_on(Lane& lane, int64_t count) {
    std::vector<size_t>& tasks = lane.requests.emplace_back();
    std::string body;
    for (int64_t i = 0; i < count; ++i) {
        tasks.push_back(new_task());
        if (i > 0) body += ',';
        body += task_body(tasks.back(), options_.more_fields);
    }
    ++unanswered_;
    if (options_.batch > 0) {
        lane.connection->send(
            http_request("POST", "/api/tasks/batch", target_.admin_token, "{\"tasks\":[" + body + "]}"));
    } else {
        lane.connection->send(http_request("POST", "/api/tasks", target_.admin_token, body));
    }
}

void TaskLoad::on_answer(Lane& lane, int status, std::string_view body) {
    if (status == 429) return on_refusal(lane, body);
    if (status != 201) {
        return loop_.fail("a task was refused: " + std::to_string(status) + " " + std::string(body.substr(0, 300)));
    }
    --unanswered_;
    for (const size_t task : lane.requests.front()) {
        tasks_[task].answered = true;
        meter_.latencies[kSubmit].second.record(loop_.now_ns() - tasks_[task].submitted_ns);
        if (options_.done_when_stored) tasks_[task].completed = true;
        free_if_done(task);
    }
    lane.requests.pop_front();
}

// By a rate limit: these tasks do not exist.
void TaskLoad::on_refusal(Lane& lane, std::string_view body) {
    --unanswered_;
    for (const size_t task : lane.requests.front()) {
        ++done_;
        ++meter_.refused;
        free_.push_back(task);
    }
    lane.requests.pop_front();
    paused_until_ns_ = loop_.now_ns() + find_integer(body, "retry_after_ms").value_or(1000) * 1'000'000;
}

// The answer to the submitter and the pushes to the agent travel on different sockets: either may come last.
void TaskLoad::free_if_done(size_t task) {
    if (!tasks_[task].answered || !tasks_[task].completed) return;
    ++done_;
    ++meter_.operations;
    free_.push_back(task);
}

// ---------------------------------------------------------------------------------------------------------------------
// Doing them

void TaskLoad::on_text(size_t agent, std::string_view text) {
    const std::string_view type = frame_type(text);
    if (type == "task_assign") return on_assign(agent, text);
    if (type == "task_ack") return on_ack(agent);
    if (type == "error") loop_.fail("a report about a task was refused: " + std::string(text.substr(0, 300)));
}

int64_t TaskLoad::on_assigned(std::string_view description) {
    size_t number = 0;
    const bool ours = description.starts_with(kDescription);
    const std::string_view digits = ours ? description.substr(kDescription.size()) : std::string_view();
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (!ours || error != std::errc() || number >= tasks_.size()) {
        loop_.fail("an agent of the bench was given a task that is not the bench's");
        return -1;
    }
    meter_.latencies[kAssign].second.record(loop_.now_ns() - tasks_[number].submitted_ns);
    return static_cast<int64_t>(number);
}

void TaskLoad::on_assign(size_t agent, std::string_view text) {
    const auto id = find_text(text, "task_id");
    const auto generation = find_integer(text, "generation");
    const int64_t number = on_assigned(find_text(text, "description").value_or(std::string_view()));
    if (number < 0) return;
    if (!id || !generation) return loop_.fail("a task_assign without task_id or generation");
    const Step step = options_.accept ? Step::accept : Step::complete;
    report(agent, Report{static_cast<size_t>(number), step, 0, std::string(*id), *generation});
}

void TaskLoad::report(size_t agent, Report report) {
    report.sent_ns = monotonic_ns();
    std::string text = report.step == Step::accept ? "{\"type\":\"task_accepted\"" : "{\"type\":\"task_complete\"";
    text += ",\"task_id\":\"" + report.task_id + "\",\"generation\":" + std::to_string(report.generation);
    if (report.step == Step::complete) text += ",\"result\":{\"output\":\"done\"}";
    agents_[agent]->send_frames(client_frame(FrameKind::text, text + "}"));
    reports_[agent].push_back(std::move(report));
}

// Acknowledgements come in the order of the reports of their socket.
void TaskLoad::on_ack(size_t agent) {
    if (reports_[agent].empty()) return loop_.fail("an acknowledgement without a report");
    Report done = std::move(reports_[agent].front());
    reports_[agent].pop_front();
    const int64_t took_ns = loop_.now_ns() - done.sent_ns;
    if (done.step == Step::accept) {
        meter_.latencies[kAccept].second.record(took_ns);
        done.step = Step::complete;
        return report(agent, std::move(done));
    }
    meter_.latencies[kComplete].second.record(took_ns);
    on_completed(static_cast<int64_t>(done.task));
}

void TaskLoad::on_completed(int64_t number) {
    Task& task = tasks_[static_cast<size_t>(number)];
    meter_.latencies[kLifecycle].second.record(loop_.now_ns() - task.submitted_ns);
    task.completed = true;
    free_if_done(static_cast<size_t>(number));
}

}  // namespace agentcom::bench
