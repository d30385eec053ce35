#include "core/hub/history_routes.hpp"

#include <algorithm>

#include "core/messaging/channels.hpp"
#include "core/messaging/envelope.hpp"

namespace agentcom::requests {

namespace {

std::optional<std::string> parameter(const Call& call, std::string_view name) {
    const std::string* value = find_parameter(call.query, name);
    return value == nullptr ? std::nullopt : std::optional(*value);
}

std::vector<int64_t> clock_steps(const WorkspaceRow& row) {
    std::vector<int64_t> steps;
    std::string_view text = row.clock_steps;
    while (!text.empty()) {
        const size_t comma = std::min(text.find(','), text.size());
        int64_t step = 0;
        std::from_chars(text.data(), text.data() + comma, step);
        steps.push_back(step);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return steps;
}

/// The first row of an answer is none of the messages.
std::optional<std::vector<MessageRow>> messages_of(QueryResult result) {
    std::vector<MessageRow> messages;
    for (size_t i = 1; i < result.rows.size(); ++i) {
        std::optional<MessageRow> message = row_from_values<MessageRow>(std::move(result.rows[i].values));
        if (!message) return std::nullopt;
        messages.push_back(std::move(*message));
    }
    return messages;
}

Reply ask_for_thread(const Call& call, FetchThread::What what) {
    FetchThread query;
    query.what = what;
    query.workspace = call.workspace;
    query.message_id = call.params.at(0);
    call.ctx.query(query,
                   pending_request(call, "thread", std::to_string(static_cast<int>(what)) + " " + query.message_id));
    return std::nullopt;
}

}  // namespace

Reply on_message_find(const Call& call) {
    FindMessages query;
    query.workspace = call.workspace;
    query.from = parameter(call, "from");
    query.to = parameter(call, "to");
    query.type = parameter(call, "type");
    query.search = parameter(call, "q");
    query.start_ms = query_integer(call.query, "start_time");
    query.end_ms = query_integer(call.query, "end_time");
    if (const auto channel = parameter(call, "channel")) {
        query.channels = {*channel};
        if (const std::string name = channels::normalized(*channel); name != *channel) query.channels.push_back(name);
    }
    const std::string order = parameter(call, "order").value_or("asc");
    if (order != "asc" && order != "desc") return field_error("order", "invalid_value", "must be asc or desc");
    query.newest_first = order == "desc";
    const std::optional<int64_t> cursor = query_integer(call.query, "cursor");
    (query.newest_first ? query.before_seq : query.after_seq) = cursor.value_or(query.newest_first ? INT64_MAX : 0);
    query.limit = std::clamp<int64_t>(query_integer(call.query, "limit").value_or(call.ctx.settings.message_page), 0,
                                      call.ctx.settings.message_page_max);
    query.clock_steps = clock_steps(*call.ctx.tables.find<WorkspaceRow>({call.workspace}));
    const std::string detail = std::to_string(cursor.value_or(0)) + (query.search ? " 1" : " 0");
    call.ctx.query(std::move(query), pending_request(call, "messages", detail));
    return std::nullopt;
}

Answer messages_answer(const Context& ctx, const PendingRow& pending, QueryResult result, std::string detail) {
    const int64_t cursor = next_number(detail);
    const bool searched = next_number(detail) != 0;
    if (result.rows.empty() || result.rows.front().values.size() != 3) return damaged_row();
    const RowValues summary = result.rows.front().values;
    const std::optional<std::vector<MessageRow>> messages = messages_of(std::move(result));
    if (!messages) return damaged_row();
    const bool more = summary[1].integer != 0;
    json::Writer out;
    out.begin_object().key("messages").begin_array();
    for (const MessageRow& row : *messages) write_message(out, entry_of(row), row.seq);
    // With more to come, but nothing found so far, a client gets on by what was looked at.
    const int64_t reached = more ? summary[0].integer : messages->empty() ? cursor : messages->back().seq;
    out.end_array().member("cursor", reached).member("count", static_cast<int64_t>(messages->size()));
    if (more) out.member("next_cursor", summary[0].integer);
    if (searched) {
        const int64_t newest = ctx.tables.find<WorkspaceRow>({pending.workspace})->message_seq;
        out.member("searched_up_to", std::min(newest, summary[2].integer));
    }
    out.end_object();
    return ok(out);
}

Reply on_thread(const Call& call) { return ask_for_thread(call, FetchThread::What::tree); }
Reply on_thread_replies(const Call& call) { return ask_for_thread(call, FetchThread::What::replies); }
Reply on_thread_root(const Call& call) { return ask_for_thread(call, FetchThread::What::root); }

Answer thread_answer(QueryResult result, std::string detail) {
    const auto what = static_cast<FetchThread::What>(next_number(detail));
    const std::string& id = detail;
    if (result.rows.empty() || result.rows.front().values.size() != 2) return damaged_row();
    const RowValues summary = result.rows.front().values;
    std::optional<std::vector<MessageRow>> messages = messages_of(std::move(result));
    if (!messages) return damaged_row();
    json::Writer out;
    out.begin_object();
    if (what == FetchThread::What::root) {
        out.member("message_id", id).member("root", summary[0].text).end_object();
        return ok(out);
    }
    std::stable_sort(messages->begin(), messages->end(),
                     [](const MessageRow& a, const MessageRow& b) { return a.sent_at < b.sent_at; });
    const bool tree = what == FetchThread::What::tree;
    out.member(tree ? "root" : "parent", tree ? summary[0].text : id).key(tree ? "messages" : "replies").begin_array();
    for (const MessageRow& row : *messages) write_message(out, entry_of(row), std::nullopt);
    out.end_array().member("count", static_cast<int64_t>(messages->size()));
    if (summary[1].integer != 0) out.member("truncated", true);
    out.end_object();
    return ok(out);
}

}  // namespace agentcom::requests
