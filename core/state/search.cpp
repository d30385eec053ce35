#include "core/state/search.hpp"

#include <algorithm>

#include "core/base/json.hpp"
#include "core/base/utf8.hpp"

namespace agentcom {

namespace {

bool is_word_byte(char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return value >= 0x80 || (value >= '0' && value <= '9') || (value >= 'a' && value <= 'z') ||
           (value >= 'A' && value <= 'Z');
}

/// The words of a text, in lower case as far as ASCII goes.
std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    bool inside = false;
    for (const char byte : text) {
        if (is_word_byte(byte)) {
            if (!inside) words.emplace_back();
            words.back() += byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
        }
        inside = is_word_byte(byte);
    }
    return words;
}

bool matches_at(const SearchPhrase& phrase, const std::vector<std::string>& words, size_t start) {
    if (words.size() - start < phrase.words.size()) return false;
    for (size_t i = 0; i < phrase.words.size(); ++i) {
        const bool last = i + 1 == phrase.words.size();
        const std::string& word = words[start + i];
        if (last && phrase.prefix ? !word.starts_with(phrase.words[i]) : word != phrase.words[i]) return false;
    }
    return true;
}

/// The end of the string literal that begins at `start`: behind its closing quote.
size_t end_of_string(std::string_view json, size_t start) {
    size_t at = start + 1;
    while (json[at] != '"') at += json[at] == '\\' ? 2U : 1U;
    return at + 1;
}

}  // namespace

std::string search_text(std::string_view payload) {
    std::string text;
    // What lies in a file may have been damaged; then there is nothing to find.
    if (!json::validate(payload)) return text;
    size_t at = payload.find('"');
    while (at != std::string_view::npos && text.size() < kSearchedBytes) {
        const size_t end = end_of_string(payload, at);
        const size_t next = payload.find_first_not_of(" \t\r\n", end);
        const bool is_key = next != std::string_view::npos && payload[next] == ':';
        if (!is_key) {
            text += json::decode_string({json::Kind::string, payload.substr(at, end - at)});
            text += '\n';
        }
        at = payload.find('"', end);
    }
    if (text.size() > kSearchedBytes) {
        // A character is not cut in two.
        size_t size = kSearchedBytes;
        while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
        text.resize(size);
    }
    return text;
}

std::vector<SearchPhrase> parse_search(std::string_view query) {
    std::vector<SearchPhrase> phrases;
    const auto add = [&phrases](std::vector<std::string> words, bool prefix) {
        if (!words.empty()) phrases.push_back({std::move(words), prefix});
    };
    size_t at = 0;
    while (at < query.size()) {
        if (query[at] == '"') {
            const size_t end = std::min(query.find('"', at + 1), query.size());
            const bool prefix = end + 1 < query.size() && query[end + 1] == '*';
            add(words_of(query.substr(at + 1, end - at - 1)), prefix);
            at = std::min(end + 1, query.size());
        } else if (is_word_byte(query[at])) {
            size_t end = at;
            while (end < query.size() && is_word_byte(query[end])) ++end;
            add(words_of(query.substr(at, end - at)), end < query.size() && query[end] == '*');
            at = end;
        } else {
            ++at;
        }
    }
    return phrases;
}

std::string search_expression(const std::vector<SearchPhrase>& phrases) {
    std::string expression;
    for (const SearchPhrase& phrase : phrases) {
        if (!expression.empty()) expression += ' ';
        expression += '"';
        for (size_t i = 0; i < phrase.words.size(); ++i) expression += (i > 0 ? " " : "") + phrase.words[i];
        expression += phrase.prefix ? "\" *" : "\"";
    }
    return expression;
}

bool search_matches(const std::vector<SearchPhrase>& phrases, std::string_view text) {
    const std::vector<std::string> words = words_of(text);
    const auto occurs = [&words](const SearchPhrase& phrase) {
        for (size_t start = 0; start < words.size(); ++start) {
            if (matches_at(phrase, words, start)) return true;
        }
        return false;
    };
    return !phrases.empty() && std::all_of(phrases.begin(), phrases.end(), occurs);
}

}  // namespace agentcom
