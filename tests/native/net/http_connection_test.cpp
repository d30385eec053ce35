#include "native-server/net/http_connection.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/base/prng.hpp"
#include "core/base/sha256.hpp"

namespace agentcom {
namespace {

// Keeps the requests and answers them when told to, or at once.
struct Harness : HttpConnection::Events {
    NetContext context;
    Outbox outbox{context.outboxes};
    HttpConnection connection{context, outbox, *this};
    std::vector<HttpRequest> requests;
    bool minted = false;
    bool upgraded = false;
    bool answer_at_once = false;

    void on_request(HttpRequest request, bool mints_secret) override {
        requests.push_back(std::move(request));
        minted = mints_secret;
        if (answer_at_once) answer();
    }
    void on_upgrade() override { upgraded = true; }

    void answer(int status = 200, std::string body = "{\"ok\":true}") { connection.respond(status, {}, body); }

    std::string output() {
        std::string out(static_cast<size_t>(outbox.bytes()), '\0');
        out.resize(outbox.fill(out.data(), out.size()));
        return out;
    }
    // The statuses of all responses in the outbox.
    std::vector<int> statuses() {
        const std::string text = output();
        std::vector<int> found;
        for (size_t at = text.find("HTTP/1.1 "); at != std::string::npos; at = text.find("HTTP/1.1 ", at + 1)) {
            found.push_back(std::stoi(text.substr(at + 9, 3)));
        }
        return found;
    }
};

std::string post(const std::string& path, const std::string& body, const std::string& headers = "") {
    return "POST " + path + " HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string kGet = "GET /health HTTP/1.1\r\nHost: hub\r\n\r\n";

// The status that bytes get without the hub's help; 0 = none. Checked with the bytes cut in several ways.
int refusal(const std::string& bytes) {
    std::vector<int> results;
    for (const size_t step : {bytes.size(), size_t{1}, size_t{7}}) {
        Harness harness;
        for (size_t i = 0; i < bytes.size(); i += step) {
            harness.connection.receive(std::string_view(bytes).substr(i, step));
        }
        const std::vector<int> statuses = harness.statuses();
        results.push_back(statuses.empty() ? 0 : statuses.front());
    }
    CHECK(std::count(results.begin(), results.end(), results.front()) == static_cast<long>(results.size()));
    return results.front();
}

}  // namespace

TEST_CASE("a request comes out the same however its bytes are cut", "[net]") {
    const std::string bytes =
        post("/api/tasks?token=querysecret&a=1", "{\"token\":\"bodysecret\",\"description\":\"d\"}",
             "Authorization: Bearer headersecret\r\nIdempotency-Key: k1\r\n");
    for (size_t step = 1; step <= bytes.size(); step += (step < 20 ? 1 : 37)) {
        Harness harness;
        for (size_t i = 0; i < bytes.size(); i += step) {
            harness.connection.receive(std::string_view(bytes).substr(i, step));
        }
        REQUIRE(harness.requests.size() == 1);
        const HttpRequest& request = harness.requests[0];
        CHECK(request.method == Method::post);
        CHECK(request.path == "/api/tasks");
        CHECK(request.host == "hub");
        CHECK(request.idempotency_key == "k1");
        CHECK(request.has_bearer);
        CHECK(request.authorization.sha256_hex == sha256_hex("headersecret"));
        CHECK(request.query_token.sha256_hex == sha256_hex("querysecret"));
        CHECK(request.body_token.sha256_hex == sha256_hex("bodysecret"));
        CHECK((request.query + request.body + request.path).find("secret") == std::string::npos);
        CHECK(request.body.find("\"description\":\"d\"") != std::string::npos);
        CHECK(harness.connection.pending());
        harness.answer();
        const std::string out = harness.output();
        CHECK(out.starts_with("HTTP/1.1 200 OK\r\ndate: "));
        for (const char* header : {"\r\ncontent-length: 11\r\n", "\r\nvary: accept-encoding\r\n",
                                   "\r\ncache-control: max-age=0, private, must-revalidate\r\n",
                                   "\r\ncontent-type: application/json; charset=utf-8\r\n"}) {
            CHECK(out.find(header) != std::string::npos);
        }
        CHECK(out.find("connection:") == std::string::npos);
        CHECK(out.ends_with("\r\n\r\n{\"ok\":true}"));
        CHECK_FALSE(harness.connection.ended());
    }
}

TEST_CASE("requests in one packet are handed out one at a time, in order", "[net]") {
    Harness harness;
    harness.connection.receive(post("/a", "{\"n\":1}") + post("/b", "{\"n\":2}") + kGet);
    REQUIRE(harness.requests.size() == 1);
    harness.answer(201);
    REQUIRE(harness.requests.size() == 2);
    CHECK(harness.requests[1].path == "/b");
    CHECK(harness.requests[1].body == "{\"n\":2}");
    harness.answer(202);
    REQUIRE(harness.requests.size() == 3);
    CHECK(harness.connection.wants_input());
    harness.answer(203);
    CHECK(harness.statuses() == std::vector<int>{201, 202, 203});
    harness.answer(204);
    CHECK(harness.output().empty());
}

TEST_CASE("a connection is read while it waits for an answer, so that its end is seen, but only so far", "[net]") {
    Harness harness;
    harness.connection.receive(kGet);
    CHECK(harness.connection.wants_input());
    harness.connection.receive(kGet);
    CHECK(harness.connection.wants_input());
    harness.connection.receive(std::string(kReadBytes, 'x'));
    CHECK_FALSE(harness.connection.wants_input());
    CHECK_FALSE(harness.connection.deadline_us());
    CHECK(harness.requests.size() == 1);
}

namespace {

std::shared_ptr<const std::string> text(std::string content) {
    return std::make_shared<const std::string>(std::move(content));
}

std::string after_head(const std::string& output) { return output.substr(output.find("\r\n\r\n") + 4); }

}  // namespace

TEST_CASE("a body goes out piece by piece, and the next request comes after the last", "[net]") {
    Harness harness;
    harness.connection.receive(kGet + kGet);
    const std::vector<HttpHeader> headers{{"content-type", "text/event-stream"}};
    harness.connection.begin_stream(200, headers);
    const std::string head = harness.output();
    CHECK(head.starts_with("HTTP/1.1 200 OK\r\ndate: "));
    CHECK(head.find("\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n") != std::string::npos);
    CHECK(head.find("content-length") == std::string::npos);
    harness.connection.send_piece(text("hello"), false);
    harness.connection.send_piece(text(std::string(300, 'x')), false);
    harness.connection.send_piece(nullptr, false);
    CHECK(harness.output() == "5\r\nhello\r\n12c\r\n" + std::string(300, 'x') + "\r\n");
    CHECK_FALSE(harness.connection.deadline_us());
    // It has its answer already.
    harness.answer();
    CHECK(harness.output().empty());
    CHECK(harness.requests.size() == 1);
    harness.connection.send_piece(text("bye"), true);
    CHECK(harness.output() == "3\r\nbye\r\n0\r\n\r\n");
    CHECK(harness.requests.size() == 2);
    harness.answer(201);
    CHECK(harness.statuses() == std::vector<int>{201});
    CHECK_FALSE(harness.connection.ended());
}

TEST_CASE("an HTTP/1.0 client gets a body that ends with the connection", "[net]") {
    Harness harness;
    harness.connection.receive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    harness.connection.begin_stream(200, {});
    harness.connection.send_piece(text("hello"), false);
    const std::string out = harness.output();
    CHECK(out.find("\r\nconnection: close\r\n") != std::string::npos);
    CHECK(out.find("chunked") == std::string::npos);
    CHECK(after_head(out) == "hello");
    CHECK_FALSE(harness.connection.ended());
    harness.connection.send_piece(nullptr, true);
    CHECK(harness.output().empty());
    CHECK(harness.connection.ended());
}

TEST_CASE("a connection that is to end does so after the last piece", "[net]") {
    Harness harness;
    harness.connection.receive(kGet);
    harness.connection.begin_stream(200, {});
    harness.connection.finish();
    CHECK_FALSE(harness.connection.ended());
    harness.connection.send_piece(text("x"), true);
    CHECK(harness.connection.ended());
}

TEST_CASE("many requests that are answered at once do not pile up", "[net]") {
    Harness harness;
    harness.answer_at_once = true;
    std::string bytes;
    for (int i = 0; i < 10'000; ++i) bytes += kGet;
    harness.connection.receive(bytes);
    CHECK(harness.requests.size() == 10'000);
    CHECK(harness.statuses().size() == 10'000);
}

TEST_CASE("what is no HTTP gets its status and the connection ends", "[net]") {
    const std::string many_headers = [] {
        std::string out = "GET / HTTP/1.1\r\nHost: h\r\n";
        for (int i = 0; i < 50; ++i) out += "X-" + std::to_string(i) + ": y\r\n";
        return out + "\r\n";
    }();
    struct Row {
        std::string what;
        std::string bytes;
        int status;
    };
    const std::vector<Row> rows = {
        {"garbage", "\x16\x03\x01 binary", 400},
        {"no request line", "hello hub\r\n", 400},
        {"bare line feeds", "GET / HTTP/1.1\nHost: h\n\n", 400},
        {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"unknown version", "GET / HTTP/3.7\r\nHost: h\r\n\r\n", 505},
        {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"long request line", "GET /" + std::string(10'000, 'a') + " HTTP/1.1\r\n", 414},
        {"endless request line", "GET /" + std::string(10'001, 'a'), 414},
        {"long header", "GET / HTTP/1.1\r\nX: " + std::string(10'001, 'a'), 431},
        {"many headers", many_headers, 431},
        {"large body announced", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8000001\r\n\r\n", 413},
        {"bad length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", 400},
        {"two lengths", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        {"length and chunks",
         "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"unknown coding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"bad chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
        {"unknown expectation", "POST / HTTP/1.1\r\nHost: h\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\n", 417},
        {"header without colon", "GET / HTTP/1.1\r\nHost: h\r\nnonsense\r\n\r\n", 400},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        CHECK(refusal(row.bytes) == row.status);
        Harness harness;
        harness.connection.receive(row.bytes);
        CHECK(harness.connection.ended());
        const std::string out = harness.output();
        CHECK(out.find("\r\nconnection: close\r\n") != std::string::npos);
        CHECK(out.find("{\"error\":\"" + std::string(http_error_code(row.status)) + "\"}") != std::string::npos);
        CHECK(harness.requests.empty());
    }
}

TEST_CASE("limits are inclusive", "[net]") {
    const std::string target = "/" + std::string(10'000 - std::string("GET / HTTP/1.1").size(), 'a');
    CHECK(refusal("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n") == 0);
    CHECK(refusal("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(9'997, 'a') + "\r\n\r\n") == 0);
    std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
    for (int i = 0; i < 49; ++i) head += "X-" + std::to_string(i) + ": y\r\n";
    CHECK(refusal(head + "\r\n") == 0);
}

TEST_CASE("bodies are read as http.md §1.6 says", "[net]") {
    struct Row {
        std::string what;
        std::string method;
        std::string content_type;  // "" = none
        std::string body;
        int status;            // 0 = goes to the hub
        std::string hub_body;  // that the hub gets
    };
    const std::vector<Row> rows = {
        {"object", "POST", "application/json", "{\"a\":1}", 0, "{\"a\":1}"},
        {"parameters and case", "POST", "Application/JSON; charset=utf-8", "{\"a\":1}", 0, "{\"a\":1}"},
        {"+json", "PUT", "application/merge-patch+json", "{\"a\":1}", 0, "{\"a\":1}"},
        {"no content type", "POST", "", "{\"a\":1}", 0, ""},
        {"empty", "POST", "application/json", "", 0, ""},
        {"array", "POST", "application/json", "[1,2]", 0, "{\"_json\":[1,2]}"},
        {"scalar", "POST", "application/json", "5", 0, "{\"_json\":5}"},
        {"malformed", "POST", "application/json", "{\"a\":", 400, ""},
        {"trailing garbage", "POST", "application/json", "{} x", 400, ""},
        {"wrong UTF-8", "POST", "application/json", "{\"a\":\"\xff\"}", 400, ""},
        {"form", "POST", "application/x-www-form-urlencoded", "a=1", 415, ""},
        {"text", "DELETE", "text/plain", "a=1", 415, ""},
        {"empty form", "POST", "application/x-www-form-urlencoded", "", 0, ""},
        {"body of a GET", "GET", "text/plain", "ignored", 0, ""},
    };
    for (const Row& row : rows) {
        INFO(row.what);
        for (const bool chunked : {false, true}) {
            std::string bytes = row.method + " /x HTTP/1.1\r\nHost: h\r\n";
            if (!row.content_type.empty()) bytes += "Content-Type: " + row.content_type + "\r\n";
            if (chunked) {
                bytes += "Transfer-Encoding: chunked\r\n\r\n";
                for (const char c : row.body) bytes += std::string("1\r\n") + c + "\r\n";
                bytes += "0\r\n\r\n";
            } else {
                bytes += "Content-Length: " + std::to_string(row.body.size()) + "\r\n\r\n" + row.body;
            }
            CHECK(refusal(bytes) == row.status);
            Harness harness;
            harness.connection.receive(bytes);
            CHECK_FALSE(harness.connection.ended());
            if (row.status != 0) {
                CHECK(harness.requests.empty());
                continue;
            }
            REQUIRE(harness.requests.size() == 1);
            CHECK(harness.requests[0].body == row.hub_body);
        }
    }
}

TEST_CASE("a chunked body above the limit gets 413", "[net]") {
    Harness harness;
    harness.connection.receive("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "fffff\r\n" + std::string(0xfffff, 'x') + "\r\n";
    for (int i = 0; i < 8; ++i) harness.connection.receive(chunk);
    CHECK(harness.connection.ended());
    CHECK(harness.statuses() == std::vector<int>{413});
}

TEST_CASE("an endless chunk header does not grow a buffer", "[net]") {
    Harness harness;
    harness.connection.receive("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;");
    for (int i = 0; i < 100 && !harness.connection.ended(); ++i) harness.connection.receive(std::string(1'000, 'x'));
    CHECK(harness.statuses() == std::vector<int>{400});
}

TEST_CASE("mangled requests never do worse than end the connection", "[net]") {
    const std::string chunked =
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;a=b\r\n{\"a\":\r\n2\r\n1}\r\n0\r\nTrailer: t\r\n\r\n";
    const std::string good[] = {post("/api/tasks", "{\"a\":[1,2]}"), chunked, kGet + chunked + kGet};
    Prng prng(20'260'131);
    for (int round = 0; round < 20'000; ++round) {
        INFO("round " << round);
        std::string bytes = good[prng.below(3)];
        for (uint64_t i = prng.below(4); i > 0; --i) {
            const size_t at = prng.below(bytes.size());
            static constexpr std::string_view kSpecial = "\r\n0:; {}%\t,f";
            switch (prng.below(4)) {
                case 0:
                    bytes.erase(at, 1 + prng.below(4));
                    break;
                case 1:
                    bytes.insert(at, 1, kSpecial[prng.below(kSpecial.size())]);
                    break;
                case 2:
                    bytes[at] = static_cast<char>(prng.below(256));
                    break;
                default:
                    bytes.insert(at, bytes.substr(prng.below(bytes.size()), prng.below(9)));
                    break;
            }
        }
        Harness harness;
        harness.answer_at_once = true;
        for (size_t at = 0; at < bytes.size();) {
            const size_t step = 1 + prng.below(prng.below(2) == 0 ? 3 : 60);
            harness.connection.receive(std::string_view(bytes).substr(at, step));
            at += step;
        }
        CHECK(harness.connection.held_bytes() <= bytes.size());
    }
}

TEST_CASE("Expect: 100-continue is answered before the body", "[net]") {
    Harness harness;
    harness.connection.receive(
        "POST /x HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
        "Content-Length: 2\r\n\r\n");
    CHECK(harness.output() == "HTTP/1.1 100 Continue\r\n\r\n");
    harness.connection.receive("{}");
    CHECK(harness.requests.size() == 1);
}

TEST_CASE("connections are kept or ended as the client's version says", "[net]") {
    struct Row {
        std::string head;
        bool kept;
        std::string says;
    };
    const std::vector<Row> rows = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true, ""},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false, "connection: close"},
        {"GET / HTTP/1.0\r\n\r\n", false, "connection: close"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, "connection: keep-alive"},
    };
    for (const Row& row : rows) {
        INFO(row.head);
        Harness harness;
        harness.connection.receive(row.head);
        harness.answer();
        CHECK(harness.connection.ended() != row.kept);
        const std::string out = harness.output();
        CHECK((row.says.empty() ? out.find("connection:") == std::string::npos
                                : out.find(row.says) != std::string::npos));
    }
}

TEST_CASE("HEAD gets the headers of GET", "[net]") {
    Harness harness;
    harness.connection.receive("HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n");
    REQUIRE(harness.requests.size() == 1);
    CHECK(harness.requests[0].method == Method::head);
    harness.answer();
    const std::string out = harness.output();
    CHECK(out.find("content-length: 11\r\n") != std::string::npos);
    CHECK(out.ends_with("\r\n\r\n"));
}

TEST_CASE("unknown methods are the hub's to answer and the connection goes on", "[net]") {
    Harness harness;
    harness.answer_at_once = true;
    harness.connection.receive("BREW /tea HTTP/1.1\r\nHost: h\r\n\r\n" + kGet);
    REQUIRE(harness.requests.size() == 2);
    CHECK(harness.requests[0].method == Method::other);
    CHECK(harness.requests[1].method == Method::get);
}

TEST_CASE("a request is called what its client says, or what we say", "[net]") {
    Harness harness;
    harness.answer_at_once = true;
    harness.context.run_name = "run";
    const auto named = [&](const std::string& headers) {
        harness.connection.receive("GET /health HTTP/1.1\r\nHost: h\r\n" + headers + "\r\n");
        const std::string name = harness.requests.back().name;
        CHECK(harness.output().find("x-request-id: " + name + "\r\n") != std::string::npos);
        return name;
    };
    CHECK(named("X-Request-Id: a/b\r\n") == "a/b");
    CHECK(named("X-Request-Id: " + std::string(128, 'x') + "\r\n") == std::string(128, 'x'));
    CHECK(named("") == "run-1");
    CHECK(named("X-Request-Id: " + std::string(129, 'x') + "\r\n") == "run-2");
    CHECK(named("X-Request-Id: a b\r\n") == "run-3");
    CHECK(named("X-Request-Id: a\r\nX-Request-Id: b\r\n") == "run-4");
    // What is no request has a name, too.
    harness.connection.receive("nonsense\r\n\r\n");
    CHECK(harness.output().find("x-request-id: run-5\r\n") != std::string::npos);
}

TEST_CASE("HEAD never asks for a stream", "[net]") {
    Harness harness;
    harness.connection.receive("HEAD /api/events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n");
    REQUIRE(harness.requests.size() == 1);
    CHECK(harness.requests[0].accept.empty());
}

TEST_CASE("204 has no body and no length", "[net]") {
    Harness harness;
    harness.connection.receive(kGet);
    harness.answer(204, "");
    const std::string out = harness.output();
    CHECK(out.starts_with("HTTP/1.1 204 No Content\r\n"));
    CHECK(out.find("content-length") == std::string::npos);
    CHECK(out.find("content-type") == std::string::npos);
}

TEST_CASE("a full URL as target is its path", "[net]") {
    Harness harness;
    harness.connection.receive("GET http://hub:4000/health?x=1 HTTP/1.1\r\nHost: hub\r\n\r\n");
    REQUIRE(harness.requests.size() == 1);
    CHECK(harness.requests[0].path == "/health");
    CHECK(harness.requests[0].query == "x=1");
}

TEST_CASE("operations that mint a secret are marked", "[net]") {
    Harness harness;
    harness.answer_at_once = true;
    harness.connection.receive(post("/admin/tokens", "{}"));
    CHECK(harness.minted);
    harness.connection.receive(kGet);
    CHECK_FALSE(harness.minted);
}

TEST_CASE("the upgrade of /ws", "[net]") {
    const std::string headers =
        "Host: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
    for (const char* path : {"/ws", "/ws/", "//ws", "/ws?x=1"}) {
        INFO(path);
        Harness harness;
        harness.connection.receive("GET " + std::string(path) + " HTTP/1.1\r\n" + headers + "behind");
        CHECK(harness.upgraded);
        CHECK_FALSE(harness.connection.upgraded().dashboard);
        CHECK(harness.connection.take_rest() == "behind");
        const std::string out = harness.output();
        CHECK(out.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
        CHECK(out.find("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") != std::string::npos);
        CHECK(out.find("extensions") == std::string::npos);
        CHECK(out.find("protocol:") == std::string::npos);
        CHECK(out.ends_with("\r\n\r\n"));
    }
    for (const char* path : {"/WS", "/ws/dashboards", "/ws/dashboard/x", "/dashboard", "/wss"}) {
        INFO(path);
        Harness harness;
        harness.connection.receive("GET " + std::string(path) + " HTTP/1.1\r\n" + headers);
        CHECK_FALSE(harness.upgraded);
        CHECK(harness.requests.size() == 1);
    }
    struct Row {
        std::string without;
        int status;
    };
    for (const Row& row : {Row{"Upgrade: websocket\r\n", 426}, Row{"Sec-WebSocket-Version: 13\r\n", 426},
                           Row{"Connection: keep-alive, Upgrade\r\n", 426},
                           Row{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400}}) {
        INFO(row.without);
        std::string fewer = headers;
        fewer.erase(fewer.find(row.without), row.without.size());
        CHECK(refusal("GET /ws HTTP/1.1\r\n" + fewer) == row.status);
    }
}

TEST_CASE("the upgrade of /ws/dashboard has a query and a credential, and no token", "[net]") {
    const std::string headers =
        "Host: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    Harness harness;
    harness.connection.receive("GET /ws/dashboard?mode=delta&token=secret HTTP/1.1\r\n" + headers +
                               "Authorization: Bearer other\r\n\r\n");
    REQUIRE(harness.upgraded);
    CHECK(harness.connection.upgraded().dashboard);
    CHECK(harness.connection.upgraded().query == "mode=delta&token=");
    CHECK(harness.connection.upgraded().authorization == credential_of_token("other"));
    Harness bare;
    bare.connection.receive("GET /ws/dashboard HTTP/1.1\r\n" + headers + "\r\n");
    REQUIRE(bare.upgraded);
    CHECK(bare.connection.upgraded().authorization.kind == Credential::Kind::absent);
    CHECK(refusal("GET /ws/dashboard HTTP/1.1\r\nHost: h\r\n\r\n") == 426);
}

TEST_CASE("slow clients run out of time, and only they", "[net]") {
    Harness harness;
    harness.context.settings.head_timeout_ms = 1'000;
    harness.context.settings.body_timeout_ms = 2'000;
    harness.context.settings.keep_alive_ms = 3'000;
    const auto at = [&](int64_t ms) { harness.context.now = Time{ms, us_from_ms(ms)}; };
    SECTION("idle: closed without a word") {
        CHECK(harness.connection.deadline_us() == us_from_ms(3'000));
        harness.connection.on_deadline();
        CHECK(harness.connection.ended());
        CHECK(harness.output().empty());
    }
    SECTION("a head has one period from its first byte") {
        at(500);
        harness.connection.receive("GET / HT");
        at(1'400);
        harness.connection.receive("TP/1.1\r\n");
        CHECK(harness.connection.deadline_us() == us_from_ms(1'500));
        harness.connection.on_deadline();
        CHECK(harness.statuses() == std::vector<int>{408});
    }
    SECTION("a body may be slow but not stand still") {
        harness.connection.receive(post("/x", "{\"a\":1}").substr(0, 80));
        const std::string rest = post("/x", "{\"a\":1}").substr(80);
        at(1'900);
        harness.connection.receive(rest.substr(0, 3));
        CHECK(harness.connection.deadline_us() == us_from_ms(3'900));
        harness.connection.on_deadline();
        CHECK(harness.connection.ended());
        CHECK(harness.statuses() == std::vector<int>{408});
    }
    SECTION("no deadline while the hub thinks") {
        harness.connection.receive(kGet);
        CHECK_FALSE(harness.connection.deadline_us().has_value());
        at(9'000);
        harness.answer();
        CHECK(harness.connection.deadline_us() == us_from_ms(12'000));
    }
}

}  // namespace agentcom
