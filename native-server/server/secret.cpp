#include "native-server/server/secret.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <cstring>

#include "core/base/hex.hpp"
#include "core/base/sha256.hpp"

namespace agentcom {

namespace {

constexpr size_t kTokenBytes = 32;
constexpr size_t kPrefixDigits = 8;

void fill_random(void* out, size_t bytes) {
    // Going on with predictable tokens would be worse than not going on.
    if (RAND_bytes(static_cast<unsigned char*>(out), static_cast<int>(bytes)) != 1) std::abort();
}

}  // namespace

std::string random_hex(size_t bytes) {
    std::string raw(bytes, '\0');
    fill_random(raw.data(), raw.size());
    std::string hex = to_hex(raw);
    wipe(raw);
    return hex;
}

int64_t random_int64() {
    int64_t number = 0;
    fill_random(&number, sizeof number);
    return number;
}

std::string draw_token() { return random_hex(kTokenBytes); }

FreshSecret describe_token(const std::string& token) {
    return FreshSecret{sha256_hex(token), token.substr(0, kPrefixDigits)};
}

void wipe(std::string& secret) {
    OPENSSL_cleanse(secret.data(), secret.size());
    secret.clear();
}

}  // namespace agentcom
