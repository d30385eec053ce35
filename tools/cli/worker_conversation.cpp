// What passes between people and a running command: what it prints, notes, progress, questions, what is said to it, and
// that it is to end. The life of tasks and their reports are in worker_protocol.cpp.

#include <algorithm>
#include <utility>

#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/worker_protocol.hpp"

namespace agentcom::cli {

using std::chrono::milliseconds;

void WorkerProtocol::on_cancelled(WorkerActions& out, const json::Object& frame) {
    const std::string task_id = text_of(frame, "task_id");
    const std::string reason = text_of(frame, "reason");
    const std::string why = "it was cancelled" + (reason.empty() ? "" : ", " + reason);
    const int64_t grace_ms = number_of(frame, "grace_ms");
    const auto found = tasks_.find(task_id);
    const bool running = found != tasks_.end() && found->second.state == State::running;
    if (grace_ms <= 0 || !running) return on_taken_away(out, task_id, why);
    // It is still ours until the grace is over, and what the command makes of that time counts.
    out.push_back(Tell{"task_cancelling", task_id, "to be ended: " + why});
    out.push_back(StopCommand{task_id, milliseconds(grace_ms)});
}

void WorkerProtocol::on_say(WorkerActions& out, const json::Object& frame) {
    const std::string task_id = text_of(frame, "task_id");
    const auto found = tasks_.find(task_id);
    if (found == tasks_.end() || found->second.state != State::running) return;
    Task& task = found->second;
    const int64_t seq = number_of(frame, "seq");
    if (number_of(frame, "generation", task.generation) != task.generation || seq <= task.last_said) return;
    task.last_said = seq;
    task.question.clear();
    if (!settings_.takes_input) {
        send_note(out, task_id, task, "what was said did not arrive: this worker's command takes no input");
        return;
    }
    out.push_back(Tell{"task_say", task_id, "told by " + text_of(frame, "from")});
    out.push_back(WriteInput{task_id, text_of(frame, "from"), text_of(frame, "text")});
}

WorkerActions WorkerProtocol::input_refused(const std::string& task_id) {
    WorkerActions out;
    const auto found = tasks_.find(task_id);
    if (left_ || found == tasks_.end() || found->second.state != State::running) return out;
    send_note(out, task_id, found->second, "what was said did not arrive: the command takes no more input");
    return out;
}

WorkerActions WorkerProtocol::command_printed(const std::string& task_id, TaskOutput::Stream stream,
                                              std::string_view text) {
    WorkerActions out;
    const auto found = tasks_.find(task_id);
    if (left_ || found == tasks_.end() || found->second.state != State::running) return out;
    found->second.output.append(stream, text);
    if (!std::exchange(output_awaited_, true)) out.push_back(WakeForOutput{});
    return out;
}

WorkerActions WorkerProtocol::output_due() {
    WorkerActions out;
    output_awaited_ = false;
    for (auto& [task_id, task] : tasks_) {
        if (task.state == State::running) send_output(out, task_id, task);
    }
    return out;
}

void WorkerProtocol::send_output(WorkerActions& out, const std::string& task_id, Task& task) {
    if (left_ || !identified_ || !hub_knows("task_output") || !task.output.has_unsent()) return;
    for (const TaskOutput::Piece& piece : task.output.take_unsent()) {
        json::Writer frame;
        frame.begin_object().member("type", "task_output").member("task_id", task_id);
        frame.member("generation", task.generation);
        frame.member("stream", piece.stream == TaskOutput::Stream::standard_output ? "stdout" : "stderr");
        frame.member("offset", piece.position).member("text", piece.text).end_object();
        out.push_back(SendFrame{frame.take()});
    }
}

void WorkerProtocol::send_note(WorkerActions& out, const std::string& task_id, const Task& task,
                               std::string_view text) {
    out.push_back(Tell{"task_note", task_id, std::string(text)});
    if (!identified_ || !hub_knows("task_note")) return;
    json::Writer frame;
    frame.begin_object().member("type", "task_note").member("task_id", task_id).member("generation", task.generation);
    frame.member("text", truncate_code_points(text, kMaxFailureTextCodePoints)).end_object();
    out.push_back(SendFrame{frame.take()});
}

void WorkerProtocol::send_progress(WorkerActions& out, const std::string& task_id, const Task& task) {
    // A question stands until it is answered; pings keep the lease meanwhile.
    if (!identified_ || !task.question.empty()) return;
    json::Writer frame;
    frame.begin_object().member("type", "task_progress").member("task_id", task_id);
    frame.member("generation", task.generation);
    if (task.progress) frame.member("progress", *task.progress);
    out.push_back(SendFrame{frame.end_object().take()});
}

WorkerActions WorkerProtocol::command_controlled(const std::string& task_id, const std::string& line) {
    WorkerActions out;
    const auto found = tasks_.find(task_id);
    if (left_ || found == tasks_.end() || found->second.state != State::running) return out;
    Task& task = found->second;
    if (!json::validate(line)) {
        out.push_back(Tell{"task_control", task_id, "wrote to AGENTCOM_CONTROL_FD what is no JSON"});
        return out;
    }
    const json::Object members = members_of(line);
    // What stands before it was printed before it.
    send_output(out, task_id, task);
    if (const int64_t progress = number_of(members, "progress", -1); progress >= 0) {
        task.progress = std::min<int64_t>(progress, 100);
        send_progress(out, task_id, task);
    }
    if (const std::string note = text_of(members, "note"); !note.empty()) send_note(out, task_id, task, note);
    const std::string question = text_of(members, "question");
    if (question.empty()) return out;
    json::Writer frame;
    frame.begin_object().member("type", "task_waiting").member("task_id", task_id);
    frame.member("generation", task.generation);
    frame.member("question", truncate_code_points(question, kMaxDescriptionCodePoints));
    if (raw_of(members, "options").starts_with('[')) frame.raw_member("options", raw_of(members, "options"));
    task.question = frame.end_object().take();
    out.push_back(Tell{"task_waiting", task_id, "asks: " + question});
    if (identified_ && hub_knows("task_waiting")) out.push_back(SendFrame{task.question});
    return out;
}

}  // namespace agentcom::cli
