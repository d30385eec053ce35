// Flat binary encoding of saved states and recorded inputs: little-endian, strings with their length before them.
//
// The reader never trusts a length: whatever the bytes are, it ends with `failed()` and not with a crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agentcom {

class ByteWriter {
  public:
    void u8(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
    void u64(uint64_t value) {
        for (unsigned i = 0; i < 8; ++i) bytes_.push_back(static_cast<char>(value >> (8U * i)));
    }
    void i64(int64_t value) { u64(static_cast<uint64_t>(value)); }
    void text(std::string_view value) {
        u64(value.size());
        bytes_.append(value);
    }
    const std::string& bytes() const { return bytes_; }
    std::string take() && { return std::move(bytes_); }

  private:
    std::string bytes_;
};

class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

    uint8_t u8() {
        if (rest_.empty()) return fail();
        const auto value = static_cast<uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    uint64_t u64() {
        if (rest_.size() < 8) return fail();
        uint64_t value = 0;
        for (unsigned i = 0; i < 8; ++i) value |= uint64_t{static_cast<uint8_t>(rest_[i])} << (8U * i);
        rest_.remove_prefix(8);
        return value;
    }
    int64_t i64() { return static_cast<int64_t>(u64()); }
    std::string text() {
        const uint64_t size = u64();
        if (size > rest_.size()) {
            fail();
            return {};
        }
        std::string value(rest_.substr(0, static_cast<size_t>(size)));
        rest_.remove_prefix(static_cast<size_t>(size));
        return value;
    }
    /// A count of things that take at least one byte each; 0 and failed when there cannot be so many.
    uint64_t count() {
        const uint64_t value = u64();
        if (value > rest_.size()) return fail();
        return value;
    }

    /// Something was asked for that is not there; what was given since is zero or empty.
    bool failed() const { return failed_; }
    bool at_end() const { return rest_.empty(); }

  private:
    uint8_t fail() {
        failed_ = true;
        rest_ = {};
        return 0;
    }

    std::string_view rest_;
    bool failed_ = false;
};

}  // namespace agentcom
