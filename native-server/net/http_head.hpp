// Collects the head of an HTTP request and enforces its limits (http.md §1.1) byte by byte, so that a client learns of
// a breach at once and never makes the hub keep more than the limit. What it lets pass goes to the real parser.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace agentcom {

class HttpHead {
  public:
    /// Takes bytes up to the end of the head; gives how many. Takes nothing more once complete() or status() says so.
    size_t take(std::string_view bytes);

    bool complete() const { return complete_; }
    /// The HTTP status of what is wrong; 0 = nothing.
    int status() const { return status_; }
    /// Whether the head has begun (blank lines before it do not count, RFC 9112 §2.2).
    bool begun() const { return !text_.empty(); }
    size_t size() const { return text_.size(); }
    /// The head with its blank line at the end.
    const std::string& text() const { return text_; }
    /// Ready for the next head; gives its memory back.
    void reset() { *this = HttpHead(); }

  private:
    void check_open_line();
    void end_line();

    std::string text_;
    size_t line_start_ = 0;
    size_t lines_ = 0;  // complete ones, the request line included
    int status_ = 0;
    bool complete_ = false;
};

}  // namespace agentcom
