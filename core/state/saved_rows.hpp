// How rows lie in a saved state and in a snapshot: their columns in order, as bytes. Unlike the values that go to a
// store, a shed Body keeps its size and hash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/state/columns.hpp"

namespace agentcom::saved {

template <class T>
void write_field(ByteWriter& out, const T& field) {
    if constexpr (std::is_same_v<T, bool>) {
        out.u8(field ? 1 : 0);
    } else if constexpr (std::is_same_v<T, int64_t>) {
        out.i64(field);
    } else if constexpr (std::is_same_v<T, std::string>) {
        out.text(field);
    } else if constexpr (std::is_enum_v<T>) {
        out.text(to_text(field));
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        out.u64(field.size());
        for (const std::string& item : field) out.text(item);
    } else if constexpr (std::is_same_v<T, Body>) {
        out.u8(field.resident ? 1 : 0);
        out.i64(field.size);
        out.u64(field.hash.lo);
        out.u64(field.hash.hi);
        out.text(field.bytes);
    } else {
        out.u8(field ? 1 : 0);
        if (field) write_field(out, *field);
    }
}

template <class T>
bool read_field(ByteReader& in, T& field) {
    if constexpr (std::is_same_v<T, bool>) {
        field = in.u8() != 0;
    } else if constexpr (std::is_same_v<T, int64_t>) {
        field = in.i64();
    } else if constexpr (std::is_same_v<T, std::string>) {
        field = in.text();
    } else if constexpr (std::is_enum_v<T>) {
        return from_text(in.text(), field) && !in.failed();
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        const uint64_t count = in.count();
        for (uint64_t i = 0; i < count && !in.failed(); ++i) field.push_back(in.text());
    } else if constexpr (std::is_same_v<T, Body>) {
        field.resident = in.u8() != 0;
        field.size = in.i64();
        field.hash.lo = in.u64();
        field.hash.hi = in.u64();
        field.bytes = in.text();
    } else {
        if (in.u8() == 0) {
            field.reset();
        } else {
            return read_field(in, field.emplace());
        }
    }
    return !in.failed();
}

template <class Row>
void write_row(ByteWriter& out, const Row& row) {
    Row::columns(row, [&out](std::string_view, const auto& field) { write_field(out, field); });
}

/// False when the bytes are no such row.
template <class Row>
bool read_row(ByteReader& in, Row& row) {
    bool good = true;
    Row::columns(row, [&](std::string_view, auto& field) { good = good && read_field(in, field); });
    return good && !in.failed();
}

}  // namespace agentcom::saved
