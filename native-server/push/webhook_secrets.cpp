#include "native-server/push/webhook_secrets.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>
#include <optional>
#include <sstream>
#include <utility>

#include "core/base/hex.hpp"
#include "core/base/sha256.hpp"
#include "native-server/server/files.hpp"

namespace agentcom {

WebhookSecrets::WebhookSecrets(const std::string& data_directory) : path_(data_directory + "/webhook_secrets") {}

Status WebhookSecrets::load() {
    secrets_.clear();
    if (!file_exists(path_)) return {};
    const std::optional<std::string> content = read_file(path_);
    std::istringstream lines(content.value_or(""));
    std::string sha256;
    std::string secret;
    bool good = content.has_value();
    while (good && lines >> sha256) {
        good = (lines >> secret) && sha256_hex(secret) == sha256;
        if (good) secrets_[sha256] = secret;
    }
    if (good) return {};
    return Status(Error{"bad_webhook_secrets", 500, Blame::hub,
                        path_ + " cannot be read or is damaged; move it away and make new secrets for the webhooks"});
}

std::string WebhookSecrets::find(const std::string& sha256) const {
    const auto found = secrets_.find(sha256);
    return found == secrets_.end() ? std::string{} : found->second;
}

Status WebhookSecrets::keep(const std::string& sha256, std::string secret) {
    secrets_[sha256] = std::move(secret);
    return write();
}

Status WebhookSecrets::forget(const std::string& sha256) {
    if (secrets_.erase(sha256) == 0) return {};
    return write();
}

Status WebhookSecrets::keep_only(const std::set<std::string>& sha256s) {
    if (std::erase_if(secrets_, [&](const auto& each) { return !sha256s.contains(each.first); }) == 0) return {};
    return write();
}

Status WebhookSecrets::write() const {
    std::string content;
    for (const auto& [sha256, secret] : secrets_) content.append(sha256).append(" ").append(secret).append("\n");
    return write_private_file(path_, content);
}

std::string webhook_signature(std::string_view secret, int64_t wall_s, std::string_view body) {
    const std::string time = std::to_string(wall_s);
    const std::string text = time + "." + std::string(body);
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    const unsigned char* done = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                                     reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                                     reinterpret_cast<unsigned char*>(digest.data()), &size);
    if (done == nullptr) std::abort();
    digest.resize(size);
    return "t=" + time + ",v1=" + to_hex(digest);
}

}  // namespace agentcom
