#include "tools/cli/import_tokens.hpp"

#include <optional>
#include <system_error>

#include "core/base/json.hpp"
#include "core/base/sha256.hpp"
#include "tools/cli/files.hpp"

namespace agentcom::cli {

namespace {

constexpr std::string_view kWhat = "cannot read the tokens";
// What lists of tokens show of one.
constexpr size_t kPrefixCharacters = 8;

Failure bad_file(std::string why) {
    return Failure{ExitCode::usage,
                   std::string(kWhat),
                   std::move(why),
                   "Give the old hub's priv/tokens.json: one JSON object, {\"<token>\":\"<agent>\"}.",
                   {}};
}

}  // namespace

std::string OldToken::sha256() const { return sha256_hex(token); }

// A short one must not be shown whole.
std::string OldToken::prefix() const { return token.substr(0, std::min(kPrefixCharacters, token.size() / 4)); }

Outcome<std::vector<OldToken>> parse_token_file(std::string_view text) {
    const std::optional<json::Document> document =
        json::Document::parse(std::string(text), json::Duplicates::last_wins);
    if (!document || !document->is_object()) return bad_file("the file is no JSON object");
    std::vector<OldToken> tokens;
    for (const json::Member& member : document->object()) {
        if (member.value.kind != json::Kind::string || member.key.empty()) {
            return bad_file("an entry is no token with the name of its agent");
        }
        tokens.push_back({member.key, json::decode_string(member.value)});
    }
    return tokens;
}

Outcome<std::vector<OldToken>> read_token_file(const std::filesystem::path& file) {
    const std::optional<std::string> text = read_file(file);
    if (!text) return bad_file(file.string() + " is missing or may not be read");
    return parse_token_file(*text);
}

bool is_readable_by_others(const std::filesystem::path& file) {
    namespace fs = std::filesystem;
    std::error_code error;
    const fs::perms mode = fs::status(file, error).permissions();
    return !error && (mode & (fs::perms::group_read | fs::perms::others_read)) != fs::perms::none;
}

}  // namespace agentcom::cli
