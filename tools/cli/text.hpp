// Small helpers for text whose origin is not ours: output of commands, names in paths, query parameters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace agentcom::cli {

// The same bytes with each byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string repaired_utf8(std::string_view bytes);

// The last `count` code points of valid UTF-8, or all of it.
std::string_view last_code_points(std::string_view text, size_t count);

// Percent-encodes everything but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);

// A path with query parameters.
class QueryTarget {
  public:
    explicit QueryTarget(std::string path) : text_(std::move(path)) {}

    // Adds a parameter unless its value is empty.
    void add(std::string_view name, std::string_view value);
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

// A file name for any text: letters, digits, '.', '_' and '-' stay, the rest is percent-encoded; never "", ".", "..",
// never hidden, never longer than a file name may be (a long one is cut and gets a hash). Different texts get different
// names.
std::string file_name_for(std::string_view text);

// The text without white space at both ends.
std::string_view trimmed(std::string_view text);

// The text with control characters but line ends and tabs shown as U+FFFD, so that what agents write cannot steer a
// person's terminal.
std::string terminal_safe(std::string_view text);

}  // namespace agentcom::cli
