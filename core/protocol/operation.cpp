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

// -- Routes -----------------------------------------------------------------------------------------------------------

// The paths of the catalogue as a tree of their segments, so that a request costs a few comparisons and not a walk over
// all routes.
class RouteTree {
  public:
    struct Node {
        std::vector<std::pair<std::string_view, size_t>> literals;  // sorted; the place of a child
        size_t parameter = 0;                                       // the place of the child; 0: none
        std::vector<const Operation*> routes;                       // those whose path ends here
        std::vector<Method> allowed;
    };

    RouteTree() {
        nodes_.emplace_back();
        for (const Operation& operation : catalogue()) {
            if (!operation.is_frame()) add(operation);
        }
        for (Node& node : nodes_) std::sort(node.allowed.begin(), node.allowed.end());
    }

    // The node where a path of routes ends, or nullptr. A literal beats a parameter where they first differ; where it
    // leads nowhere the parameter is tried.
    const Node* find(std::span<const std::string> segments) const { return find_below(0, segments); }

  private:
    void add(const Operation& route) {
        size_t at = 0;
        std::string_view path = route.path;
        for (std::string_view segment = next_segment(path); !segment.empty(); segment = next_segment(path)) {
            at = segment.front() == ':' ? parameter_of(at) : literal_of(at, segment);
        }
        Node& node = nodes_[at];
        node.routes.push_back(&route);
        node.allowed.push_back(route.method);
        if (route.method == Method::get) node.allowed.push_back(Method::head);
    }

    size_t parameter_of(size_t at) {
        if (nodes_[at].parameter == 0) {
            nodes_[at].parameter = nodes_.size();
            nodes_.emplace_back();
        }
        return nodes_[at].parameter;
    }

    size_t literal_of(size_t at, std::string_view segment) {
        auto& literals = nodes_[at].literals;
        const auto place = std::lower_bound(literals.begin(), literals.end(), std::pair(segment, size_t{0}));
        if (place != literals.end() && place->first == segment) return place->second;
        const size_t child = nodes_.size();
        literals.insert(place, {segment, child});
        nodes_.emplace_back();
        return child;
    }

    const Node* find_below(size_t at, std::span<const std::string> segments) const {
        const Node& node = nodes_[at];
        if (segments.empty()) return node.routes.empty() ? nullptr : &node;
        const auto& literals = node.literals;
        const auto place = std::lower_bound(literals.begin(), literals.end(),
                                            std::pair(std::string_view(segments.front()), size_t{0}));
        if (place != literals.end() && place->first == segments.front()) {
            if (const Node* found = find_below(place->second, segments.subspan(1))) return found;
        }
        return node.parameter == 0 ? nullptr : find_below(node.parameter, segments.subspan(1));
    }

    std::vector<Node> nodes_;
};

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

    static const RouteTree tree;
    const RouteTree::Node* const node = tree.find(*segments);
    if (node == nullptr) return match;

    match.path_known = true;
    match.allowed = node->allowed;
    const Method looked_up = method == Method::head ? Method::get : method;
    for (const Operation* route : node->routes) {
        if (route->method == looked_up) match.operation = route;
    }
    std::string_view pattern = node->routes.front()->path;
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
