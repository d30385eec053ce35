#include "tools/cli/worker_protocol.hpp"

#include <catch2/catch.hpp>

using namespace agentcom;
using namespace agentcom::cli;

namespace {

// One line per action, so that a test reads as a transcript.
std::string line_of(const WorkerAction& action) {
    struct Printer {
        std::string operator()(const SendFrame& a) const { return "send " + a.text; }
        std::string operator()(const StartCommand& a) const {
            return "start " + a.task_id + " " + std::to_string(a.generation) + " " + a.task_raw;
        }
        std::string operator()(const StopCommand& a) const {
            return "stop " + a.task_id + (a.grace ? " within " + std::to_string(a.grace->count()) : "");
        }
        std::string operator()(const WriteInput& a) const { return "say " + a.task_id + " " + a.from + ": " + a.text; }
        std::string operator()(const WakeForOutput&) const { return "wake for output"; }
        std::string operator()(const KeepEntry& a) const {
            return "keep " + a.entry.task_id + " " + std::to_string(a.entry.generation) +
                   (a.entry.report_raw.empty() ? " running" : " reported");
        }
        std::string operator()(const ForgetEntry& a) const { return "forget " + a.task_id; }
        std::string operator()(const WakeForReport& a) const { return "wake " + std::to_string(a.delay.count()); }
        std::string operator()(const Reconnect& a) const { return "reconnect " + std::to_string(a.at_least.count()); }
        std::string operator()(const Welcomed&) const { return "welcomed"; }
        std::string operator()(const Tell&) const { return ""; }
        std::string operator()(const Leave& a) const { return "leave " + std::string(exit_code_name(a.code)); }
    };
    return std::visit(Printer{}, action);
}

using Lines = std::vector<std::string>;

Lines lines_of(const WorkerActions& actions) {
    Lines lines;
    for (const WorkerAction& action : actions) {
        if (std::string line = line_of(action); !line.empty()) lines.push_back(std::move(line));
    }
    return lines;
}

CommandResult success(std::string output = "ok") {
    CommandResult result;
    result.output = std::move(output);
    result.duration_ms = 7;
    return result;
}

CommandResult failure(int exit_status) {
    CommandResult result;
    result.exit_status = exit_status;
    return result;
}

std::string assign(const std::string& id, int generation) {
    return R"({"type":"task_assign","task_id":")" + id +
           R"(","description":"do","metadata":{"n":1e400},"generation":)" + std::to_string(generation) +
           R"(,"assigned_at":5})";
}

std::string task(const std::string& id, int generation) {
    return R"({"task_id":")" + id + R"(","description":"do","metadata":{"n":1e400},"generation":)" +
           std::to_string(generation) + R"(,"assigned_at":5})";
}

std::string frame(const std::string& type, const std::string& id, int generation) {
    return R"({"type":")" + type + R"(","task_id":")" + id + R"(","generation":)" + std::to_string(generation) + "}";
}

std::string completed(const std::string& id, int generation) {
    return R"({"type":"task_complete","task_id":")" + id + R"(","generation":)" + std::to_string(generation) +
           R"(,"result":{"status":"success","output":"ok","exit_status":0,"duration_ms":7}})";
}

std::string ack(const std::string& id, const std::string& status) {
    return R"({"type":"task_ack","task_id":")" + id + R"(","status":")" + status + R"("})";
}

const std::string kIdentified = R"({"type":"identified","agent_id":"w"})";
const std::string kPing = R"(send {"type":"ping"})";

Lines taken(const std::string& id, int generation) {
    return {"keep " + id + " " + std::to_string(generation) + " running",
            "send " + frame("task_accepted", id, generation),
            "start " + id + " " + std::to_string(generation) + " " + task(id, generation)};
}

// A worker and its transcript.
struct Bench {
    explicit Bench(int64_t slots = 1, bool once = false, std::vector<JournalEntry> kept = {})
        : protocol({"w", "secret", {"code"}, slots, once, true}, std::move(kept)) {}

