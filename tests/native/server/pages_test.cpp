#include "native-server/server/pages.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace agentcom {
namespace {

std::string header(const Page& page, std::string_view name) {
    for (const HttpHeader& each : page.headers) {
        if (each.first == name) return each.second;
    }
    return {};
}

}  // namespace

TEST_CASE("the dashboard is at one path, for those who read", "[server]") {
    for (const std::string_view path : {"/dashboard", "/dashboard/"}) {
        const Page* page = find_page(Method::get, path);
        REQUIRE(page != nullptr);
        CHECK(page->body == dashboard_page());
        CHECK(header(*page, "content-type") == "text/html; charset=utf-8");
        CHECK(find_page(Method::head, path) == page);
        CHECK(find_page(Method::post, path) == nullptr);
    }
    for (const std::string_view path : {"", "/dashboards", "/dashboard/x", "/api", "//", "/Dashboard"}) {
        CHECK(find_page(Method::get, path) == nullptr);
    }
}

TEST_CASE("the description of the API has a page", "[server]") {
    const Page* page = find_page(Method::get, "/docs");
    REQUIRE(page != nullptr);
    CHECK(page->body == docs_page());
    CHECK(find_page(Method::head, "/docs/") == page);
    CHECK(find_page(Method::post, "/docs") == nullptr);
    CHECK(find_page(Method::get, "/docs/x") == nullptr);
}

TEST_CASE("the root leads to the dashboard, and there is an icon", "[server]") {
    const Page* root = find_page(Method::get, "/");
    REQUIRE(root != nullptr);
    CHECK(root->status == 302);
    CHECK(header(*root, "location") == "/dashboard");
    CHECK(root->body == "{}");
    const Page* icon = find_page(Method::head, "/favicon.ico");
    REQUIRE(icon != nullptr);
    CHECK(icon->status == 200);
    CHECK(header(*icon, "content-type") == "image/svg+xml");
    CHECK(icon->body.starts_with("<svg "));
    CHECK(find_page(Method::post, "/favicon.ico") == nullptr);
    CHECK(find_page(Method::other, "/") == nullptr);
}

TEST_CASE("the service worker that shows notifications is at the root, for all pages", "[server]") {
    const Page* worker = find_page(Method::get, "/sw.js");
    REQUIRE(worker != nullptr);
    CHECK(worker->body == service_worker());
    CHECK(header(*worker, "content-type") == "text/javascript; charset=utf-8");
    CHECK(header(*worker, "service-worker-allowed") == "/");
}

TEST_CASE("the policy of a page names its own script and style, and nothing else", "[server]") {
    // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
    const std::string policy = page_policy("<style>b{}</style><script>alert(1)</script>");
    CHECK(policy ==
          "default-src 'none'; script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='; style-src "
          "'sha256-7yqHVAesot11p6HczDsgKRipvI5UPgs97z80zNXlans='; img-src data:; connect-src 'self'; worker-src "
          "'self'; base-uri 'none'; "
          "form-action 'none'; frame-ancestors 'none'");
    CHECK(page_policy("no script").find("script-src 'none'; style-src 'none'") != std::string::npos);
}

TEST_CASE("each page is one file that loads nothing", "[server]") {
    for (const std::string_view html : {dashboard_page(), docs_page()}) {
        CHECK(html.starts_with("<!doctype html>"));
        CHECK(html.ends_with("</html>\n"));
        for (const std::string_view foreign : {"src=\"", "@import", "innerHTML", " style=\"", "url(", " onclick"}) {
            CHECK(html.find(foreign) == std::string_view::npos);
        }
        // The policy knows the first of each only.
        for (const std::string_view element : {"<script", "<style"}) {
            const size_t first = html.find(element);
            CHECK(html.find(element, first + 1) == std::string_view::npos);
        }
    }
}

}  // namespace agentcom
