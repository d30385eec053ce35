#include "native-server/net/outbox.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "native-server/net/websocket_frame.hpp"

namespace agentcom {

namespace {

// Taken entries are moved away in bulk, so that each costs constant time on average.
constexpr size_t kTidyAfter = 64;
// A list that once was long is given back when it runs empty.
constexpr size_t kKeptCapacity = 16;

}  // namespace

Outbox::~Outbox() { totals_->bytes -= bytes_; }

size_t Outbox::size_of(const Entry& entry) {
    return entry.text->size() + (entry.framed ? frame_header_size(entry.text->size()) : 0);
}

void Outbox::add(Entry entry) {
    const auto size = static_cast<int64_t>(size_of(entry));
    if (size == 0) return;
    bytes_ += size;
    totals_->bytes += size;
    entries_.push_back(std::move(entry));
}

void Outbox::add_bytes(std::string bytes) { add({std::make_shared<const std::string>(std::move(bytes)), 0, false}); }

void Outbox::add_bytes(std::shared_ptr<const std::string> bytes) { add({std::move(bytes), 0, false}); }

void Outbox::add_frame(std::shared_ptr<const std::string> text, int64_t mail_seq) {
    add({std::move(text), mail_seq, true});
}

size_t Outbox::fill(char* buffer, size_t capacity) {
    size_t filled = 0;
    while (first_ < entries_.size() && filled < capacity) {
        Entry& entry = entries_[first_];
        char header[kMaxFrameHeaderBytes];
        const size_t header_size = entry.framed ? write_frame_header(Opcode::text, entry.text->size(), header) : 0;
        if (taken_of_first_ < header_size) {
            const size_t n = std::min(header_size - taken_of_first_, capacity - filled);
            std::memcpy(buffer + filled, header + taken_of_first_, n);
            filled += n;
            taken_of_first_ += n;
        }
        if (taken_of_first_ >= header_size) {
            const size_t offset = taken_of_first_ - header_size;
            const size_t n = std::min(entry.text->size() - offset, capacity - filled);
            std::memcpy(buffer + filled, entry.text->data() + offset, n);
            filled += n;
            taken_of_first_ += n;
        }
        if (taken_of_first_ < header_size + entry.text->size()) break;
        taken_mail_seq_ = std::max(taken_mail_seq_, entry.mail_seq);
        entry.text.reset();
        taken_of_first_ = 0;
        ++first_;
    }
    bytes_ -= static_cast<int64_t>(filled);
    totals_->bytes -= static_cast<int64_t>(filled);
    forget_taken();
    return filled;
}

void Outbox::forget_taken() {
    if (first_ == entries_.size()) {
        entries_.clear();
        first_ = 0;
        if (entries_.capacity() > kKeptCapacity) entries_.shrink_to_fit();
    } else if (first_ >= kTidyAfter && first_ * 2 >= entries_.size()) {
        entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
}

void Outbox::drop_waiting() {
    const size_t kept = first_ + (taken_of_first_ > 0 ? 1 : 0);
    entries_.resize(std::min(kept, entries_.size()));
    const int64_t left = empty() ? 0 : static_cast<int64_t>(size_of(entries_[first_]) - taken_of_first_);
    totals_->bytes += left - bytes_;
    bytes_ = left;
}

}  // namespace agentcom