    Lines receive(const std::string& text) { return lines_of(protocol.frame_received(text)); }
    Lines log_in() {
        protocol.connected();
        return receive(kIdentified);
    }
    // On a hub of today, which names what it knows.
    Lines log_in_2() {
        protocol.connected();
        return receive(R"({"type":"identified","agent_id":"w","features":["task_output","task_note","task_waiting"]})");
    }
    Lines print(const std::string& id, std::string_view text) {
        return lines_of(protocol.command_printed(id, TaskOutput::Stream::standard_output, text));
    }
    Lines end(const std::string& id, const CommandResult& result) {
        return lines_of(protocol.command_ended(id, result));
    }
    Lines lose(unsigned code = 0, std::string_view reason = "") {
        return lines_of(protocol.disconnected(code, reason));
    }
    Lines stop() { return lines_of(protocol.stop_requested()); }

    WorkerProtocol protocol;
};

}  // namespace

TEST_CASE("a worker identifies itself and takes a task to its acknowledged end") {
    Bench bench(2);
    CHECK(lines_of(bench.protocol.connected()) ==
          Lines{R"(send {"type":"identify","agent_id":"w","token":"secret","name":"w","status":"idle",)"
                R"("capabilities":["code"],"client_type":"worker","protocol_version":2,"slots":2,"presence":"none"})"});
    CHECK(bench.protocol.ping_due().empty());
    CHECK(bench.receive(kIdentified) == Lines{"welcomed"});
    CHECK(lines_of(bench.protocol.ping_due()) == Lines{kPing});
    CHECK(bench.receive(assign("t1", 1)) == taken("t1", 1));
    CHECK(bench.receive(ack("t1", "accepted")).empty());
    CHECK(lines_of(bench.protocol.progress_due()) == Lines{"send " + frame("task_progress", "t1", 1)});
    CHECK(bench.end("t1", success()) == Lines{"keep t1 1 reported", "send " + completed("t1", 1)});
    CHECK(bench.protocol.progress_due().empty());
    CHECK(bench.receive(ack("t1", "complete")) == Lines{"forget t1"});
}

TEST_CASE("frames that a worker does not know or cannot read change nothing") {
    Bench bench;
    bench.log_in();
    for (const char* text :
         {"", "{", "[]", "5", "{}", R"({"type":5})", R"({"type":"agent_joined"})", R"({"type":"task_assign"})",
          R"({"type":"task_ack","task_id":"nope","status":"complete"})", R"({"type":"task_reassign","task_id":"nope"})",
          R"({"type":"task_continue","task_id":"nope","generation":4})", R"({"type":"task_cancelled"})",
          R"({"type":"rate_limited","retry_after_ms":1000})",
          R"({"type":"error","error":"task_complete_failed: not_found"})", R"({"type":"pong","timestamp":1})",
          R"({"type":"error"})"}) {
        INFO(text);
        CHECK(bench.receive(text).empty());
    }
}

TEST_CASE("a failed command is reported as a failure") {
    Bench bench;
    bench.log_in();
    bench.receive(assign("t1", 1));
    CHECK(bench.end("t1", failure(3)).back() ==
          R"(send {"type":"task_failed","task_id":"t1","generation":1,"reason":"exit status 3"})");
    CHECK(bench.receive(ack("t1", "retried")) == Lines{"forget t1"});
    // The same task comes again with a new generation.
    CHECK(bench.receive(assign("t1", 3)) == taken("t1", 3));
}

TEST_CASE("slots are counted, and what is too much is handed back") {
    Bench bench(2);
    bench.log_in();
    CHECK(bench.receive(assign("a", 1)) == taken("a", 1));
    CHECK(bench.receive(assign("b", 1)) == taken("b", 1));
    CHECK(bench.receive(assign("c", 1)) ==
          Lines{R"(send {"type":"task_rejected","task_id":"c","generation":1,"reason":"busy"})"});
    bench.end("a", success());
    // A slot is free once the command has ended, before the hub has acknowledged.
    CHECK(bench.receive(assign("c", 3)) == taken("c", 3));
}

