#include "core/access/limits.hpp"

#include <algorithm>
#include <map>

#include "core/access/address_group.hpp"

namespace agentcom::limits {

namespace {

constexpr std::string_view kAddressPrefix = "ip:";
constexpr int64_t kHttpSlots = 10'000;  // those of the second channel begin here
constexpr int64_t kOperationSlots = 100;
constexpr Tier kTiers[] = {Tier::light, Tier::normal, Tier::heavy};

const LimitOverrideRow* find_override(const Context& ctx, const Party& party, std::string_view limit_name) {
    return ctx.tables.find<LimitOverrideRow>({party.owner, party.workspace, party.name, std::string(limit_name)});
}

bucket::Rate rate_of(const LimitOverrideRow& row) { return {row.capacity, row.refill_millionths_per_min}; }

bool is_limit_name(std::string_view name) {
    for (const Tier tier : kTiers) {
        if (name == tier_name(tier)) return true;
    }
    for (const Operation& operation : catalogue()) {
        if (operation.name == name && operation.limit != Tier::none) return true;
    }
    return false;
}

/// A JSON number in millionths, the rest cut off; nullopt when it is negative or more than kTokensMax.
std::optional<int64_t> millionths_of(std::string_view number) {
    constexpr int64_t kMost = bucket::kTokensMax * bucket::kMillionths;
    const size_t exponent_at = number.find_first_of("eE");
    const std::string_view digits = number.substr(0, exponent_at);
    int64_t shift = 6;
    if (exponent_at != std::string_view::npos) {
        std::string_view exponent = number.substr(exponent_at + 1);
        if (exponent.starts_with('+')) exponent.remove_prefix(1);
        shift += std::clamp<int64_t>(json::to_int64_saturated({json::Kind::integer, exponent}), -1'000, 1'000);
    }
    const size_t point = digits.find('.');
    const size_t whole = point == std::string_view::npos ? digits.size() : point;
    int64_t value = 0;
    // The digit at place i counts 10^(whole - 1 - i); those that count less than a millionth are cut off.
    const int64_t places = static_cast<int64_t>(whole) + shift;
    for (size_t i = 0, place = 0; static_cast<int64_t>(place) < places; ++i) {
        if (i < digits.size() && digits[i] == '.') continue;
        if (i < digits.size() && digits[i] == '-') return std::nullopt;
        const int64_t digit = i < digits.size() ? digits[i] - '0' : 0;
        if (value > (kMost - digit) / 10) return std::nullopt;
        value = value * 10 + digit;
        ++place;
        if (i >= digits.size() && value == 0) break;
    }
    return value;
}

Error invalid_overrides(std::string detail) { return {"invalid_overrides", 422, Blame::client, std::move(detail)}; }

Result<bucket::Rate> parse_rate(const json::Value& value) {
    using Rate = Result<bucket::Rate>;
    constexpr const char* kNotNumeric = "each tier must have numeric 'capacity' and 'refill_rate_per_min'";
    if (value.kind != json::Kind::object) return Rate(invalid_overrides(kNotNumeric));
    const json::Object members = json::members(value.raw, json::Duplicates::last_wins);
    int64_t numbers[2] = {0, 0};
    const char* names[2] = {"capacity", "refill_rate_per_min"};
    for (size_t i = 0; i < 2; ++i) {
        const json::Value* number = members.find(names[i]);
        if (number == nullptr || (number->kind != json::Kind::integer && number->kind != json::Kind::real)) {
            return Rate(invalid_overrides(kNotNumeric));
        }
        const std::optional<int64_t> parsed = millionths_of(number->raw);
        const int64_t least = i == 0 ? bucket::kMillionths : 1;
        if (!parsed || *parsed < least) {
            return Rate(
                invalid_overrides("'capacity' must be from 1 to 100000000 and 'refill_rate_per_min' from "
                                  "0.000001 to 100000000"));
        }
        numbers[i] = *parsed;
    }
    return Rate(bucket::Rate{numbers[0] / bucket::kMillionths, numbers[1]});
}

/// So that a change counts from full buckets on, and what was done before is forgiven.
void forget_buckets(Context& ctx, const Party& party) {
    for (const int64_t slot : all_slots()) {
        ctx.tables.erase<BucketRow>({party.owner, party.workspace, party.name, slot});
    }
    ctx.tables.erase<LimitViolationRow>({party.owner, party.workspace, party.name});
}

bool belongs_to(LimitOwner owner, int64_t row_workspace, int64_t workspace) {
    return owner == LimitOwner::address || row_workspace == workspace;
}

}  // namespace

Party agent_party(int64_t workspace, std::string agent) { return {LimitOwner::agent, workspace, std::move(agent)}; }

Party address_party(std::string_view address) { return {LimitOwner::address, 0, address_group(address)}; }

Party connection_party(ConnectionId connection) { return {LimitOwner::connection, connection, ""}; }

Party party(int64_t workspace, std::string_view text) {
    if (text.starts_with(kAddressPrefix)) return address_party(text.substr(kAddressPrefix.size()));
    return agent_party(workspace, std::string(text));
}

std::string to_text(const Party& party) {
    return party.owner == LimitOwner::address ? std::string(kAddressPrefix) + party.name : party.name;
}

int64_t slot_of(const Settings& settings, Channel channel, const Operation& operation) {
    const int64_t number = settings.limits_by_operation != 0 ? kOperationSlots + static_cast<int64_t>(operation.id)
                                                             : static_cast<int64_t>(operation.tier);
    return number + (channel == Channel::http ? kHttpSlots : 0);
}

std::optional<std::pair<Channel, std::string_view>> slot_name(int64_t slot) {
    const Channel channel = slot >= kHttpSlots ? Channel::http : Channel::ws;
    const int64_t number = slot % kHttpSlots;
    if (number >= kOperationSlots) {
        return std::pair{channel, operation(static_cast<OperationId>(number - kOperationSlots)).name};
    }
    if (number > static_cast<int64_t>(Tier::heavy)) return std::nullopt;
    return std::pair{channel, tier_name(static_cast<Tier>(number))};
}

std::vector<int64_t> all_slots() {
    std::vector<int64_t> slots = {kUnidentifiedSlot, kFailedLoginSlot};
    for (const Tier tier : kTiers) {
        slots.push_back(static_cast<int64_t>(tier));
        slots.push_back(static_cast<int64_t>(tier) + kHttpSlots);
    }
    for (const Operation& operation : catalogue()) {
        const int64_t number = kOperationSlots + static_cast<int64_t>(operation.id);
        slots.push_back(operation.is_frame() ? number : number + kHttpSlots);
    }
    return slots;
}

Tier tier_of(const Settings& settings, const Operation& operation) {
    if (settings.limits_by_operation != 0) return operation.limit;
    return operation.rate_identity == RateIdentity::none ? Tier::none : operation.tier;
}

bucket::Rate default_rate(const Settings& settings, Tier tier) {
    switch (tier) {
        case Tier::light:
            return bucket::Rate::per_minute(settings.limit_light_per_min);
        case Tier::normal:
            return bucket::Rate::per_minute(settings.limit_normal_per_min);
        case Tier::heavy:
            return bucket::Rate::per_minute(settings.limit_heavy_per_min);
        case Tier::none:
            break;
    }
    AGENTCOM_ASSERT(false, "only what has a tier has a limit");
    return {};
}

bucket::Rate default_rate(const Settings& settings, const Operation& operation) {
    if (settings.limits_by_operation != 0 && operation.limit_per_min != 0) {
        return bucket::Rate::per_minute(operation.limit_per_min);
    }
    return default_rate(settings, tier_of(settings, operation));
}

bucket::Rate rate_of(const Context& ctx, const Party& party, const Operation& operation) {
    if (ctx.tables.count<LimitOverrideRow>() > 0) {
        if (ctx.settings.limits_by_operation != 0) {
            if (const LimitOverrideRow* own = find_override(ctx, party, operation.name)) return rate_of(*own);
        }
        const std::string_view tier = tier_name(tier_of(ctx.settings, operation));
        if (const LimitOverrideRow* own = find_override(ctx, party, tier)) return rate_of(*own);
    }
    return default_rate(ctx.settings, operation);
}

bool is_exempt(const Context& ctx, const Party& party) {
    return ctx.tables.count<LimitExemptRow>() > 0 &&
           ctx.tables.contains<LimitExemptRow>({party.owner, party.workspace, party.name});
}

Result<std::vector<Override>> parse_overrides(const json::Object& body) {
    using Overrides = Result<std::vector<Override>>;
    std::vector<Override> overrides;
    for (const json::Member& member : body) {
        if (member.value.kind == json::Kind::null || !is_limit_name(member.key)) continue;
        Result<bucket::Rate> rate = parse_rate(member.value);
        if (!rate) return Overrides(rate.error());
        overrides.push_back({member.key, rate.value()});
    }
    if (overrides.empty()) {
        return Overrides(invalid_overrides("at least one tier (light, normal, heavy) must be specified"));
    }
    return Overrides(std::move(overrides));
}

void set_overrides(Context& ctx, const Party& party, const std::vector<Override>& overrides) {
    for (const Override& old : overrides_of(ctx, party)) {
        ctx.tables.erase<LimitOverrideRow>({party.owner, party.workspace, party.name, old.limit_name});
    }
    for (const Override& override : overrides) {
        LimitOverrideRow row;
        row.owner = party.owner;
        row.workspace = party.workspace;
        row.name = party.name;
        row.limit_name = override.limit_name;
        row.capacity = override.rate.capacity;
        row.refill_millionths_per_min = override.rate.refill_millionths_per_min;
        ctx.tables.put(std::move(row));
    }
    forget_buckets(ctx, party);
}

std::vector<Override> overrides_of(const Context& ctx, const Party& party) {
    std::vector<Override> overrides;
    const auto look = [&](std::string_view limit_name) {
        if (const LimitOverrideRow* row = find_override(ctx, party, limit_name)) {
            overrides.push_back({row->limit_name, rate_of(*row)});
        }
    };
    for (const Tier tier : kTiers) look(tier_name(tier));
    for (const Operation& operation : catalogue()) look(operation.name);
    return overrides;
}

std::vector<std::pair<Party, std::vector<Override>>> all_overrides(const Context& ctx, int64_t workspace) {
    std::map<std::pair<LimitOwner, std::string>, Party> parties;
    for (const LimitOverrideRow::Key& key : ctx.tables.sorted_keys<LimitOverrideRow>()) {
        const auto& [owner, row_workspace, name, limit_name] = key;
        if (belongs_to(owner, row_workspace, workspace)) parties[{owner, name}] = {owner, row_workspace, name};
    }
    std::vector<std::pair<Party, std::vector<Override>>> all;
    all.reserve(parties.size());
    for (const auto& [unused, party] : parties) all.emplace_back(party, overrides_of(ctx, party));
    return all;
}

Status add_exempt(Context& ctx, const Party& party) {
    if (ctx.tables.contains<LimitExemptRow>({party.owner, party.workspace, party.name})) return {};
    if (ctx.tables.count<LimitExemptRow>() >= kExemptMax) {
        return Status(Error{"too_many_entries", 422, Blame::client, "at most 10000 can be exempt"});
    }
    LimitExemptRow row;
    row.owner = party.owner;
    row.workspace = party.workspace;
    row.name = party.name;
    for (const LimitExemptRow::Key& key : ctx.tables.sorted_keys<LimitExemptRow>()) {
        row.position = std::max(row.position, ctx.tables.find<LimitExemptRow>(key)->position + 1);
    }
    ctx.tables.put(std::move(row));
    forget_buckets(ctx, party);
    return {};
}

Status set_exempt(Context& ctx, int64_t workspace, const std::vector<std::string>& names) {
    if (static_cast<int64_t>(names.size()) > kExemptMax) {
        return Status(Error{"too_many_entries", 422, Blame::client, "at most 10000 can be exempt"});
    }
    for (const LimitExemptRow::Key& key : ctx.tables.sorted_keys<LimitExemptRow>()) {
        if (belongs_to(std::get<0>(key), std::get<1>(key), workspace)) ctx.tables.erase<LimitExemptRow>(key);
    }
    int64_t position = static_cast<int64_t>(names.size());
    for (const std::string& name : names) {
        const Party exempt = party(workspace, name);
        LimitExemptRow row;
        row.owner = exempt.owner;
        row.workspace = exempt.workspace;
        row.name = exempt.name;
        row.position = position--;
        if (!ctx.tables.contains<LimitExemptRow>(row.key())) ctx.tables.put(std::move(row));
        forget_buckets(ctx, exempt);
    }
    return {};
}

void remove_exempt(Context& ctx, const Party& party) {
    ctx.tables.erase<LimitExemptRow>({party.owner, party.workspace, party.name});
}

std::vector<std::string> exempt_names(const Context& ctx, int64_t workspace) {
    std::vector<std::pair<int64_t, std::string>> entries;
    for (const LimitExemptRow::Key& key : ctx.tables.sorted_keys<LimitExemptRow>()) {
        const auto& [owner, row_workspace, name] = key;
        if (!belongs_to(owner, row_workspace, workspace)) continue;
        entries.emplace_back(-ctx.tables.find<LimitExemptRow>(key)->position, to_text({owner, row_workspace, name}));
    }
    std::sort(entries.begin(), entries.end());
    std::vector<std::string> names;
    names.reserve(entries.size());
    for (auto& entry : entries) names.push_back(std::move(entry.second));
    return names;
}

}  // namespace agentcom::limits
