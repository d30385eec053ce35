#include "tools/cli/hub_client.hpp"

#include <pwd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <thread>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMaxRateWait{60'000};
constexpr milliseconds kMaxResendTime{10'000};
constexpr milliseconds kFirstResendDelay{500};
// For the answer to a long poll to arrive.
constexpr milliseconds kLongPollMargin{10'000};
constexpr size_t kMaxQuotedBody = 200;

std::string random_hex_key() {
    std::array<unsigned char, 16> bytes{};
    // getrandom does not fail for so few bytes once the machine has booted.
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) std::abort();
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

std::string login_name_of_user() {
    if (const passwd* entry = ::getpwuid(::getuid()); entry != nullptr && entry->pw_name[0] != '\0') {
        return entry->pw_name;
    }
    return std::to_string(::getuid());
}

std::string string_member(const json::Object& object, std::string_view key) {
    const json::Value* value = object.find(key);
    return value != nullptr && value->kind == json::Kind::string ? json::decode_string(*value) : std::string{};
}

// "priority: expected string, got integer; ..." from a validation answer.
std::string field_errors(const json::Object& body) {
    const json::Value* errors = body.find("errors");
    if (errors == nullptr || errors->kind != json::Kind::array) return {};
    std::string text;
    for (const json::Value& entry : json::elements(errors->raw)) {
        if (entry.kind != json::Kind::object) continue;
        const json::Object members = json::members(entry.raw);
        if (!text.empty()) text += "; ";
        text += string_member(members, "field") + ": " + string_member(members, "detail");
    }
    return text;
}

// What the hub said, in one line.
std::string words_of_body(const HttpAnswer& answer, const std::optional<json::Document>& body) {
    if (!body || !body->is_object()) {
        std::string quoted = repaired_utf8(trimmed(answer.body).substr(0, kMaxQuotedBody));
        return "HTTP " + std::to_string(answer.status) + (quoted.empty() ? "" : ", " + terminal_safe(quoted));
    }
    std::string text = string_member(body->object(), "error");
    if (text.empty()) text = "HTTP " + std::to_string(answer.status);
    if (const std::string fields = field_errors(body->object()); !fields.empty()) return text + ", " + fields;
    for (const std::string_view key : {"message", "detail", "text"}) {
        if (const std::string more = string_member(body->object(), key); !more.empty()) return text + ", " + more;
    }
    return text;
}

struct Verdict {
    ExitCode code;
    std::string_view next;
};

Verdict verdict_of(unsigned status, bool had_token) {
    switch (status) {
        case 401:
            return {ExitCode::auth, had_token ? "The token is not, or no longer, known to this hub. See --as, --token, "
                                                "or register anew."
                                              : "Register first (agentcom register AGENT), or give a token with "
                                                "--token."};
        case 403:
            return {ExitCode::auth,
                    "This needs another role: give an admin's token with --token, or run it on the "
                    "hub's own machine."};
        case 404:
            return {ExitCode::not_found, "Check the name; `agentcom task list` shows the tasks."};
        case 409:
            return {ExitCode::conflict, ""};
        case 408:
        case 504:
            return {ExitCode::timeout, "Try again."};
        case 400:
        case 413:
        case 414:
        case 415:
        case 422:
        case 431:
            return {ExitCode::usage, "Correct the arguments; --help describes them."};
        case 429:
            return {ExitCode::unavailable, "The hub limits how often this may be asked. Try again later."};
        case 502:
        case 503:
            return {ExitCode::unavailable, "The hub cannot serve this now; its log says why. Try again later."};
        default:
            return {ExitCode::failed, ""};
    }
}

}  // namespace

Surroundings Surroundings::of_machine() {
    Surroundings machine;
    machine.now = [] {
        return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
    };
    machine.sleep = [](milliseconds time) { std::this_thread::sleep_for(time); };
    machine.notice = [](std::string_view line) {
        std::fprintf(stderr, "agentcom: %.*s\n", static_cast<int>(line.size()), line.data());
    };
    machine.random_key = random_hex_key;
    machine.login_name = login_name_of_user;
    machine.wall_ms = [] {
        const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
        return static_cast<int64_t>(std::chrono::duration_cast<milliseconds>(since_1970).count());
    };
    return machine;
}

Failure failure_of_answer(std::string_view what, const HttpAnswer& answer, bool had_token) {
    const std::optional<json::Document> body = json::Document::parse(answer.body, json::Duplicates::last_wins);
    Verdict verdict = verdict_of(answer.status, had_token);
    const bool unknown_route =
        answer.status == 404 && body && body->is_object() && string_member(body->object(), "error") == "not_found";
    if (unknown_route) verdict.next = "This hub does not know the request; it may be older than this program.";
    return Failure{verdict.code, std::string(what), words_of_body(answer, body), std::string(verdict.next),
                   body ? std::string(body->root().raw) : std::string{}};
}

HubClient::HubClient(HubUrl hub, std::string token, HttpTransport transport, Surroundings surroundings)
    : hub_(std::move(hub)),
      token_(std::move(token)),
      transport_(std::move(transport)),
      surroundings_(std::move(surroundings)) {}

Outcome<std::string> HubClient::get(std::string_view what, std::string target) {
    return send(what, HttpRequest{.method = HttpMethod::get, .target = std::move(target)}, true);
}

Outcome<std::string> HubClient::long_poll(std::string_view what, std::string target, milliseconds wait) {
    HttpRequest request{.method = HttpMethod::get, .target = std::move(target)};
    request.timeout = wait + kLongPollMargin;
    return send(what, std::move(request), false);
}

Outcome<std::string> HubClient::post(std::string_view what, std::string target, std::string body) {
    HttpRequest request{.method = HttpMethod::post, .target = std::move(target), .body = std::move(body)};
    request.idempotency_key = surroundings_.random_key();
    return send(what, std::move(request), true);
}

Outcome<std::string> HubClient::put(std::string_view what, std::string target, std::string body) {
    HttpRequest request{.method = HttpMethod::put, .target = std::move(target), .body = std::move(body)};
    request.idempotency_key = surroundings_.random_key();
    return send(what, std::move(request), true);
}

Outcome<std::string> HubClient::remove(std::string_view what, std::string target) {
    HttpRequest request{.method = HttpMethod::delete_, .target = std::move(target)};
    request.idempotency_key = surroundings_.random_key();
    return send(what, std::move(request), true);
}

Outcome<std::string> HubClient::post_once(std::string_view what, std::string target, std::string body) {
    return send(what, HttpRequest{.method = HttpMethod::post, .target = std::move(target), .body = std::move(body)},
                false);
}

Trouble HubClient::download(std::string_view what, std::string target, std::function<bool(std::string_view)> sink) {
    HttpRequest request{.method = HttpMethod::get, .target = std::move(target)};
    request.sink = std::move(sink);
    Outcome<std::string> done = send(what, std::move(request), false);
    if (!done) return done.failure();
    return std::nullopt;
}

milliseconds HubClient::time_left() const {
    if (!deadline_) return kForever;
    return std::max(*deadline_ - surroundings_.now(), milliseconds{0});
}

bool HubClient::wait_for_hub(const HttpAnswer& answer, milliseconds& waited) {
    const bool asks = answer.status == 429 || (answer.status == 503 && answer.retry_after_s.has_value());
    if (!asks) return false;
    const milliseconds wait(std::clamp<int64_t>(answer.retry_after_s.value_or(1), 1, 3600) * 1000);
    if (waited + wait > kMaxRateWait || wait > time_left()) return false;
    waited += wait;
    const std::string why = answer.status == 429 ? "the hub limits the rate" : "the hub cannot serve this now";
    surroundings_.notice(why + "; waiting " + std::to_string(wait.count() / 1000) + " s");
    surroundings_.sleep(wait);
    return true;
}

Outcome<std::string> HubClient::send(std::string_view what, HttpRequest request, bool repeat) {
    const milliseconds longest = request.timeout;
    milliseconds waited{0};
    milliseconds resend_delay = kFirstResendDelay;
    std::optional<milliseconds> lost_at;
    for (;;) {
        const milliseconds left = time_left();
        if (left <= milliseconds{0}) {
            return Failure{ExitCode::timeout,
                           std::string(what),
                           "the time given with --timeout is over",
                           "Give it more time.",
                           {}};
        }
        request.token = token_;
        request.timeout = std::min(longest, left);
        HttpReply reply = transport_(request);
        if (const HttpLoss* loss = std::get_if<HttpLoss>(&reply)) {
            // Only a request that was on its way is worth sending again; a hub that was never reached is not running.
            const bool was_lost = loss->stage == HttpLoss::Stage::exchange || lost_at.has_value();
            const milliseconds now = surroundings_.now();
            if (was_lost && deadline_ && now >= *deadline_) continue;
            if (!repeat || !was_lost || now - lost_at.value_or(now) >= kMaxResendTime) return no_hub(what, *loss);
            if (!lost_at) lost_at = now;
            surroundings_.sleep(std::min(resend_delay, time_left()));
            resend_delay *= 2;
            continue;
        }
        HttpAnswer& answer = std::get<HttpAnswer>(reply);
        if (wait_for_hub(answer, waited)) continue;
        if (answer.status == 401 && renew_) {
            const std::optional<std::string> token = std::exchange(renew_, nullptr)();
            if (token) {
                token_ = *token;
                continue;
            }
        }
        if (answer.status < 200 || answer.status > 299) return failure_of_answer(what, answer, !token_.empty());
        if (!request.sink && !json::validate(answer.body)) {
            return Failure{ExitCode::failed,
                           std::string(what),
                           "the answer from " + hub_.text() + " is not JSON",
                           "Check that an AgentCom hub listens there.",
                           {}};
        }
        return std::move(answer.body);
    }
}

Failure HubClient::no_hub(std::string_view what, const HttpLoss& loss) const {
    if (loss.stage == HttpLoss::Stage::exchange) {
        return Failure{ExitCode::unavailable,
                       std::string(what),
                       "the hub at " + hub_.text() + " gave no answer: " + loss.why,
                       "It may have been done nevertheless; look before you repeat it.",
                       {}};
    }
    return Failure{ExitCode::unavailable,
                   std::string(what),
                   "no hub at " + hub_.text() + ": " + loss.why,
                   "Start one (agentcom-hub), or name another with --hub or AGENTCOM_HUB.",
                   {}};
}

}  // namespace agentcom::cli
