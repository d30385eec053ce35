// Recordings: what a hub has, as a file, and whether it is what it says.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "agentcom_version.hpp"
#include "core/base/json.hpp"
#include "core/replay/player.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/gunzip.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/text.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

namespace {

std::string bytes_text(int64_t bytes) {
    constexpr int64_t kKiB = 1'024;
    if (bytes < 10 * kKiB) return std::to_string(bytes) + " B";
    if (bytes < 10 * kKiB * kKiB) return std::to_string(bytes / kKiB) + " KiB";
    return std::to_string(bytes / kKiB / kKiB) + " MiB";
}

std::string list_text(const json::Object& answer) {
    std::string text;
    if (raw_of(answer, "recording") != "true") text = "The hub does not record (setting recording).\n";
    std::vector<std::vector<std::string>> rows;
    for (const json::Value& segment : elements_of(answer, "segments")) {
        const json::Object members = members_of(segment.raw);
        const std::string ended = text_of(members, "ended");
        rows.push_back({std::to_string(number_of(members, "segment")), instant_text(number_of(members, "from")),
                        instant_text(number_of(members, "to")), std::to_string(number_of(members, "inputs")),
                        bytes_text(number_of(members, "bytes")), ended.empty() ? "-" : ended});
    }
    if (rows.empty()) return text + "nothing is recorded\n";
    return text + table_text({"SEGMENT", "FROM", "TO", "INPUTS", "SIZE", "ENDED"}, rows, 0, 0) + "reaches back to " +
           instant_text(number_of(answer, "reaches_back_to")) + ", " + bytes_text(number_of(answer, "bytes")) + "\n";
}

std::string time_parameter(const std::string& given, int64_t now_ms) {
    if (given.empty()) return {};
    return std::to_string(parse_time_ms(given, now_ms).value_or(0));
}

/// The files that a path stands for, in the order of their numbers.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) return {path};
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
        if (entry->path().extension() == ".segment") files.push_back(entry->path());
    }
    // Numbers are written with leading zeros; longer ones come later.
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) {
        const std::string x = a.filename().string();
        const std::string y = b.filename().string();
        return std::pair(x.find('-'), x) < std::pair(y.find('-'), y);
    });
    return files;
}

std::optional<std::string> bytes_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in || in.bad()) return std::nullopt;
    return bytes;
}

struct Verdict {
    json::Writer segments;
    std::string text;
    int64_t inputs = 0;
    int64_t digests = 0;
    int64_t problems = 0;

    void add_problem(const std::string& where, const std::string& problem) {
        ++problems;
        text += where + ": " + problem + "\n";
    }
};

void write_texts(json::Writer& out, std::string_view name, const std::vector<std::string>& texts) {
    out.raw_member(name, json::encode_strings(texts));
}

void add_segment(Verdict& verdict, const std::string& file, const replay::SegmentReport& report) {
    verdict.inputs += report.inputs;
    verdict.digests += report.digests;
    const std::string where = "segment " + std::to_string(report.segment);
    verdict.text += where + ": " + instant_text(report.first_ms) + " to " + instant_text(report.last_ms) + ", " +
                    std::to_string(report.inputs) + " inputs played, " + std::to_string(report.digests) +
                    " states compared\n";
    for (const std::string& note : report.notes) verdict.text += where + ": " + note + "\n";
    for (const std::string& problem : report.problems) verdict.add_problem(where, problem);
    verdict.segments.begin_object()
        .member("file", file)
        .member("segment", report.segment)
        .member("run", report.run)
        .member("from", report.first_ms)
        .member("to", report.last_ms)
        .member("inputs", report.inputs)
        .member("turns", report.turns)
        .member("faults", report.faults)
        .member("digests", report.digests)
        .member("played", report.played);
    write_texts(verdict.segments, "problems", report.problems);
    write_texts(verdict.segments, "notes", report.notes);
    verdict.segments.end_object();
}

}  // namespace

Trouble run(const CommandContext& context, const RecordingListCommand&) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    Outcome<std::string> answer = client->get("cannot list the recording", "/api/admin/recording/segments");
    if (!answer) return answer.failure();
    return emit(context, {*answer, "segments", [&] { return list_text(members_of(*answer)); }});
}

Trouble run(const CommandContext& context, const RecordingExportCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::admin);
    if (!client) return client.failure();
    QueryTarget target("/api/admin/recording");
    const int64_t now_ms = context.surroundings.wall_ms();
    target.add("from", time_parameter(command.from, now_ms));
    target.add("to", time_parameter(command.to, now_ms));
    target.add("strip", command.strip);
    const std::string what = "cannot export the recording";
    std::error_code error;
    if (std::filesystem::exists(command.file, error)) {
        return Failure{ExitCode::usage, what, command.file + " is there already", "Name another file.", {}};
    }
    // It holds what everybody wrote: only its owner may read it, from its first byte on.
    if (Trouble trouble = write_private_file(command.file, "")) return trouble;
    std::ofstream out(command.file, std::ios::binary | std::ios::app);
    int64_t bytes = 0;
    Trouble failed = client->download(what, target.text(), [&](std::string_view piece) {
        bytes += static_cast<int64_t>(piece.size());
        return static_cast<bool>(out.write(piece.data(), static_cast<std::streamsize>(piece.size())));
    });
    out.close();
    if (!failed && !out) failed = Failure{ExitCode::failed, what, command.file + " cannot be written", "", {}};
    if (failed) {
        remove_file(command.file);
        return failed;
    }
    json::Writer data;
    data.begin_object().member("file", command.file).member("bytes", bytes).end_object();
    return emit(context, {data.take(), "", [&] { return command.file + ": " + bytes_text(bytes) + "\n"; }});
}

Trouble run(const CommandContext& context, const RecordingVerifyCommand& command) {
    const std::vector<std::filesystem::path> files = files_of(command.path);
    Verdict verdict;
    verdict.segments.begin_array();
    replay::Player player(gunzip, std::string(kVersion));
    for (const std::filesystem::path& file : files) {
        const std::optional<std::string> bytes = bytes_of(file);
        if (!bytes) {
            return Failure{ExitCode::not_found,
                           "cannot verify the recording",
                           file.string() + " cannot be read",
                           "Name a file that `recording export` wrote, or DIR/recording of a hub.",
                           {}};
        }
        const replay::Recording recording = replay::read_recording(*bytes);
        for (const std::string& problem : recording.problems) verdict.add_problem(file.string(), problem);
        for (const replay::Segment& segment : recording.segments) {
            add_segment(verdict, file.string(), player.play(segment));
        }
    }
    if (files.empty()) verdict.add_problem(command.path, "there are no segments in it");
    verdict.segments.end_array();
    json::Writer data;
    data.begin_object()
        .member("good", verdict.problems == 0)
        .member("inputs", verdict.inputs)
        .member("digests", verdict.digests)
        .member("problems", verdict.problems)
        .raw_member("segments", verdict.segments.take())
        .end_object();
    const std::string end = verdict.problems == 0
                                ? "good: " + std::to_string(verdict.digests) + " states are as they were\n"
                                : std::to_string(verdict.problems) + " problems\n";
    if (Trouble trouble = emit(context, {data.take(), "segments", [&] { return verdict.text + end; }})) return trouble;
    // All is said.
    if (verdict.problems > 0) return Failure{ExitCode::failed, "", "", "", {}};
    return std::nullopt;
}

}  // namespace agentcom::cli
