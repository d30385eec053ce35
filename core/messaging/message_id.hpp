// The id of a message: 16 hex digits that hide its number.
//
// A client names a message by its id; the store finds it by its number. The id holds both: 40 bits of number and 24
// random bits, mixed by a function that can be undone, so that ids look and shorten like random ones and yet no index
// over them has to be kept. Whoever looks a message up compares the whole id with the row's: the random bits tell a
// message from one that had the same number before a backup was restored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agentcom {

/// Of `random` the low 24 bits count, of `seq` the low 40.
std::string make_message_id(int64_t seq, uint64_t random);

/// The number that an id was made of; nullopt when it is not 16 lowercase hex digits. Any other text of that form
/// gives a number too, of a message with another id or of none.
std::optional<int64_t> seq_of_message_id(std::string_view id);

}  // namespace agentcom
