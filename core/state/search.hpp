// Full-text search over the payloads of messages: what is searched, and what a query means.
//
// Searched are the string values of a payload, not its keys. A query is words, all of which must occur; "several words"
// in quotes must occur in this order; word* stands for every word that begins so. Anything that is neither letter nor
// digit separates words, so that no query is malformed; one without a word finds nothing. Case does not count.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace agentcom {

/// Bytes of one payload's text that are searched.
inline constexpr size_t kSearchedBytes = size_t{64} * 1024;

/// The string values of a payload, one per line; cut off at kSearchedBytes. Nothing of what is no JSON.
std::string search_text(std::string_view payload);

/// Words in this order; of the last one only the beginning, if `prefix`.
struct SearchPhrase {
    std::vector<std::string> words;
    bool prefix = false;
    friend bool operator==(const SearchPhrase&, const SearchPhrase&) = default;
};
std::vector<SearchPhrase> parse_search(std::string_view query);

/// The same as an FTS5 expression (https://sqlite.org/fts5.html); "" when there is no word.
std::string search_expression(const std::vector<SearchPhrase>& phrases);

/// Whether a text has them all. Folds the case of ASCII only, and takes everything beyond ASCII for letters.
bool search_matches(const std::vector<SearchPhrase>& phrases, std::string_view text);

}  // namespace agentcom
