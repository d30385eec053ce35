#include "native-server/server/fault_guard.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/time.hpp"
#include "core/hub/hub.hpp"

namespace agentcom {
namespace {

namespace fs = std::filesystem;

// A data directory that goes with the test.
class TempDirectory {
  public:
    TempDirectory() {
        char name[] = "/tmp/agentcom-fault-XXXXXX";
        path_ = mkdtemp(name);
    }
    ~TempDirectory() { fs::remove_all(path_); }
    const std::string& path() const { return path_; }
    std::vector<fs::path> faults() const {
        std::vector<fs::path> files;
        for (const auto& entry : fs::directory_iterator(path_ + "/faults")) files.push_back(entry.path());
        return files;
    }

  private:
    std::string path_;
};

Input frame_input(const std::string& text, int64_t second = 0) {
    FrameReceived frame;
    frame.connection = 3;
    frame.text = text;
    return Input{Time{1'700'000'000'000 + second * 1'000, second * kUsPerSecond}, frame};
}

Fault fault_at(int line) { return Fault{"a broken invariant", "core/x.cpp", line, 3, 0}; }

std::string no_state() { return "state"; }

}  // namespace

TEST_CASE("an input that faulted is refused, also by the next run", "[server]") {
    const TempDirectory directory;
    const Settings settings;
    {
        FaultGuard guard(directory.path(), settings);
        CHECK_FALSE(guard.refuses(frame_input("{\"a\":1}").body));
        const FaultGuard::Outcome outcome = guard.take(frame_input("{\"a\":1}"), fault_at(1), no_state);
        CHECK(outcome.error.empty());
        CHECK_FALSE(outcome.give_up);
        CHECK(guard.refuses(frame_input("{\"a\":1}", 9).body));
        CHECK_FALSE(guard.refuses(frame_input("{\"a\":2}").body));
    }
    const FaultGuard next(directory.path(), settings);
    CHECK(next.refuses(frame_input("{\"a\":1}").body));
    CHECK_FALSE(next.refuses(frame_input("{\"a\":2}").body));
}

TEST_CASE("a request is known by method, path, query and body", "[server]") {
    HttpRequest request;
    request.method = Method::post;
    request.path = "/api/tasks";
    request.body = "{}";
    const auto hash = refusal_hash(request);
    REQUIRE(hash.has_value());
    HttpRequest same = request;
    same.request = 99;
    same.peer = "elsewhere";
    CHECK(refusal_hash(same) == hash);
    HttpRequest other = request;
    other.query = "a=1";
    CHECK(refusal_hash(other) != hash);
    CHECK_FALSE(refusal_hash(Tick{}).has_value());
}

TEST_CASE("fault files are private, and the state is saved once a minute for each place", "[server]") {
    const TempDirectory directory;
    FaultGuard guard(directory.path(), Settings{});
    int states = 0;
    const auto state = [&] { return ++states, std::string(1'000, 's'); };
    for (int second = 0; second < 59; ++second) {
        const Input input = frame_input("{\"n\":" + std::to_string(second) + "}", second);
        CHECK_FALSE(guard.take(input, fault_at(1), state).give_up);
    }
    CHECK(states == 1);
    guard.take(frame_input("{}", 60), fault_at(1), state);
    CHECK(states == 2);
    const auto files = directory.faults();
    CHECK(files.size() == 60);
    for (const fs::path& path : files) {
        struct stat status {};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0600);
    }
}

TEST_CASE("at most 100 files are kept, the newest", "[server]") {
    const TempDirectory directory;
    FaultGuard guard(directory.path(), Settings{});
    for (int second = 0; second < 105; ++second) {
        guard.take(frame_input("{\"n\":" + std::to_string(second) + "}", second), fault_at(1), no_state);
    }
    CHECK(directory.faults().size() == 100);
    const FaultGuard next(directory.path(), Settings{});
    CHECK_FALSE(next.refuses(frame_input("{\"n\":4}").body));
    CHECK(next.refuses(frame_input("{\"n\":5}").body));
}

TEST_CASE("three places in the code within a minute end the process, one place never does", "[server]") {
    const TempDirectory directory;
    FaultGuard guard(directory.path(), Settings{});
    const auto take = [&](int second, int line) {
        const std::string text = "{\"n\":" + std::to_string(second) + "}";
        return guard.take(frame_input(text, second), fault_at(line), no_state).give_up;
    };
    CHECK_FALSE(take(0, 1));
    CHECK_FALSE(take(1, 1));
    CHECK_FALSE(take(2, 1));
    CHECK_FALSE(take(3, 2));
    CHECK_FALSE(take(64, 3));
    CHECK_FALSE(take(65, 1));
    CHECK(take(66, 2));
}

TEST_CASE("a saved fault can be repeated", "[server]") {
    const TempDirectory directory;
    Settings settings;
    settings.planted_fault = "poison";
    Hub hub(settings);
    Started started;
    started.seed = 1;
    started.epoch = std::string(32, 'e');
    REQUIRE_FALSE(hub.apply(Input{Time{1, 1}, started}).has_value());
    REQUIRE_FALSE(hub.apply(Input{Time{1, 1}, ConnectionOpened{3, "127.0.0.1", true}}).has_value());
    hub.end_turn();
    const std::string state = hub.save();
    const Input input = frame_input("{\"type\":\"ping\",\"x\":\"poison\"}", 1);
    const auto fault = hub.apply(input);
    REQUIRE(fault.has_value());
    FaultGuard guard(directory.path(), settings);
    const FaultGuard::Outcome saved = guard.take(input, *fault, [&] { return state; });
    const ReplayOutcome replayed = replay_fault(saved.saved_as);
    CHECK(replayed.loaded);
    CHECK(replayed.repeated);
    CHECK(replayed.text.find(fault->text) != std::string::npos);
    CHECK_FALSE(replay_fault(directory.path() + "/none").loaded);
}

}  // namespace agentcom
