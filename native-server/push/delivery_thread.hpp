// The thread that speaks to other servers: webhooks and push services. Many at a time, with libcurl's multi interface,
// so that a slow one holds up nobody; the hub's own thread never waits for any of them.
//
// Every server is reached at an address that was looked at when it was connected to: what is not public is refused
// unless it is allowed, whatever its name resolved to before. Redirects are not followed, proxies of the environment
// not used, and of an answer nothing but its status and Retry-After counts.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/hub/input.hpp"
#include "native-server/push/ec_key.hpp"

namespace agentcom {

struct DeliveryOptions {
    int64_t timeout_ms = 15'000;
    bool allow_private = false;  ///< addresses that are not public
    std::string contact;         ///< for push services
};

class DeliveryThread {
  public:
    /// `report` is called on this thread, once for each delivery, in any order.
    DeliveryThread(EcKey vapid_key, DeliveryOptions options, std::function<void(Delivered)> report);
    /// Stops.
    ~DeliveryThread();
    DeliveryThread(const DeliveryThread&) = delete;
    DeliveryThread& operator=(const DeliveryThread&) = delete;

    /// `secret` signs a webhook.
    void submit(Deliver what, std::string secret);
    /// Breaks off what is on its way, without a report, and ends the thread.
    void stop();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace agentcom
