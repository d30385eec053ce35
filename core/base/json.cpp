#include "core/base/json.hpp"

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <cmath>

#include "core/base/assert.hpp"
#include "core/base/limits.hpp"

namespace agentcom::json {
namespace {

// Objects up to this size are searched from front to back.
constexpr size_t kSmallObject = 16;

// Takes every event of the parser and keeps none: what is wanted is the verdict.
struct NullHandler {
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    using Error = boost::json::error_code;
    using Text = boost::json::string_view;

    bool on_document_begin(Error&) { return true; }
    bool on_document_end(Error&) { return true; }
    bool on_array_begin(Error&) { return true; }
    bool on_array_end(std::size_t, Error&) { return true; }
    bool on_object_begin(Error&) { return true; }
    bool on_object_end(std::size_t, Error&) { return true; }
    bool on_string_part(Text, std::size_t, Error&) { return true; }
    bool on_string(Text, std::size_t, Error&) { return true; }
    bool on_key_part(Text, std::size_t, Error&) { return true; }
    bool on_key(Text, std::size_t, Error&) { return true; }
    bool on_number_part(Text, Error&) { return true; }
    bool on_int64(std::int64_t, Text, Error&) { return true; }
    bool on_uint64(std::uint64_t, Text, Error&) { return true; }
    bool on_double(double, Text, Error&) { return true; }
    bool on_bool(bool, Error&) { return true; }
    bool on_null(Error&) { return true; }
    bool on_comment_part(Text, Error&) { return true; }
    bool on_comment(Text, Error&) { return true; }
};

constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

size_t skip_space(std::string_view text, size_t at) {
    while (at < text.size() && is_space(text[at])) ++at;
    return at;
}

// The position after the string that starts at `at`.
size_t skip_string(std::string_view text, size_t at) {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '"') return at + 1;
        if (text[at] == '\\') ++at;
    }
    AGENTCOM_ASSERT(false, "a string in valid JSON has an end");
    return at;
}

// The position after the array or object that starts at `at`.
size_t skip_container(std::string_view text, size_t at) {
    size_t depth = 0;
    while (at < text.size()) {
        switch (text[at]) {
            case '"':
                at = skip_string(text, at);
                continue;
            case '[':
            case '{':
                ++depth;
                break;
            case ']':
            case '}':
                if (--depth == 0) return at + 1;
                break;
            default:
                break;
        }
        ++at;
    }
    AGENTCOM_ASSERT(false, "an array or object in valid JSON has an end");
    return at;
}

// The value that starts at `at`, which is not white space; moves `at` behind it.
Value read_value(std::string_view text, size_t& at) {
    AGENTCOM_ASSERT(at < text.size(), "a value in valid JSON has a first byte");
    const size_t start = at;
    Kind kind = Kind::null;
    switch (text[at]) {
        case '"':
            kind = Kind::string;
            at = skip_string(text, at);
            break;
        case '{':
            kind = Kind::object;
            at = skip_container(text, at);
            break;
        case '[':
            kind = Kind::array;
            at = skip_container(text, at);
            break;
        case 't':
            kind = Kind::boolean;
            at += 4;
            break;
        case 'f':
            kind = Kind::boolean;
            at += 5;
            break;
        case 'n':
            at += 4;
            break;
        default:
            kind = Kind::integer;
            for (; at < text.size(); ++at) {
                const char c = text[at];
                if (c == '.' || c == 'e' || c == 'E') {
                    kind = Kind::real;
                } else if (c != '-' && c != '+' && (c < '0' || c > '9')) {
                    break;
                }
            }
            break;
    }
    AGENTCOM_ASSERT(at > start && at <= text.size(), "a value in valid JSON is as long as it says");
    return {kind, text.substr(start, at - start)};
}

unsigned hex_digit(char c) {
    if (c <= '9') return static_cast<unsigned>(c - '0');
    return static_cast<unsigned>((c | 0x20) - 'a') + 10U;
}

unsigned read_unicode_escape(std::string_view raw, size_t at) {
    AGENTCOM_ASSERT(at + 4 <= raw.size(), "a unicode escape has four digits");
    unsigned unit = 0;
    for (size_t i = 0; i < 4; ++i) unit = unit << 4U | hex_digit(raw[at + i]);
    return unit;
}

void append_utf8(std::string& out, unsigned point) {
    if (point < 0x80) {
        out += static_cast<char>(point);
        return;
    }
    if (point < 0x800) {
        out += static_cast<char>(0xC0U | point >> 6U);
    } else {
        if (point < 0x10000) {
            out += static_cast<char>(0xE0U | point >> 12U);
        } else {
            out += static_cast<char>(0xF0U | point >> 18U);
            out += static_cast<char>(0x80U | (point >> 12U & 0x3FU));
        }
        out += static_cast<char>(0x80U | (point >> 6U & 0x3FU));
    }
    out += static_cast<char>(0x80U | (point & 0x3FU));
}

