#include "core/hub/import_routes.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "core/base/limits.hpp"
#include "core/hub/audit.hpp"
#include "core/messaging/adoption.hpp"
#include "core/messaging/channels.hpp"
#include "core/messaging/router.hpp"
#include "core/tasks/adoption.hpp"

namespace agentcom::requests {

namespace {

constexpr std::string_view kMessageKind = "message";

// -- What an item holds ------------------------------------------------------------------------------------------

constexpr Field field_of(std::string_view name, FieldType type, bool required, size_t max_code_points = 0,
                         size_t max_items = 0) {
    Field field;
    field.name = name;
    field.type = type;
    field.required = required;
    field.max_code_points = static_cast<uint32_t>(max_code_points);
    field.max_items = static_cast<uint32_t>(max_items);
    return field;
}

constexpr Field needed(std::string_view name, size_t max_code_points) {
    return field_of(name, FieldType::string, true, max_code_points);
}
constexpr Field text(std::string_view name, size_t max_code_points) {
    return field_of(name, FieldType::string, false, max_code_points);
}
constexpr Field number(std::string_view name) { return field_of(name, FieldType::integer, false); }
constexpr Field names(std::string_view name, size_t max_items) {
    return field_of(name, FieldType::array_of_string, false, kMaxNameCodePoints, max_items);
}

// Of every item.
constexpr std::array kItemFields = {needed("key", kMaxNameCodePoints), needed("kind", kMaxKeyCodePoints)};

constexpr std::array kTokenFields = {needed("agent_id", kMaxAgentIdCodePoints), needed("prefix", kMaxKeyCodePoints)};

constexpr std::array kTaskFields = {
    field_of("created_at", FieldType::integer, true),
    needed("description", kMaxDescriptionCodePoints),
    number("assigned_at"),
    text("assigned_to", kMaxNameCodePoints),
    number("complete_by"),
    field_of("dead_letter", FieldType::boolean, false),
    number("generation"),
    field_of("history", FieldType::any, false),
    text("last_error", kMaxDescriptionCodePoints),
    number("max_retries"),
    field_of("metadata", FieldType::object, false),
    names("needed_capabilities", kMaxCapabilities),
    number("priority"),
    number("retry_count"),
    text("submitted_by", kMaxNameCodePoints),
    number("updated_at"),
};

constexpr std::array kMessageFields = {
    needed("from", kMaxNameCodePoints),
    field_of("payload", FieldType::object, true),
    field_of("timestamp", FieldType::integer, true),
    text("channel", kMaxNameCodePoints),
    number("channel_seq"),
    text("reply_to", kMaxNameCodePoints),
    text("to", kMaxNameCodePoints),
    text("type", kMaxNameCodePoints),
    names("unread_by", kMaxImportItems * 10),
};

constexpr std::array kChannelFields = {number("created_at"), text("created_by", kMaxNameCodePoints),
                                       text("description", kMaxDescriptionCodePoints)};

constexpr std::array kMembershipFields = {needed("agent_id", kMaxAgentIdCodePoints),
                                          needed("channel", kMaxNameCodePoints)};

constexpr std::array kNumberingFields = {field_of("at_least", FieldType::integer, true)};

Operation item_operation(std::span<const Field> fields) {
    Operation operation{};
    operation.fields = fields;
    return operation;
}

// -- Taking it over ----------------------------------------------------------------------------------------------

/// What became of one item.
struct Taken {
    std::string_view status = "created";
    std::string id{};
    std::string reason{};
};

Taken skipped(std::string reason) { return {"skipped", "", std::move(reason)}; }

struct Item {
    const Call& call;
    const std::string& source;
    std::string key;
    const Arguments& arguments;
    bool dry_run = false;
};

/// The name here of what had this name there; the same name if it was not taken over.
std::string name_here(const Item& item, std::string_view kind, const std::string& key) {
    const ImportRow* row =
        item.call.ctx.tables.find<ImportRow>({item.call.workspace, item.source, std::string(kind), key});
    return row == nullptr ? key : row->id;
}

bool is_digest(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Taken take_token(const Item& item) {
    const std::string agent = item.arguments.text("agent_id");
    if (!is_digest(item.key)) return skipped("the key of a token is its SHA-256 in lower case");
    if (const TokenRow* token = item.call.ctx.tables.find<TokenRow>({item.key})) {
        const bool same = token->workspace == item.call.workspace && token->principal == agent;
        return same ? Taken{"known", agent, ""} : skipped("another principal has this token");
    }
    if (item.dry_run) return {};
    access::NewToken token;
    token.workspace = item.call.workspace;
    token.agent = agent;
    token.sha256 = item.key;
    token.prefix = item.arguments.text("prefix");
    token.label = "import";
    const Status made = access::add_token(item.call.ctx, token, item.call.principal());
    if (!made) return skipped(made.error().text);
    return {"created", agent, ""};
}

Taken take_task(const Item& item) {
    const Arguments& arguments = item.arguments;
    tasks::ForeignTask task;
    task.id = item.key;
    task.description = arguments.text("description");
    task.metadata = std::string(arguments.raw("metadata").value_or("{}"));
    task.history = std::string(arguments.raw("history").value_or("[]"));
    task.priority = arguments.integer("priority").value_or(2);
    task.needed_capabilities = arguments.string_list("needed_capabilities");
    task.submitted_by = arguments.text("submitted_by");
    task.created_at = arguments.integer("created_at").value_or(0);
    task.updated_at = arguments.integer("updated_at").value_or(task.created_at);
    task.complete_by = arguments.integer("complete_by");
    task.max_retries = arguments.integer("max_retries").value_or(item.call.ctx.settings.default_max_retries);
    task.retry_count = arguments.integer("retry_count").value_or(0);
    task.generation = arguments.integer("generation").value_or(0);
    task.last_error = arguments.string("last_error");
    task.dead_letter = arguments.boolean("dead_letter").value_or(false);
    task.assigned_to = arguments.string("assigned_to");
    task.assigned_at = arguments.integer("assigned_at");
    if (json::parse_value(task.history).kind != json::Kind::array) return skipped("history: expected array");
    if (item.dry_run) return {};
    const Result<TaskRow> adopted = tasks::adopt(item.call.ctx, item.call.workspace, task, item.call.principal());
    if (!adopted) return skipped(adopted.error().text);
    return {"created", adopted.value().id, ""};
}

Taken take_message(const Item& item) {
    const Arguments& arguments = item.arguments;
    if (item.dry_run) return {};
    adoption::ForeignMessage message;
    message.from = arguments.text("from");
    message.to = arguments.string("to");
    if (message.to == "broadcast") message.to.reset();
    message.channel = arguments.string("channel");
    // Far from what a counter holds, as no number of v1.1 is.
    constexpr int64_t kMaxChannelSeq = int64_t{1} << 48;
    message.channel_seq = std::clamp<int64_t>(arguments.integer("channel_seq").value_or(0), 0, kMaxChannelSeq);
    message.type = arguments.string("type").value_or("chat");
    message.payload = std::string(*arguments.raw("payload"));
    if (const std::optional<std::string> parent = arguments.string("reply_to")) {
        message.reply_to = name_here(item, kMessageKind, *parent);
    }
    message.sent_at = arguments.integer("timestamp").value_or(0);
    message.unread_by = arguments.string_list("unread_by");
    const Result<std::string> id = adoption::adopt(item.call.ctx, item.call.workspace, std::move(message));
    return id ? Taken{"created", id.value(), ""} : skipped(id.error().text);
}

Taken take_channel(const Item& item) {
    const ChannelRow* present = channels::find(item.call.ctx.tables, item.call.workspace, item.key);
    if (present != nullptr) return {"known", present->name, ""};
    if (item.dry_run) return {};
    adoption::ForeignChannel channel;
    channel.name = item.key;
    channel.description = item.arguments.text("description");
    channel.created_by = item.arguments.text("created_by");
    channel.created_at = item.arguments.integer("created_at").value_or(item.call.ctx.now.wall_ms);
    const Status made = adoption::adopt(item.call.ctx, item.call.workspace, channel);
    return made ? Taken{"created", channels::normalized(item.key), ""} : skipped(made.error().text);
}

Taken take_membership(const Item& item) {
    if (item.dry_run) return {};
    const std::string agent = item.arguments.text("agent_id");
    const Result<channels::Joined> joined =
        channels::subscribe(item.call.ctx, item.call.workspace, item.arguments.text("channel"), agent);
    if (!joined) return skipped(joined.error().text);
    return {joined.value() == channels::Joined::now ? "created" : "known", agent, ""};
}

/// Clients have kept the number up to which they know their mail: new mail must lie above it.
Taken take_numbering(const Item& item) {
    // Numbers of messages share a column with their workspace (docs/formats.md).
    constexpr int64_t kMaxNumber = int64_t{1} << 39;
    const int64_t at_least = item.arguments.integer("at_least").value_or(0);
    if (item.key != "messages") return skipped("only messages are numbered");
    if (at_least > kMaxNumber) return skipped("at_least: is too large");
    const WorkspaceRow& workspace = *item.call.ctx.tables.find<WorkspaceRow>({item.call.workspace});
    if (workspace.message_seq >= at_least) return {"known", "", ""};
    if (item.dry_run) return {};
    item.call.ctx.tables.modify<WorkspaceRow>({item.call.workspace},
                                              [at_least](WorkspaceRow& row) { router::skip_numbers(row, at_least); });
    return {"created", "", ""};
}

struct Kind {
    std::string_view name;
    std::span<const Field> fields;
    Taken (*take)(const Item&);
    /// Taken over once; else as often as it is sent.
    bool once = true;
};

constexpr std::array kKinds = {
    Kind{"token", kTokenFields, take_token},          Kind{"task", kTaskFields, take_task},
    Kind{"channel", kChannelFields, take_channel},    Kind{"membership", kMembershipFields, take_membership},
    Kind{kMessageKind, kMessageFields, take_message}, Kind{"numbering", kNumberingFields, take_numbering, false},
};

const Kind* find_kind(std::string_view name) {
    for (const Kind& kind : kKinds) {
        if (kind.name == name) return &kind;
    }
    return nullptr;
}

std::string first_error(const std::vector<FieldError>& errors) {
    return errors.front().field + ": " + errors.front().detail;
}

void remember(const Call& call, const std::string& source, std::string_view kind, const std::string& key,
              const std::string& id) {
    ImportRow row;
    row.workspace = call.workspace;
    row.source = source;
    row.kind = std::string(kind);
    row.foreign_key = key;
    row.id = id;
    row.imported_at = call.ctx.now.wall_ms;
    call.ctx.tables.put(std::move(row));
}

/// One item, whose own members are sound.
Taken take(const Call& call, const std::string& source, const json::Object& members, const Kind& kind,
           const std::string& key, bool dry_run) {
    const std::string kind_name(kind.name);
    if (const ImportRow* known = call.ctx.tables.find<ImportRow>({call.workspace, source, kind_name, key})) {
        return {"known", known->id, ""};
    }
    const Operation operation = item_operation(kind.fields);
    const std::vector<FieldError> errors = validate(operation, members);
    if (!errors.empty()) return skipped(first_error(errors));
    if (call.ctx.tables.count<ImportRow>() >= kMaxImports)
        return skipped("no more than 1 000 000 items are remembered");
    const Arguments arguments(operation, members);
    Taken taken = kind.take(Item{call, source, key, arguments, dry_run});
    if (kind.once && taken.status == "created" && !dry_run) remember(call, source, kind.name, key, taken.id);
    return taken;
}

struct Counts {
    int64_t created = 0;
    int64_t known = 0;
    int64_t skipped = 0;

    void add(const Taken& taken) {
        ++(taken.status == "created" ? created : taken.status == "known" ? known : skipped);
    }
    void write(json::Writer& out) const {
        out.member("created", created).member("known", known).member("skipped", skipped);
    }
};

void write_taken(json::Writer& out, std::string_view kind, const std::string& key, const Taken& taken) {
    out.begin_object().member("kind", kind).member("key", key).member("status", taken.status);
    if (!taken.id.empty()) out.member("id", taken.id);
    if (!taken.reason.empty()) out.member("reason", taken.reason);
    out.end_object();
}

}  // namespace

Reply on_import(const Call& call) {
    const std::string_view raw = *call.arguments.raw("items");
    if (raw.front() != '[') return field_error("items", "wrong_type", "expected array of objects");
    const std::vector<json::Value> elements = json::elements(raw);
    if (elements.size() > kMaxImportItems) {
        return field_error("items", "invalid_length",
                           "must hold at most " + std::to_string(kMaxImportItems) + " items");
    }
    const std::string source = call.arguments.text("source");
    const bool dry_run = call.arguments.boolean("dry_run").value_or(false);
    const Operation any_item = item_operation(kItemFields);
    std::vector<json::Object> items;
    for (size_t i = 0; i < elements.size(); ++i) {
        const std::string place = "items[" + std::to_string(i) + "]";
        if (elements[i].kind != json::Kind::object) return field_error(place, "wrong_type", "expected object");
        items.push_back(json::members(elements[i].raw, json::Duplicates::last_wins));
        std::vector<FieldError> errors = validate(any_item, items.back());
        for (FieldError& error : errors) error.field = place + "." + error.field;
        if (!errors.empty()) return Answer{422, http_validation_error(errors), std::nullopt, {}};
    }
    json::Writer out;
    out.begin_object().key("items").begin_array();
    Counts counts;
    for (const json::Object& members : items) {
        const Arguments arguments(any_item, members);
        const std::string kind_name = arguments.text("kind");
        const std::string key = arguments.text("key");
        const Kind* kind = find_kind(kind_name);
        const Taken taken = kind == nullptr ? skipped("this hub takes over nothing of this kind")
                                            : take(call, source, members, *kind, key, dry_run);
        counts.add(taken);
        write_taken(out, kind_name, key, taken);
    }
    out.end_array();
    counts.write(out);
    out.member("dry_run", dry_run).end_object();
    if (counts.created > 0 && !dry_run) {
        json::Writer after;
        after.begin_object();
        counts.write(after);
        audit(call, "imported", source, "null", after.end_object().take());
    }
    return ok(out);
}

}  // namespace agentcom::requests
