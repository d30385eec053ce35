#include "native-server/net/http_head.hpp"

#include <algorithm>
#include <cctype>

#include "native-server/net/net_limits.hpp"

namespace agentcom {

namespace {

// The characters of a method (RFC 9110 §5.6.2, token).
bool is_token_char(char c) {
    static constexpr std::string_view kSymbols = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kSymbols.find(c) != std::string_view::npos;
}

// Whether it has the shape "METHOD target HTTP/…": garbage need not wait for the rest of a head that never comes.
bool looks_like_request_line(std::string_view line) {
    const size_t first = line.find(' ');
    const size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == 0 || last <= first + 1) return false;
    return std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(first), is_token_char) &&
           line.substr(last + 1).starts_with("HTTP/");
}

}  // namespace

size_t HttpHead::take(std::string_view bytes) {
    size_t taken = 0;
    while (taken < bytes.size() && !complete_ && status_ == 0) {
        const std::string_view rest = bytes.substr(taken);
        if (text_.empty() && (rest.front() == '\r' || rest.front() == '\n')) {
            ++taken;
            continue;
        }
        if (text_.empty() && !is_token_char(rest.front())) {
            status_ = 400;
            break;
        }
        const size_t end = rest.find('\n');
        const size_t room = kMaxHeadBytes - text_.size();
        const size_t n = std::min(end == std::string_view::npos ? rest.size() : end + 1, room);
        text_.append(rest.substr(0, n));
        taken += n;
        if (text_.back() == '\n') {
            end_line();
        } else {
            check_open_line();
        }
        if (status_ == 0 && !complete_ && text_.size() >= kMaxHeadBytes) status_ = 431;
    }
    return taken;
}

void HttpHead::check_open_line() {
    // Its last byte may be the carriage return that ends it.
    const size_t length = text_.size() - line_start_ - (text_.back() == '\r' ? 1 : 0);
    if (lines_ == 0 && length > kMaxRequestLineBytes) status_ = 414;
    if (lines_ > 0 && length > kMaxHeaderLineBytes) status_ = 431;
}

void HttpHead::end_line() {
    std::string_view line = std::string_view(text_).substr(line_start_);
    line.remove_suffix(1);
    if (!line.ends_with('\r')) {
        status_ = 400;
        return;
    }
    line.remove_suffix(1);
    if (lines_ == 0 && line.size() > kMaxRequestLineBytes) {
        status_ = 414;
    } else if (lines_ > 0 && line.size() > kMaxHeaderLineBytes) {
        status_ = 431;
    } else if (lines_ == 0 && !looks_like_request_line(line)) {
        status_ = 400;
    } else if (line.empty()) {
        complete_ = true;
    } else if (++lines_ > kMaxHeaderLines + 1) {
        status_ = 431;
    }
    line_start_ = text_.size();
}

}  // namespace agentcom
