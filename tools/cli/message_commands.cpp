#include <algorithm>
#include <ostream>
#include <utility>

#include "core/base/json.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/login.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/patience.hpp"
#include "tools/cli/table.hpp"
#include "tools/cli/text.hpp"
#include "tools/cli/times.hpp"

namespace agentcom::cli {

using std::chrono::milliseconds;

// -- send -------------------------------------------------------------------------------------------------------------

namespace {

std::string message_body(const SendCommand& command, int64_t now_ms) {
    json::Writer body;
    body.begin_object();
    const auto add = [&body](std::string_view name, const std::string& value) {
        if (!value.empty()) body.member(name, value);
    };
    const auto add_time = [&body, now_ms](std::string_view name, const std::string& value) {
        if (!value.empty()) body.member(name, parse_time_ms(value, now_ms));
    };
    if (command.to != "broadcast") body.member("to", command.to);
    body.raw_member("payload", command.payload_raw);
    add("type", command.type);
    add("reply_to", command.reply_to);
    add("thread_root", command.thread_root);
    add("importance", command.importance);
    if (command.ack_required) body.member("ack_required", true);
    add_time("ack_by", command.ack_by);
    add_time("expires_at", command.expires);
    if (!command.labels.empty()) body.raw_member("labels", json::encode_strings(command.labels));
    return body.end_object().take();
}

// "Did you mean bob or bobby? …"
std::string near_names_hint(const std::string& hub_body_raw) {
    std::string names;
    const json::Object body = members_of(hub_body_raw);
    for (const json::Value& name : elements_of(body, "near")) {
        if (name.kind != json::Kind::string) continue;
        names += (names.empty() ? "" : ", ") + terminal_safe(json::decode_string(name));
    }
    return (names.empty() ? "`agentcom agents` lists who is there." : "Did you mean " + names + "?") +
           std::string(" With --no-strict the message waits until that name registers.");
}

}  // namespace

Trouble run(const CommandContext& context, const SendCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    const std::string target = command.strict ? "/api/message?strict=1" : "/api/message";
    Outcome<std::string> answer =
        client->post("cannot send the message", target, message_body(command, context.surroundings.wall_ms()));
    if (!answer) {
        Failure failure = answer.failure();
        if (failure.code == ExitCode::not_found) {
            failure.why = "nobody is called '" + terminal_safe(command.to) + "'";
            failure.next = near_names_hint(failure.hub_body_raw);
        }
        return failure;
    }
    return emit(context, {*answer, "", [&answer] {
                              const json::Object sent = members_of(*answer);
                              const bool waits = raw_of(sent, "undeliverable") == "true";
                              return "sent " + text_of(sent, "id") +
                                     (waits ? "; nobody has that name, so it waits until somebody does\n" : "\n");
                          }});
}

// -- sent -------------------------------------------------------------------------------------------------------------

namespace {

std::string instant_or_dash(const json::Object& object, std::string_view key) {
    const int64_t at = number_of(object, key);
    return at == 0 ? "-" : instant_text(at);
}

std::vector<std::string> delivery_cells(const json::Object& delivery) {
    return {text_of(delivery, "agent_id"), text_of(delivery, "state"), instant_or_dash(delivery, "pushed_at"),
            instant_or_dash(delivery, "read_at"), instant_or_dash(delivery, "acked_at")};
}

std::string deliveries_text(const CommandContext& context, const std::string& answer) {
    const json::Object members = members_of(answer);
    std::vector<std::vector<std::string>> rows;
    for (const json::Value& value : elements_of(members, "deliveries")) {
        rows.push_back(delivery_cells(members_of(value.raw)));
    }
    if (rows.empty()) return "nobody has received it\n";
    return table_text({"TO", "STATE", "PUSHED", "READ", "ACKED"}, std::move(rows), 0,
                      context.terminal.is_terminal ? static_cast<size_t>(context.terminal.columns) : 0);
}

// One line per message: where it went, and how far; a message to many shows how many have it.
std::string sent_text(const std::string& answer) {
    const json::Object members = members_of(answer);
    std::vector<std::vector<std::string>> rows;
    for (const json::Value& value : elements_of(members, "messages")) {
        const json::Object message = members_of(value.raw);
        std::vector<std::string> row = {text_of(message, "id"),
                                        raw_of(message, "to") == "null" ? "everybody" : text_of(message, "to"),
                                        text_of(message, "type"), instant_or_dash(message, "sent_at")};
        const std::vector<json::Value> deliveries = elements_of(message, "deliveries");
        if (deliveries.size() == 1) {
            const std::vector<std::string> cells = delivery_cells(members_of(deliveries.front().raw));
            row.insert(row.end(), cells.begin() + 1, cells.end());
        } else {
            const std::string state = raw_of(message, "undeliverable") == "true" ? "undeliverable"
                                      : deliveries.empty()                       ? "-"
                                                           : std::to_string(deliveries.size()) + " recipients";
            row.insert(row.end(), {state, "-", "-", "-"});
        }
        rows.push_back(std::move(row));
    }
    if (rows.empty()) return "no messages sent\n";
    return table_text({"ID", "TO", "TYPE", "SENT", "STATE", "PUSHED", "READ", "ACKED"}, std::move(rows), 1, 0);
}

}  // namespace

Trouble run(const CommandContext& context, const SentCommand& command) {
    Outcome<HubClient> client = client_for(context, LoginNeed::any);
    if (!client) return client.failure();
    if (!command.message_id.empty()) {
        Outcome<std::string> answer =
            client->get("cannot show what became of message " + command.message_id,
                        "/api/messages/" + percent_encode(command.message_id) + "/deliveries");
        if (!answer) {
            Failure failure = answer.failure();
            if (failure.code == ExitCode::not_found) failure.next = "`agentcom sent` lists the messages you sent.";
            return failure;
        }
        return emit(context, {*answer, "deliveries", [&] { return deliveries_text(context, *answer); }});
    }
    QueryTarget target("/api/messages/sent");
    if (command.limit) target.add("limit", std::to_string(*command.limit));
    target.add("before", command.before);
    Outcome<std::string> answer = client->get("cannot list the sent messages", target.text());
    if (!answer) return answer.failure();
    return emit(context, {*answer, "messages", [&] { return sent_text(*answer); }});
}

// -- inbox ------------------------------------------------------------------------------------------------------------

namespace {

bool has_messages(const std::string& mailbox_raw) { return !elements_of(members_of(mailbox_raw), "messages").empty(); }

// Reads the mailbox, with --wait again and again until there is something in it.
Outcome<std::string> read_mailbox(const CommandContext& context, HubClient& client, const InboxCommand& command,
                                  const std::string& agent_id) {
    const std::string what = "cannot read the mailbox of '" + agent_id + "'";
    HubPatience patience(context.surroundings);
    for (;;) {
        QueryTarget target("/api/mailbox/" + percent_encode(agent_id));
        if (command.since != 0) target.add("since", std::to_string(command.since));
        if (!command.wait) return client.get(what, target.text());
        const milliseconds wait = context.long_poll();
        if (wait <= milliseconds{0}) return time_is_over("no message came", "Those that come wait in the mailbox.");
        target.add("wait_ms", std::to_string(wait.count()));
        const milliseconds asked_at = context.surroundings.now();
        Outcome<std::string> answer = client.long_poll(what, target.text(), wait);
        if (answer && has_messages(*answer)) return answer;
        if (!answer && answer.failure().code == ExitCode::timeout) continue;
        if (Trouble trouble = patience.after_long_poll(answer, asked_at, wait, context.time_left())) return *trouble;
    }
}

}  // namespace

Trouble run(const CommandContext& context, const InboxCommand& command) {
    Outcome<Identity> login = choose_login(context, LoginNeed::mailbox);
    if (!login) return login.failure();
    HubClient client = client_of(context, *login);
    Outcome<std::string> answer = read_mailbox(context, client, command, login->agent_id);
    if (!answer) return answer.failure();
    const json::Object members = members_of(*answer);
    const auto as_text = [&]() -> std::string {
        if (!has_messages(*answer)) return "no messages\n";
        std::string text;
        for (const json::Value& message : elements_of(members, "messages")) {
            text += message_text(members_of(message.raw));
        }
        return text;
    };
    // What is acknowledged is gone from the mailbox, so it must have reached its reader first.
    if (Trouble trouble = emit(context, {*answer, "messages", as_text})) {
        trouble->next = "The messages are still in the mailbox.";
        return trouble;
    }
    if (!command.ack || !has_messages(*answer)) return std::nullopt;
    json::Writer body;
    body.begin_object().member("seq", number_of(members, "last_seq")).end_object();
    Outcome<std::string> acked = client.post("cannot acknowledge the messages",
                                             "/api/mailbox/" + percent_encode(login->agent_id) + "/ack", body.take());
    if (!acked) return acked.failure();
    return std::nullopt;
}

}  // namespace agentcom::cli
