#include "core/base/json.hpp"
#include "tools/cli/command_tree.hpp"

namespace agentcom::cli {

namespace {

void add_send(CommandTree& tree) {
    auto text = std::make_shared<std::optional<std::string>>();
    const auto [app, send] = tree.add<SendCommand>(
        tree.root(), "send", "Send a message to an agent, or to everybody", [text](SendCommand& command) -> Trouble {
            if (text->has_value() == !command.payload_raw.empty()) {
                return wrong_usage("send takes either TEXT or --payload", "See `agentcom send --help`.");
            }
            if (*text) command.payload_raw = "{\"text\":" + json::encode_string(**text) + "}";
            return std::nullopt;
        });
    app.add_option("TO", send.to, "An agent's id, or 'broadcast'")->required()->check(name_check());
    app.add_option("TEXT", *text, "Sent as {\"text\": TEXT}; behind -- if it starts with '-'");
    app.add_option("--payload", send.payload_raw, "A JSON object to send instead, byte for byte")
        ->type_name("JSON")
        ->check(json_object_check());
    app.add_option("--type", send.type, "The message's type (default chat)")->type_name("T");
    app.add_option("--reply-to", send.reply_to, "The id of the message this answers")->type_name("ID");
    app.add_option("--thread", send.thread_root, "The id of the message that began the thread")->type_name("ID");
    app.add_option("--importance", send.importance, "low, normal (default), high or urgent")
        ->type_name("I")
        ->check(CLI::IsMember({"low", "normal", "high", "urgent"}));
    app.add_flag("--ack-required", send.ack_required, "Ask the recipient to acknowledge it");
    app.add_option("--ack-by", send.ack_by, "By when: +2h, 2026-01-31T18:00:00Z or Unix ms")
        ->type_name("TIME")
        ->check(time_check());
    app.add_option("--expires", send.expires, "When it is worth nothing any more; unread, it goes away then")
        ->type_name("TIME")
        ->check(time_check());
    app.add_option("--label", send.labels, "A word to file it under; repeatable")
        ->type_name("L")
        ->expected(1)
        ->take_all()
        ->check(name_check());
    app.add_flag("--strict,!--no-strict", send.strict,
                 "Refuse a name that nobody has (default); with --no-strict the\n"
                 "message waits until that agent registers");
}

}  // namespace

void add_message_commands(CommandTree& tree) {
    add_send(tree);

    const auto [sent_app, sent] =
        tree.add<SentCommand>(tree.root(), "sent", "What became of the messages that were sent");
    sent_app.add_option("ID", sent.message_id, "One message; without it the last ones are listed");
    sent_app.add_option("--limit", sent.limit, "At most so many")->type_name("N")->check(CLI::PositiveNumber);
    sent_app.add_option("--before", sent.before, "Go on where an earlier list ended (its next_before)")
        ->type_name("POS");

    const auto [inbox_app, inbox] =
        tree.add<InboxCommand>(tree.root(), "inbox", "Show the messages that wait for an agent");
    inbox_app.add_flag("--ack", inbox.ack, "Then remove from the mailbox what was shown");
    inbox_app.add_flag("--wait", inbox.wait, "Wait until there is one; see --timeout");
    inbox_app.add_option("--since", inbox.since, "Only messages with a higher number")->type_name("N");
}

}  // namespace agentcom::cli
