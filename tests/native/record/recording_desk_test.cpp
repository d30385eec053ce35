#include "native-server/record/recording_desk.hpp"

#include <catch2/catch.hpp>

#include <condition_variable>
#include <mutex>

#include "core/base/json.hpp"
#include "tests/native/record/record_world.hpp"

using namespace agentcom;
using namespace agentcom::test;

namespace {

/// What the desk answers, one after the other.
class Answers {
  public:
    void add(Effect effect) {
        {
            const std::lock_guard lock(mutex_);
            effects_.push_back(std::move(effect));
        }
        wake_.notify_one();
    }
    Effect next() {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !effects_.empty(); });
        Effect effect = std::move(effects_.front());
        effects_.erase(effects_.begin());
        return effect;
    }

  private:
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Effect> effects_;
};

AnswerRecording list_of(RequestId request) {
    AnswerRecording what;
    what.request = request;
    what.list = true;
    return what;
}

AnswerRecording contents_of(RequestId request) {
    AnswerRecording what;
    what.request = request;
    return what;
}

}  // namespace

TEST_CASE("without a recording there is an empty list and nothing to download") {
    const RecordDirectory directory;
    Answers answers;
    RecordingDesk desk(directory.recording(), false, [&](Effect effect) { answers.add(std::move(effect)); });
    desk.begin(list_of(1));
    const auto list = std::get<HttpRespond>(answers.next());
    CHECK(list.request == 1);
    CHECK(list.status == 200);
    CHECK(list.body == R"({"recording":false,"reaches_back_to":null,"bytes":0,"segments":[]})");
    CHECK_FALSE(desk.owns(1));
    desk.begin(contents_of(2));
    CHECK(desk.owns(2));
    CHECK(std::get<HttpRespond>(answers.next()).status == 404);
}

TEST_CASE("a download comes piece by piece, each when it is asked for") {
    const RecordDirectory directory;
    RecorderOptions options;
    options.block_bytes = 50'000;
    RecordWorld world(directory.recording(), options);
    world.run(6'000);
    world.stop();
    Answers answers;
    RecordingDesk desk(directory.recording(), true, [&](Effect effect) { answers.add(std::move(effect)); });
    desk.begin(list_of(1));
    const auto list = std::get<HttpRespond>(answers.next());
    CHECK(json::members(list.body).find("recording")->raw == "true");
    CHECK(json::elements(json::members(list.body).find("segments")->raw).size() >= 1);

    desk.begin(contents_of(2));
    const auto head = std::get<HttpRespond>(answers.next());
    CHECK(head.stream);
    CHECK(head.status == 200);
    std::string bytes;
    int pieces = 0;
    for (;;) {
        const auto piece = std::get<HttpBody>(answers.next());
        REQUIRE(piece.text);
        bytes += *piece.text;
        ++pieces;
        REQUIRE(piece.end != HttpBody::End::cut);
        if (piece.end == HttpBody::End::complete) break;
        desk.more(2);
    }
    CHECK(pieces > 1);
    desk.end(2);
    CHECK_FALSE(desk.owns(2));
    replay::Player player(gunzip, "v");
    const replay::Recording recording = replay::read_recording(bytes);
    for (const replay::Segment& segment : recording.segments) CHECK(player.play(segment).problems.empty());
    CHECK(player.hub()->digest() == world.hub.digest());
}
