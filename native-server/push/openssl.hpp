// What every use of OpenSSL's C interface here needs.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace agentcom {

/// Frees with a function of OpenSSL.
template <auto free_it>
struct OpensslFree {
    template <class T>
    void operator()(T* object) const {
        free_it(object);
    }
};
template <class T, auto free_it>
using OpensslHandle = std::unique_ptr<T, OpensslFree<free_it>>;

inline unsigned char* openssl_bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
inline const unsigned char* openssl_bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace agentcom
