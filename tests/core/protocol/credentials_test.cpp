#include "core/protocol/credentials.hpp"

#include <catch2/catch.hpp>
#include <optional>

#include "core/base/limits.hpp"
#include "core/base/prng.hpp"
#include "core/base/sha256.hpp"
#include "core/protocol/validation.hpp"

using namespace agentcom;

namespace {

using CredentialKind = Credential::Kind;
const std::string kSecret = "5ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7";

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

// The text with every SECRET replaced by the secret.
std::string with_secret(std::string text) {
    for (size_t at = text.find("SECRET"); at != std::string::npos; at = text.find("SECRET"))
        text.replace(at, 6, kSecret);
    return text;
}

}  // namespace

TEST_CASE("frames: the token goes out and its digest comes back") {
    struct Row {
        const char* frame;
        const char* cut;
    };
    const Row rows[] = {
        {R"({"type":"identify","token":"SECRET","agent_id":"a"})", R"({"type":"identify","token":"","agent_id":"a"})"},
        {R"({"token":"SECRET"})", R"({"token":""})"},
        {" {\n\"token\" :\t\"SECRET\" } ", " {\n\"token\" :\t\"\" } "},
        {R"({"\u0074oken":"SECRET"})", R"({"\u0074oken":""})"},
        {R"({"\u0074\u006f\u006b\u0065\u006e":"SECRET"})", R"({"\u0074\u006f\u006b\u0065\u006e":""})"},
        {R"({"payload":{"a":[1e400]},"token":"SECRET","z":1.0})", R"({"payload":{"a":[1e400]},"token":"","z":1.0})"},
        // Repeated: all go, the first one counts.
        {R"({"token":"SECRET","tok\u0065n":"SECRET"})", R"({"token":"","tok\u0065n":""})"},
        {R"({"token":"SECRET","token":5})", R"({"token":"","token":5})"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.frame);
        const CutFrame cut = cut_frame_credentials(with_secret(row.frame));
        CHECK_FALSE(cut.malformed);
        CHECK(cut.document.text() == row.cut);
        CHECK(cut.credential == Credential{CredentialKind::present, sha256_hex(kSecret)});
        CHECK(json::validate(cut.document.text()));
        REQUIRE(cut.document.is_object());
        CHECK(cut.document.object().size() > 0);
    }
}

TEST_CASE("frames: a token spelled with escapes has the digest of what it stands for") {
    std::string escaped;
    for (const char c : kSecret) {
        escaped += "\\u00";
        escaped += "0123456789abcdef"[c / 16];
        escaped += "0123456789abcdef"[c % 16];
    }
    const CutFrame cut = cut_frame_credentials(R"({"token":")" + escaped + "\"}");
    CHECK(cut.credential.sha256_hex == sha256_hex(kSecret));
    CHECK(cut.document.text() == R"({"token":""})");
}

TEST_CASE("frames: without a token nothing changes") {
    for (const char* text : {R"({"type":"ping"})", R"({"payload":{"token":"x"}})", R"([{"token":"x"}])", R"("token")",
                             "5", R"({"Token":"x","token ":"y","tokens":"z"})", R"({"token":null})"}) {
        CAPTURE(text);
        const CutFrame cut = cut_frame_credentials(text);
        CHECK(cut.document.text() == text);
        CHECK(cut.credential == Credential{});
    }
}

TEST_CASE("frames: what cannot be a token never authenticates") {
    for (const char* text : {R"({"token":5})", R"({"token":["x"]})", R"({"token":{}})", R"({"token":true})"}) {
        const CutFrame cut = cut_frame_credentials(text);
        CHECK(cut.document.text() == text);
        CHECK(cut.credential == Credential{CredentialKind::malformed, {}});
    }
    // The first counts, but the second goes too.
    const CutFrame second = cut_frame_credentials(with_secret(R"({"token":5,"token":"SECRET"})"));
    CHECK(second.document.text() == R"({"token":5,"token":""})");
    CHECK(second.credential.kind == CredentialKind::malformed);
    CHECK(cut_frame_credentials(R"({"token":""})").credential == Credential{CredentialKind::present, sha256_hex("")});
}

