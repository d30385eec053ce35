// JSON to and from structs that list their members once, as the structs of core/view/model.hpp do:
//
//     template <class Self, class Visit>
//     static void members(Self& self, Visit&& visit) {
//         visit("agent_id", self.agent_id);
//         visit("slots", self.slots);
//     }
//
// Reading is lenient towards another version of the hub: members that are not known are passed over, and those that
// are not there keep their defaults. A member of another type than ours is an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"

namespace agentcom::view {

/// Any JSON value, as it stands.
struct Json {
    std::string text = "null";
    bool operator==(const Json&) const = default;
};

namespace detail {

/// Takes members, and does nothing with them.
struct Probe {
    template <class T>
    void operator()(std::string_view, T&) const {}
};

}  // namespace detail

template <class T>
concept HasMembers = requires(T& value) {
    T::members(value, detail::Probe{});
};

inline void write(json::Writer& out, const std::string& value) { out.string(value); }
inline void write(json::Writer& out, int64_t value) { out.integer(value); }
inline void write(json::Writer& out, bool value) { out.boolean(value); }
inline void write(json::Writer& out, const Json& value) { out.raw(value.text); }
template <HasMembers T>
void write(json::Writer& out, const T& value);
template <class T>
void write(json::Writer& out, const std::optional<T>& value) {
    if (value) {
        write(out, *value);
    } else {
        out.null();
    }
}
template <class T>
void write(json::Writer& out, const std::vector<T>& values) {
    out.begin_array();
    for (const T& value : values) write(out, value);
    out.end_array();
}
template <HasMembers T>
void write(json::Writer& out, const T& value) {
    out.begin_object();
    T::members(value, [&out](std::string_view name, const auto& member) {
        out.key(name);
        write(out, member);
    });
    out.end_object();
}

inline bool read(const json::Value& value, std::string& out) {
    if (value.kind != json::Kind::string) return false;
    out = json::decode_string(value);
    return true;
}
inline bool read(const json::Value& value, int64_t& out) {
    const std::optional<int64_t> number =
        value.kind == json::Kind::integer ? json::to_int64(value) : std::optional<int64_t>{};
    if (!number) return false;
    out = *number;
    return true;
}
inline bool read(const json::Value& value, bool& out) {
    if (value.kind != json::Kind::boolean) return false;
    out = json::to_bool(value);
    return true;
}
inline bool read(const json::Value& value, Json& out) {
    out.text = std::string(value.raw);
    return true;
}
template <HasMembers T>
bool read(const json::Value& value, T& out);
template <class T>
bool read(const json::Value& value, std::optional<T>& out) {
    out.reset();
    return value.kind == json::Kind::null || read(value, out.emplace());
}
template <class T>
bool read(const json::Value& value, std::vector<T>& out) {
    if (value.kind != json::Kind::array) return false;
    out.clear();
    const std::vector<json::Value> elements = json::elements(value.raw);
    for (const json::Value& element : elements) {
        if (!read(element, out.emplace_back())) return false;
    }
    return true;
}
template <HasMembers T>
bool read(const json::Value& value, T& out) {
    if (value.kind != json::Kind::object) return false;
    const json::Object object = json::members(value.raw);
    bool good = true;
    T::members(out, [&](std::string_view name, auto& member) {
        const json::Value* found = object.find(name);
        if (found != nullptr) good = good && read(*found, member);
    });
    return good;
}

}  // namespace agentcom::view