TEST_CASE("reports go out one at a time, since an error does not name its task") {
    Bench bench(2);
    bench.log_in();
    bench.receive(assign("a", 1));
    bench.receive(assign("b", 1));
    CHECK(bench.end("a", success()) == Lines{"keep a 1 reported", "send " + completed("a", 1)});
    CHECK(bench.end("b", success()) == Lines{"keep b 1 reported"});
    CHECK(bench.receive(R"({"type":"error","error":"task_complete_failed: stale_generation"})") ==
          Lines{"forget a", "send " + completed("b", 1)});
    CHECK(bench.receive(ack("b", "complete")) == Lines{"forget b"});
}

TEST_CASE("every final refusal clears the report, everything else sends it again") {
    struct Case {
        const char* frame;
        Lines expected;
    };
    const Case cases[] = {
        {R"({"type":"error","error":"task_complete_failed: stale_generation"})", {"forget t"}},
        {R"({"type":"error","error":"task_complete_failed: invalid_state"})", {"forget t"}},
        {R"({"type":"error","error":"task_complete_failed: not_found"})", {"forget t"}},
        {R"({"type":"error","error":"task_fail_failed: not_found"})", {"forget t"}},
        {R"({"type":"error","error":"task_complete_failed: storage_unavailable"})", {"wake 5000"}},
        {R"({"type":"error","error":"storage_unavailable"})", {"wake 5000"}},
        {R"({"type":"rate_limited","tier":"normal","retry_after_ms":3000})", {"wake 3000"}},
        {R"({"type":"rate_limited","tier":"normal","retry_after_ms":999999999})", {"wake 60000"}},
        {R"({"type":"error","error":"validation_failed","message_type":"task_progress"})", {}},
    };
    for (const Case& c : cases) {
        INFO(c.frame);
        Bench bench;
        bench.log_in();
        bench.receive(assign("t", 1));
        bench.end("t", success());
        CHECK(bench.receive(c.frame) == c.expected);
        const bool waits = !c.expected.empty() && c.expected.front().starts_with("wake");
        CHECK(lines_of(bench.protocol.report_due()) == (waits ? Lines{"send " + completed("t", 1)} : Lines{}));
    }
}

TEST_CASE("a report that the hub finds invalid becomes a plain failure, once") {
    Bench bench;
    bench.log_in();
    bench.receive(assign("t", 1));
    bench.end("t", success());
    const std::string invalid =
        R"({"type":"error","error":"validation_failed","message_type":"task_complete","errors":[1]})";
    CHECK(bench.receive(invalid) ==
          Lines{"keep t 1 reported",
                R"(send {"type":"task_failed","task_id":"t","generation":1,"reason":"the hub did not )"
                R"(take the result: validation_failed [1]"})"});
    CHECK(bench.receive(R"({"type":"error","error":"invalid_json"})") == Lines{"forget t"});
}

TEST_CASE("a lost connection: the command goes on, and the report waits") {
    Bench bench(2);
    bench.log_in();
    bench.receive(assign("a", 1));
    bench.receive(assign("b", 1));
    bench.end("a", success());
    CHECK(bench.lose() == Lines{"reconnect 0"});
    CHECK(bench.protocol.ping_due().empty());
    CHECK(bench.protocol.progress_due().empty());
    CHECK(bench.log_in() == Lines{"welcomed", "send " + frame("task_recovering", "b", 1), "send " + completed("a", 1)});

    SECTION("the hub lets it continue") {
        CHECK(bench.receive(frame("task_continue", "b", 1)).empty());
        CHECK(bench.receive(frame("task_continue", "b", 4)) == Lines{"keep b 4 running"});
        bench.receive(ack("a", "complete"));
        CHECK(bench.end("b", success()).back() == "send " + completed("b", 4));
    }
    SECTION("the hub has given it away") {
        CHECK(bench.receive(R"({"type":"task_reassign","task_id":"b"})") == Lines{"forget b", "stop b"});
        CHECK(bench.receive(R"({"type":"task_reassign","task_id":"b"})").empty());
        CHECK(bench.end("b", failure(143)).empty());
    }
    SECTION("the hub has taken it back and gives it to us again") {
        CHECK(bench.receive(assign("b", 3)) == Lines{"keep b 3 running", "send " + frame("task_accepted", "b", 3)});
        CHECK(bench.receive(assign("b", 2)).empty());
    }
    SECTION("the hub has not seen that it was accepted") {
        CHECK(bench.receive(assign("b", 1)) == Lines{"send " + frame("task_accepted", "b", 1)});
    }
}

