#include "tools/cli/failure.hpp"

#include "core/base/json.hpp"
#include "tools/cli/answer.hpp"

namespace agentcom::cli {

std::string_view exit_code_name(ExitCode code) {
    switch (code) {
        case ExitCode::ok:
            return "ok";
        case ExitCode::failed:
            return "failed";
        case ExitCode::usage:
            return "usage";
        case ExitCode::not_found:
            return "not_found";
        case ExitCode::conflict:
            return "conflict";
        case ExitCode::auth:
            return "auth";
        case ExitCode::timeout:
            return "timeout";
        case ExitCode::unavailable:
            return "unavailable";
    }
    return "failed";
}

std::string failure_text(const Failure& failure) {
    std::string text = "agentcom: " + failure.what;
    if (!failure.why.empty()) text += ": " + failure.why;
    text += '\n';
    if (!failure.next.empty()) text += "  " + failure.next + "\n";
    return text;
}

std::string failure_json(const Failure& failure) {
    json::Writer out;
    out.begin_object().member("schema_version", kOutputSchemaVersion).key("error").begin_object();
    out.member("code", exit_code_name(failure.code)).member("exit_code", static_cast<int>(failure.code));
    out.member("message", failure.why.empty() ? failure.what : failure.what + ": " + failure.why);
    out.member("hint", failure.next);
    if (!failure.hub_body_raw.empty()) out.raw_member("hub", failure.hub_body_raw);
    out.end_object().end_object();
    return out.take() + "\n";
}

}  // namespace agentcom::cli
