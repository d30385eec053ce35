#include "core/protocol/credentials.hpp"

#include <algorithm>
#include <utility>

#include "core/base/assert.hpp"
#include "core/base/limits.hpp"
#include "core/base/sha256.hpp"
#include "core/base/utf8.hpp"

namespace agentcom {
namespace {

constexpr std::string_view kTokenName = "token";
constexpr std::string_view kInviteName = "invite";
constexpr std::string_view kBearer = "Bearer ";

Credential malformed_credential() { return {Credential::Kind::malformed, {}}; }

// The credential of a token that came in a parameter.
Credential credential_of_parameter(std::string_view token) {
    if (exceeds_code_points(token, kMaxTokenCodePoints)) return malformed_credential();
    return credential_of_token(token);
}

// What stands in the text instead of a token.
std::string replacement_of(std::string_view token) {
    if (exceeds_code_points(token, kMaxTokenCodePoints)) {
        return '"' + std::string(kMaxTokenCodePoints + 1, '*') + '"';
    }
    return "\"\"";
}

// The text without the credentials that stand under this name.
std::string without_members(const std::string& text, const std::vector<json::Member>& members, std::string_view name) {
    std::string out;
    out.reserve(text.size());
    size_t copied = 0;
    for (const json::Member& member : members) {
        if (member.key != name || member.value.kind != json::Kind::string) continue;
        const auto start = static_cast<size_t>(member.value.raw.data() - text.data());
        out.append(text, copied, start - copied);
        out += replacement_of(json::decode_string(member.value));
        copied = start + member.value.raw.size();
    }
    out.append(text, copied, text.size() - copied);
    return out;
}

// Cuts the document's members of this name; gives the credential of the one that counts.
Credential cut_document(json::Document& document, json::Duplicates duplicates, std::string_view name) {
    const json::Value* effective = document.object().find(name);
    if (effective == nullptr) return {};

    Credential credential;
    switch (effective->kind) {
        case json::Kind::null:
            break;
        case json::Kind::string:
            credential = credential_of_parameter(json::decode_string(*effective));
            break;
        default:
            credential = malformed_credential();
            break;
    }
    // Repeated members are not in object(), but they are in the text.
    const std::vector<json::Member> members = json::all_members(document.root().raw);
    const bool has_token_text = std::any_of(members.begin(), members.end(), [name](const json::Member& member) {
        return member.key == name && member.value.kind == json::Kind::string;
    });
    if (has_token_text) {
        document = json::Document::from_valid(without_members(document.text(), members, name), duplicates);
    }
    return credential;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n\v\f";
    const size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

Credential credential_of_token(std::string_view token) { return {Credential::Kind::present, sha256_hex(token)}; }

CutFrame cut_frame_credentials(std::string text) {
    CutFrame cut;
    auto document = json::Document::parse(std::move(text), json::Duplicates::first_wins);
    if (!document) {
        cut.malformed = true;
        return cut;
    }
    cut.document = std::move(*document);
    cut.credential = cut_document(cut.document, json::Duplicates::first_wins, kTokenName);
    return cut;
}

CutBody cut_body_credentials(json::Document body) {
    CutBody cut{std::move(body), {}, {}};
    cut.credential = cut_document(cut.document, json::Duplicates::last_wins, kTokenName);
    cut.invite = cut_document(cut.document, json::Duplicates::last_wins, kInviteName);
    return cut;
}

CutQuery cut_query_token(std::string_view query) {
    CutQuery cut;
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        const auto decoded = parse_query(pair);
        if (!decoded) {
            cut.query.clear();
            cut.credential = {};
            cut.malformed = true;
            return cut;
        }
        if (decoded->empty()) continue;
        const auto& [name, value] = decoded->front();
        if (!cut.query.empty()) cut.query += '&';
        const bool is_token = name == kTokenName;
        if (is_token) cut.credential = credential_of_parameter(value);
        if (is_token || name.starts_with("token[")) {
            cut.query += pair.substr(0, pair.find('='));
            cut.query += '=';
        } else {
            cut.query += pair;
        }
    }
    return cut;
}

Credential parse_authorization(const std::vector<std::string_view>& header_values, Auth auth) {
    AGENTCOM_ASSERT(auth == Auth::strict || auth == Auth::flex || auth == Auth::flex_owner,
                    "only routes that ask for a token read the Authorization header");
    const bool strict = auth == Auth::strict;
    if (strict && header_values.empty()) return {};
    if (header_values.size() != 1 || !header_values.front().starts_with(kBearer)) {
        return strict ? malformed_credential() : Credential{};
    }
    const std::string_view rest = header_values.front().substr(kBearer.size());
    return credential_of_token(strict ? trimmed(rest) : rest);
}

Credential choose_credential(Auth auth, const Credential& authorization, const Credential& body,
                             const Credential& query) {
    if (auth == Auth::none || auth == Auth::session) return {};
    if (auth == Auth::strict || authorization.kind != Credential::Kind::absent) return authorization;
    return body.kind != Credential::Kind::absent ? body : query;
}

}  // namespace agentcom