TEST_CASE("a cancelled task is stopped and not reported") {
    for (const char* type : {"task_cancelled", "task_revoked"}) {
        Bench bench;
        bench.log_in();
        bench.receive(assign("t", 1));
        CHECK(bench.receive(frame(type, "t", 1)) == Lines{"forget t", "stop t"});
        // Its slot is free only when the command has ended.
        CHECK(bench.receive(assign("u", 1)).front().starts_with("send {\"type\":\"task_rejected\""));
        CHECK(bench.receive(assign("t", 3)).front().starts_with("send {\"type\":\"task_rejected\""));
        CHECK(bench.end("t", failure(143)).empty());
        CHECK(bench.receive(assign("u", 3)) == taken("u", 3));
    }
}

TEST_CASE("a task assigned again while its old report is on the way") {
    Bench bench;
    bench.log_in();
    bench.receive(assign("t", 1));
    bench.end("t", success());
    CHECK(bench.receive(assign("t", 1)).empty());
    Lines expected{"forget t"};
    for (const std::string& line : taken("t", 3)) expected.push_back(line);
    CHECK(bench.receive(assign("t", 3)) == expected);
}

TEST_CASE("after a restart the journal's reports are sent and its tasks recovered") {
    const std::vector<JournalEntry> kept = {{"done", 1, task("done", 1), true, completed("done", 1)},
                                            {"open", 2, task("open", 2), false, ""}};
    Bench bench(1, false, kept);
    CHECK(bench.log_in() ==
          Lines{"welcomed", "send " + frame("task_recovering", "open", 2), "send " + completed("done", 1)});
    // The slot is taken as long as the hub has not said whose the task is.
    CHECK(bench.receive(assign("new", 1)).front().starts_with("send {\"type\":\"task_rejected\""));
    CHECK(bench.receive(ack("done", "complete")) == Lines{"forget done"});

    SECTION("ours: it starts again, under the hub's generation") {
        CHECK(bench.receive(frame("task_continue", "open", 5)) == taken("open", 5));
    }
    SECTION("assigned anew") {
        CHECK(bench.receive(assign("open", 5)) == taken("open", 5));
        CHECK(bench.receive(frame("task_continue", "open", 5)).empty());
    }
    SECTION("somebody else's") {
        CHECK(bench.receive(R"({"type":"task_reassign","task_id":"open"})") == Lines{"forget open"});
        CHECK(bench.receive(assign("new", 3)) == taken("new", 3));
    }
    SECTION("ours, but we are to stop") {
        bench.stop();
        CHECK(bench.receive(frame("task_continue", "open", 2)) ==
              Lines{"forget open",
                    R"(send {"type":"task_rejected","task_id":"open","generation":2,"reason":"stopping"})"});
    }
}

TEST_CASE("the hub's refusals end the worker, its cooldown delays it") {
    struct Case {
        const char* error;
        Lines expected;
    };
    const Case cases[] = {
        {R"({"type":"error","error":"invalid_token"})", {"leave auth"}},
        {R"({"type":"error","error":"token_agent_mismatch"})", {"leave auth"}},
        {R"({"type":"error","error":"validation_failed","message_type":"identify","errors":[]})", {"leave usage"}},
        {R"({"type":"error","error":"storage_unavailable"})", {}},
    };
    for (const Case& c : cases) {
        INFO(c.error);
        Bench bench;
        bench.protocol.connected();
        CHECK(bench.receive(c.error) == c.expected);
    }
    CHECK(Bench().lose(1008, "cooldown active: retry in 30s") == Lines{"reconnect 30000"});
    CHECK(Bench().lose(1008, "too many validation errors") == Lines{"reconnect 0"});
    CHECK(Bench().lose(4000, "replaced") == Lines{"leave conflict"});
    CHECK(cooldown_of("retry in 2s")->count() == 2000);
    CHECK(!cooldown_of("retry in s"));
    CHECK(!cooldown_of("retry in 5"));
}

