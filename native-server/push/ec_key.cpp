#include "native-server/push/ec_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <cstdlib>
#include <utility>

#include "native-server/push/openssl.hpp"

namespace agentcom {

namespace {

constexpr const char* kCurve = "prime256v1";
constexpr size_t kNumberBytes = 32;

using KeyContext = OpensslHandle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = OpensslHandle<EVP_MD_CTX, EVP_MD_CTX_free>;
using Memory = OpensslHandle<BIO, BIO_free_all>;
using Number = OpensslHandle<BIGNUM, BN_clear_free>;
using Builder = OpensslHandle<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = OpensslHandle<OSSL_PARAM, OSSL_PARAM_free>;
using Signature = OpensslHandle<ECDSA_SIG, ECDSA_SIG_free>;

/// What OpenSSL does not do for want of memory or randomness, nothing can be done about.
void must(bool worked) {
    if (!worked) std::abort();
}

EVP_PKEY* make_key(std::string_view point, const BIGNUM* number) {
    const Builder builder(OSSL_PARAM_BLD_new());
    must(builder != nullptr && OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, kCurve, 0) &&
         OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) &&
         (number == nullptr || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number)));
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    must(parameters != nullptr && context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1);
    EVP_PKEY* key = nullptr;
    const int what = number == nullptr ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
    if (EVP_PKEY_fromdata(context.get(), &key, what, parameters.get()) != 1) return nullptr;
    const KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    must(check != nullptr);
    if (EVP_PKEY_public_check(check.get()) == 1) return key;
    EVP_PKEY_free(key);
    return nullptr;
}

bool is_p256(EVP_PKEY* key) {
    char name[32] = "";
    size_t length = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, name, sizeof name, &length) == 1 &&
           std::string_view(name, length) == kCurve;
}

}  // namespace

EcKey EcKey::generate() {
    Handle key(EVP_EC_gen(kCurve));
    must(key != nullptr);
    return EcKey(std::move(key));
}

std::optional<EcKey> EcKey::from_pem(const std::string& pem) {
    const Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    must(memory != nullptr);
    // Without the callback a key with a password would ask for it at the terminal.
    const auto no_password = [](char*, int, int, void*) { return -1; };
    Handle key(PEM_read_bio_PrivateKey(memory.get(), nullptr, no_password, nullptr));
    if (key == nullptr || !is_p256(key.get())) return std::nullopt;
    return EcKey(std::move(key));
}

std::optional<EcKey> EcKey::from_public(std::string_view point) {
    if (point.size() != EcKey::kPointBytes || point.front() != 4) return std::nullopt;
    Handle key(make_key(point, nullptr));
    if (key == nullptr) return std::nullopt;
    return EcKey(std::move(key));
}

std::optional<EcKey> EcKey::from_pair(std::string_view point, std::string_view number) {
    if (point.size() != EcKey::kPointBytes || point.front() != 4 || number.size() != kNumberBytes) return std::nullopt;
    const Number value(BN_bin2bn(openssl_bytes(number), static_cast<int>(number.size()), nullptr));
    must(value != nullptr);
    Handle key(make_key(point, value.get()));
    if (key == nullptr) return std::nullopt;
    return EcKey(std::move(key));
}

std::string EcKey::public_point() const {
    std::string point(EcKey::kPointBytes, '\0');
    size_t length = 0;
    must(EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY, openssl_bytes(point), point.size(),
                                         &length) == 1 &&
         length == EcKey::kPointBytes);
    return point;
}

std::string EcKey::to_pem() const {
    const Memory memory(BIO_new(BIO_s_mem()));
    must(memory != nullptr &&
         PEM_write_bio_PKCS8PrivateKey(memory.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &data);
    return std::string(data, static_cast<size_t>(size));
}

std::string EcKey::sign(std::string_view text) const {
    const DigestContext context(EVP_MD_CTX_new());
    size_t size = 0;
    must(context != nullptr && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
         EVP_DigestSign(context.get(), nullptr, &size, openssl_bytes(text), text.size()) == 1);
    std::string der(size, '\0');
    must(EVP_DigestSign(context.get(), openssl_bytes(der), &size, openssl_bytes(text), text.size()) == 1);
    const unsigned char* from = openssl_bytes(std::string_view(der));
    const Signature parts(d2i_ECDSA_SIG(nullptr, &from, static_cast<long>(size)));
    must(parts != nullptr);
    std::string signature(2 * kNumberBytes, '\0');
    constexpr int kBytes = static_cast<int>(kNumberBytes);
    must(BN_bn2binpad(ECDSA_SIG_get0_r(parts.get()), openssl_bytes(signature), kBytes) == kBytes &&
         BN_bn2binpad(ECDSA_SIG_get0_s(parts.get()), openssl_bytes(signature) + kNumberBytes, kBytes) == kBytes);
    return signature;
}

bool EcKey::verify(std::string_view text, std::string_view signature) const {
    if (signature.size() != 2 * kNumberBytes) return false;
    const Signature parts(ECDSA_SIG_new());
    constexpr int kBytes = static_cast<int>(kNumberBytes);
    BIGNUM* r = BN_bin2bn(openssl_bytes(signature), kBytes, nullptr);
    BIGNUM* s = BN_bin2bn(openssl_bytes(signature) + kNumberBytes, kBytes, nullptr);
    must(parts != nullptr && ECDSA_SIG_set0(parts.get(), r, s) == 1);
    const int size = i2d_ECDSA_SIG(parts.get(), nullptr);
    must(size > 0);
    std::string der(static_cast<size_t>(size), '\0');
    unsigned char* to = openssl_bytes(der);
    i2d_ECDSA_SIG(parts.get(), &to);
    const DigestContext context(EVP_MD_CTX_new());
    must(context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
    return EVP_DigestVerify(context.get(), openssl_bytes(std::string_view(der)), der.size(), openssl_bytes(text),
                            text.size()) == 1;
}

std::optional<std::string> EcKey::shared_secret(const EcKey& other) const {
    const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    must(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1);
    std::string secret(kNumberBytes, '\0');
    size_t size = secret.size();
    if (EVP_PKEY_derive_set_peer(context.get(), other.key_.get()) != 1 ||
        EVP_PKEY_derive(context.get(), openssl_bytes(secret), &size) != 1 || size != kNumberBytes) {
        return std::nullopt;
    }
    return secret;
}

}  // namespace agentcom
