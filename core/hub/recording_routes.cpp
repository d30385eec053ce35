#include "core/hub/recording_routes.hpp"

#include "core/hub/audit.hpp"

namespace agentcom::requests {

std::vector<std::pair<std::string, std::string>> recording_headers() {
    return {{"content-type", "application/octet-stream"},
            {"content-disposition", "attachment; filename=\"agentcom.recording\""}};
}

Reply on_recording(const Call& call) {
    AnswerRecording answer;
    answer.request = call.request.request;
    answer.from_ms = query_integer(call.query, "from").value_or(0);
    answer.to_ms = query_integer(call.query, "to").value_or(INT64_MAX);
    if (const std::string* strip = find_parameter(call.query, "strip")) {
        if (*strip != "payloads") return error_answer(422, "bad_value", "strip takes one word: payloads");
        answer.strip_payloads = true;
    }
    // It may be long, and nobody takes it: like a stream, it has a head without it.
    if (call.request.method == Method::head) return Answer{200, "", std::nullopt, recording_headers()};
    // It holds what everybody wrote, so that somebody took it is noted; a hub that cannot write lets it go all the
    // same.
    if (!call.ctx.read_only()) {
        json::Writer after;
        after.begin_object().member("stripped", answer.strip_payloads).end_object();
        audit(call, "recording_exported", "", "null", after.take());
    }
    call.ctx.emit(answer);
    return std::nullopt;
}

Reply on_recording_segments(const Call& call) {
    AnswerRecording answer;
    answer.request = call.request.request;
    answer.list = true;
    call.ctx.emit(answer);
    return std::nullopt;
}

}  // namespace agentcom::requests
