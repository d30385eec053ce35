// The messages of a v1.1 hub as one stream in the order of time.
//
// v1.1 keeps a message in up to three places: its global history, the history of its channel, and a copy in the mailbox
// of everybody who has not read it. Mailboxes and channels are small (100 and 200 entries each) and are held; the
// global history is as long as it is and passes by, page by page.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tools/cli/failure.hpp"

namespace agentcom::cli {

// Takes the items of POST /api/admin/import; `key` is the message's id.
using MessageSink = std::function<Trouble(const std::string& key, const std::string& item_raw)>;

class MessageMerge {
  public:
    explicit MessageMerge(MessageSink sink) : sink_(std::move(sink)) {}

    // -- first what is held
    void add_channel(const std::string& name) { channels_.insert(name); }
    // An entry of a channel's history: {"seq","message","stored_at"}.
    void add_channel_entry(const std::string& channel, std::string_view entry_raw);
    // An entry of an agent's mailbox: a message with `seq`.
    void add_mailbox_entry(const std::string& agent, std::string_view message_raw);

    // -- then the global history in its order, and the end
    Trouble add_history(std::string_view message_raw);
    Trouble finish();

    // The highest number of an entry of a mailbox.
    int64_t highest_mail_seq() const { return highest_mail_seq_; }

  private:
    struct Held {
        std::string message_raw;
        int64_t timestamp = 0;
        std::vector<std::string> unread_by;
        std::string channel;  // "" = of none, or not known
        int64_t channel_seq = 0;
        bool done = false;
    };

    Held& hold(const std::string& id, std::string_view message_raw);
    // Everything held that is older than this.
    Trouble let_go(int64_t before);
    Trouble emit(const std::string& id, std::string_view message_raw, const Held* held);

    MessageSink sink_;
    std::set<std::string> channels_;
    std::map<std::string, Held> held_;
    // (time, number within its channel, id), made when the history begins.
    std::vector<std::string> order_;
    bool ordered_ = false;
    size_t next_ = 0;
    int64_t highest_mail_seq_ = 0;
};

}  // namespace agentcom::cli