TEST_CASE("frames: a token that is too long is hidden and still found too long") {
    std::string token;
    for (size_t i = 0; i < kMaxTokenCodePoints; ++i) token += "\xc3\xa9";
    const CutFrame fits = cut_frame_credentials(R"({"type":"identify","agent_id":"a","token":")" + token + "\"}");
    CHECK(fits.credential.sha256_hex == sha256_hex(token));

    const CutFrame cut = cut_frame_credentials(R"({"type":"identify","agent_id":"a","token":")" + token + "x\"}");
    CHECK(cut.credential == Credential{CredentialKind::malformed, {}});
    CHECK_FALSE(contains(cut.document.text(), "\xc3\xa9"));
    const FrameCheck check = check_frame(cut.document);
    REQUIRE(check.errors.size() == 1);
    CHECK(check.errors.front().field == "token");
    CHECK(check.errors.front().error == "too_long");
}

TEST_CASE("frames: a text that is no JSON is dropped") {
    for (const char* text : {"", "{", R"({"token":"SECRET")", R"({"token":"SECRET","x":tru})", "SECRET"}) {
        const CutFrame cut = cut_frame_credentials(with_secret(text));
        CHECK(cut.malformed);
        CHECK(cut.document.text() == "null");
        CHECK(cut.credential == Credential{});
    }
}

TEST_CASE("frames: no damage to a frame lets its token through") {
    const uint64_t seed = 31;
    CAPTURE(seed);
    Prng prng(seed);
    const std::string frame = R"({"type":"identify","agent_id":"a","\u0074oken" : ")" + kSecret + R"(","token":")" +
                              kSecret + R"(","capabilities":["a"]})";
    const size_t first = frame.find(kSecret);
    int valid = 0;
    for (int round = 0; round < 20'000; ++round) {
        // Damage anywhere but in the key and the quotes around the secrets, which would make them something else.
        std::string text = frame;
        const size_t at =
            prng.index_below(2) == 0 ? prng.index_below(first - 20) : text.size() - 1 - prng.index_below(20);
        text[at] = " {}[]\",:\\ue0a"[prng.index_below(13)];
        const CutFrame cut = cut_frame_credentials(text);
        valid += cut.malformed ? 0 : 1;
        if (contains(cut.document.text(), kSecret) && cut.document.object().contains("token")) {
            FAIL("a token is left in " << cut.document.text());
        }
    }
    CHECK(valid > 1000);
}

TEST_CASE("bodies: the last token counts, all go") {
    const auto cut = [](const char* text) {
        return cut_body_credentials(*json::Document::parse(with_secret(text), json::Duplicates::last_wins));
    };
    CHECK(cut(R"({"seq":1,"token":"SECRET"})").document.text() == R"({"seq":1,"token":""})");
    CHECK(cut(R"({"seq":1,"token":"SECRET"})").credential.sha256_hex == sha256_hex(kSecret));
    CHECK(cut(R"({"token":"other","token":"SECRET"})").credential.sha256_hex == sha256_hex(kSecret));
    CHECK(cut(R"({"token":"SECRET","token":5})").document.text() == R"({"token":"","token":5})");
    CHECK(cut(R"({"token":"SECRET","token":5})").credential.kind == CredentialKind::malformed);
    CHECK(cut(R"({"token":null})").credential.kind == CredentialKind::absent);
    CHECK(cut("[1]").credential.kind == CredentialKind::absent);
    CHECK(cut(R"({"seq":1,"seq":2,"token":"SECRET"})").document.object().find("seq")->raw == "2");
}

