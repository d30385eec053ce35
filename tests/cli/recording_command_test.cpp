#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "agentcom_version.hpp"
#include "core/replay/recording_format.hpp"
#include "tests/cli/stage.hpp"

using namespace agentcom;
using namespace agentcom::cli;

namespace {

std::string text_of(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
}

/// A transport that hands a download over in two pieces.
CommandContext downloading(Stage& stage, unsigned status, std::string body) {
    const CommandContext context = stage.context();
    const HttpTransport transport = [&stage, status, body](const HttpRequest& request) -> HttpReply {
        stage.requests.push_back(request);
        if (status > 299) return HttpAnswer{status, body, {}};
        for (const std::string& piece : {body.substr(0, 3), body.substr(3)}) {
            if (!request.sink(piece)) return HttpLoss{HttpLoss::Stage::exchange, "full"};
        }
        return HttpAnswer{status, "", {}};
    };
    return CommandContext{context.options,  context.choices, context.directories, transport,       context.surroundings,
                          context.deadline, context.in,      context.out,         context.terminal};
}

}  // namespace

TEST_CASE("the parts of a recording are listed") {
    Stage stage;
    stage.answer(
        200, R"({"recording":true,"reaches_back_to":1800000000000,"bytes":20480,"segments":[{"segment":7,"run":"r",)"
             R"("hub_version":"v","from":1800000000000,"to":1800000001000,"inputs":12,"bytes":20480,)"
             R"("snapshot":true,"ended":null}]})");
    CHECK(!run(stage.context(), RecordingListCommand{}));
    CHECK(stage.requests.front().target == "/api/admin/recording/segments");
    CHECK(stage.out.str().find("7") != std::string::npos);
    CHECK(stage.out.str().find("20 KiB") != std::string::npos);

    Stage off;
    off.answer(200, R"({"recording":false,"reaches_back_to":null,"bytes":0,"segments":[]})");
    CHECK(!run(off.context(), RecordingListCommand{}));
    CHECK(off.out.str() == "The hub does not record (setting recording).\nnothing is recorded\n");
}

TEST_CASE("an export lands in a new file that only its owner reads") {
    Stage stage;
    const std::filesystem::path file = stage.home.path() / "out";
    CHECK(!run(downloading(stage, 200, "some bytes"),
               RecordingExportCommand{file.string(), "2027-01-15T08:00:00Z", "2027-01-15T09:00:00Z", "payloads"}));
    CHECK(stage.requests.front().target == "/api/admin/recording?from=1800000000000&to=1800003600000&strip=payloads");
    CHECK(text_of(file) == "some bytes");
    CHECK(std::filesystem::status(file).permissions() ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));

    const Trouble twice = run(downloading(stage, 200, "other"), RecordingExportCommand{file.string(), "", "", ""});
    REQUIRE(twice);
    CHECK(twice->code == ExitCode::usage);
    CHECK(text_of(file) == "some bytes");

    const std::filesystem::path none = stage.home.path() / "none";
    const Trouble trouble = run(downloading(stage, 404, R"({"error":"nothing_recorded"})"),
                                RecordingExportCommand{none.string(), "", "", ""});
    REQUIRE(trouble);
    CHECK(trouble->code == ExitCode::not_found);
    CHECK_FALSE(std::filesystem::exists(none));
}

TEST_CASE("verify says what it finds") {
    Stage stage;
    CHECK(run(stage.context(), RecordingVerifyCommand{(stage.home.path() / "nothing").string()})->code ==
          ExitCode::not_found);
    const std::filesystem::path directory = stage.home.path() / "recording";
    std::filesystem::create_directories(directory);
    CHECK(run(stage.context(), RecordingVerifyCommand{directory.string()})->code == ExitCode::failed);
    std::ofstream(directory / "00000001-5.segment") << "no recording";
    CHECK(run(stage.context(), RecordingVerifyCommand{directory.string()})->code == ExitCode::failed);
    CHECK(stage.out.str().find("does not begin as a recording") != std::string::npos);
    replay::SegmentHead head;
    head.hub_version = std::string(kVersion);
    std::ofstream(directory / "00000001-5.segment") << replay::encode_head(head);
    CHECK(run(stage.context(), RecordingVerifyCommand{directory.string()})->code == ExitCode::failed);
    CHECK(stage.out.str().find("snapshot is not complete") != std::string::npos);
}
