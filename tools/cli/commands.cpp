#include "tools/cli/commands.hpp"

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/command_line.hpp"

namespace agentcom::cli {

using std::chrono::milliseconds;

namespace {

// Below what the hub allows (55 s) and what proxies cut.
constexpr milliseconds kLongPoll{25'000};

int print_failure(const Failure& failure, bool as_json, std::ostream& out, std::ostream& err) {
    // A failure without words has been told already, as a worker tells the end of its one task.
    if (!failure.what.empty()) {
        if (as_json) {
            out << failure_json(failure) << std::flush;
        } else {
            err << failure_text(failure);
        }
    }
    return static_cast<int>(failure.code);
}

int print_information(const Information& information, bool as_json, std::ostream& out) {
    if (as_json) {
        json::Writer data;
        data.begin_object().member("text", information.text).end_object();
        out << data_document(data.take());
    } else {
        out << information.text;
    }
    return out.flush() ? 0 : static_cast<int>(ExitCode::failed);
}

std::filesystem::path current_directory() {
    std::error_code ignored;
    return std::filesystem::current_path(ignored);
}

}  // namespace

milliseconds CommandContext::time_left() const {
    if (!deadline) return kForever;
    return std::max(*deadline - surroundings.now(), milliseconds{0});
}

milliseconds CommandContext::long_poll() const { return std::min(kLongPoll, time_left()); }

Trouble emit(const CommandContext& context, const Answer& answer) {
    context.out << rendered(answer, context.options.json, context.options.fields);
    if (context.out.flush()) return std::nullopt;
    return Failure{
        ExitCode::failed, "the answer could not be written out", "standard output is closed or full", "", {}};
}

Trouble emit_line(const CommandContext& context, std::string_view data_raw, const std::function<std::string()>& text) {
    return emit(context, Answer{std::string(data_raw), "", text});
}

Failure time_is_over(std::string what, std::string next) {
    return Failure{ExitCode::timeout, std::move(what), "the time given with --timeout is over", std::move(next), {}};
}

int run_command_line(const std::vector<std::string>& arguments, std::istream& in, std::ostream& out,
                     std::ostream& err) {
    auto parsed = parse_command_line(arguments);
    const bool as_json = wants_json(arguments);
    if (!parsed) return print_failure(parsed.failure(), as_json, out, err);
    if (const Information* information = std::get_if<Information>(&*parsed)) {
        return print_information(*information, as_json, out);
    }
    Options& options = std::get<Options>(*parsed);
    if (options.data_dir.empty()) options.data_dir = process_environment("AGENTCOM_DATA");
    const Directories directories = Directories::from_environment();
    Outcome<Choices> choices = choose(options, process_environment, current_directory(), directories);
    if (!choices) return print_failure(choices.failure(), as_json, out, err);
    const Surroundings surroundings = Surroundings::of_machine();
    std::optional<milliseconds> deadline;
    if (options.timeout_ms) deadline = surroundings.now() + milliseconds(*options.timeout_ms);
    const CommandContext context{options,  *choices, directories, tcp_transport(choices->hub_url), surroundings,
                                 deadline, in,       out,         Terminal::of_standard_output()};
    const Trouble trouble = std::visit([&](const auto& command) { return run(context, command); }, options.command);
    if (trouble) {
        out.flush();
        return print_failure(*trouble, as_json, out, err);
    }
    return out.flush() ? 0 : static_cast<int>(ExitCode::failed);
}

}  // namespace agentcom::cli