TEST_CASE("queries: tokens go in every spelling") {
    struct Row {
        const char* query;
        const char* cut;
        std::optional<std::string> token;
    };
    const Row rows[] = {
        {"", "", std::nullopt},
        {"since=5", "since=5", std::nullopt},
        {"token=SECRET", "token=", kSecret},
        {"since=5&token=SECRET&limit=1", "since=5&token=&limit=1", kSecret},
        {"%74oken=SECRET", "%74oken=", kSecret},
        {"t%6Fke%6e=SECRET&a=%41", "t%6Fke%6e=&a=%41", kSecret},
        {"token=old&token=SECRET", "token=&token=", kSecret},
        {"token=a%2Bb+c", "token=", "a+b c"},
        {"token", "token=", ""},
        {"token[]=SECRET&token[a]=SECRET&token%5B%5D=SECRET", "token[]=&token[a]=&token%5B%5D=", std::nullopt},
        {"token=a=b", "token=", "a=b"},
        {"tokens=1&Token=2", "tokens=1&Token=2", std::nullopt},
        {"&&a=1&", "a=1", std::nullopt},
    };
    for (const Row& row : rows) {
        CAPTURE(row.query);
        const CutQuery cut = cut_query_token(with_secret(row.query));
        CHECK_FALSE(cut.malformed);
        CHECK(cut.query == row.cut);
        CHECK(cut.credential == (row.token ? credential_of_token(*row.token) : Credential{}));
    }
    for (const char* bad : {"token=SECRET%zz", "token=SECRET&a=%ff", "%zztoken=SECRET", "token=SECRET\xff"}) {
        CAPTURE(bad);
        const CutQuery cut = cut_query_token(with_secret(bad));
        CHECK(cut.malformed);
        CHECK(cut.query.empty());
        CHECK(cut.credential == Credential{});
    }
    CHECK(cut_query_token("token=" + std::string(257, 'x')).credential.kind == CredentialKind::malformed);
}

TEST_CASE("the Authorization header is read as v1.1 read it") {
    using Headers = std::vector<std::string_view>;
    struct Row {
        Headers headers;
        std::optional<std::string> strict;  // nothing = malformed
        std::optional<std::string> flex;    // nothing = absent
    };
    const Row rows[] = {
        {{"Bearer abc"}, "abc", "abc"},
        {{"Bearer  abc"}, "abc", " abc"},
        {{"Bearer abc \t"}, "abc", "abc \t"},
        {{"Bearer "}, "", ""},
        {{"bearer abc"}, std::nullopt, std::nullopt},
        {{"BEARER abc"}, std::nullopt, std::nullopt},
        {{"Bearer"}, std::nullopt, std::nullopt},
        {{"Bearer\tabc"}, std::nullopt, std::nullopt},
        {{" Bearer abc"}, std::nullopt, std::nullopt},
        {{"Basic abc"}, std::nullopt, std::nullopt},
        {{"abc"}, std::nullopt, std::nullopt},
        {{""}, std::nullopt, std::nullopt},
        {{"Bearer abc", "Bearer abc"}, std::nullopt, std::nullopt},
        {{"Basic x", "Bearer abc"}, std::nullopt, std::nullopt},
    };
    for (const Row& row : rows) {
        CAPTURE(row.headers);
        const Credential strict = parse_authorization(row.headers, Auth::strict);
        CHECK(strict == (row.strict ? credential_of_token(*row.strict) : Credential{CredentialKind::malformed, {}}));
        const Credential flex = parse_authorization(row.headers, Auth::flex);
        CHECK(flex == (row.flex ? credential_of_token(*row.flex) : Credential{}));
        CHECK(parse_authorization(row.headers, Auth::flex_owner) == flex);
    }
    CHECK(parse_authorization({}, Auth::strict) == Credential{});
    CHECK_THROWS_AS(parse_authorization({}, Auth::none), CoreFault);
}

TEST_CASE("which credential counts depends on the route") {
    const Credential none;
    const Credential header = credential_of_token("header");
    const Credential body = credential_of_token("body");
    const Credential query = credential_of_token("query");
    const Credential malformed{CredentialKind::malformed, {}};
    CHECK(choose_credential(Auth::strict, header, body, query) == header);
    CHECK(choose_credential(Auth::strict, none, body, query) == none);
    CHECK(choose_credential(Auth::flex, header, body, query) == header);
    CHECK(choose_credential(Auth::flex, none, body, query) == body);
    CHECK(choose_credential(Auth::flex, none, malformed, query) == malformed);
    CHECK(choose_credential(Auth::flex_owner, none, none, query) == query);
    CHECK(choose_credential(Auth::flex_owner, none, none, none) == none);
    CHECK(choose_credential(Auth::none, header, body, query) == none);
}
