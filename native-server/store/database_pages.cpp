#include "native-server/store/database_pages.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "native-server/store/storage_files.hpp"

namespace agentcom {

namespace {

constexpr std::size_t kPage = DatabasePages::kPageBytes;
constexpr std::size_t kFileHeader = 100;
constexpr std::size_t kWalHeader = 32;
constexpr std::size_t kFrameHeader = 24;
constexpr uint8_t kInnerIndex = 2;
constexpr uint8_t kInnerTable = 5;
constexpr uint8_t kLeafIndex = 10;
constexpr uint8_t kLeafTable = 13;
/// Of a pointer map: five bytes for each page that follows it.
constexpr int64_t kMapEntries = static_cast<int64_t>(kPage / 5);
/// The page that holds the byte that SQLite locks is never used.
constexpr int64_t kLockPage = 0x40000000 / DatabasePages::kPageBytes + 1;
/// No record of a hub is larger.
constexpr uint64_t kLargestRecord = uint64_t{256} * 1024 * 1024;

uint32_t big_endian(std::string_view bytes, std::size_t at, int size) {
    uint32_t value = 0;
    for (int i = 0; i < size; ++i) value = value << 8U | static_cast<uint8_t>(bytes[at + static_cast<std::size_t>(i)]);
    return value;
}

/// SQLite's number of one to nine bytes. False: the bytes end before it does.
bool read_varint(std::string_view bytes, std::size_t& at, uint64_t& value) {
    value = 0;
    for (int i = 0; i < 9; ++i) {
        if (at >= bytes.size()) return false;
        const auto byte = static_cast<uint8_t>(bytes[at++]);
        if (i == 8) {
            value = value << 8U | byte;
            return true;
        }
        value = value << 7U | (byte & 0x7fU);
        if ((byte & 0x80U) == 0) return true;
    }
    return true;
}

/// The checksum of the WAL, which goes on from frame to frame.
struct WalChecksum {
    bool big_endian_words = false;
    uint32_t first = 0;
    uint32_t second = 0;

    void add(std::string_view bytes) {
        for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
            first += word(bytes, i) + second;
            second += word(bytes, i + 4) + first;
        }
    }
    bool stands_at(std::string_view bytes, std::size_t at) const {
        return big_endian(bytes, at, 4) == first && big_endian(bytes, at + 4, 4) == second;
    }

