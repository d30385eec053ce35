// What a row is made of, said once.
//
// Every row type of the hub (core/state/rows.hpp) lists its columns in one function, `columns(self, visit)`. Everything
// that handles rows generically is a visitor over that list: the SQL schema, binding and loading, the canonical
// bytes that are hashed and saved, and the values handed to a store. A store therefore knows `TableSchema` and
// `ColumnValue`, never a row type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/hash128.hpp"
#include "core/base/json.hpp"

namespace agentcom {

/// Free-form bytes of a row that may be too big to keep in memory.
///
/// The content's hash and size always stay; the bytes may be shed once they are in the store. A row's own hash
/// covers `hash`, so that shedding changes no digest, and a store that is handed a shed body leaves the stored
/// column as it is.
struct Body {
    std::string bytes;
    int64_t size = 0;
    Hash128 hash;
    bool resident = true;

    Body() : Body(std::string{}) {}
    explicit Body(std::string content)
        : bytes(std::move(content)), size(static_cast<int64_t>(bytes.size())), hash(hash128(bytes)) {}

    /// Drops the bytes if they are longer than `limit`; size and hash stay.
    void shed(int64_t limit) {
        if (size <= limit) return;
        bytes = std::string{};
        resident = false;
    }
};

/// One column's value on its way to or from a store.
struct ColumnValue {
    enum class Type : uint8_t {
        null,
        integer,
        text,
        unchanged  ///< a shed Body: the store keeps what it has
    };
    Type type = Type::null;
    int64_t integer = 0;
    std::string text;

    static ColumnValue of(int64_t value) { return {Type::integer, value, {}}; }
    static ColumnValue of(std::string value) { return {Type::text, 0, std::move(value)}; }
    static ColumnValue unchanged() { return {Type::unchanged, 0, {}}; }

    friend bool operator==(const ColumnValue&, const ColumnValue&) = default;
};

using RowValues = std::vector<ColumnValue>;

/// How a column is declared in SQL.
enum class ColumnType : uint8_t { integer, integer_or_null, text, text_or_null, body };

struct ColumnSchema {
    std::string_view name;
    ColumnType type;
};

namespace detail {

template <class T>
constexpr ColumnType column_type() {
    if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::vector<std::string>> || std::is_enum_v<T>) {
        return ColumnType::text;
    } else if constexpr (std::is_same_v<T, std::optional<std::string>>) {
        return ColumnType::text_or_null;
    } else if constexpr (std::is_same_v<T, std::optional<int64_t>>) {
        return ColumnType::integer_or_null;
    } else if constexpr (std::is_same_v<T, Body>) {
        return ColumnType::body;
    } else {
        static_assert(std::is_same_v<T, int64_t> || std::is_same_v<T, bool>, "not a column type");
        return ColumnType::integer;
    }
}

/// Lists of names are kept as a JSON array, which an operator can read in SQL.
std::string encode_list(const std::vector<std::string>& items);
std::vector<std::string> decode_list(std::string_view text);

template <class T>
ColumnValue to_value(const T& field) {
    if constexpr (std::is_same_v<T, bool>) {
        return ColumnValue::of(static_cast<int64_t>(field ? 1 : 0));
    } else if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, std::string>) {
        return ColumnValue::of(field);
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        return ColumnValue::of(encode_list(field));
    } else if constexpr (std::is_enum_v<T>) {
        return ColumnValue::of(std::string(to_text(field)));
    } else if constexpr (std::is_same_v<T, Body>) {
        return field.resident ? ColumnValue::of(field.bytes) : ColumnValue::unchanged();
    } else {
        return field ? ColumnValue::of(*field) : ColumnValue{};
    }
}

/// False when the value has another type than the field, or is no name of the field's enum.
template <class T>
bool from_value(ColumnValue&& value, T& field) {
    using Type = ColumnValue::Type;
    if constexpr (std::is_same_v<T, bool>) {
        field = value.integer != 0;
        return value.type == Type::integer && (value.integer == 0 || value.integer == 1);
    } else if constexpr (std::is_same_v<T, int64_t>) {
        field = value.integer;
        return value.type == Type::integer;
    } else if constexpr (std::is_same_v<T, std::string>) {
        field = std::move(value.text);
        return value.type == Type::text;
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        if (value.type != Type::text || !json::validate(value.text)) return false;
        field = decode_list(value.text);
        return true;
    } else if constexpr (std::is_enum_v<T>) {
        return value.type == Type::text && from_text(value.text, field);
    } else if constexpr (std::is_same_v<T, Body>) {
        field = Body(std::move(value.text));
        return value.type == Type::text;
    } else {
        if (value.type == Type::null) {
            field.reset();
            return true;
        }
        return from_value(std::move(value), field.emplace());
    }
}

template <class T>
void hash_field(Hasher& hasher, const T& field) {
    if constexpr (std::is_same_v<T, bool>) {
        hasher.u8(field ? 1 : 0);
    } else if constexpr (std::is_same_v<T, int64_t>) {
        hasher.i64(field);
    } else if constexpr (std::is_same_v<T, std::string>) {
        hasher.bytes(field);
    } else if constexpr (std::is_enum_v<T>) {
        hasher.bytes(to_text(field));
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        hasher.i64(static_cast<int64_t>(field.size()));
        for (const std::string& item : field) hasher.bytes(item);
    } else if constexpr (std::is_same_v<T, Body>) {
        hasher.u64(field.hash.lo);
        hasher.u64(field.hash.hi);
        hasher.i64(field.size);
    } else {
        hasher.u8(field ? 1 : 0);
        if (field) hash_field(hasher, *field);
    }
}

}  // namespace detail

/// The 128-bit hash of a row: over its table's number and every column in declared order. It is the checksum that
/// lies beside the row in the store, and the summand of `Tables::digest()`.
template <class Row>
Hash128 row_hash(const Row& row) {
    Hasher hasher;
    hasher.u8(static_cast<uint8_t>(Row::kTable));
    Row::columns(row, [&hasher](std::string_view, const auto& field) { detail::hash_field(hasher, field); });
    return hasher.finish();
}

template <class Row>
RowValues row_values(const Row& row) {
    static const std::size_t columns = [] {
        std::size_t count = 0;
        const Row any;
        Row::columns(any, [&count](std::string_view, const auto&) { ++count; });
        return count;
    }();
    RowValues values;
    values.reserve(columns);
    Row::columns(row, [&values](std::string_view, const auto& field) { values.push_back(detail::to_value(field)); });
    return values;
}

/// Reads a row back; nullopt when a value's type does not fit its column.
template <class Row>
std::optional<Row> row_from_values(RowValues values) {
    Row row;
    std::size_t index = 0;
    bool fits = true;
    Row::columns(row, [&](std::string_view, auto& field) {
        fits = fits && index < values.size() && detail::from_value(std::move(values[index]), field);
        ++index;
    });
    if (!fits || index != values.size()) return std::nullopt;
    return row;
}

template <class Row>
std::vector<ColumnSchema> column_schemas() {
    std::vector<ColumnSchema> schemas;
    Row row;
    Row::columns(row, [&schemas](std::string_view name, const auto& field) {
        schemas.push_back({name, detail::column_type<std::decay_t<decltype(field)>>()});
    });
    return schemas;
}

}  // namespace agentcom
