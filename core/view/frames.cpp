#include "core/view/frames.hpp"

#include <charconv>
#include <functional>
#include <map>
#include <set>
#include <type_traits>
#include <vector>

namespace agentcom::view {

namespace {

Error bad_frame(std::string text) { return Error{"bad_frame", 0, Blame::hub, std::move(text)}; }

json::Writer begin_frame(std::string_view type, const Model& model) {
    json::Writer out;
    out.begin_object().member("type", type).member("cursor", model.cursor()).member("at", model.at);
    return out;
}

/// The keys of a list that are not in the other.
template <class List>
std::vector<std::string> keys_gone(const List& before, const List& after) {
    std::vector<std::string> gone;
    auto now = after.begin();
    for (const auto& [key, unused] : before) {
        while (now != after.end() && now->first < key) ++now;
        if (now == after.end() || now->first != key) gone.push_back(key);
    }
    return gone;
}

template <class A, class B>
constexpr bool kSame = std::is_same_v<std::remove_cvref_t<A>, std::remove_cvref_t<B>>;

/// Calls `visit(name, list of a, list of b)` for each list.
template <class A, class B, class Visit>
void both_lists(A& a, B& b, Visit&& visit) {
    Model::lists(b, [&](std::string_view name, auto& of_b) {
        Model::lists(a, [&](std::string_view name_in_a, auto& of_a) {
            if constexpr (kSame<decltype(of_a), decltype(of_b)>) {
                if (name_in_a == name) visit(name, of_a, of_b);
            }
        });
    });
}

template <class A, class B, class Visit>
void both_figures(A& a, B& b, Visit&& visit) {
    Model::figures(b, [&](std::string_view name, auto& of_b) {
        Model::figures(a, [&](std::string_view name_in_a, auto& of_a) {
            if constexpr (kSame<decltype(of_a), decltype(of_b)>) {
                if (name_in_a == name) visit(name, of_a, of_b);
            }
        });
    });
}

bool write_puts(json::Writer& out, const Model& before, const Model& after) {
    bool any = false;
    out.key("put").begin_object();
    both_lists(before, after, [&](std::string_view name, const auto& was, const auto& now) {
        bool begun = false;
        auto old = was.begin();
        for (const auto& [key, entry] : now) {
            while (old != was.end() && old->first < key) ++old;
            if (old != was.end() && old->first == key && old->second == entry) continue;
            if (!begun) out.key(name).begin_array();
            begun = true;
            write(out, entry);
        }
        if (begun) out.end_array();
        any = any || begun;
    });
    out.end_object();
    return any;
}

bool write_drops(json::Writer& out, const Model& before, const Model& after) {
    bool any = false;
    out.key("drop").begin_object();
    both_lists(before, after, [&](std::string_view name, const auto& was, const auto& now) {
        const std::vector<std::string> gone = keys_gone(was, now);
        if (gone.empty()) return;
        any = true;
        out.raw_member(name, json::encode_strings(gone));
    });
    out.end_object();
    return any;
}

bool write_figures(json::Writer& out, const Model& before, const Model& after) {
    bool any = false;
    out.key("figures").begin_object();
    both_figures(before, after, [&](std::string_view name, const auto& was, const auto& now) {
        if (was == now) return;
        any = true;
        out.key(name);
        write(out, now);
    });
    out.end_object();
    return any;
}

/// Puts the entries of {"agents":[…],…} into the lists.
bool read_puts(const json::Value& lists, Model& model) {
    if (lists.kind != json::Kind::object) return false;
    const json::Object by_name = json::members(lists.raw);
    bool good = true;
    Model::lists(model, [&](std::string_view name, auto& list) {
        const json::Value* entries = by_name.find(name);
        if (entries == nullptr || !good) return;
        good = entries->kind == json::Kind::array;
        const std::vector<json::Value> all = good ? json::elements(entries->raw) : std::vector<json::Value>{};
        for (const json::Value& each : all) {
            typename std::remove_reference_t<decltype(list)>::mapped_type entry;
            good = good && read(each, entry);
            if (good) list.insert_or_assign(entry.key(), std::move(entry));
        }
    });
    return good;
}

/// The keys of {"agents":["…"],…} by list.
using Keys = std::map<std::string, std::vector<std::string>, std::less<>>;
bool read_drops(const json::Value& lists, Keys& keys) {
    if (lists.kind != json::Kind::object) return false;
    const json::Object by_name = json::members(lists.raw);
    for (const json::Member& list : by_name) {
        if (!read(list.value, keys[list.key])) return false;
    }
    return true;
}

/// Reads figures, and gives the names of those that were there.
bool read_figures(const json::Value& figures, Model& model, std::set<std::string, std::less<>>& names) {
    if (figures.kind != json::Kind::object) return false;
    const json::Object by_name = json::members(figures.raw);
    bool good = true;
    Model::figures(model, [&](std::string_view name, auto& figure) {
        const json::Value* found = by_name.find(name);
        if (found == nullptr) return;
        good = good && read(*found, figure);
        names.emplace(name);
    });
    return good;
}

bool read_place(const json::Object& frame, Model& place) {
    const json::Value* cursor = frame.find("cursor");
    const json::Value* at = frame.find("at");
    std::string text;
    if (cursor == nullptr || !read(*cursor, text) || at == nullptr || !read(*at, place.at)) return false;
    const size_t dot = text.find('.');
    if (dot == std::string::npos) return false;
    place.epoch = text.substr(0, dot);
    const auto [end, error] = std::from_chars(text.data() + dot + 1, text.data() + text.size(), place.seq);
    return error == std::errc{} && end == text.data() + text.size();
}

/// A member that must be there.
json::Value member_of(const json::Object& frame, std::string_view name) {
    const json::Value* found = frame.find(name);
    return found == nullptr ? json::Value{} : *found;
}

Result<Change> take_whole(Model& model, const json::Object& frame) {
    Model whole;
    std::set<std::string, std::less<>> figures;
    if (!read_place(frame, whole) || !read_puts(member_of(frame, "lists"), whole) ||
        !read_figures(member_of(frame, "figures"), whole, figures)) {
        return Result<Change>(bad_frame("the model cannot be read"));
    }
    model = std::move(whole);
    return Result<Change>(Change::whole);
}

Result<Change> take_delta(Model& model, const json::Object& frame) {
    Model change;
    if (!read_place(frame, change)) return Result<Change>(bad_frame("the delta has no cursor"));
    if (change.epoch != model.epoch || change.seq != model.seq + 1) {
        return Result<Change>(Error{"gap", 0, Blame::hub, "the delta does not follow what is known"});
    }
    Keys drops;
    std::set<std::string, std::less<>> figures;
    if (!read_drops(member_of(frame, "drop"), drops) || !read_puts(member_of(frame, "put"), change) ||
        !read_figures(member_of(frame, "figures"), change, figures)) {
        return Result<Change>(bad_frame("the delta cannot be read"));
    }
    // From here on nothing can go wrong.
    both_lists(model, change, [&](std::string_view name, auto& list, auto& puts) {
        if (const auto gone = drops.find(name); gone != drops.end()) {
            for (const std::string& key : gone->second) list.erase(key);
        }
        for (auto& [key, entry] : puts) list.insert_or_assign(key, std::move(entry));
    });
    both_figures(model, change, [&](std::string_view name, auto& figure, auto& now) {
        if (figures.contains(name)) figure = std::move(now);
    });
    model.seq = change.seq;
    model.at = change.at;
    return Result<Change>(Change::some);
}

}  // namespace

std::string model_frame(const Model& model, std::string_view reason) {
    json::Writer out = begin_frame("model", model);
    out.member("reason", reason).key("lists").begin_object();
    Model::lists(model, [&out](std::string_view name, const auto& list) {
        out.key(name).begin_array();
        for (const auto& [unused, entry] : list) write(out, entry);
        out.end_array();
    });
    out.end_object().key("figures").begin_object();
    Model::figures(model, [&out](std::string_view name, const auto& figure) {
        out.key(name);
        write(out, figure);
    });
    return out.end_object().end_object().take();
}

std::optional<std::string> delta_frame(const Model& before, const Model& after) {
    json::Writer out = begin_frame("delta", after);
    const bool puts = write_puts(out, before, after);
    const bool drops = write_drops(out, before, after);
    const bool figures = write_figures(out, before, after);
    if (!puts && !drops && !figures) return std::nullopt;
    return out.end_object().take();
}

Result<Change> take(Model& model, std::string_view text) {
    if (!json::validate(text)) return Result<Change>(bad_frame("the frame is no JSON"));
    const json::Value value = json::parse_value(text);
    if (value.kind != json::Kind::object) return Result<Change>(bad_frame("the frame is no object"));
    const json::Object frame = json::members(value.raw);
    std::string type;
    if (!read(member_of(frame, "type"), type)) return Result<Change>(bad_frame("the frame has no type"));
    if (type == "model") return take_whole(model, frame);
    if (type == "delta") return take_delta(model, frame);
    return Result<Change>(Change::none);
}

}  // namespace agentcom::view