// Appends what the escape after the backslash at `at` stands for; returns the position after it.
size_t decode_escape(std::string_view raw, size_t at, std::string& out) {
    switch (raw[at + 1]) {
        case 'b':
            out += '\b';
            return at + 2;
        case 'f':
            out += '\f';
            return at + 2;
        case 'n':
            out += '\n';
            return at + 2;
        case 'r':
            out += '\r';
            return at + 2;
        case 't':
            out += '\t';
            return at + 2;
        case 'u': {
            unsigned point = read_unicode_escape(raw, at + 2);
            at += 6;
            if (point >= 0xD800 && point < 0xDC00) {  // valid JSON: the other half follows
                point = 0x10000 + ((point - 0xD800) << 10U) + (read_unicode_escape(raw, at + 2) - 0xDC00);
                at += 6;
            }
            append_utf8(out, point);
            return at;
        }
        default:
            out += raw[at + 1];
            return at + 2;
    }
}

std::string decode_raw_string(std::string_view raw) {
    const std::string_view inner = raw.substr(1, raw.size() - 2);
    std::string out;
    out.reserve(inner.size());
    size_t at = 0;
    while (at < inner.size()) {
        const size_t escape = std::min(inner.find('\\', at), inner.size());
        out.append(inner, at, escape - at);
        at = escape;
        if (at < inner.size()) at = decode_escape(inner, at, out);
    }
    return out;
}

// Positions of the members, ordered by key and then by position.
std::vector<uint32_t> order_by_key(const std::vector<Member>& members) {
    std::vector<uint32_t> order(members.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
        const int compared = members[a].key.compare(members[b].key);
        return compared != 0 ? compared < 0 : a < b;
    });
    return order;
}

// Which members stay; an empty list means all.
std::vector<bool> without_duplicates(const std::vector<Member>& members, Duplicates duplicates) {
    std::vector<bool> keep;
    const auto drop = [&](size_t position) {
        if (keep.empty()) keep.assign(members.size(), true);
        keep[position] = false;
    };
    if (members.size() <= kSmallObject) {
        for (size_t later = 1; later < members.size(); ++later) {
            for (size_t earlier = 0; earlier < later; ++earlier) {
                if (members[earlier].key == members[later].key) {
                    drop(duplicates == Duplicates::first_wins ? later : earlier);
                }
            }
        }
        return keep;
    }
    const std::vector<uint32_t> order = order_by_key(members);
    for (size_t i = 1; i < order.size(); ++i) {
        if (members[order[i - 1]].key == members[order[i]].key) {
            drop(duplicates == Duplicates::first_wins ? order[i] : order[i - 1]);
        }
    }
    return keep;
}

}  // namespace

std::string_view kind_name(Kind kind) {
    static constexpr std::array<std::string_view, 7> kNames = {"null",   "boolean", "integer", "float",
                                                               "string", "array",   "object"};
    return kNames[static_cast<size_t>(kind)];
}

bool validate(std::string_view text) {
    boost::json::parse_options options;
    options.max_depth = kMaxJsonDepth;
    boost::json::basic_parser<NullHandler> parser(options);
    boost::json::error_code error;
    const size_t used = parser.write_some(false, text.data(), text.size(), error);
    return !error && used == text.size() && parser.done();
}

Value parse_value(std::string_view valid_text) {
    size_t at = skip_space(valid_text, 0);
    return read_value(valid_text, at);
}

std::vector<Member> all_members(std::string_view object_raw) {
    std::vector<Member> found;
    size_t at = skip_space(object_raw, skip_space(object_raw, 0) + 1);  // the space before the brace, and it
    while (object_raw.at(at) != '}') {
        const Value key = read_value(object_raw, at);
        at = skip_space(object_raw, skip_space(object_raw, at) + 1);  // the colon and the space around it
        const Value value = read_value(object_raw, at);
        found.push_back({key.raw, decode_raw_string(key.raw), value});
        at = skip_space(object_raw, at);
        if (object_raw.at(at) == ',') at = skip_space(object_raw, at + 1);
    }
    return found;
}

Object members(std::string_view object_raw, Duplicates duplicates) {
    Object object;
    object.members_ = all_members(object_raw);
    const std::vector<bool> keep = without_duplicates(object.members_, duplicates);
    if (!keep.empty()) {
        size_t kept = 0;
        for (size_t i = 0; i < keep.size(); ++i) {
            if (!keep[i]) continue;
            if (kept != i) object.members_[kept] = std::move(object.members_[i]);
            ++kept;
        }
        object.members_.resize(kept);
    }
    if (object.members_.size() > kSmallObject) object.by_key_ = order_by_key(object.members_);
    return object;
}

const Value* Object::find(std::string_view key) const {
    if (by_key_.empty()) {
        for (const Member& member : members_) {
            if (member.key == key) return &member.value;
        }
        return nullptr;
    }
    const auto found =
        std::lower_bound(by_key_.begin(), by_key_.end(), key,
                         [&](uint32_t position, std::string_view k) { return members_[position].key < k; });
    if (found == by_key_.end() || members_[*found].key != key) return nullptr;
    return &members_[*found].value;
}

