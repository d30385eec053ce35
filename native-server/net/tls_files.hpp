// The certificate and the key with which the hub proves itself: two PEM files.
#pragma once

#include <string>

#include "core/base/result.hpp"

namespace agentcom {

struct TlsFiles {
    std::string certificate;  ///< the chain, the hub's own certificate first
    std::string key;
};

/// Whether the hub can start with them. Errors `bad_tls_files`: the text says which file, and what is wrong with it:
/// not readable, no PEM, a key that is not the certificate's, a certificate whose time is over or has not come.
Status check_tls_files(const TlsFiles&);

}  // namespace agentcom
