#include "tools/cli/hub_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <boost/asio/ssl/host_name_verification.hpp>

namespace agentcom::cli {

namespace ssl = boost::asio::ssl;

HubStream::HubStream(boost::asio::io_context& context, const HubUrl& hub) : tcp_(context) {
    if (!hub.tls) return;
    tls_context_.emplace(ssl::context::tls_client);
    tls_context_->set_options(
        ssl::context::default_workarounds | ssl::context::no_sslv3 | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1,
        setup_error_);
    if (!setup_error_ && hub.ca_file.empty()) tls_context_->set_default_verify_paths(setup_error_);
    if (!setup_error_ && !hub.ca_file.empty()) tls_context_->load_verify_file(hub.ca_file, setup_error_);
    tls_.emplace(tcp_, *tls_context_);
    boost::system::error_code error;
    tls_->set_verify_mode(ssl::verify_peer, error);
    if (!error) tls_->set_verify_callback(ssl::host_name_verification(hub.host), error);
    if (!setup_error_) setup_error_ = error;
    // A name, not an address, says which of a server's certificates is wanted (RFC 6066 §3).
    const bool is_address =
        hub.host.find(':') != std::string::npos || hub.host.find_first_not_of("0123456789.") == std::string::npos;
    if (!is_address) SSL_set_tlsext_host_name(tls_->native_handle(), hub.host.c_str());
}

void teardown(boost::beast::role_type, HubStream& stream, boost::system::error_code& error) {
    stream.next_layer().socket().shutdown(boost::asio::ip::tcp::socket::shutdown_both, error);
}

std::string certificate_trouble(boost::system::error_code error, const HubUrl& hub) {
    if (!hub.tls || error.category() != boost::asio::error::get_ssl_category()) return {};
    if (ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
        return "its certificate is not one that this machine trusts for " + hub.host +
               "; name the one that signed it with --ca-file or AGENTCOM_CA_FILE";
    }
    if (!hub.ca_file.empty() && error.message().find("verify") == std::string::npos &&
        ERR_GET_LIB(static_cast<unsigned long>(error.value())) != ERR_LIB_SSL) {
        return hub.ca_file + " holds no certificates (" + error.message() + ")";
    }
    return "TLS: " + error.message();
}

}  // namespace agentcom::cli
