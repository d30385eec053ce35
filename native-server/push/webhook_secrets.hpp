// The secrets that webhooks are signed with, in DIR/webhook_secrets (0600): one line each, digest and secret. The core
// and the database know the digests alone.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace agentcom {

class WebhookSecrets {
  public:
    explicit WebhookSecrets(const std::string& data_directory);

    /// Reads the file; one that is not there is empty. Error `bad_webhook_secrets`.
    Status load();
    /// "" when there is none of this digest.
    std::string find(const std::string& sha256) const;
    /// Error `cannot_write`: then the secret is known until the process ends.
    Status keep(const std::string& sha256, std::string secret);
    Status forget(const std::string& sha256);
    /// Forgets all others.
    Status keep_only(const std::set<std::string>& sha256s);

  private:
    Status write() const;

    std::string path_;
    std::map<std::string, std::string> secrets_;
};

/// The value of the header AgentCom-Signature: "t=SECONDS,v1=HEX", HMAC-SHA-256 over the seconds, a full stop and the
/// body.
std::string webhook_signature(std::string_view secret, int64_t wall_s, std::string_view body);

}  // namespace agentcom
