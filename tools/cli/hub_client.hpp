// The hub's HTTP API as the commands use it: requests that wait when the hub asks them to, and failures that say what
// happened in words.
//
// Every request that changes something carries an idempotency key, so one whose answer was lost is simply sent again:
// the hub carries it out once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tools/cli/failure.hpp"
#include "tools/cli/http_client.hpp"

namespace agentcom::cli {

// What a command needs from the machine besides the network; replaced in tests.
struct Surroundings {
    std::function<std::chrono::milliseconds()> now;  // monotonic
    std::function<int64_t()> wall_ms;                // since 1970
    std::function<void(std::chrono::milliseconds)> sleep;
    std::function<void(std::string_view)> notice;  // a line for the person who waits
    std::function<std::string()> random_key;
    std::function<std::string()> login_name;  // of the user who runs this

    // The real ones; notices go to standard error.
    static Surroundings of_machine();
};

// What is left to who has been given no time.
inline constexpr std::chrono::milliseconds kForever{int64_t{365} * 24 * 3'600'000};

class HubClient {
  public:
    HubClient(HubUrl hub, std::string token, HttpTransport transport, Surroundings surroundings);

    // Nothing is waited for beyond it; what is not done by then is a failure with ExitCode::timeout.
    void set_deadline(std::optional<std::chrono::milliseconds> deadline) { deadline_ = deadline; }
    // Asked once for another token when the hub does not know ours.
    void set_renewal(std::function<std::optional<std::string>()> renew) { renew_ = std::move(renew); }

    // Sends a request and gives the body of a 2xx answer: always one JSON value. `what` says what was tried, as
    // Failure::what does. Waits at most 60 s in all for a hub that asks for it (Retry-After of 429 and 503), and sends
    // again for at most 10 s what was lost on its way.
    Outcome<std::string> get(std::string_view what, std::string target);
    // A request that the hub answers when something has happened, `wait` later at the latest; its wait_ms is part of
    // `target`. It is sent once: who waits knows better when to ask again.
    Outcome<std::string> long_poll(std::string_view what, std::string target, std::chrono::milliseconds wait);
    Outcome<std::string> post(std::string_view what, std::string target, std::string body);
    Outcome<std::string> put(std::string_view what, std::string target, std::string body);
    Outcome<std::string> remove(std::string_view what, std::string target);
    // A request that gives a new secret. It is sent once: a repeated answer would not hold the secret again.
    Outcome<std::string> post_once(std::string_view what, std::string target, std::string body);

    // Gives a body of any kind and length to `sink`, piece by piece. It is sent once.
    Trouble download(std::string_view what, std::string target, std::function<bool(std::string_view)> sink);

    const HubUrl& hub() const { return hub_; }
    const Surroundings& surroundings() const { return surroundings_; }

  private:
    Outcome<std::string> send(std::string_view what, HttpRequest request, bool repeat);
    // Whether there is time for this; sleeps it if so, and says why.
    bool wait_for_hub(const HttpAnswer& answer, std::chrono::milliseconds& waited);
    std::chrono::milliseconds time_left() const;
    Failure no_hub(std::string_view what, const HttpLoss& loss) const;

    HubUrl hub_;
    std::string token_;
    HttpTransport transport_;
    Surroundings surroundings_;
    std::optional<std::chrono::milliseconds> deadline_;
    std::function<std::optional<std::string>()> renew_;
};

// The failure that an answer other than 2xx means.
Failure failure_of_answer(std::string_view what, const HttpAnswer& answer, bool had_token);

}  // namespace agentcom::cli
