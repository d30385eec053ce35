#include "tools/cli/worker_protocol.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

using std::chrono::milliseconds;

// The hub's close code for a socket that a newer one of the same agent has replaced.
constexpr unsigned kCloseReplaced = 4000;
// What to wait before a report is sent again that the hub could not take for a reason of its own.
constexpr milliseconds kReportRetry{5'000};
constexpr milliseconds kLongestReportPause{60'000};

std::string task_frame(std::string_view type, std::string_view task_id, int64_t generation) {
    json::Writer out;
    out.begin_object().member("type", type).member("task_id", task_id).member("generation", generation);
    return out.end_object().take();
}

// The task as its command gets it: the assignment without its type, with this generation.
std::string task_json(const json::Object& assignment, int64_t generation) {
    json::Writer out;
    out.begin_object();
    for (const json::Member& member : assignment) {
        if (member.key == "type") continue;
        if (member.key == "generation") {
            out.member("generation", generation);
        } else {
            out.raw_member(member.key, member.value.raw);
        }
    }
    if (!assignment.contains("generation")) out.member("generation", generation);
    return out.end_object().take();
}

std::string json_with_generation(const std::string& task_raw, int64_t generation) {
    return task_json(json::members(task_raw), generation);
}

}  // namespace

std::optional<milliseconds> cooldown_of(std::string_view close_reason) {
    constexpr std::string_view kMark = "retry in ";
    const size_t mark = close_reason.find(kMark);
    if (mark == std::string_view::npos) return std::nullopt;
    const std::string_view rest = close_reason.substr(mark + kMark.size());
    int64_t seconds = 0;
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), seconds);
    if (error != std::errc{} || stop == rest.data() + rest.size() || *stop != 's') return std::nullopt;
    return milliseconds(std::clamp<int64_t>(seconds, 0, 3600) * 1000);
}

WorkerProtocol::WorkerProtocol(WorkerSettings settings, std::vector<JournalEntry> kept)
    : settings_(std::move(settings)) {
    for (JournalEntry& entry : kept) {
        Task task;
        task.state = entry.report_raw.empty() ? State::recovering : State::reported;
        task.generation = entry.generation;
        task.task_raw = std::move(entry.task_raw);
        task.succeeded = entry.succeeded;
        task.report = std::move(entry.report_raw);
        if (task.state == State::reported) reports_.push_back(entry.task_id);
        tasks_.emplace(std::move(entry.task_id), std::move(task));
    }
}

// -- Connection -------------------------------------------------------------------------------------------------------

WorkerActions WorkerProtocol::connected() {
    if (left_) return {};
    connected_ = true;
    json::Writer out;
    out.begin_object().member("type", "identify").member("agent_id", settings_.agent_id);
    out.member("token", settings_.token).member("name", settings_.agent_id).member("status", "idle");
    out.raw_member("capabilities", json::encode_strings(settings_.capabilities));
    out.member("client_type", "worker").member("protocol_version", 2).member("slots", settings_.slots);
    // Who comes and goes does not matter to a worker.
    out.member("presence", "none").end_object();
    return {SendFrame{out.take()}};
}

WorkerActions WorkerProtocol::disconnected(unsigned close_code, std::string_view close_reason) {
    if (left_) return {};
    connected_ = false;
    identified_ = false;
    report_in_flight_.clear();
    reports_paused_ = false;
    WorkerActions out;
    if (close_code == kCloseReplaced) {
        leave(
            out, ExitCode::conflict,
            Failure{ExitCode::conflict,
                    "the hub closed the connection",
                    "another worker or client has connected as '" + settings_.agent_id + "'",
                    "Give each worker an identity of its own (agentcom register), or use --slots for several tasks at "
                    "a time.",
                    {}});
        return out;
    }
    if (saying_goodbye_) {
        leave(out, failed_one_ && settings_.once ? ExitCode::failed : ExitCode::ok, std::nullopt);
        return out;
    }
    leave_if_done(out);
    if (!left_) out.push_back(Reconnect{cooldown_of(close_reason).value_or(milliseconds{0})});
    return out;
}

