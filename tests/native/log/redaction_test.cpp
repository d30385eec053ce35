#include "native-server/log/redaction.hpp"

#include <catch2/catch.hpp>

namespace agentcom {

TEST_CASE("W-14: names of secrets, however they are written", "[log]") {
    for (const char* name : {"token", "auth_token", "authToken", "AUTH-TOKEN", "X-Api-Key", "apiKey", "secret",
                             "client_secret", "Authorization", "proxy-authorization", "password", "db.passwd",
                             "Set-Cookie", "cookie", "private_key", "aws_access_key", "credentials", "passphrase"}) {
        CAPTURE(name);
        CHECK(is_secret_name(name));
    }
    for (const char* name :
         {"", "tokens_used", "token_prefix", "tokens", "task_id", "secretary", "key", "author", "passed"}) {
        CAPTURE(name);
        CHECK_FALSE(is_secret_name(name));
    }
}

TEST_CASE("W-14: credentials in texts go, the rest stays byte for byte", "[log]") {
    const std::string token = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";
    struct Case {
        std::string text;
        std::string redacted;
    };
    const Case cases[] = {
        {"", ""},
        {"nothing to hide", "nothing to hide"},
        {"Authorization: Bearer abc.def-ghi", "Authorization: Bearer [REDACTED]"},
        {"BEARER AbCdEfGhIj and more", "BEARER [REDACTED] and more"},
        {"a bearer of news", "a bearer of news"},
        {"Basic dXNlcjpwYXNz", "Basic [REDACTED]"},
        {"GET /ws?token=x&y=1 HTTP", "GET /ws?token=[REDACTED]&y=1 HTTP"},
        {"/?a=1&access_token=abc#frag", "/?a=1&access_token=[REDACTED]#frag"},
        {"token= is empty", "token= is empty"},
        {token, "[REDACTED]"},
        {"<" + token + ">", "<[REDACTED]>"},
        {token.substr(0, 63), token.substr(0, 63)},
        {"ghp_0123456789abcdefghij0123456789abcdef", "[REDACTED]"},
        {"key sk-ant-api03-abcdefghijklmnop here", "key [REDACTED] here"},
        {"task-1 and risk-free", "task-1 and risk-free"},
        {"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[REDACTED]"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.text);
        CHECK(redact_text(c.text) == c.redacted);
    }
}

TEST_CASE("W-14: values are redacted at any depth and keep their form", "[log]") {
    CHECK(redact_json(R"({"a":1e400,"b":[true,null,"x"],"token":{"any":"thing"},"c":{"d":[{"apiKey":7}]}})") ==
          R"({"a":1e400,"b":[true,null,"x"],"token":"[REDACTED]","c":{"d":[{"apiKey":"[REDACTED]"}]}})");
    CHECK(redact_json(R"({"token":null})") == R"({"token":null})");
    CHECK(redact_json(R"("Bearer abcdefghij")") == R"("Bearer [REDACTED]")");
    CHECK(redact_json(" 12 ") == "12");
    std::string deep = "\"" + std::string(64, 'f') + "\"";
    for (int i = 0; i < 500; ++i) deep = "[" + deep + "]";
    CHECK(redact_json(deep).find("ffff") == std::string::npos);
}

}  // namespace agentcom
