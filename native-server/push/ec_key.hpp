// Keys on the curve P-256, as Web Push uses them: a thin layer over OpenSSL.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace agentcom {

class EcKey {
  public:
    static constexpr size_t kPointBytes = 65;

    /// A new key pair. Ends the process when the system has no randomness to give.
    static EcKey generate();
    /// A key pair from PEM (PKCS #8); nullopt for anything else, keys of other curves too.
    static std::optional<EcKey> from_pem(const std::string& pem);
    /// From the 65 bytes of an uncompressed point; nullopt when it is not on the curve.
    static std::optional<EcKey> from_public(std::string_view point);
    /// A key pair from the point and the 32 bytes of its number.
    static std::optional<EcKey> from_pair(std::string_view point, std::string_view number);

    /// 65 bytes.
    std::string public_point() const;
    /// Needs the private key.
    std::string to_pem() const;
    /// The ECDSA signature of SHA-256 over a text, as JSON Web Signatures have it: r and s, 32 bytes each (RFC 7518
    /// §3.4).
    std::string sign(std::string_view text) const;
    /// Whether a signature of that form is of this key.
    bool verify(std::string_view text, std::string_view signature) const;
    /// The secret that this private key shares with the owner of another public one (ECDH): 32 bytes.
    std::optional<std::string> shared_secret(const EcKey& other) const;

  private:
    struct Free {
        void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    };
    using Handle = std::unique_ptr<EVP_PKEY, Free>;
    explicit EcKey(Handle key) : key_(std::move(key)) {}

    Handle key_;
};

}  // namespace agentcom
