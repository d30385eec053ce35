// What waits to be written to one connection.
//
// Texts are shared among all receivers of a fan-out: an entry is a pointer, and the frame header is made when the bytes
// are taken. `fill` gives as many bytes as fit into a buffer, many frames at once, so that one system call carries
// them.
//
//     Outbox::Totals totals;
//     Outbox outbox(totals);
//     outbox.add_frame(text, mail_seq);
//     size_t n = outbox.fill(buffer, sizeof buffer);   // write n bytes; then taken_mail_seq() is in the kernel
//
// Knows no sockets. It has no bound of its own: the owner compares frames() and bytes() with its limits after adding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace agentcom {

class Outbox {
  public:
    /// Bytes that wait in all outboxes together.
    struct Totals {
        int64_t bytes = 0;
    };

    explicit Outbox(Totals& totals) : totals_(&totals) {}
    ~Outbox();
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    /// Bytes that go out as they are: an HTTP response, a control frame.
    void add_bytes(std::string bytes);
    /// The same for bytes that others send, too.
    void add_bytes(std::shared_ptr<const std::string> bytes);
    /// A WebSocket text message. `mail_seq` as in SendFrame; 0 = none.
    void add_frame(std::shared_ptr<const std::string> text, int64_t mail_seq);

    /// Takes up to `capacity` bytes out, in order.
    size_t fill(char* buffer, size_t capacity);
    /// The highest mail_seq of the frames that were wholly taken; 0 = none.
    int64_t taken_mail_seq() const { return taken_mail_seq_; }

    bool empty() const { return first_ == entries_.size(); }
    /// Entries that wait, one partly taken included.
    int64_t frames() const { return static_cast<int64_t>(entries_.size() - first_); }
    /// Bytes that wait.
    int64_t bytes() const { return bytes_; }

    /// Forgets all that waits but the rest of an entry partly taken: the peer would lose the frame boundary without it.
    void drop_waiting();

  private:
    struct Entry {
        std::shared_ptr<const std::string> text;
        int64_t mail_seq = 0;
        bool framed = false;
    };

    static size_t size_of(const Entry& entry);
    void add(Entry entry);
    void forget_taken();

    Totals* totals_;
    std::vector<Entry> entries_;  // those before first_ are taken
    size_t first_ = 0;
    size_t taken_of_first_ = 0;
    int64_t bytes_ = 0;
    int64_t taken_mail_seq_ = 0;
};

}  // namespace agentcom
