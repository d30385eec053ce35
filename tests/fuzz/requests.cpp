// A whole hub, asked anything: each line of the input is an HTTP request (method letter, target, space, body) or, on a
// socket of its own, a frame. Whatever comes, no invariant breaks and every answer is JSON.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "core/base/json.hpp"
#include "core/base/sha256.hpp"
#include "core/hub/hub.hpp"
#include "core/protocol/credentials.hpp"

namespace {

using namespace agentcom;

constexpr std::string_view kToken = "admin-token";

struct Desk {
    Desk() : hub(Settings{}) {
        Started started;
        started.seed = 1;
        started.epoch = std::string(32, '0');
        started.admin_token_sha256 = sha256_hex(kToken);
        started.admin_token_prefix = "admin-to";
        apply(std::move(started));
        apply(ConnectionOpened{1, "127.0.0.1", true});
    }

    void apply(InputBody body) {
        now.mono_us += 1'000;
        now.wall_ms += 1;
        if (hub.apply(Input{now, std::move(body)})) std::abort();
        const TurnResult turn = hub.end_turn();
        for (const Effect& effect : turn.effects) {
            const auto* answer = std::get_if<HttpRespond>(&effect);
            if (answer != nullptr && !answer->body.empty() && !json::validate(answer->body)) std::abort();
            const auto* frame = std::get_if<SendFrame>(&effect);
            if (frame != nullptr && !json::validate(*frame->text)) std::abort();
        }
        if (hub.apply(Input{now, Committed{turn.turn}})) std::abort();
        static_cast<void>(hub.end_turn());
    }

    void ask(std::string_view line) {
        static constexpr Method kMethods[] = {Method::get, Method::post, Method::put, Method::delete_, Method::head};
        HttpRequest request;
        request.request = ++requests;
        request.method = kMethods[static_cast<unsigned char>(line.front()) % std::size(kMethods)];
        line.remove_prefix(1);
        const std::string_view target = line.substr(0, line.find(' '));
        const size_t mark = std::min(target.find('?'), target.size());
        request.path = target.substr(0, mark);
        request.query = target.substr(std::min(mark + 1, target.size()));
        const std::string body(line.substr(std::min(target.size() + 1, line.size())));
        if (json::validate(body) && json::parse_value(body).kind == json::Kind::object) request.body = body;
        request.loopback = true;
        request.authorization = credential_of_token(kToken);
        request.flex_authorization = request.authorization;
        request.has_bearer = true;
        request.secret = {sha256_hex("secret " + std::to_string(requests)), "secret00"};
        apply(std::move(request));
    }

    void send(std::string_view line) {
        CutFrame cut = cut_frame_credentials(std::string(line));
        FrameReceived frame;
        frame.connection = 1;
        frame.malformed = cut.malformed;
        if (!cut.malformed) frame.text = std::move(cut.document).take_text();
        frame.credential = cut.credential;
        apply(std::move(frame));
    }

    Hub hub;
    Time now{1'800'000'000'000, 1'000'000};
    int64_t requests = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Desk desk;
    std::string_view text(reinterpret_cast<const char*>(data), size);
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.empty()) continue;
        if (line.front() == '{') {
            desk.send(line);
        } else {
            desk.ask(line);
        }
    }
    return 0;
}
