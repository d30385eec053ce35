#include "native-server/log/redaction.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>

#include "core/base/json.hpp"

namespace agentcom {

namespace {

constexpr size_t kTokenDigits = 64;
/// Shorter words behind a mark such as "Bearer" are language, not credentials.
constexpr size_t kLeastCredential = 8;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_hex(char c) { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f'); }

/// What credentials are made of: base64, base64url, hex and their separators.
bool is_credential_char(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
}

size_t credential_length(std::string_view text) {
    return static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_credential_char) - text.begin());
}

bool begins_with(std::string_view text, std::string_view lower_case_mark) {
    return text.size() >= lower_case_mark.size() &&
           std::equal(lower_case_mark.begin(), lower_case_mark.end(), text.begin(),
                      [](char mark, char c) { return mark == lower(c); });
}

/// How much of the text's beginning stays, and how much after that is a credential; both 0: there is none.
struct Found {
    size_t keep = 0;
    size_t secret = 0;
};

Found credential_at(std::string_view text, bool word_begins) {
    if (!word_begins) return {};
    static constexpr std::array<std::string_view, 3> kSchemes = {"bearer ", "basic ", "digest "};
    for (const std::string_view scheme : kSchemes) {
        if (!begins_with(text, scheme)) continue;
        const size_t length = credential_length(text.substr(scheme.size()));
        if (length >= kLeastCredential) return {scheme.size(), length};
    }
    static constexpr std::array<std::string_view, 6> kParameters = {
        "token=", "access_token=", "secret=", "password=", "api_key=", "apikey="};
    for (const std::string_view parameter : kParameters) {
        if (!begins_with(text, parameter)) continue;
        const size_t length = text.find_first_of("& \t\r\n\"'#", parameter.size());
        const size_t end = std::min(length, text.size());
        if (end > parameter.size()) return {parameter.size(), end - parameter.size()};
    }
    // GitHub, GitLab, Slack, OpenAI and Anthropic, AWS.
    static constexpr std::array<std::string_view, 11> kPrefixes = {
        "ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk-", "akia", "eyj"};
    for (const std::string_view prefix : kPrefixes) {
        if (!begins_with(text, prefix)) continue;
        const size_t length = credential_length(text);
        if (length >= prefix.size() + 2 * kLeastCredential) return {0, length};
    }
    const size_t digits = static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_hex) - text.begin());
    return digits >= kTokenDigits ? Found{0, digits} : Found{};
}

bool ends_with_one_of(std::string_view name) {
    static constexpr std::array<std::string_view, 12> kEnds = {
        "token",         "secret", "password",   "passwd",      "passphrase", "apikey",
        "authorization", "cookie", "credential", "credentials", "privatekey", "accesskey"};
    return std::any_of(kEnds.begin(), kEnds.end(), [name](std::string_view end) { return name.ends_with(end); });
}

void redact_value(json::Writer& out, const json::Value& value) {
    switch (value.kind) {
        case json::Kind::object:
            out.begin_object();
            for (const json::Member& member : json::all_members(value.raw)) {
                out.key(member.key);
                if (is_secret_name(member.key) && value.kind != json::Kind::null && member.value.raw != "null") {
                    out.string(kRedacted);
                } else {
                    redact_value(out, member.value);
                }
            }
            out.end_object();
            return;
        case json::Kind::array:
            out.begin_array();
            for (const json::Value& element : json::elements(value.raw)) redact_value(out, element);
            out.end_array();
            return;
        case json::Kind::string:
            out.string(redact_text(json::decode_string(value)));
            return;
        default:
            out.raw(value.raw);
    }
}

}  // namespace

bool is_secret_name(std::string_view name) {
    std::string letters;
    for (const char c : name) {
        if (c != '_' && c != '-' && c != ' ' && c != '.') letters += lower(c);
    }
    return ends_with_one_of(letters);
}

std::string redact_text(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    bool word_begins = true;
    for (size_t at = 0; at < text.size();) {
        const Found found = credential_at(text.substr(at), word_begins);
        if (found.secret > 0) {
            out.append(text.substr(at, found.keep)).append(kRedacted);
            at += found.keep + found.secret;
            word_begins = false;
            continue;
        }
        word_begins = std::isalnum(static_cast<unsigned char>(text[at])) == 0;
        out += text[at++];
    }
    return out;
}

std::string redact_json(std::string_view valid_json) {
    json::Writer out;
    redact_value(out, json::parse_value(valid_json));
    return out.take();
}

}  // namespace agentcom
