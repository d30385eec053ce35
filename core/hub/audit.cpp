#include "core/hub/audit.hpp"

#include <algorithm>
#include <utility>

#include "core/base/json.hpp"
#include "core/base/limits.hpp"

namespace agentcom::requests {

namespace {

void write_entry(json::Writer& out, const EventRow& event) {
    const json::Object data = json::members(event.data);
    const auto value_of = [&data](std::string_view name) {
        const json::Value* value = data.find(name);
        return value == nullptr ? std::string_view("null") : value->raw;
    };
    out.begin_object().member("seq", event.seq).member("at", event.at).member("kind", event.kind);
    out.member("principal", event.principal.empty() ? std::nullopt : std::optional(event.principal));
    out.member("subject", event.subject).raw_member("before", value_of("before"));
    out.raw_member("after", value_of("after")).end_object();
}

std::vector<std::string> words_of(const std::string& list) {
    std::vector<std::string> words;
    for (size_t from = 0; from <= list.size();) {
        const size_t comma = std::min(list.find(',', from), list.size());
        if (comma > from) words.push_back(list.substr(from, comma - from));
        from = comma + 1;
    }
    return words;
}

}  // namespace

void audit_in(const Call& call, int64_t workspace, std::string kind, std::string subject, std::string_view before,
              std::string_view after) {
    json::Writer data;
    data.begin_object().key("before").raw(before).key("after").raw(after);
    if (!call.request.name.empty()) data.member("request_id", call.request.name);
    data.end_object();
    call.ctx.event(workspace, std::move(kind), std::move(subject), call.principal(), std::string(kAdminCause),
                   data.take());
}

void audit(const Call& call, std::string kind, std::string subject, std::string_view before, std::string_view after) {
    audit_in(call, call.workspace, std::move(kind), std::move(subject), before, after);
}

Reply on_audit(const Call& call) {
    FetchAudit what;
    what.workspace = call.workspace;
    const std::optional<int64_t> since = query_integer(call.query, "since");
    what.ascending = since.has_value();
    what.after_seq = std::max<int64_t>(0, since.value_or(0));
    what.before_seq = query_integer(call.query, "before").value_or(INT64_MAX);
    what.limit = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(kPageDefault), 1, kPageMax);
    if (const std::string* kinds = find_parameter(call.query, "kind")) what.kinds = words_of(*kinds);
    if (what.kinds.size() > kMaxEventKinds) return field_error("kind", "too_many_items", "names too many kinds");
    if (const std::string* principal = find_parameter(call.query, "principal")) what.principal = *principal;
    // One more than a page shows says whether there is another.
    const int64_t limit = what.limit++;
    call.ctx.query(std::move(what), pending_request(call, "audit", std::to_string(limit)));
    return std::nullopt;
}

Answer audit_answer(QueryResult result, int64_t limit) {
    json::Writer out;
    out.begin_object().key("entries").begin_array();
    std::optional<int64_t> next;
    int64_t shown = 0;
    for (QueryRow& row : result.rows) {
        const std::optional<EventRow> event = row_from_values<EventRow>(std::move(row.values));
        if (!event) return damaged_row();
        if (shown++ == limit) break;
        write_entry(out, *event);
        if (shown == limit && static_cast<int64_t>(result.rows.size()) > limit) next = event->seq;
    }
    out.end_array().member("next", next).end_object();
    return ok(out);
}

}  // namespace agentcom::requests
