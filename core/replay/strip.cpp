#include "core/replay/strip.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/json.hpp"
#include "core/replay/records.hpp"
#include "core/state/activity.hpp"
#include "core/state/rows.hpp"
#include "core/state/saved_rows.hpp"
#include "core/state/store.hpp"

namespace agentcom::replay {

namespace {

// Members that hold names and words of the protocol, alone or in a list. Sorted.
constexpr std::array<std::string_view, 38> kKept{"agent_id",
                                                 "blocked_by",
                                                 "capabilities",
                                                 "channel",
                                                 "client_type",
                                                 "fairness_key",
                                                 "from",
                                                 "human",
                                                 "id",
                                                 "idempotency_key",
                                                 "importance",
                                                 "items",
                                                 "kind",
                                                 "labels",
                                                 "lanes",
                                                 "level",
                                                 "limits",
                                                 "message_id",
                                                 "message_type",
                                                 "name",
                                                 "needed_capabilities",
                                                 "on_blocker_failure",
                                                 "origin",
                                                 "parent_id",
                                                 "presence",
                                                 "priority",
                                                 "reply_to",
                                                 "request_id",
                                                 "role",
                                                 "scopes",
                                                 "stream",
                                                 "target_agent",
                                                 "task_id",
                                                 "tasks",
                                                 "thread_root",
                                                 "to",
                                                 "type",
                                                 "unique_key"};
static_assert(std::is_sorted(kKept.begin(), kKept.end()));

bool is_kept(std::string_view name) { return std::binary_search(kKept.begin(), kKept.end(), name); }

void strip_value(json::Writer& out, const json::Value& value, bool kept);

void strip_object(json::Writer& out, std::string_view raw) {
    out.begin_object();
    const std::vector<json::Member> members = json::all_members(raw);
    for (const json::Member& member : members) {
        out.key(member.key);
        strip_value(out, member.value, is_kept(member.key));
    }
    out.end_object();
}

void strip_value(json::Writer& out, const json::Value& value, bool kept) {
    switch (value.kind) {
        case json::Kind::object:
            if (kept) {
                strip_object(out, value.raw);
            } else {
                out.raw("{}");
            }
            return;
        case json::Kind::array: {
            out.begin_array();
            const std::vector<json::Value> elements = kept ? json::elements(value.raw) : std::vector<json::Value>{};
            for (const json::Value& element : elements) strip_value(out, element, true);
            out.end_array();
            return;
        }
        case json::Kind::string:
            out.raw(kept || value.raw == "\"\"" ? value.raw : "\"x\"");
            return;
        default:
            out.raw(value.raw);
    }
}

/// Something of the same kind, whether the text is JSON or not.
std::string placeholder(std::string_view text) {
    if (text.empty()) return {};
    if (text.front() == '{') return "{}";
    if (text.front() == '[') return "[]";
    if (text.front() == '"') return "\"x\"";
    return "x";
}

enum class Contents : uint8_t { names, payload, input };

struct Column {
    TableId table;
    std::string_view name;
    Contents contents = Contents::payload;
};

constexpr Column kColumns[] = {
    {TableId::messages, "payload"},
    {TableId::events, "data"},
    {TableId::tasks, "last_error"},
    {TableId::tasks, "result"},
    {TableId::tasks, "trace"},
    {TableId::tasks, "usage"},
    {TableId::task_inputs, "description"},
    {TableId::task_inputs, "metadata"},
    {TableId::task_outputs, "text"},
    {TableId::attempts, "error"},
    {TableId::task_runs, "question"},
    {TableId::task_runs, "cancel_reason"},
    {TableId::task_runs, "says"},
    {TableId::task_runs, "handed_says"},
    {TableId::idempotency, "answer"},
    {TableId::channels, "description"},
    {TableId::leases, "progress"},
    {TableId::leases, "output_line"},
    {TableId::completions, "label"},
    {TableId::completions, "pr_url"},
    {TableId::sessions, "status"},
    {TableId::validation_counts, "last_error"},
    {TableId::validation_failures, "error"},
    {TableId::alert_episodes, "message"},
    {TableId::alert_episodes, "note"},
    {TableId::alert_rules, "message"},
    // An address that one is written to may hold a secret of its own.
    {TableId::push_subscriptions, "endpoint"},
    {TableId::push_subscriptions, "p256dh"},
    {TableId::push_subscriptions, "auth"},
    {TableId::push_subscriptions, "last_error"},
    {TableId::webhooks, "url"},
    {TableId::deliveries, "last_error"},
    {TableId::deliveries, "body"},
    {TableId::deferred, "input", Contents::input},
    {TableId::pending, "input", Contents::input},
    {TableId::pending, "fetched", Contents::input},
    {TableId::waits, "input", Contents::input},
};

Contents contents_of(TableId table, std::string_view column) {
    for (const Column& each : kColumns) {
        if (each.table == table && each.name == column) return each.contents;
    }
    return Contents::names;
}

std::string strip_text(Contents contents, const std::string& text) {
    if (contents == Contents::payload) return placeholder(text);
    std::optional<Input> input = decode_input(text);
    // Other things wait with a note of their own: numbers and names.
    if (!input) return text;
    strip_input(input->body);
    return encode_input(*input);
}

template <class T>
void strip_field(Contents contents, T& field) {
    if constexpr (std::is_same_v<T, std::string>) {
        field = strip_text(contents, field);
    } else if constexpr (std::is_same_v<T, Body>) {
        if (field.resident) field = Body(strip_text(contents, field.bytes));
    } else if constexpr (std::is_same_v<T, std::optional<std::string>>) {
        if (field) field = strip_text(contents, *field);
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        for (std::string& item : field) item = strip_text(contents, item);
    }
}

template <class Row>
void strip_row(Row& row) {
    Row::columns(row, [](std::string_view name, auto& field) {
        if (const Contents contents = contents_of(Row::kTable, name); contents != Contents::names) {
            strip_field(contents, field);
        }
    });
}

/// Rows of an answer of the store; those of figures have other columns than their table, and hold no text.
void strip_query_row(QueryRow& row) {
    const auto& tables = stored_tables();
    const auto schema =
        std::find_if(tables.begin(), tables.end(), [&](const TableSchema& each) { return each.table == row.table; });
    if (schema == tables.end() || schema->columns.size() != row.values.size()) return;
    for (size_t i = 0; i < row.values.size(); ++i) {
        const Contents contents = contents_of(row.table, schema->columns[i].name);
        if (contents != Contents::names) row.values[i].text = strip_text(contents, row.values[i].text);
    }
}

bool strip_one_row(ByteReader& in, ByteWriter& out) {
    const uint8_t table = in.u8();
    if (table == static_cast<uint8_t>(TableId::activity)) {
        out.u8(table);
        return Activity::copy_entry(in, out);
    }
    if (table == static_cast<uint8_t>(TableId::metrics)) {
        out.u8(table);
        out.text(in.text());
        return !in.failed();
    }
    bool known = false;
    for_each_resident_row([&]<class Row>() {
        if (known || table != static_cast<uint8_t>(Row::kTable)) return;
        Row row;
        known = saved::read_row(in, row);
        strip_row(row);
        out.u8(table);
        saved::write_row(out, row);
    });
    return known && !in.failed();
}

}  // namespace

std::string strip_json(std::string_view text) {
    json::Writer out;
    strip_value(out, json::parse_value(text), true);
    return out.take();
}

void strip_input(InputBody& body) {
    if (auto* frame = std::get_if<FrameReceived>(&body)) {
        if (!frame->text.empty()) frame->text = strip_json(frame->text);
    } else if (auto* request = std::get_if<HttpRequest>(&body)) {
        if (!request->body.empty()) request->body = strip_json(request->body);
    } else if (auto* result = std::get_if<QueryResult>(&body)) {
        for (QueryRow& row : result->rows) strip_query_row(row);
    } else if (auto* delivered = std::get_if<Delivered>(&body)) {
        delivered->error = placeholder(delivered->error);
    }
}

std::optional<std::string> strip_rows(std::string_view raw) {
    ByteReader in(raw);
    ByteWriter out;
    while (!in.at_end()) {
        if (!strip_one_row(in, out)) return std::nullopt;
    }
    return std::move(out).take();
}

std::optional<std::string> strip_records(std::string_view raw) {
    RecordReader reader(raw);
    RecordWriter writer;
    Record record;
    while (reader.next(record)) {
        if (auto* input = std::get_if<Input>(&record)) {
            strip_input(input->body);
            writer.input(*input);
        } else {
            auto& end = std::get<TurnEnd>(record);
            for (EventRow& event : end.events) strip_row(event);
            writer.turn_end(end.events);
        }
    }
    if (reader.failed()) return std::nullopt;
    return writer.take();
}

}  // namespace agentcom::replay
