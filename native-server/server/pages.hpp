// The pages that the hub serves from inside its binary, without a token: there is no data in them. What they show they
// ask of the API, with the token of whoever looks at them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/protocol/operation.hpp"
#include "native-server/net/http_response.hpp"

namespace agentcom {

struct Page {
    int status = 200;
    std::vector<HttpHeader> headers;
    std::string_view body;
};

/// The page at a path, or nullptr. Only GET and HEAD have pages.
const Page* find_page(Method method, std::string_view path);

/// The Content-Security-Policy of a page that brings its own script and style: nothing else may run, by their hashes,
/// and nothing may be loaded or sent but to the hub itself.
std::string page_policy(std::string_view html);

/// dashboard/index.html
std::string_view dashboard_page();
/// dashboard/favicon.svg: browsers ask for /favicon.ico by themselves and take what its content type says.
std::string_view favicon();
/// dashboard/sw.js: the service worker that shows notifications.
std::string_view service_worker();
/// dashboard/docs.html: shows the OpenAPI document.
std::string_view docs_page();

}  // namespace agentcom
