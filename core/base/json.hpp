// JSON without a tree.
//
// Free-form values (payloads, metadata, results) must leave the hub as the bytes that came in: rebuilding them from a
// parsed tree would turn 1e400 into Infinity, round long integers and respell numbers. So a text is validated once, by
// a SAX pass, and from then on it is cut into slices that point into it.
//
//     std::optional<Document> frame = Document::parse(std::move(text), Duplicates::first_wins);
//     if (!frame) return invalid_json();
//     if (const Value* to = frame->object().find("to"); to != nullptr && to->kind == Kind::string)
//         route(decode_string(*to));
//
// Only validate() and Document::parse() take text from outside. Everything else requires valid JSON and does not check
// again. A Value and an Object point into the text they were made from and must not outlive it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agentcom::json {

// The types of the wire. A number is an integer when its literal has no '.', 'e' or 'E': 1.0 is a real.
enum class Kind : uint8_t { null, boolean, integer, real, string, array, object };

// The name that validation texts use for a kind: "float" for real, else the kind's own name.
std::string_view kind_name(Kind kind);

// One JSON value: its exact bytes, without white space around them.
struct Value {
    Kind kind = Kind::null;
    std::string_view raw = "null";
};

// One member of an object.
struct Member {
    std::string_view key_raw;  // with quotes and escapes, as it stands in the text
    std::string key;           // decoded
    Value value;
};

// Which occurrence of a repeated key counts: the first in frames, the last in HTTP bodies.
enum class Duplicates : uint8_t { first_wins, last_wins };

// Whether a text is one JSON value: RFC 8259 and UTF-8, no lone surrogate escapes, at most kMaxJsonDepth levels, white
// space around it allowed. Integers of any length and 1e400 are valid; an exponent beyond 32 bits is not.
bool validate(std::string_view text);

// The value that a valid text is.
Value parse_value(std::string_view valid_text);

// The members of one object in text order, each key once.
class Object {
  public:
    Object() = default;

    // The member's value, or nullptr. Logarithmic in large objects, linear in small ones.
    const Value* find(std::string_view key) const;
    bool contains(std::string_view key) const { return find(key) != nullptr; }

    std::vector<Member>::const_iterator begin() const { return members_.begin(); }
    std::vector<Member>::const_iterator end() const { return members_.end(); }
    size_t size() const { return members_.size(); }
    bool empty() const { return members_.empty(); }

  private:
    friend Object members(std::string_view object_raw, Duplicates duplicates);

    std::vector<Member> members_;
    // Positions ordered by key; empty while the object is small enough to search from front to back.
    std::vector<uint32_t> by_key_;
};

// The members of a valid object, which may have white space around it. Takes O(n log n) for n members whatever their
// keys are: the index is sorted rather than hashed, since keys come from clients, who could make hashes collide.
Object members(std::string_view object_raw, Duplicates duplicates = Duplicates::first_wins);

// All members of a valid object in text order, repeated keys too.
std::vector<Member> all_members(std::string_view object_raw);

// The elements of a valid array, which may have white space around it.
std::vector<Value> elements(std::string_view array_raw);

// The text of a string value. U+0000 is possible.
std::string decode_string(const Value& string);

// The number of an integer value, or nothing when it does not fit or the value is of another kind.
std::optional<int64_t> to_int64(const Value& value);

// The number of an integer value, or the nearest that fits. The value must be an integer.
int64_t to_int64_saturated(const Value& value);

// The truth of a boolean value.
bool to_bool(const Value& value);

// A validated text and the members of the object that it is.
//
// Movable; a move leaves views into the text valid. A default-constructed document is the text "null".
class Document {
  public:
    Document();

    // Nothing when the text is not valid JSON; the text is gone then.
    static std::optional<Document> parse(std::string text, Duplicates duplicates);

    // For a text that is known to be valid, such as one that the hub has written.
    static Document from_valid(std::string text, Duplicates duplicates);

    Kind kind() const { return root_.kind; }
    bool is_object() const { return root_.kind == Kind::object; }
    const Value& root() const { return root_; }
    // Without members when the document is not an object.
    const Object& object() const { return object_; }
    // As it came in, white space too.
    const std::string& text() const { return *text_; }
    // Leaves a document that may only be destroyed or assigned to.
    std::string take_text() &&;

  private:
    std::unique_ptr<std::string> text_;  // on the heap, so that a move of the document does not move the bytes
    Value root_;
    Object object_;
};

// Appends JSON to a string, with commas where they belong. Strings must be valid UTF-8; they are escaped no more than
// JSON demands. It does not check that calls make a well-formed text.
//
//     Writer out;
//     out.begin_object().member("type", "pong").member("timestamp", now_ms).end_object();
//     return out.take();
class Writer {
  public:
    Writer() = default;
    // Goes on after what `text` holds, which must be a place where a value may start.
    explicit Writer(std::string text) : text_(std::move(text)) {}

    Writer& begin_object() { return open('{'); }
    Writer& end_object() { return close('}'); }
    Writer& begin_array() { return open('['); }
    Writer& end_array() { return close(']'); }
    Writer& key(std::string_view name);

    Writer& string(std::string_view value);
    Writer& integer(int64_t value);
    Writer& unsigned_integer(uint64_t value);
    Writer& boolean(bool value) { return raw(value ? "true" : "false"); }
    Writer& null() { return raw("null"); }
    // A value that is JSON already.
    Writer& raw(std::string_view json);
    // Rounded to one decimal, half away from zero; null when not finite. Needs |value| < 9e17.
    Writer& real1(double value);

    Writer& value(std::string_view v) { return string(v); }
    Writer& value(const std::string& v) { return string(v); }
    Writer& value(const char* v) { return string(v); }
    Writer& value(bool v) { return boolean(v); }
    Writer& value(std::nullptr_t) { return null(); }
    template <std::signed_integral T>
    Writer& value(T v) {
        return integer(static_cast<int64_t>(v));
    }
    template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>) Writer& value(T v) { return unsigned_integer(static_cast<uint64_t>(v)); }
    // Nothing is null.
    template <class T>
    Writer& value(const std::optional<T>& v) {
        return v.has_value() ? value(*v) : null();
    }

    template <class T>
    Writer& member(std::string_view name, const T& v) {
        return key(name).value(v);
    }
    Writer& raw_member(std::string_view name, std::string_view json) { return key(name).raw(json); }
    // Nothing is null.
    Writer& optional_raw_member(std::string_view name, const std::optional<std::string>& json) {
        return json ? key(name).raw(*json) : key(name).null();
    }

    const std::string& text() const { return text_; }
    // The text; the writer is empty afterwards.
    std::string take();

  private:
    Writer& open(char bracket);
    Writer& close(char bracket);
    void separate();

    std::string text_;
    bool needs_comma_ = false;
};

// A string as JSON text, with quotes.
std::string encode_string(std::string_view text);

// A list of strings as JSON text.
std::string encode_strings(const std::vector<std::string>& strings);

}  // namespace agentcom::json
