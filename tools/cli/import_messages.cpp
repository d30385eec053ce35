#include "tools/cli/import_messages.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include "core/base/json.hpp"
#include "tools/cli/import_hubs.hpp"
#include "tools/cli/output.hpp"
#include "tools/cli/text.hpp"

namespace agentcom::cli {

namespace {

// What v1.1 gives at most.
constexpr int64_t kHistoryPage = 200;
constexpr int64_t kChannelHistory = 200;

// A mailbox's copy of a channel's message says of which channel; the message itself did not.
std::string without_channel(std::string_view payload_raw) {
    const json::Object payload = members_of(payload_raw);
    json::Writer out;
    out.begin_object();
    for (const json::Member& member : payload) {
        if (member.key != "channel") out.raw_member(member.key, member.value.raw);
    }
    return out.end_object().take();
}

}  // namespace

MessageMerge::Held& MessageMerge::hold(const std::string& id, std::string_view message_raw) {
    Held& held = held_[id];
    if (held.message_raw.empty()) {
        held.message_raw = std::string(message_raw);
        held.timestamp = number_of(members_of(held.message_raw), "timestamp");
    }
    return held;
}

void MessageMerge::add_channel_entry(const std::string& channel, std::string_view entry_raw) {
    const json::Object entry = members_of(entry_raw);
    const std::string_view message_raw = raw_of(entry, "message");
    Held& held = hold(text_of(members_of(message_raw), "id"), message_raw);
    held.channel = channel;
    held.channel_seq = number_of(entry, "seq");
}

void MessageMerge::add_mailbox_entry(const std::string& agent, std::string_view message_raw) {
    const json::Object message = members_of(message_raw);
    Held& held = hold(text_of(message, "id"), message_raw);
    // v1.1 files a broadcast once for each token of an agent.
    if (std::find(held.unread_by.begin(), held.unread_by.end(), agent) == held.unread_by.end()) {
        held.unread_by.push_back(agent);
    }
    highest_mail_seq_ = std::max(highest_mail_seq_, number_of(message, "seq"));
}

Trouble MessageMerge::emit(const std::string& id, std::string_view message_raw, const Held* held) {
    const json::Object message = members_of(message_raw);
    json::Writer item;
    item.begin_object().member("kind", "message").member("key", id);
    for (const char* member : {"from", "reply_to", "timestamp", "to", "type"}) {
        item.raw_member(member, raw_of(message, member));
    }
    std::string payload(raw_of(message, "payload"));
    if (held != nullptr) {
        item.raw_member("unread_by", json::encode_strings(held->unread_by));
        if (!held->channel.empty()) item.member("channel", held->channel).member("channel_seq", held->channel_seq);
    }
    item.raw_member("payload", payload).end_object();
    return sink_(id, item.text());
}

Trouble MessageMerge::let_go(int64_t before) {
    if (!ordered_) {
        ordered_ = true;
        for (const auto& [id, held] : held_) order_.push_back(id);
        std::sort(order_.begin(), order_.end(), [this](const std::string& a, const std::string& b) {
            const Held& first = held_.at(a);
            const Held& second = held_.at(b);
            return std::tie(first.timestamp, first.channel, first.channel_seq, a) <
                   std::tie(second.timestamp, second.channel, second.channel_seq, b);
        });
    }
    for (; next_ < order_.size() && held_.at(order_[next_]).timestamp < before; ++next_) {
        const std::string& id = order_[next_];
        Held& held = held_.at(id);
        if (held.done) continue;
        held.done = true;
        const json::Object message = members_of(held.message_raw);
        const std::string payload(raw_of(message, "payload"));
        const std::string channel = text_of(members_of(payload), "channel");
        const bool is_copy = held.channel.empty() && raw_of(message, "to") == "null" && channels_.contains(channel);
        if (!is_copy) {
            if (Trouble trouble = emit(id, held.message_raw, &held)) return trouble;
            continue;
        }
        // It has left the history of its channel, and that of all messages never had it.
        held.channel = channel;
        json::Writer original;
        original.begin_object();
        for (const json::Member& member : message) {
            if (member.key != "payload") original.raw_member(member.key, member.value.raw);
        }
        original.raw_member("payload", without_channel(payload)).end_object();
        if (Trouble trouble = emit(id, original.text(), &held)) return trouble;
    }
    return std::nullopt;
}

Trouble MessageMerge::add_history(std::string_view message_raw) {
    const json::Object message = members_of(message_raw);
    if (Trouble trouble = let_go(number_of(message, "timestamp"))) return trouble;
    const std::string id = text_of(message, "id");
    const auto found = held_.find(id);
    if (found == held_.end()) return emit(id, message_raw, nullptr);
    if (found->second.done) return std::nullopt;
    found->second.done = true;
    return emit(id, message_raw, &found->second);
}

Trouble MessageMerge::finish() { return let_go(std::numeric_limits<int64_t>::max()); }

namespace {

Trouble read_channels(Import& import, MessageMerge& merge) {
    Outcome<std::string> answer = import.old_hub->get("/api/channels");
    if (!answer) return answer.failure();
    for (const json::Value& channel : elements_of(members_of(*answer), "channels")) {
        const std::string name = text_of(members_of(channel.raw), "name");
        if (name.empty()) continue;
        merge.add_channel(name);
        Outcome<std::string> history = import.old_hub->get("/api/channels/" + percent_encode(name) +
                                                           "/history?limit=" + std::to_string(kChannelHistory));
        if (!history) return history.failure();
        for (const json::Value& entry : elements_of(members_of(*history), "messages")) {
            merge.add_channel_entry(name, entry.raw);
        }
    }
    return std::nullopt;
}

Trouble read_mailboxes(Import& import, MessageMerge& merge) {
    std::map<std::string, std::vector<const OldToken*>> owners;
    for (const OldToken& token : import.tokens) owners[token.agent].push_back(&token);
    for (const auto& [agent, tokens] : owners) {
        bool read = false;
        for (const OldToken* token : tokens) {
            Outcome<std::string> mailbox =
                import.old_hub->get_as(token->token, "/api/mailbox/" + percent_encode(agent) + "?since=0");
            if (mailbox) {
                for (const json::Value& entry : elements_of(members_of(*mailbox), "messages")) {
                    merge.add_mailbox_entry(agent, entry.raw);
                }
                read = true;
                break;
            }
            if (mailbox.failure().code != ExitCode::auth) return mailbox.failure();
        }
        if (!read) {
            import.report.skip(ImportPart::messages, "mailbox of " + agent, "the old hub takes none of its tokens");
        }
    }
    return std::nullopt;
}

Trouble read_history(Import& import, MessageMerge& merge, int64_t& cursor) {
    for (;;) {
        Outcome<std::string> answer = import.old_hub->get("/api/messages?cursor=" + std::to_string(cursor) +
                                                          "&limit=" + std::to_string(kHistoryPage));
        if (!answer) return answer.failure();
        const json::Object page = members_of(*answer);
        const std::vector<json::Value> messages = elements_of(page, "messages");
        for (const json::Value& message : messages) {
            if (Trouble trouble = merge.add_history(message.raw)) return trouble;
        }
        const int64_t next = number_of(page, "cursor", cursor);
        if (messages.empty() || next <= cursor) return std::nullopt;
        cursor = next;
    }
}

// Whoever keeps the number of the last message that it knows must find new ones above it.
Trouble number_from(Import& import, int64_t at_least) {
    json::Writer item;
    item.begin_object().member("kind", "numbering").member("key", "messages").member("at_least", at_least);
    return import.sender.send_uncounted(item.end_object().text());
}

}  // namespace

Trouble import_messages(Import& import) {
    MessageMerge merge([&import](const std::string& key, const std::string& item_raw) {
        return import.sender.add(ImportPart::messages, key, item_raw);
    });
    if (Trouble trouble = read_channels(import, merge)) return trouble;
    if (Trouble trouble = read_mailboxes(import, merge)) return trouble;
    if (Trouble trouble = number_from(import, merge.highest_mail_seq())) return trouble;
    int64_t cursor = 0;
    if (Trouble trouble = read_history(import, merge, cursor)) return trouble;
    if (Trouble trouble = merge.finish()) return trouble;
    if (Trouble trouble = import.sender.flush()) return trouble;
    import.report.leave_behind(
        "mailboxes of agents that are not in the token file: v1.1 shows them to their owners only");
    import.report.leave_behind(
        "messages that the old hub keeps no more: it keeps the newest 10 000, and 200 of a channel");
    return number_from(import, cursor);
}

}  // namespace agentcom::cli
