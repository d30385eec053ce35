#include "core/state/effect.hpp"

namespace agentcom {

std::string storage_unavailable_frame() { return R"({"type":"error","error":"storage_unavailable"})"; }

HttpRespond storage_unavailable_response(RequestId request) {
    return HttpRespond{request,
                       503,
                       {{"retry-after", "1"}},
                       R"({"error":"storage_unavailable","message":"nothing was stored; try again later"})",
                       std::nullopt,
                       false};
}

std::optional<Effect> effect_of_failed_turn(const Effect& effect) {
    if (const auto* frame = std::get_if<SendFrame>(&effect)) {
        if (!frame->reply) return std::nullopt;
        return SendFrame{frame->to, std::make_shared<const std::string>(storage_unavailable_frame()), true, 0};
    }
    if (const auto* response = std::get_if<HttpRespond>(&effect))
        return storage_unavailable_response(response->request);
    if (const auto* line = std::get_if<LogEvent>(&effect); line != nullptr && line->recorded) return std::nullopt;
    // A piece left out would be a gap that nobody sees.
    if (const auto* piece = std::get_if<HttpBody>(&effect))
        return HttpBody{piece->request, nullptr, HttpBody::End::cut};
    if (const auto* recording = std::get_if<AnswerRecording>(&effect))
        return storage_unavailable_response(recording->request);
    // What was to be told, and the secret's use, were taken back.
    if (std::holds_alternative<Deliver>(effect) || std::holds_alternative<KeepSecret>(effect) ||
        std::holds_alternative<ForgetSecret>(effect)) {
        return std::nullopt;
    }
    return effect;
}

}  // namespace agentcom
