#include "core/protocol/operation.hpp"

#include <algorithm>
#include <array>

#include "core/base/utf8.hpp"

namespace agentcom {
namespace {

// -- Names ------------------------------------------------------------------------------------------------------------

constexpr std::array<std::string_view, 8> kMethodNames = {"GET",   "HEAD",   "POST",    "PUT",
                                                          "PATCH", "DELETE", "OPTIONS", "other"};
constexpr std::array<std::string_view, 4> kTierNames = {"none", "light", "normal", "heavy"};
constexpr std::array<std::string_view, 7> kFieldTypeNames = {
    "string", "integer", "positive_integer", "boolean", "object", "array<string>", "any"};

// -- Paths and queries ------------------------------------------------------------------------------------------------

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> decode_escapes(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            out += ' ';
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            if (text.size() - i < 3) return std::nullopt;
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    if (!is_valid_utf8(out)) return std::nullopt;
    return out;
}

// Cuts the next non-empty segment off the front of a path; empty when there is none.
std::string_view next_segment(std::string_view& path) {
    while (!path.empty() && path.front() == '/') path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

std::optional<std::vector<std::string>> decoded_segments(std::string_view path) {
    std::vector<std::string> segments;
    for (std::string_view segment = next_segment(path); !segment.empty(); segment = next_segment(path)) {
        auto decoded = decode_escapes(segment, false);
        if (!decoded) return std::nullopt;
        segments.push_back(std::move(*decoded));
    }
    return segments;
}

bool pattern_matches(std::string_view pattern, const std::vector<std::string>& segments) {
    for (const std::string& segment : segments) {
        const std::string_view expected = next_segment(pattern);
        if (expected.empty()) return false;
        if (expected.front() != ':' && expected != segment) return false;
    }
    return next_segment(pattern).empty();
}

// Of two patterns that match the same path: whether `a` has a literal where they first differ in kind.
bool more_literal(std::string_view a, std::string_view b) {
    for (std::string_view x = next_segment(a), y = next_segment(b); !x.empty() && !y.empty();
         x = next_segment(a), y = next_segment(b)) {
        const bool x_is_parameter = x.front() == ':';
        const bool y_is_parameter = y.front() == ':';
        if (x_is_parameter != y_is_parameter) return y_is_parameter;
    }
    return false;
}

}  // namespace

std::string_view field_type_name(FieldType type) { return kFieldTypeNames[static_cast<size_t>(type)]; }

std::optional<Method> parse_method(std::string_view name) {
    const auto found = std::find(kMethodNames.begin(), kMethodNames.end(), name);
    if (found == kMethodNames.end() || *found == method_name(Method::other)) return std::nullopt;
    return static_cast<Method>(found - kMethodNames.begin());
}

std::string_view method_name(Method method) { return kMethodNames[static_cast<size_t>(method)]; }

std::string_view tier_name(Tier tier) { return kTierNames[static_cast<size_t>(tier)]; }

const Field* find_field(const Operation& operation, std::string_view name) {
    for (const Field& field : operation.fields) {
        if (field.name == name) return &field;
    }
    return nullptr;
}

RouteMatch match_route(Method method, std::string_view path) {
    RouteMatch match;
    auto segments = decoded_segments(path);
    if (!segments) return match;

    std::string_view best;
    for (const Operation& operation : catalogue()) {
        if (operation.is_frame() || operation.path == best || !pattern_matches(operation.path, *segments)) continue;
        if (best.empty() || more_literal(operation.path, best)) best = operation.path;
    }
    if (best.empty()) return match;

    match.path_known = true;
    const Method looked_up = method == Method::head ? Method::get : method;
    for (const Operation& operation : catalogue()) {
        if (operation.is_frame() || operation.path != best) continue;
        if (operation.method == looked_up) match.operation = &operation;
        match.allowed.push_back(operation.method);
        if (operation.method == Method::get) match.allowed.push_back(Method::head);
    }
    std::sort(match.allowed.begin(), match.allowed.end());

    std::string_view pattern = best;
    for (std::string& segment : *segments) {
        if (next_segment(pattern).front() == ':') match.params.push_back(std::move(segment));
    }
    return match;
}

std::optional<std::string> percent_decode(std::string_view text) { return decode_escapes(text, false); }

std::optional<Query> parse_query(std::string_view query) {
    Query parameters;
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        if (pair.empty()) continue;
        const size_t equals = std::min(pair.find('='), pair.size());
        auto name = decode_escapes(pair.substr(0, equals), true);
        auto value = decode_escapes(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!name || !value) return std::nullopt;
        parameters.emplace_back(std::move(*name), std::move(*value));
    }
    return parameters;
}

const std::string* find_parameter(const Query& query, std::string_view name) {
    for (auto parameter = query.rbegin(); parameter != query.rend(); ++parameter) {
        if (parameter->first == name) return &parameter->second;
    }
    return nullptr;
}

}  // namespace agentcom
