// Rows of every type with random contents: for what must hold whatever a row holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "core/base/prng.hpp"
#include "core/state/rows.hpp"

namespace agentcom::test {

/// How many values an enum of the rows has.
template <class E>
constexpr uint64_t enum_size() {
    if constexpr (std::is_same_v<E, PrincipalKind>) return 3;
    if constexpr (std::is_same_v<E, Role>) return 4;
    if constexpr (std::is_same_v<E, ReceiptKind>) return 5;
    if constexpr (std::is_same_v<E, TaskState>) return 7;
    if constexpr (std::is_same_v<E, HoldReason>) return 7;
    if constexpr (std::is_same_v<E, Outcome>) return 12;
    if constexpr (std::is_same_v<E, TimerKind>) return 25;
    if constexpr (std::is_same_v<E, BlockerFailure>) return 3;
    if constexpr (std::is_same_v<E, WaitTopic>) return 3;
    if constexpr (std::is_same_v<E, LimitOwner>) return 3;
    if constexpr (std::is_same_v<E, DeliveryState>) return 3;
    if constexpr (std::is_same_v<E, AlertSeverity>) return 3;
    if constexpr (std::is_same_v<E, Comparison>) return 4;
    if constexpr (std::is_same_v<E, StorageJobKind>) return 4;
    if constexpr (std::is_same_v<E, DashboardMode>) return 2;
    return 0;
}

/// UTF-8 of up to `longest` pieces: quotes, NUL, line breaks and characters of one to four bytes.
inline std::string random_text(Prng& prng, uint64_t longest = 12) {
    static const std::vector<std::string> kPieces = {"a", "Z", "0", "\"", "\\", "\n", std::string(1, '\0'),
                                                     "ä", "€", "𝄞", " ",  "/",  ",",  "-"};
    std::string text;
    for (uint64_t left = prng.below(longest + 1); left > 0; --left) text += kPieces[prng.index_below(kPieces.size())];
    return text;
}

template <class T>
void randomize(Prng& prng, T& field) {
    if constexpr (std::is_same_v<T, bool>) {
        field = prng.below(2) == 1;
    } else if constexpr (std::is_same_v<T, int64_t>) {
        // Small numbers, their negatives, and any 64 bits.
        const uint64_t kind = prng.below(3);
        field = kind == 0   ? static_cast<int64_t>(prng.below(100))
                : kind == 1 ? -static_cast<int64_t>(prng.below(100))
                            : static_cast<int64_t>(prng.next());
    } else if constexpr (std::is_same_v<T, std::string>) {
        field = random_text(prng);
    } else if constexpr (std::is_enum_v<T>) {
        static_assert(enum_size<T>() > 0, "name the enum's size above");
        field = static_cast<T>(prng.below(enum_size<T>()));
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        field.clear();
        for (uint64_t left = prng.below(4); left > 0; --left) field.push_back(random_text(prng));
    } else if constexpr (std::is_same_v<T, Body>) {
        field = Body(random_text(prng, 40));
    } else {
        if (prng.below(3) == 0) {
            field.reset();
        } else {
            randomize(prng, field.emplace());
        }
    }
}

template <class Row>
Row random_row(Prng& prng) {
    Row row;
    Row::columns(row, [&prng](std::string_view, auto& field) { randomize(prng, field); });
    return row;
}

}  // namespace agentcom::test