TEST_CASE("the first signal lets running tasks finish, the second ends them") {
    Bench bench;
    bench.log_in();
    SECTION("nothing to do: a last ping, and what comes before its pong is handed back") {
        CHECK(bench.stop() == Lines{kPing});
        CHECK(bench.receive(assign("t", 1)) ==
              Lines{R"(send {"type":"task_rejected","task_id":"t","generation":1,"reason":"stopping"})"});
        CHECK(bench.receive(R"({"type":"pong","timestamp":1})") == Lines{"leave ok"});
        CHECK(bench.receive(assign("t", 3)).empty());
    }
    SECTION("a running task is finished and acknowledged first") {
        bench.receive(assign("t", 1));
        CHECK(bench.stop().empty());
        CHECK(bench.end("t", success()).back() == "send " + completed("t", 1));
        CHECK(bench.receive(ack("t", "complete")) == Lines{"forget t", kPing});
        CHECK(bench.lose() == Lines{"leave ok"});
    }
    SECTION("twice") {
        bench.receive(assign("t", 1));
        bench.stop();
        CHECK(bench.stop() == Lines{"leave failed"});
        CHECK(bench.end("t", failure(143)).empty());
    }
    SECTION("without a connection there is nobody to say goodbye to") {
        bench.lose();
        CHECK(bench.stop() == Lines{"leave ok"});
    }
    SECTION("without a connection a report is waited for") {
        bench.receive(assign("t", 1));
        bench.lose();
        bench.stop();
        CHECK(bench.end("t", success()) == Lines{"keep t 1 reported"});
        CHECK(bench.log_in() == Lines{"welcomed", "send " + completed("t", 1)});
    }
}

TEST_CASE("with once, a worker leaves after one task, and its exit code is the task's") {
    for (const bool succeeds : {true, false}) {
        Bench bench(1, true);
        bench.log_in();
        bench.receive(assign("t", 1));
        bench.end("t", succeeds ? success() : failure(1));
        CHECK(bench.receive(ack("t", succeeds ? "complete" : "dead_letter")) == Lines{"forget t", kPing});
        CHECK(bench.receive(assign("u", 1)).front().starts_with("send {\"type\":\"task_rejected\""));
        CHECK(bench.receive(R"({"type":"pong"})") == Lines{succeeds ? "leave ok" : "leave failed"});
    }
}

namespace {

std::string output(const std::string& id, int generation, int offset, const std::string& text) {
    return R"(send {"type":"task_output","task_id":")" + id + R"(","generation":)" + std::to_string(generation) +
           R"(,"stream":"stdout","offset":)" + std::to_string(offset) + R"(,"text":")" + text + R"("})";
}

}  // namespace

TEST_CASE("what a command prints is sent with its position, and again after a reconnect") {
    Bench bench;
    bench.log_in_2();
    bench.receive(assign("t1", 1));
    CHECK(bench.print("t1", "one ") == Lines{"wake for output"});
    CHECK(bench.print("t1", "two") == Lines{});
    CHECK(lines_of(bench.protocol.output_due()) == Lines{output("t1", 1, 0, "one two")});
    CHECK(lines_of(bench.protocol.output_due()) == Lines{});
    CHECK(bench.print("t1", " three") == Lines{"wake for output"});
    CHECK(lines_of(bench.protocol.output_due()) == Lines{output("t1", 1, 7, " three")});
    bench.lose();
    CHECK(bench.print("t1", " four") == Lines{"wake for output"});
    CHECK(lines_of(bench.protocol.output_due()) == Lines{});
    CHECK(bench.log_in_2() ==
          Lines{"welcomed", "send " + frame("task_recovering", "t1", 1), output("t1", 1, 0, "one two three four")});
    // To another attempt everything is new.
    CHECK(bench.receive(R"({"type":"task_continue","task_id":"t1","generation":2})") ==
          Lines{"keep t1 2 running", output("t1", 2, 0, "one two three four")});
    // The rest goes out in front of the report.
    bench.print("t1", "!");
    CHECK(bench.end("t1", success()) ==
          Lines{output("t1", 2, 18, "!"), "keep t1 2 reported", "send " + completed("t1", 2)});
}