std::vector<Value> elements(std::string_view array_raw) {
    std::vector<Value> found;
    size_t at = skip_space(array_raw, skip_space(array_raw, 0) + 1);  // the space before the bracket, and it
    while (array_raw.at(at) != ']') {
        found.push_back(read_value(array_raw, at));
        at = skip_space(array_raw, at);
        if (array_raw.at(at) == ',') at = skip_space(array_raw, at + 1);
    }
    return found;
}

std::string decode_string(const Value& string) {
    AGENTCOM_ASSERT(string.kind == Kind::string, "the text was asked of a value that is no string");
    return decode_raw_string(string.raw);
}

std::optional<int64_t> to_int64(const Value& value) {
    if (value.kind != Kind::integer) return std::nullopt;
    const bool negative = value.raw.front() == '-';
    // Counted downwards: the negative numbers reach one further.
    int64_t number = 0;
    for (const char c : value.raw.substr(negative ? 1 : 0)) {
        const int digit = c - '0';
        if (number < INT64_MIN / 10) return std::nullopt;
        number *= 10;
        if (number < INT64_MIN + digit) return std::nullopt;
        number -= digit;
    }
    if (negative) return number;
    if (number == INT64_MIN) return std::nullopt;
    return -number;
}

int64_t to_int64_saturated(const Value& value) {
    AGENTCOM_ASSERT(value.kind == Kind::integer, "the number was asked of a value that is no integer");
    if (const auto number = to_int64(value)) return *number;
    return value.raw.front() == '-' ? INT64_MIN : INT64_MAX;
}

bool to_bool(const Value& value) {
    AGENTCOM_ASSERT(value.kind == Kind::boolean, "the truth was asked of a value that is no boolean");
    return value.raw.front() == 't';
}

Document::Document() : text_(std::make_unique<std::string>("null")), root_(parse_value(*text_)) {}

std::optional<Document> Document::parse(std::string text, Duplicates duplicates) {
    if (!validate(text)) return std::nullopt;
    return from_valid(std::move(text), duplicates);
}

Document Document::from_valid(std::string text, Duplicates duplicates) {
    Document document;
    *document.text_ = std::move(text);
    document.root_ = parse_value(*document.text_);
    if (document.is_object()) document.object_ = members(document.root_.raw, duplicates);
    return document;
}

std::string Document::take_text() && {
    object_ = {};
    root_ = {};
    return std::move(*text_);
}

void Writer::separate() {
    if (needs_comma_) text_ += ',';
    needs_comma_ = true;
}

Writer& Writer::open(char bracket) {
    separate();
    text_ += bracket;
    needs_comma_ = false;
    return *this;
}

Writer& Writer::close(char bracket) {
    text_ += bracket;
    needs_comma_ = true;
    return *this;
}

Writer& Writer::key(std::string_view name) {
    string(name);
    text_ += ':';
    needs_comma_ = false;
    return *this;
}

Writer& Writer::string(std::string_view value) {
    static constexpr char kDigits[] = "0123456789abcdef";
    separate();
    text_ += '"';
    size_t run = 0;  // the start of what needs no escape
    for (size_t i = 0; i < value.size(); ++i) {
        const auto byte = static_cast<unsigned char>(value[i]);
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        text_.append(value, run, i - run);
        run = i + 1;
        text_ += '\\';
        if (byte >= 0x20) {
            text_ += value[i];
        } else {
            text_ += "u00";
            text_ += kDigits[byte >> 4U];
            text_ += kDigits[byte & 15U];
        }
    }
    text_.append(value, run, value.size() - run);
    text_ += '"';
    return *this;
}

Writer& Writer::unsigned_integer(uint64_t value) {
    separate();
    std::array<char, 20> digits{};
    size_t first = digits.size();
    do {
        digits[--first] = static_cast<char>('0' + value % 10);
        value /= 10;
    } while (value != 0);
    text_.append(digits.data() + first, digits.size() - first);
    return *this;
}

Writer& Writer::integer(int64_t value) {
    if (value >= 0) return unsigned_integer(static_cast<uint64_t>(value));
    separate();
    text_ += '-';
    needs_comma_ = false;
    return unsigned_integer(0 - static_cast<uint64_t>(value));
}

Writer& Writer::raw(std::string_view json) {
    separate();
    text_ += json;
    return *this;
}

Writer& Writer::real1(double value) {
    if (!std::isfinite(value)) return null();
    AGENTCOM_ASSERT(value < 9e17 && value > -9e17, "a number with one decimal is of a size that has decimals");
    // In integers, so that every standard library writes the same digits.
    const bool negative = value < 0;
    const auto tenths = static_cast<uint64_t>(std::llround((negative ? -value : value) * 10));
    separate();
    if (negative && tenths != 0) text_ += '-';
    needs_comma_ = false;
    unsigned_integer(tenths / 10);
    text_ += '.';
    text_ += static_cast<char>('0' + tenths % 10);
    return *this;
}

std::string Writer::take() {
    needs_comma_ = false;
    return std::exchange(text_, {});
}

std::string encode_string(std::string_view text) { return Writer().string(text).take(); }

std::string encode_strings(const std::vector<std::string>& strings) {
    Writer out;
    out.begin_array();
    for (const std::string& text : strings) out.string(text);
    return out.end_array().take();
}

}  // namespace agentcom::json
