// Flat binary encodings: ByteWriter for saved states and fault files (little-endian, numbers of fixed width),
// CompactWriter for recordings, where size counts. Strings have their length before them.
//
// The readers never trust a length: whatever the bytes are, they end with `failed()` and not with a crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

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
    /// Bytes as they are, without a length.
    void raw(std::string_view bytes) { bytes_.append(bytes); }
    const std::string& bytes() const { return bytes_; }
    std::string take() && { return std::move(bytes_); }

  private:
    std::string bytes_;
};

/// The same for numbers that are small most of the time: seven bits a byte, the lowest first, the top bit set on all
/// but the last (LEB128); signed numbers as 0, -1, 1, -2, … Lengths are such numbers too.
class CompactWriter {
  public:
    void u8(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
    void u64(uint64_t value) {
        for (; value >= 0x80U; value >>= 7U) bytes_.push_back(static_cast<char>((value & 0x7fU) | 0x80U));
        bytes_.push_back(static_cast<char>(value));
    }
    void i64(int64_t value) { u64((static_cast<uint64_t>(value) << 1U) ^ (value < 0 ? ~uint64_t{0} : uint64_t{0})); }
    void text(std::string_view value) {
        u64(value.size());
        bytes_.append(value);
    }
    void raw(std::string_view bytes) { bytes_.append(bytes); }
    const std::string& bytes() const { return bytes_; }
    /// What was written; the writer is empty afterwards.
    std::string take() { return std::exchange(bytes_, {}); }

  private:
    std::string bytes_;
};

/// What ByteReader and CompactReader have in common: they never trust a length, and say once and for all that they
/// failed.
class ReaderBase {
  public:
    explicit ReaderBase(std::string_view bytes) : rest_(bytes) {}

    uint8_t u8() {
        if (rest_.empty()) return fail();
        const auto value = static_cast<uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    /// So many bytes as they are.
    std::string_view raw(uint64_t size) {
        if (size > rest_.size()) {
            fail();
            return {};
        }
        const std::string_view bytes = rest_.substr(0, static_cast<size_t>(size));
        rest_.remove_prefix(static_cast<size_t>(size));
        return bytes;
    }

    /// Something was asked for that is not there; what was given since is zero or empty.
    bool failed() const { return failed_; }
    bool at_end() const { return rest_.empty(); }
    /// Bytes that were not read yet.
    size_t left() const { return rest_.size(); }

  protected:
    uint8_t fail() {
        failed_ = true;
        rest_ = {};
        return 0;
    }

  private:
    std::string_view rest_;
    bool failed_ = false;
};

class ByteReader : public ReaderBase {
  public:
    using ReaderBase::ReaderBase;

    uint64_t u64() {
        const std::string_view bytes = raw(8);
        uint64_t value = 0;
        for (unsigned i = 0; i < bytes.size(); ++i) value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8U * i);
        return value;
    }
    int64_t i64() { return static_cast<int64_t>(u64()); }
    std::string text() { return std::string(raw(u64())); }
    /// A count of things that take at least one byte each; 0 and failed when there cannot be so many.
    uint64_t count() {
        const uint64_t value = u64();
        return value > left() ? fail() : value;
    }
};

class CompactReader : public ReaderBase {
  public:
    using ReaderBase::ReaderBase;

    uint64_t u64() {
        uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const uint8_t byte = u8();
            // The tenth byte has room for one bit more.
            if (shift == 63 && byte > 1) return fail();
            value |= uint64_t{byte & 0x7fU} << shift;
            if ((byte & 0x80U) == 0) return failed() ? 0 : value;
        }
        return fail();
    }
    int64_t i64() {
        const uint64_t value = u64();
        return static_cast<int64_t>((value >> 1U) ^ ((value & 1U) != 0 ? ~uint64_t{0} : uint64_t{0}));
    }
    std::string text() { return std::string(raw(u64())); }
    uint64_t count() {
        const uint64_t value = u64();
        return value > left() ? fail() : value;
    }
};

}  // namespace agentcom
