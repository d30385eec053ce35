#include "core/hub/invite_routes.hpp"

#include <utility>

#include "core/access/invites.hpp"
#include "core/hub/access_routes.hpp"
#include "core/hub/audit.hpp"

namespace agentcom::requests {

namespace {

void write_invite(json::Writer& out, const Context& ctx, const InviteRow& invite) {
    out.member("id", invite.id);
    out.member("agent_id", invite.agent.empty() ? std::nullopt : std::optional(invite.agent));
    out.member("role", to_text(invite.role)).member("uses_left", invite.uses_left);
    out.member("workspace", ctx.tables.find<WorkspaceRow>({invite.workspace})->name);
    out.member("created_at", invite.created_at).member("expires_at", invite.expires_at);
    out.member("created_by", invite.created_by);
}

std::string invite_json(const Context& ctx, const InviteRow& invite) {
    json::Writer out;
    out.begin_object();
    write_invite(out, ctx, invite);
    return out.end_object().take();
}

}  // namespace

Reply on_invite_create(const Call& call) {
    InviteRow invite;
    invite.agent = call.arguments.text("agent_id");
    invite.uses_left = call.arguments.integer("uses").value_or(1);
    invite.created_by = call.principal();
    invite.sha256 = call.request.secret.sha256;
    const std::string role = call.arguments.text("role");
    if (!role.empty() && !from_text(role, invite.role)) {
        return field_error("role", "invalid_value", "is not agent, viewer, operator or admin");
    }
    if (invite.uses_left > invites::kMaxUses) return field_error("uses", "invalid_value", "exceeds 1000000");
    if (!invite.agent.empty() && invite.uses_left > 1) {
        return field_error("uses", "invalid_value", "one agent registers once");
    }
    const int64_t ttl_ms = call.arguments.integer("ttl_ms").value_or(invites::kDefaultTtlMs);
    if (ttl_ms > invites::kMaxTtlMs) return field_error("ttl_ms", "invalid_value", "exceeds 366 days");
    invite.expires_at = call.ctx.now.wall_ms + ttl_ms;
    const Result<int64_t> workspace = named_workspace(call);
    if (!workspace) return error_answer(workspace.error());
    invite.workspace = workspace.value();

    access::NewToken opened{invite.workspace, invite.agent, "", "", invite.role};
    if (!access::permissions_of(call.ctx, opened).within(call.identity->permissions)) {
        return error_answer(403, "forbidden", "nobody can give more than they may do themselves");
    }
    const Result<InviteRow> made = invites::create(call.ctx, std::move(invite));
    if (!made) return error_answer(made.error());
    audit_in(call, made.value().workspace, "invite_created", made.value().id, "null",
             invite_json(call.ctx, made.value()));
    json::Writer out;
    out.begin_object().member("code", "");
    write_invite(out, call.ctx, made.value());
    out.end_object();
    return with_secret(out, 201);
}

Reply on_invite_list(const Call& call) {
    json::Writer out;
    out.begin_object().key("invites").begin_array();
    for (const InviteRow& invite : invites::list(call.ctx, call.workspace)) {
        out.begin_object();
        write_invite(out, call.ctx, invite);
        out.member("expired", call.ctx.now.wall_ms >= invite.expires_at).end_object();
    }
    out.end_array().end_object();
    return ok(out);
}

Reply on_invite_revoke(const Call& call) {
    const std::optional<InviteRow> ended = invites::remove(call.ctx, call.workspace, call.params.at(0));
    if (!ended) return error_answer(404, "invite_not_found", "no invite code of this workspace has this id");
    audit(call, "invite_revoked", ended->id, invite_json(call.ctx, *ended), "null");
    json::Writer out;
    out.begin_object().member("status", "revoked").member("id", ended->id).end_object();
    return ok(out);
}

}  // namespace agentcom::requests
