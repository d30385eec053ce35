// The hub's HTTP API as the commands use it: requests that wait when the hub asks them to, and failures that say what
// happened in words.
//
// Every request that changes something carries an idempotency key, so one whose answer was lost is simply sent again:
// the hub carries it out once.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "tools/cli/failure.hpp"
#include "tools/cli/http_client.hpp"

namespace agentcom::cli {

// What a command needs from the machine besides the network; replaced in tests.
struct Surroundings {
    std::function<std::chrono::milliseconds()> now;  // monotonic
    std::function<void(std::chrono::milliseconds)> sleep;
    std::function<void(std::string_view)> notice;  // a line for the person who waits
    std::function<std::string()> random_key;

    // The real ones; notices go to standard error.
    static Surroundings of_machine();
};

class HubClient {
  public:
    HubClient(HubUrl hub, std::string token, HttpTransport transport, Surroundings surroundings);

    // Sends a request and gives the body of a 2xx answer: always one JSON value. `what` says what was tried, as
    // Failure::what does. Waits at most 60 s in all for a hub that limits the rate, and sends again for at most 10 s
    // what was lost on its way.
    Outcome<std::string> get(std::string_view what, std::string target);
    Outcome<std::string> post(std::string_view what, std::string target, std::string body);
    Outcome<std::string> remove(std::string_view what, std::string target);
    // A request that gives a new secret. It is sent once: a repeated answer would not hold the secret again.
    Outcome<std::string> post_once(std::string_view what, std::string target, std::string body);

    const HubUrl& hub() const { return hub_; }
    const Surroundings& surroundings() const { return surroundings_; }

  private:
    Outcome<std::string> send(std::string_view what, HttpRequest request, bool repeat);
    Failure no_hub(std::string_view what, const HttpLoss& loss) const;

    HubUrl hub_;
    std::string token_;
    HttpTransport transport_;
    Surroundings surroundings_;
};

// The failure that an answer other than 2xx means.
Failure failure_of_answer(std::string_view what, const HttpAnswer& answer, bool had_token);

}  // namespace agentcom::cli
