#include "native-server/server/pages.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <optional>

namespace agentcom {

namespace {

/// 'sha256-…' of what stands in the first element of this name (CSP Level 3 §2.3.1); nullopt without one.
std::optional<std::string> hash_of_element(std::string_view html, std::string_view name) {
    const std::string begin = "<" + std::string(name) + ">";
    const size_t from = html.find(begin);
    const size_t to = html.find("</" + std::string(name) + ">");
    if (from == std::string_view::npos || to == std::string_view::npos) return std::nullopt;
    const std::string_view text = html.substr(from + begin.size(), to - from - begin.size());
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::array<unsigned char, 4 * ((SHA256_DIGEST_LENGTH + 2) / 3) + 1> base64{};
    EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
    return "'sha256-" + std::string(reinterpret_cast<const char*>(base64.data())) + "'";
}

Page html_page(std::string_view html) {
    return Page{200,
                {{"content-type", "text/html; charset=utf-8"},
                 {"cache-control", "no-cache"},
                 {"content-security-policy", page_policy(html)},
                 {"referrer-policy", "no-referrer"},
                 {"x-content-type-options", "nosniff"},
                 {"x-frame-options", "DENY"}},
                html};
}

}  // namespace

std::string page_policy(std::string_view html) {
    return "default-src 'none'; script-src " + hash_of_element(html, "script").value_or("'none'") + "; style-src " +
           hash_of_element(html, "style").value_or("'none'") +
           "; img-src data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
           "frame-ancestors 'none'";
}

const Page* find_page(Method method, std::string_view path) {
    static const Page dashboard = html_page(dashboard_page());
    static const Page docs = html_page(docs_page());
    // Relative, so that it holds behind a proxy; what stands behind '#' a browser keeps by itself.
    static const Page root{302, {{"location", "/dashboard"}}, "{}"};
    static const Page icon{200,
                           {{"content-type", "image/svg+xml"},
                            {"cache-control", "max-age=86400"},
                            {"content-security-policy", "default-src 'none'"},
                            {"x-content-type-options", "nosniff"}},
                           favicon()};
    // It may notify on behalf of every page of the hub.
    static const Page worker{200,
                             {{"content-type", "text/javascript; charset=utf-8"},
                              {"cache-control", "no-cache"},
                              {"service-worker-allowed", "/"},
                              {"content-security-policy", "default-src 'none'"},
                              {"x-content-type-options", "nosniff"}},
                             service_worker()};
    if (method != Method::get && method != Method::head) return nullptr;
    if (path == "/favicon.ico") return &icon;
    if (path == "/sw.js") return &worker;
    if (path == "/docs" || path == "/docs/") return &docs;
    if (path == "/") return &root;
    return path == "/dashboard" || path == "/dashboard/" ? &dashboard : nullptr;
}

}  // namespace agentcom
