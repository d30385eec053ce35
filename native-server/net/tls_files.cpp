#include "native-server/net/tls_files.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>

namespace agentcom {

namespace {

struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

Status bad_files(const std::string& text) {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    return Status(
        Error{"bad_tls_files", 422, Blame::client, text + (reason == nullptr ? "" : " (" + std::string(reason) + ")")});
}

}  // namespace

Status check_tls_files(const TlsFiles& files) {
    ERR_clear_error();
    const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_server_method()));
    if (!context) return bad_files("TLS is not to be had");
    if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1) {
        return bad_files("cannot use " + files.certificate + " as TLS certificate: it must be a readable PEM file");
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
        const unsigned long code = ERR_peek_last_error();
        if (ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH || ERR_GET_REASON(code) == X509_R_KEY_TYPE_MISMATCH) {
            return bad_files("the key in " + files.key + " is not that of the certificate in " + files.certificate);
        }
        return bad_files("cannot use " + files.key + " as TLS key: it must be a readable PEM file without passphrase");
    }
    if (SSL_CTX_check_private_key(context.get()) != 1) {
        return bad_files("the key in " + files.key + " is not that of the certificate in " + files.certificate);
    }
    const X509* certificate = SSL_CTX_get0_certificate(context.get());
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        return bad_files("the TLS certificate in " + files.certificate + " has expired");
    }
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        return bad_files("the TLS certificate in " + files.certificate + " is not valid yet");
    }
    return {};
}

}  // namespace agentcom
