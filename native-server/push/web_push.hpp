// Web Push on the wire: notifications encrypted for one browser (RFC 8291, RFC 8188) and signed for its push service
// (VAPID, RFC 8292).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "native-server/push/ec_key.hpp"

namespace agentcom {

/// What a push service takes at least (RFC 8030 §7.2), less what the encryption adds.
inline constexpr size_t kMaxPushBytes = 3'993;

/// The key pair of this hub, in DIR/vapid.pem (0600); made at the first start. Browsers subscribe with its public key,
/// so that all of them subscribe anew when it is lost. Errors: `bad_vapid_key`, `cannot_write`.
Result<EcKey> load_vapid_key(const std::string& data_directory);

/// The value of the Authorization header for a push service at `origin`, good for 12 h. `contact` is a mailto: or
/// https: URL.
std::string vapid_authorization(const EcKey& key, std::string_view origin, std::string_view contact, int64_t wall_ms);

/// The browser's half of a subscription, in bytes.
struct PushTarget {
    std::string public_point;
    std::string secret;
};
/// From base64url, as browsers give it; nullopt when it is of another length.
std::optional<PushTarget> read_push_target(std::string_view p256dh, std::string_view auth);

/// The body of a push message (content encoding aes128gcm), for one record. nullopt when the browser's key is no point
/// of the curve or the text is longer than kMaxPushBytes.
std::optional<std::string> encrypt_push(std::string_view text, const PushTarget& target);
/// The same with a key pair and a salt (16 bytes) that are given; each must be used once.
std::optional<std::string> encrypt_push_with(std::string_view text, const PushTarget& target, const EcKey& sender,
                                             std::string_view salt);

}  // namespace agentcom