TEST_CASE("a hub that does not know output gets none") {
    Bench bench;
    bench.log_in();
    bench.receive(assign("t1", 1));
    bench.print("t1", "x");
    CHECK(lines_of(bench.protocol.output_due()) == Lines{});
    CHECK(lines_of(bench.protocol.command_controlled("t1", R"({"note":"n","question":"q"})")) == Lines{});
}

TEST_CASE("a command tells of its progress, leaves notes, and asks") {
    Bench bench;
    bench.log_in_2();
    bench.receive(assign("t1", 1));
    CHECK(lines_of(bench.protocol.command_controlled("t1", R"({"progress":40,"note":"half"})")) ==
          Lines{R"(send {"type":"task_progress","task_id":"t1","generation":1,"progress":40})",
                R"(send {"type":"task_note","task_id":"t1","generation":1,"text":"half"})"});
    CHECK(lines_of(bench.protocol.progress_due()) ==
          Lines{R"(send {"type":"task_progress","task_id":"t1","generation":1,"progress":40})"});
    const std::string question =
        R"(send {"type":"task_waiting","task_id":"t1","generation":1,"question":"Deploy?","options":["yes","no"]})";
    CHECK(lines_of(bench.protocol.command_controlled("t1", R"({"question":"Deploy?","options":["yes","no"]})")) ==
          Lines{question});
    // It stands until it is answered, over a reconnect too, and no sign of life takes it back.
    CHECK(lines_of(bench.protocol.progress_due()) == Lines{});
    bench.lose();
    CHECK(bench.log_in_2() == Lines{"welcomed", "send " + frame("task_recovering", "t1", 1), question});
    const std::string say =
        R"({"type":"task_say","task_id":"t1","generation":1,"seq":1,"from":"human:ann","text":"yes"})";
    CHECK(bench.receive(say) == Lines{"say t1 human:ann: yes"});
    // The hub says it again after a reconnect.
    CHECK(bench.receive(say) == Lines{});
    CHECK(lines_of(bench.protocol.progress_due()).size() == 1);
    CHECK(lines_of(bench.protocol.command_controlled("t1", "no json")) == Lines{});
    CHECK(lines_of(bench.protocol.input_refused("t1")).size() == 1);
}

TEST_CASE("a task that is cancelled with grace is still its own, without it is dropped") {
    Bench bench;
    bench.log_in_2();
    bench.receive(assign("t1", 1));
    CHECK(bench.receive(R"({"type":"task_cancelled","task_id":"t1","generation":1,"reason":"late","grace_ms":5000})") ==
          Lines{"stop t1 within 5000"});
    CHECK(bench.end("t1", success()) == Lines{"keep t1 1 reported", "send " + completed("t1", 1)});
    CHECK(bench.receive(R"({"type":"task_cancelled","task_id":"t1","generation":1,"reason":"late"})") ==
          Lines{"forget t1"});
    // One that fails in that time is cancelled, and the hub says so.
    bench.receive(assign("t3", 1));
    bench.receive(R"({"type":"task_cancelled","task_id":"t3","generation":1,"reason":"late","grace_ms":5000})");
    bench.end("t3", failure(1));
    CHECK(bench.receive(ack("t3", "cancelled")) == Lines{"forget t3"});
    bench.receive(assign("t2", 1));
    CHECK(bench.receive(R"({"type":"task_cancelled","task_id":"t2","generation":1,"reason":"late"})") ==
          Lines{"forget t2", "stop t2"});
}
