#include <algorithm>
#include <cstdio>
#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/patience.hpp"
#include "tools/cli/task_wait.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

using std::chrono::milliseconds;

// Between two looks for the next attempt of a task that waits to be tried again.
constexpr milliseconds kAttemptPause{1'000};

bool has_ended(const json::Object& task) {
    const std::string status = text_of(task, "status");
    return status == "completed" || status == "dead_letter" || status == "cancelled";
}

// Reads the output of a task page by page and prints it.
class LogReader {
  public:
    LogReader(const CommandContext& context, HubClient& client, const TaskLogsCommand& command)
        : context_(context),
          client_(client),
          command_(command),
          what_("cannot show the output of task " + command.task_id),
          position_(command.since),
          generation_(command.generation) {}

    // Everything there is, then the end.
    Trouble show() {
        std::string chunks;
        std::string first_start = "null";
        for (;;) {
            Outcome<std::string> page = client_.get(what_, target(milliseconds{0}));
            if (!page) return page.failure();
            const json::Object members = members_of(*page);
            if (first_start == "null") first_start = raw_of(members, "start");
            const std::vector<json::Value> found = elements_of(members, "chunks");
            for (const json::Value& chunk : found) {
                if (context_.options.json) {
                    chunks += (chunks.empty() ? "" : ",") + std::string(chunk.raw);
                } else {
                    print(members_of(chunk.raw));
                }
            }
            take_position(members);
            if (!found.empty() && position_ < number_of(members, "end")) continue;
            if (!context_.options.json) return flushed();
            return emit(context_, {document(members, first_start, chunks), "chunks", nullptr});
        }
    }

    // What there is and what comes, attempt after attempt, until the task has ended.
    Trouble follow() {
        HubPatience patience(context_.surroundings);
        for (;;) {
            const milliseconds wait = context_.long_poll();
            if (wait <= milliseconds{0}) {
                return time_is_over("task " + command_.task_id + " has not ended", "It goes on, and so can you.");
            }
            const milliseconds asked_at = context_.surroundings.now();
            Outcome<std::string> page = client_.long_poll(what_, target(wait), wait);
            if (!page && page.failure().code == ExitCode::timeout) continue;
            if (!page) {
                if (Trouble trouble = patience.after_long_poll(page, asked_at, wait, context_.time_left()))
                    return trouble;
                continue;
            }
            const json::Object members = members_of(*page);
            const std::vector<json::Value> chunks = elements_of(members, "chunks");
            if (Trouble trouble = print_page(members, chunks)) return trouble;
            take_position(members);
            if (raw_of(members, "ended") == "true" || raw_of(members, "generation") == "null") {
                Outcome<bool> over = task_is_over(members);
                if (!over) return over.failure();
                if (*over) return std::nullopt;
            } else if (chunks.empty()) {
                if (Trouble trouble = patience.after_long_poll(page, asked_at, wait, context_.time_left()))
                    return trouble;
            }
        }
    }

  private:
    std::string target(milliseconds wait) const {
        QueryTarget query(task_target(command_.task_id) + "/output");
        if (position_ > 0) query.add("since", std::to_string(position_));
        if (generation_) query.add("generation", std::to_string(*generation_));
        if (wait > milliseconds{0}) query.add("wait_ms", std::to_string(wait.count()));
        return query.text();
    }

    void take_position(const json::Object& page) {
        // Never back: output may be shown before it is stored, and a hub that was killed gets it again from its holder.
        position_ = std::max(position_, number_of(page, "next", position_));
        // From now on the same attempt, also when a newer one begins while this one is being read.
        if (!generation_ && raw_of(page, "generation") != "null") generation_ = number_of(page, "generation");
    }

    // Whether there is nothing more to come; else gets ready for the next attempt.
    Outcome<bool> task_is_over(const json::Object& page) {
        if (command_.generation && raw_of(page, "ended") == "true") return true;
        Outcome<std::string> task = client_.get(what_, task_target(command_.task_id));
        if (!task) return task.failure();
        const json::Object members = members_of(*task);
        const int64_t newest = number_of(members, "generation");
        const bool has_next = generation_ && newest > *generation_;
        if (has_ended(members) && !has_next) return true;
        if (has_next) {
            context_.surroundings.notice("attempt " + std::to_string(*generation_) + " has ended; this is attempt " +
                                         std::to_string(newest));
            generation_ = newest;
            position_ = 0;
            return false;
        }
        context_.surroundings.sleep(std::min(kAttemptPause, context_.time_left()));
        return false;
    }

    Trouble print_page(const json::Object& page, const std::vector<json::Value>& chunks) {
        for (const json::Value& chunk : chunks) {
            if (!context_.options.json) {
                print(members_of(chunk.raw));
                continue;
            }
            json::Writer line;
            line.begin_object()
                .member("task_id", command_.task_id)
                .raw_member("generation", raw_of(page, "generation"));
            for (const json::Member& member : json::members(chunk.raw)) line.raw_member(member.key, member.value.raw);
            if (Trouble trouble = emit_line(context_, line.end_object().take(), nullptr)) return trouble;
        }
        return flushed();
    }

    std::string document(const json::Object& page, const std::string& start, const std::string& chunks) const {
        json::Writer data;
        data.begin_object();
        for (const json::Member& member : page) {
            if (member.key == "chunks") {
                data.raw_member("chunks", "[" + chunks + "]");
            } else {
                data.raw_member(member.key, member.key == "start" ? std::string_view(start) : member.value.raw);
            }
        }
        return data.end_object().take();
    }

    // Standard output stays standard output, and standard error standard error.
    void print(const json::Object& chunk) {
        std::string text = text_of(chunk, "text");
        if (context_.terminal.is_terminal && !command_.raw) text = terminal_safe(text);
        if (text_of(chunk, "stream") != "stderr") {
            context_.out << text;
            return;
        }
        context_.out.flush();
        std::fwrite(text.data(), 1, text.size(), stderr);
    }

    Trouble flushed() {
        if (context_.out.flush()) return std::nullopt;
        return Failure{ExitCode::failed, what_, "standard output is closed or full", "", {}};
    }

    const CommandContext& context_;
    HubClient& client_;
    const TaskLogsCommand& command_;
    std::string what_;
    int64_t position_ = 0;
    std::optional<int64_t> generation_;
};

}  // namespace

Trouble run(const CommandContext& context, const TaskLogsCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    LogReader reader(context, *client, command);
    return command.follow ? reader.follow() : reader.show();
}

}  // namespace agentcom::cli
