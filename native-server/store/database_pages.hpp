// The pages of a database as they lie on the disk, for reading what SQLite itself refuses to read.
//
// The format is https://sqlite.org/fileformat2.html, as far as hub databases use it: pages of 4096 bytes without a
// reserved end, UTF-8, pointer maps. Nothing that is read here is trusted: every length and page number is checked, and
// what does not add up is no record. A page is taken from the WAL where SQLite would take it from there: up to the
// last commit whose frames are all as they were written.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/state/columns.hpp"

namespace agentcom {

class DatabasePages {
  public:
    static constexpr int64_t kPageBytes = 4'096;

    DatabasePages() = default;
    ~DatabasePages();
    DatabasePages(const DatabasePages&) = delete;
    DatabasePages& operator=(const DatabasePages&) = delete;

    /// `wal` need not exist. Error `storage_error` when the database cannot be read at all.
    Status open(const std::string& database, const std::string& wal);

    /// Pages are numbered from 1 to this.
    int64_t count() const { return count_; }
    /// Empty when the disk does not give it.
    std::string read(int64_t page) const;

    /// What SQLite's pointer map says about a page: whether it is part of a tree, and below which page.
    struct Place {
        enum class Kind : uint8_t { unknown, root, free, overflow, tree } kind = Kind::unknown;
        int64_t parent = 0;
    };
    Place place_of(int64_t page) const;

    /// The pages below an inner page of a tree; empty for any other page.
    static std::vector<int64_t> children_of(int64_t page, const std::string& bytes);
    /// The records of a page of a tree: of a table without rowids also those of inner pages. Gives how many of them
    /// cannot be read, at least 1 for a page that is none of a tree.
    int64_t read_records(int64_t page, const std::string& bytes, const std::function<void(RowValues)>& record) const;

  private:
    bool read_wal(const std::string& path);
    std::optional<std::string> payload_at(const std::string& bytes, std::size_t at, bool of_table) const;

    int database_ = -1;
    int wal_ = -1;
    int64_t count_ = 0;
    bool has_map_ = true;
    std::map<int64_t, int64_t> in_wal_;  ///< where in the WAL the newest version of a page begins
};

/// The values of a record; nullopt when the bytes are none. Blobs come as text; a float is none of ours.
std::optional<RowValues> decode_record(std::string_view payload);

}  // namespace agentcom