  private:
    uint32_t word(std::string_view bytes, std::size_t at) const {
        const uint32_t big = big_endian(bytes, at, 4);
        return big_endian_words ? big : __builtin_bswap32(big);
    }
};

std::size_t header_at(int64_t page) { return page == 1 ? kFileHeader : 0; }

bool is_inner(uint8_t kind) { return kind == kInnerIndex || kind == kInnerTable; }
bool is_tree(uint8_t kind) { return is_inner(kind) || kind == kLeafIndex || kind == kLeafTable; }

/// Where the cells of a page begin; nullopt: it is no page of a tree.
std::optional<std::vector<std::size_t>> cells_of(int64_t page, const std::string& bytes) {
    if (bytes.size() != kPage) return std::nullopt;
    const std::size_t header = header_at(page);
    const auto kind = static_cast<uint8_t>(bytes[header]);
    if (!is_tree(kind)) return std::nullopt;
    const std::size_t count = big_endian(bytes, header + 3, 2);
    const std::size_t first = header + (is_inner(kind) ? 12 : 8);
    if (first + 2 * count > kPage) return std::nullopt;
    std::vector<std::size_t> cells;
    cells.reserve(count);
    for (std::size_t i = 0; i < count; ++i) cells.push_back(big_endian(bytes, first + 2 * i, 2));
    return cells;
}

int64_t size_of_open(int descriptor) {
    struct stat about {};
    return fstat(descriptor, &about) == 0 ? static_cast<int64_t>(about.st_size) : 0;
}

bool read_at(int descriptor, int64_t at, char* into, std::size_t size) {
    return pread(descriptor, into, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
}

}  // namespace

DatabasePages::~DatabasePages() {
    if (database_ >= 0) ::close(database_);
    if (wal_ >= 0) ::close(wal_);
}

Status DatabasePages::open(const std::string& database, const std::string& wal) {
    database_ = ::open(database.c_str(), O_RDONLY | O_CLOEXEC);
    if (database_ < 0) return storage_error("opening " + database, errno);
    count_ = (size_of_open(database_) + kPageBytes - 1) / kPageBytes;
    if (!read_wal(wal)) in_wal_.clear();
    if (!in_wal_.empty()) count_ = std::max(count_, in_wal_.rbegin()->first);
    const std::string first = read(1);
    // Without the largest root page there are no pointer maps. A header that is no header says nothing.
    if (first.size() == kPage && first.starts_with("SQLite format 3")) has_map_ = big_endian(first, 52, 4) != 0;
    return {};
}

// A frame counts when its salts are those of the header and the checksum over everything up to it is right; a
// transaction when its last frame, which names the size of the database, counts.
bool DatabasePages::read_wal(const std::string& path) {
    wal_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (wal_ < 0) return false;
    std::string header(kWalHeader, '\0');
    if (!read_at(wal_, 0, header.data(), header.size())) return false;
    const uint32_t magic = big_endian(header, 0, 4);
    if ((magic & ~1U) != 0x377f0682U || big_endian(header, 8, 4) != kPage) return false;
    WalChecksum checksum{(magic & 1U) != 0, 0, 0};
    checksum.add(std::string_view(header).substr(0, 24));
    if (!checksum.stands_at(header, 24)) return false;
    std::string frame(kFrameHeader + kPage, '\0');
    std::map<int64_t, int64_t> open_transaction;
    for (auto at = static_cast<int64_t>(kWalHeader); read_at(wal_, at, frame.data(), frame.size());
         at += static_cast<int64_t>(frame.size())) {
        if (std::string_view(frame).substr(8, 8) != std::string_view(header).substr(16, 8)) break;
        checksum.add(std::string_view(frame).substr(0, 8));
        checksum.add(std::string_view(frame).substr(kFrameHeader));
        if (!checksum.stands_at(frame, 16)) break;
        open_transaction[big_endian(frame, 0, 4)] = at + static_cast<int64_t>(kFrameHeader);
        const auto pages = static_cast<int64_t>(big_endian(frame, 4, 4));
        if (pages == 0) continue;
        for (const auto& [page, place] : open_transaction) in_wal_[page] = place;
        open_transaction.clear();
        count_ = pages;
        in_wal_.erase(in_wal_.upper_bound(pages), in_wal_.end());
    }
    return true;
}

std::string DatabasePages::read(int64_t page) const {
    if (page < 1 || page > count_) return {};
    std::string bytes(kPage, '\0');
    const auto newer = in_wal_.find(page);
    const bool there = newer != in_wal_.end() ? read_at(wal_, newer->second, bytes.data(), kPage)
                                              : read_at(database_, (page - 1) * kPageBytes, bytes.data(), kPage);
    return there ? bytes : std::string();
}

DatabasePages::Place DatabasePages::place_of(int64_t page) const {
    if (!has_map_ || page < 3) return {};
    int64_t map = (page - 2) / (kMapEntries + 1) * (kMapEntries + 1) + 2;
    if (map == kLockPage) ++map;
    if (page <= map || page - map - 1 >= kMapEntries) return {};
    const std::string bytes = read(map);
    if (bytes.empty()) return {};
    const auto at = static_cast<std::size_t>(5 * (page - map - 1));
    const auto parent = static_cast<int64_t>(big_endian(bytes, at + 1, 4));
    switch (bytes[at]) {
        case 1:
            return {Place::Kind::root, 0};
        case 2:
            return {Place::Kind::free, 0};
        case 3:
        case 4:
            return {Place::Kind::overflow, parent};
        case 5:
            return {Place::Kind::tree, parent};
        default:
            return {};
    }
}

std::vector<int64_t> DatabasePages::children_of(int64_t page, const std::string& bytes) {
    const auto cells = cells_of(page, bytes);
    if (!cells) return {};
    const std::size_t header = header_at(page);
    if (!is_inner(static_cast<uint8_t>(bytes[header]))) return {};
    std::vector<int64_t> children;
    for (const std::size_t cell : *cells) {
        if (cell + 4 <= kPage) children.push_back(big_endian(bytes, cell, 4));
    }
    children.push_back(big_endian(bytes, header + 8, 4));
    return children;
}

int64_t DatabasePages::read_records(int64_t page, const std::string& bytes,
                                    const std::function<void(RowValues)>& record) const {
    const auto cells = cells_of(page, bytes);
    if (!cells) return 1;
    const auto kind = static_cast<uint8_t>(bytes[header_at(page)]);
    if (kind == kInnerTable) return 0;
    int64_t unreadable = 0;
    for (const std::size_t cell : *cells) {
        const std::size_t at = cell + (kind == kInnerIndex ? 4 : 0);
        const std::optional<std::string> payload = payload_at(bytes, at, kind == kLeafTable);
        std::optional<RowValues> values = payload ? decode_record(*payload) : std::nullopt;
        if (values) {
            record(std::move(*values));
        } else {
            ++unreadable;
        }
    }
    return unreadable;
}

/// A cell's content, with what lies on overflow pages.
std::optional<std::string> DatabasePages::payload_at(const std::string& bytes, std::size_t at, bool of_table) const {
    uint64_t size = 0;
    uint64_t rowid = 0;
    if (!read_varint(bytes, at, size) || (of_table && !read_varint(bytes, at, rowid)) || size > kLargestRecord) {
        return std::nullopt;
    }
    const uint64_t most = of_table ? kPage - 35 : (kPage - 12) * 64 / 255 - 23;
    const uint64_t least = (kPage - 12) * 32 / 255 - 23;
    uint64_t local = size;
    if (size > most) {
        local = least + (size - least) % (kPage - 4);
        if (local > most) local = least;
    }
    const std::size_t end = at + static_cast<std::size_t>(local);
    if (end + (local < size ? 4 : 0) > bytes.size()) return std::nullopt;
    std::string payload = bytes.substr(at, static_cast<std::size_t>(local));
    int64_t next = local < size ? static_cast<int64_t>(big_endian(bytes, end, 4)) : 0;
    while (payload.size() < size) {
        const std::string more = next > 1 ? read(next) : std::string();
        if (more.empty()) return std::nullopt;
        next = static_cast<int64_t>(big_endian(more, 0, 4));
        payload.append(more, 4, static_cast<std::size_t>(std::min<uint64_t>(size - payload.size(), kPage - 4)));
    }
    return payload;
}

std::optional<RowValues> decode_record(std::string_view payload) {
    std::size_t at = 0;
    uint64_t header = 0;
    if (!read_varint(payload, at, header) || header > payload.size()) return std::nullopt;
    std::size_t content = static_cast<std::size_t>(header);
    RowValues values;
    while (at < header) {
        uint64_t type = 0;
        if (!read_varint(payload.substr(0, static_cast<std::size_t>(header)), at, type)) return std::nullopt;
        static constexpr std::array<std::size_t, 10> kIntegerBytes = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};
        if (type == 7 || type == 10 || type == 11) return std::nullopt;
        const uint64_t size = type < 12 ? kIntegerBytes.at(static_cast<std::size_t>(type)) : (type - 12) / 2;
        if (size > payload.size() - content) return std::nullopt;
        const std::string_view bytes = payload.substr(content, static_cast<std::size_t>(size));
        content += static_cast<std::size_t>(size);
        if (type == 0) {
            values.emplace_back();
        } else if (type >= 12) {
            values.push_back(ColumnValue::of(std::string(bytes)));
        } else if (type >= 8) {
            values.push_back(ColumnValue::of(static_cast<int64_t>(type - 8)));
        } else {
            uint64_t number = (static_cast<uint8_t>(bytes[0]) & 0x80U) != 0 ? ~uint64_t{0} : 0;
            for (const char byte : bytes) number = number << 8U | static_cast<uint8_t>(byte);
            values.push_back(ColumnValue::of(static_cast<int64_t>(number)));
        }
    }
    return at == header && content == payload.size() ? std::optional(std::move(values)) : std::nullopt;
}

}  // namespace agentcom
