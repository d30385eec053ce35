#include "core/access/invites.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace agentcom::invites {

namespace {

bool is_open(const InviteRow& invite, int64_t wall_ms) { return invite.uses_left > 0 && wall_ms < invite.expires_at; }

void remove_closed(Context& ctx) {
    for (const InviteRow::Key& key : ctx.tables.sorted_keys<InviteRow>()) {
        if (!is_open(*ctx.tables.find<InviteRow>(key), ctx.now.wall_ms)) ctx.tables.erase<InviteRow>(key);
    }
}

}  // namespace

Result<InviteRow> create(Context& ctx, InviteRow row) {
    AGENTCOM_ASSERT(row.sha256.size() == 64, "the machine draws a secret for every operation that mints one");
    const auto count = [&ctx] { return static_cast<int64_t>(ctx.tables.count<InviteRow>()); };
    if (count() >= ctx.settings.invites_max) remove_closed(ctx);
    if (count() >= ctx.settings.invites_max) {
        return Result<InviteRow>(Error{"too_many_invites", 409, Blame::client,
                                       "invites_max codes stand open already: revoke one of them first"});
    }
    row.id = "invite-" + ctx.random_id();
    row.created_at = ctx.now.wall_ms;
    ctx.tables.put(row);
    return Result<InviteRow>(std::move(row));
}

const InviteRow* find(const Context& ctx, const Credential& code) {
    if (code.kind != Credential::Kind::present) return nullptr;
    const InviteRow* invite = ctx.tables.find<InviteRow>({code.sha256_hex});
    return invite != nullptr && is_open(*invite, ctx.now.wall_ms) ? invite : nullptr;
}

void use(Context& ctx, const std::string& sha256) {
    InviteRow row = *ctx.tables.find<InviteRow>({sha256});
    AGENTCOM_ASSERT(row.uses_left > 0, "a code that is used up has no row");
    --row.uses_left;
    if (row.uses_left == 0) {
        ctx.tables.erase<InviteRow>({sha256});
    } else {
        ctx.tables.put(std::move(row));
    }
}

std::vector<InviteRow> list(const Context& ctx, int64_t workspace) {
    std::vector<InviteRow> rows;
    for (const InviteRow::Key& key : ctx.tables.sorted_keys<InviteRow>()) {
        const InviteRow& invite = *ctx.tables.find<InviteRow>(key);
        if (invite.workspace == workspace) rows.push_back(invite);
    }
    std::sort(rows.begin(), rows.end(), [](const InviteRow& a, const InviteRow& b) {
        return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
    });
    return rows;
}

std::optional<InviteRow> remove(Context& ctx, int64_t workspace, const std::string& id) {
    for (const InviteRow& invite : list(ctx, workspace)) {
        if (invite.id != id) continue;
        ctx.tables.erase<InviteRow>({invite.sha256});
        return invite;
    }
    return std::nullopt;
}

}  // namespace agentcom::invites
