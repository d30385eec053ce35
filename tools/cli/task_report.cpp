#include "tools/cli/task_report.hpp"

#include <algorithm>
#include <cstring>

#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/base/utf8.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

std::string complete_frame(std::string_view task_id, int64_t generation, const CommandResult& result,
                           std::string_view data_raw) {
    json::Writer out;
    out.begin_object().member("type", "task_complete").member("task_id", task_id).member("generation", generation);
    out.key("result").begin_object().member("status", "success").member("output", repaired_utf8(result.output));
    if (result.output_cut) out.member("output_truncated", true);
    out.member("exit_status", result.exit_status).member("duration_ms", result.duration_ms);
    if (!data_raw.empty()) {
        out.raw_member("data", data_raw);
        const json::Object data = json::members(data_raw);
        const json::Value* tokens_used = data.find("tokens_used");
        if (tokens_used != nullptr && tokens_used->kind == json::Kind::integer) {
            out.raw_member("tokens_used", tokens_used->raw);
        }
    }
    out.end_object();
    if (result.usage.is_known) {
        out.member("tokens_used", result.usage.input_tokens + result.usage.output_tokens);
        out.key("usage").begin_object();
        if (!result.usage.model.empty()) out.member("model", result.usage.model);
        out.member("input_tokens", result.usage.input_tokens).member("output_tokens", result.usage.output_tokens);
        if (result.usage.cost_micros) out.member("cost_micros", *result.usage.cost_micros);
        out.end_object();
    }
    return out.end_object().take();
}

}  // namespace

std::string ending_text(const CommandResult& result) {
    if (!result.start_error.empty()) return "cannot start: " + repaired_utf8(result.start_error);
    if (result.signal != 0) {
        const char* name = ::strsignal(result.signal);
        return "killed by signal " + std::to_string(result.signal) +
               (name == nullptr ? "" : " (" + std::string(name) + ")");
    }
    if (result.exit_status == 0 && !result.reported_error.empty()) return repaired_utf8(result.reported_error);
    return "exit status " + std::to_string(result.exit_status);
}

std::string failed_frame(std::string_view task_id, int64_t generation, std::string_view reason) {
    json::Writer out;
    out.begin_object().member("type", "task_failed").member("task_id", task_id).member("generation", generation);
    out.member("reason", truncate_code_points(reason, kMaxFailureTextCodePoints));
    return out.end_object().take();
}

std::string report_frame(std::string_view task_id, int64_t generation, const CommandResult& result) {
    if (!result.succeeded()) {
        std::string reason = ending_text(result);
        const bool told = result.exit_status != 0 && !result.reported_error.empty();
        const std::string errors = repaired_utf8(trimmed(told ? result.reported_error : result.errors));
        if (!errors.empty()) {
            reason += "\n";
            // The last lines say what went wrong; the first may be a banner.
            const size_t used = std::min(count_code_points(reason), kMaxFailureTextCodePoints);
            reason += last_code_points(errors, kMaxFailureTextCodePoints - used);
        }
        return failed_frame(task_id, generation, reason);
    }
    const std::string_view output = trimmed(result.output);
    const bool is_object = !result.output_cut && output.starts_with('{') && json::validate(output);
    if (is_object) {
        std::string frame = complete_frame(task_id, generation, result, output);
        // Two levels deeper in the frame, it may pass the hub's limit for nesting.
        if (json::validate(frame)) return frame;
    }
    return complete_frame(task_id, generation, result, {});
}

}  // namespace agentcom::cli
