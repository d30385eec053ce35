#include "native-server/push/web_push.hpp"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <utility>

#include "core/base/json.hpp"
#include "native-server/push/base64url.hpp"
#include "native-server/push/openssl.hpp"
#include "native-server/server/files.hpp"

namespace agentcom {

namespace {

constexpr size_t kSecretBytes = 16;
constexpr size_t kSaltBytes = 16;
constexpr size_t kTagBytes = 16;
constexpr size_t kKeyBytes = 16;
constexpr size_t kNonceBytes = 12;
// One record holds it all.
constexpr uint32_t kRecordBytes = 4'096;
// At most 24 h are allowed (RFC 8292 §2).
constexpr int64_t kTokenLifeS = 12 * 3'600;

/// HKDF with SHA-256 (RFC 5869).
std::string hkdf(std::string_view salt, std::string_view key, std::string_view info, size_t bytes) {
    const OpensslHandle<EVP_KDF, EVP_KDF_free> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
    const OpensslHandle<EVP_KDF_CTX, EVP_KDF_CTX_free> context(EVP_KDF_CTX_new(kdf.get()));
    char digest[] = "SHA256";
    const auto octets = [](const char* name, std::string_view value) {
        // OpenSSL takes parameters as not const, and only reads them.
        return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(value.data()), value.size());
    };
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                     octets(OSSL_KDF_PARAM_SALT, salt), octets(OSSL_KDF_PARAM_KEY, key),
                                     octets(OSSL_KDF_PARAM_INFO, info), OSSL_PARAM_construct_end()};
    std::string out(bytes, '\0');
    if (context == nullptr || EVP_KDF_derive(context.get(), openssl_bytes(out), out.size(), parameters) != 1)
        std::abort();
    return out;
}

/// AES-128-GCM: the ciphertext and its tag.
std::string seal(std::string_view text, std::string_view key, std::string_view nonce) {
    const OpensslHandle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> context(EVP_CIPHER_CTX_new());
    std::string out(text.size() + kTagBytes, '\0');
    int size = 0;
    int rest = 0;
    const bool sealed =
        context != nullptr &&
        EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, openssl_bytes(key), openssl_bytes(nonce)) == 1 &&
        EVP_EncryptUpdate(context.get(), openssl_bytes(out), &size, openssl_bytes(text),
                          static_cast<int>(text.size())) == 1 &&
        EVP_EncryptFinal_ex(context.get(), openssl_bytes(out) + size, &rest) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTagBytes),
                            openssl_bytes(out) + text.size()) == 1;
    if (!sealed) std::abort();
    return out;
}

/// Salt, size of records, and the key that the browser needs (RFC 8188 §2.1).
std::string header(std::string_view salt, std::string_view key_id) {
    std::string out(salt);
    for (const unsigned shift : {24U, 16U, 8U, 0U}) out += static_cast<char>((kRecordBytes >> shift) & 255U);
    out += static_cast<char>(key_id.size());
    return out.append(key_id);
}

}  // namespace

Result<EcKey> load_vapid_key(const std::string& data_directory) {
    const std::string path = data_directory + "/vapid.pem";
    if (file_exists(path)) {
        std::optional<EcKey> key = EcKey::from_pem(read_file(path).value_or(""));
        if (key) return Result<EcKey>(std::move(*key));
        return Result<EcKey>(Error{"bad_vapid_key", 500, Blame::hub,
                                   path + " holds no private key on P-256; delete it to get a new one, which ends all "
                                          "push subscriptions"});
    }
    EcKey key = EcKey::generate();
    if (const Status written = write_private_file(path, key.to_pem()); !written) return Result<EcKey>(written.error());
    return Result<EcKey>(std::move(key));
}

std::string vapid_authorization(const EcKey& key, std::string_view origin, std::string_view contact, int64_t wall_ms) {
    json::Writer claims;
    claims.begin_object().member("aud", origin).member("exp", wall_ms / 1'000 + kTokenLifeS);
    claims.member("sub", contact).end_object();
    const std::string text = to_base64url(R"({"typ":"JWT","alg":"ES256"})") + "." + to_base64url(claims.text());
    return "vapid t=" + text + "." + to_base64url(key.sign(text)) + ", k=" + to_base64url(key.public_point());
}

std::optional<PushTarget> read_push_target(std::string_view p256dh, std::string_view auth) {
    std::optional<std::string> point = from_base64url(p256dh);
    std::optional<std::string> secret = from_base64url(auth);
    if (!point || !secret || point->size() != EcKey::kPointBytes || secret->size() != kSecretBytes) return std::nullopt;
    return PushTarget{std::move(*point), std::move(*secret)};
}

std::optional<std::string> encrypt_push(std::string_view text, const PushTarget& target) {
    std::string salt(kSaltBytes, '\0');
    if (RAND_bytes(openssl_bytes(salt), static_cast<int>(salt.size())) != 1) std::abort();
    return encrypt_push_with(text, target, EcKey::generate(), salt);
}

std::optional<std::string> encrypt_push_with(std::string_view text, const PushTarget& target, const EcKey& sender,
                                             std::string_view salt) {
    if (text.size() > kMaxPushBytes) return std::nullopt;
    const std::optional<EcKey> receiver = EcKey::from_public(target.public_point);
    if (!receiver) return std::nullopt;
    const std::optional<std::string> shared = sender.shared_secret(*receiver);
    if (!shared) return std::nullopt;
    using namespace std::string_literals;
    const std::string point = sender.public_point();
    const std::string key_info = "WebPush: info\0"s + target.public_point + point;
    const std::string key = hkdf(target.secret, *shared, key_info, 32);
    // The last record ends with a 2.
    return header(salt, point) + seal(std::string(text) + '\2',
                                      hkdf(salt, key, "Content-Encoding: aes128gcm\0"s, kKeyBytes),
                                      hkdf(salt, key, "Content-Encoding: nonce\0"s, kNonceBytes));
}

}  // namespace agentcom