WorkerActions WorkerProtocol::frame_received(const std::string& text) {
    WorkerActions out;
    if (left_) return out;
    const std::optional<json::Document> document = json::Document::parse(text, json::Duplicates::first_wins);
    if (!document || !document->is_object()) return out;
    const json::Object& frame = document->object();
    const std::string type = text_of(frame, "type");
    if (type == "identified") {
        features_.clear();
        for (const json::Value& feature : elements_of(frame, "features")) {
            if (feature.kind == json::Kind::string) features_.insert(json::decode_string(feature));
        }
        on_identified(out);
    } else if (type == "task_assign") {
        on_assign(out, frame);
    } else if (type == "task_ack") {
        on_ack(out, frame);
    } else if (type == "task_continue") {
        on_continue(out, frame);
    } else if (type == "task_reassign") {
        on_taken_away(out, text_of(frame, "task_id"), "the hub has given it to somebody else");
    } else if (type == "task_cancelled") {
        on_cancelled(out, frame);
    } else if (type == "task_say") {
        on_say(out, frame);
    } else if (type == "task_revoked") {
        on_taken_away(out, text_of(frame, "task_id"), "the hub has taken it back");
    } else if (type == "error") {
        on_error(out, frame);
    } else if (type == "rate_limited") {
        const int64_t wait_ms = std::clamp<int64_t>(number_of(frame, "retry_after_ms", 1'000), 1, 3'600'000);
        if (!report_in_flight_.empty()) pause_reports(out, std::min(milliseconds(wait_ms), kLongestReportPause));
    } else if (type == "pong" && saying_goodbye_) {
        leave(out, failed_one_ && settings_.once ? ExitCode::failed : ExitCode::ok, std::nullopt);
    }
    return out;
}

void WorkerProtocol::on_identified(WorkerActions& out) {
    identified_ = true;
    out.push_back(Welcomed{});
    out.push_back(Tell{"connected", "", "connected as " + settings_.agent_id});
    for (auto& [task_id, task] : tasks_) {
        if (task.state == State::running || task.state == State::recovering) {
            out.push_back(SendFrame{task_frame("task_recovering", task_id, task.generation)});
        }
        if (task.state != State::running && task.state != State::reported) continue;
        task.output.resend();
        send_output(out, task_id, task);
        if (!task.question.empty() && hub_knows("task_waiting")) out.push_back(SendFrame{task.question});
    }
    send_next_report(out);
    leave_if_done(out);
}

void WorkerProtocol::on_error(WorkerActions& out, const json::Object& frame) {
    const std::string error = text_of(frame, "error");
    if (!identified_) {
        const bool refused = error == "invalid_token" || error == "token_agent_mismatch";
        const bool invalid = error == "validation_failed" || error == "invalid_json";
        if (refused) {
            leave(out, ExitCode::auth,
                  Failure{ExitCode::auth,
                          "the hub does not let '" + settings_.agent_id + "' in",
                          error,
                          "Check --as and --token, or register anew: agentcom register AGENT",
                          {}});
        } else if (invalid) {
            leave(out, ExitCode::usage,
                  Failure{ExitCode::usage,
                          "the hub does not understand this worker's identification",
                          error + " " + std::string(raw_of(frame, "errors")),
                          "Check the agent's id and the capabilities.",
                          {}});
        } else {
            out.push_back(Tell{"hub_error", "", "the hub says: " + error});
        }
        return;
    }
    for (const std::string_view prefix : {"task_complete_failed: ", "task_fail_failed: "}) {
        if (!error.starts_with(prefix)) continue;
        const std::string_view reason = std::string_view(error).substr(prefix.size());
        if (reason == "storage_unavailable") {
            pause_reports(out, kReportRetry);
        } else {
            on_report_refused(out, reason);
        }
        return;
    }
    out.push_back(Tell{"hub_error", "", "the hub says: " + error});
    if (report_in_flight_.empty()) return;
    const std::string message_type = text_of(frame, "message_type");
    const bool about_report = message_type == "task_complete" || message_type == "task_failed";
    if (error == "invalid_json" || (error == "validation_failed" && about_report)) {
        on_report_invalid(out, error + " " + std::string(raw_of(frame, "errors")));
    } else if (error != "validation_failed") {
        // It may have been the answer to the report, for instance when the hub cannot write. Sending it again does no
        // harm if it was not.
        pause_reports(out, kReportRetry);
    }
}

WorkerActions WorkerProtocol::ping_due() {
    if (!identified_ || left_) return {};
    return {SendFrame{R"({"type":"ping"})"}};
}

// -- Tasks ------------------------------------------------------------------------------------------------------------

void WorkerProtocol::on_assign(WorkerActions& out, const json::Object& frame) {
    const std::string task_id = text_of(frame, "task_id");
    if (task_id.empty()) return;
    const int64_t generation = number_of(frame, "generation");
    const auto found = tasks_.find(task_id);
    if (found != tasks_.end()) {
        Task& task = found->second;
        if (generation < task.generation) return;
        switch (task.state) {
            case State::running:
                // The hub has not seen that we accepted, or has taken the task back meanwhile and now gives it to us
                // anew: what runs goes on under the new generation.
                if (generation != task.generation) take_new_generation(out, task_id, task, generation);
                out.push_back(SendFrame{task_frame("task_accepted", task_id, generation)});
                send_output(out, task_id, task);
                return;
            case State::recovering:
                task.generation = generation;
                task.task_raw = task_json(frame, generation);
                start(out, task_id, task);
                return;
            case State::dropped:
                reject(out, task_id, generation, "its last attempt is still being stopped");
                return;
            case State::reported:
                if (generation == task.generation) {
                    // The hub does not know that it has ended, which the report tells it.
                    if (report_in_flight_.empty()) send_next_report(out);
                    return;
                }
                // The report is of an attempt that no longer counts.
                settle(out, task_id);
                break;
        }
    }
    if (stopping()) return reject(out, task_id, generation, "stopping");
    if (slots_in_use() >= settings_.slots) return reject(out, task_id, generation, "busy");
    Task& task = tasks_[task_id];
    task.generation = generation;
    task.task_raw = task_json(frame, generation);
    start(out, task_id, task);
}

void WorkerProtocol::start(WorkerActions& out, const std::string& task_id, Task& task) {
    task.state = State::running;
    took_one_ = true;
    out.push_back(KeepEntry{{task_id, task.generation, task.task_raw, false, ""}});
    out.push_back(SendFrame{task_frame("task_accepted", task_id, task.generation)});
    out.push_back(Tell{"task_started", task_id, "started"});
    out.push_back(StartCommand{task_id, task.generation, task.task_raw});
}

void WorkerProtocol::take_new_generation(WorkerActions& out, const std::string& task_id, Task& task,
                                         int64_t generation) {
    task.generation = generation;
    task.task_raw = json_with_generation(task.task_raw, generation);
    task.last_said = 0;
    task.question.clear();
    if (task.state != State::running) return;
    out.push_back(KeepEntry{{task_id, generation, task.task_raw, false, ""}});
    // To the hub this is another attempt, which has printed nothing yet.
    task.output.restart();
}

void WorkerProtocol::reject(WorkerActions& out, const std::string& task_id, int64_t generation,
                            std::string_view reason) {
    json::Writer frame;
    frame.begin_object().member("type", "task_rejected").member("task_id", task_id);
    frame.member("generation", generation).member("reason", reason).end_object();
    out.push_back(SendFrame{frame.take()});
    out.push_back(Tell{"task_rejected", task_id, "handed back: " + std::string(reason)});
}

void WorkerProtocol::on_continue(WorkerActions& out, const json::Object& frame) {
    const std::string task_id = text_of(frame, "task_id");
    const auto found = tasks_.find(task_id);
    if (found == tasks_.end()) return;
    Task& task = found->second;
    const int64_t generation = number_of(frame, "generation", task.generation);
    if (task.state != State::running && task.state != State::recovering) return;
    if (task.state == State::recovering && stopping()) {
        settle(out, task_id);
        return reject(out, task_id, generation, "stopping");
    }
    if (generation != task.generation) {
        take_new_generation(out, task_id, task, generation);
        if (task.state == State::running) send_output(out, task_id, task);
    }
    // The command died with the process that had started it, so the attempt begins again.
    if (task.state == State::recovering) start(out, task_id, task);
}

void WorkerProtocol::on_taken_away(WorkerActions& out, const std::string& task_id, std::string_view why) {
    const auto found = tasks_.find(task_id);
    if (found == tasks_.end() || found->second.state == State::dropped) return;
    out.push_back(Tell{"task_dropped", task_id, "dropped: " + std::string(why)});
    if (found->second.state != State::running) {
        settle(out, task_id);
        leave_if_done(out);
        return;
    }
    found->second.state = State::dropped;
    failed_one_ = true;
    out.push_back(ForgetEntry{task_id});
    out.push_back(StopCommand{task_id, std::nullopt});
}

WorkerActions WorkerProtocol::command_ended(const std::string& task_id, const CommandResult& result) {
    WorkerActions out;
    const auto found = tasks_.find(task_id);
    if (left_ || found == tasks_.end()) return out;
    Task& task = found->second;
    if (task.state == State::dropped) {
        tasks_.erase(found);
        leave_if_done(out);
        return out;
    }
    send_output(out, task_id, task);
    task.state = State::reported;
    task.question.clear();
    task.succeeded = result.succeeded();
    task.report = report_frame(task_id, task.generation, result);
    if (!task.succeeded) failed_one_ = true;
    reports_.push_back(task_id);
    out.push_back(Tell{task.succeeded ? "task_done" : "task_failed", task_id,
                       (task.succeeded ? "done" : "failed, " + ending_text(result)) + " after " +
                           std::to_string(result.duration_ms) + " ms"});
    out.push_back(KeepEntry{{task_id, task.generation, task.task_raw, task.succeeded, task.report}});
    send_next_report(out);
    return out;
}

WorkerActions WorkerProtocol::progress_due() {
    WorkerActions out;
    if (!identified_ || left_) return out;
    for (const auto& [task_id, task] : tasks_) {
        if (task.state == State::running) send_progress(out, task_id, task);
    }
    return out;
}

int64_t WorkerProtocol::slots_in_use() const {
    return std::ranges::count_if(tasks_, [](const auto& entry) { return entry.second.state != State::reported; });
}

// -- Reports ----------------------------------------------------------------------------------------------------------

void WorkerProtocol::send_next_report(WorkerActions& out) {
    if (!identified_ || reports_paused_ || !report_in_flight_.empty() || reports_.empty()) return;
    report_in_flight_ = reports_.front();
    out.push_back(SendFrame{tasks_.at(report_in_flight_).report});
}

void WorkerProtocol::pause_reports(WorkerActions& out, milliseconds delay) {
    report_in_flight_.clear();
    if (std::exchange(reports_paused_, true)) return;
    out.push_back(WakeForReport{delay});
}

WorkerActions WorkerProtocol::report_due() {
    WorkerActions out;
    if (left_) return out;
    reports_paused_ = false;
    send_next_report(out);
    return out;
}

void WorkerProtocol::on_ack(WorkerActions& out, const json::Object& frame) {
    const std::string task_id = text_of(frame, "task_id");
    const std::string status = text_of(frame, "status");
    const bool ends = status == "complete" || status == "retried" || status == "dead_letter" || status == "cancelled";
    const auto found = tasks_.find(task_id);
    if (!ends || found == tasks_.end() || found->second.state != State::reported) return;
    out.push_back(Tell{"task_acknowledged", task_id, "acknowledged: " + status});
    settle(out, task_id);
    send_next_report(out);
    leave_if_done(out);
}

void WorkerProtocol::on_report_refused(WorkerActions& out, std::string_view why) {
    if (report_in_flight_.empty()) return;
    const std::string task_id = report_in_flight_;
    out.push_back(Tell{"report_refused", task_id, "the hub no longer wants its result: " + std::string(why)});
    if (took_one_) failed_one_ = true;
    settle(out, task_id);
    send_next_report(out);
    leave_if_done(out);
}

void WorkerProtocol::on_report_invalid(WorkerActions& out, std::string_view why) {
    const std::string task_id = report_in_flight_;
    Task& task = tasks_.at(task_id);
    if (task.simplified) {
        on_report_refused(out, why);
        return;
    }
    task.simplified = true;
    task.succeeded = false;
    failed_one_ = true;
    task.report = failed_frame(task_id, task.generation, "the hub did not take the result: " + repaired_utf8(why));
    report_in_flight_.clear();
    out.push_back(KeepEntry{{task_id, task.generation, task.task_raw, false, task.report}});
    send_next_report(out);
}

void WorkerProtocol::settle(WorkerActions& out, const std::string& task_id) {
    const std::string id = task_id;
    std::erase(reports_, id);
    if (report_in_flight_ == id) report_in_flight_.clear();
    tasks_.erase(id);
    out.push_back(ForgetEntry{id});
}

// -- Leaving ----------------------------------------------------------------------------------------------------------

WorkerActions WorkerProtocol::stop_requested() {
    WorkerActions out;
    if (left_) return out;
    ++stop_requests_;
    if (stop_requests_ == 1) {
        const std::string left = tasks_.empty() ? ""
                                                : " once " + std::to_string(tasks_.size()) +
                                                      " task(s) are done and acknowledged; again to stop at once";
        out.push_back(Tell{"stopping", "", "stopping" + left});
        leave_if_done(out);
        return out;
    }
    out.push_back(Tell{"stopping", "", "stopping at once; the hub gives unfinished tasks to others"});
    leave(out, ExitCode::failed, std::nullopt);
    return out;
}

void WorkerProtocol::leave_if_done(WorkerActions& out) {
    if (left_ || saying_goodbye_ || !stopping()) return;
    // A task that is only being recovered is not waited for: if the hub says that it is ours, it is handed back.
    const bool busy =
        std::ranges::any_of(tasks_, [](const auto& entry) { return entry.second.state != State::recovering; });
    if (busy) return;
    if (!identified_) {
        leave(out, failed_one_ && settings_.once ? ExitCode::failed : ExitCode::ok, std::nullopt);
        return;
    }
    saying_goodbye_ = true;
    out.push_back(SendFrame{R"({"type":"ping"})"});
}

void WorkerProtocol::leave(WorkerActions& out, ExitCode code, std::optional<Failure> failure) {
    left_ = true;
    out.push_back(Leave{code, std::move(failure)});
}

}  // namespace agentcom::cli
