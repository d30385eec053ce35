// Which limit applies to whom: defaults, overrides, exemptions.
//
// A limit has a name: an operation's, or a tier's. With the setting `limits_by_operation` each operation has a bucket
// of its own, of the size that its entry in the catalogue says; without it, as in v1.1, the operations of a tier share
// one, and what v1.1 did not limit is not limited. An override gives one agent or address another size: that for the
// operation counts before that for its tier.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/access/token_bucket.hpp"
#include "core/base/result.hpp"
#include "core/protocol/operation.hpp"
#include "core/state/context.hpp"

namespace agentcom::limits {

/// Who draws from a bucket. Where names come from outside ("ip:1.2.3.4" is an address, all else an agent): `party`.
struct Party {
    LimitOwner owner = LimitOwner::agent;
    int64_t workspace = 0;  ///< 0 for addresses; the number of a connection
    std::string name;

    bool operator==(const Party&) const = default;
};

Party agent_party(int64_t workspace, std::string agent);
/// IPv6 addresses count by network (core/access/address_group.hpp).
Party address_party(std::string_view address);
Party connection_party(ConnectionId);
/// As administrators name it, and back.
Party party(int64_t workspace, std::string_view text);
std::string to_text(const Party&);

/// An agent's frames and its requests do not share a bucket.
enum class Channel : uint8_t { ws, http };

/// Buckets that belong to no operation.
inline constexpr int64_t kUnidentifiedSlot = 10;
inline constexpr int64_t kFailedLoginSlot = 11;

/// The number of a bucket among those of its owner.
int64_t slot_of(const Settings&, Channel, const Operation&);
/// What a slot is: its channel and the name of its limit; nothing for slots of no operation.
std::optional<std::pair<Channel, std::string_view>> slot_name(int64_t slot);
/// Every slot that a party may have a bucket in.
std::vector<int64_t> all_slots();

/// The tier that an operation counts in; Tier::none: it has no limit.
Tier tier_of(const Settings&, const Operation&);
/// For everybody without an override.
bucket::Rate default_rate(const Settings&, const Operation&);
bucket::Rate default_rate(const Settings&, Tier);
/// For this party. The operation must have a limit.
bucket::Rate rate_of(const Context&, const Party&, const Operation&);

bool is_exempt(const Context&, const Party&);

// -- what administrators change; each takes effect with the next token

struct Override {
    std::string limit_name;
    bucket::Rate rate;
};

/// The overrides in the body of a request, an object with a member per limit:
/// {"light":{"capacity":120,"refill_rate_per_min":2.5},"message":{…}}. A member that is null counts as absent; a
/// fraction of a capacity is cut off. Error `invalid_overrides` (422).
Result<std::vector<Override>> parse_overrides(const json::Object& body);

/// In the place of all overrides of the party.
void set_overrides(Context&, const Party&, const std::vector<Override>&);
std::vector<Override> overrides_of(const Context&, const Party&);
/// Of a workspace and of all addresses, by name.
std::vector<std::pair<Party, std::vector<Override>>> all_overrides(const Context&, int64_t workspace);

/// Error `too_many_entries` (422) beyond kExemptMax.
Status set_exempt(Context&, int64_t workspace, const std::vector<std::string>& names);
Status add_exempt(Context&, const Party&);
void remove_exempt(Context&, const Party&);
/// Of a workspace and all addresses, the latest first.
std::vector<std::string> exempt_names(const Context&, int64_t workspace);

inline constexpr int64_t kExemptMax = 10'000;
inline constexpr int64_t kOverridesMax = 100'000;

}  // namespace agentcom::limits
