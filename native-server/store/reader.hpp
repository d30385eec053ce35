// Answers the hub's queries from the store, on a read-only connection of its own.
//
// Every query is bounded by its limit and by a time; every row is compared with its checksum. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/result.hpp"
#include "core/hub/input.hpp"
#include "core/state/store.hpp"
#include "native-server/store/store.hpp"

namespace agentcom {

struct ReaderOptions {
    std::string vfs;                ///< as in StoreOptions
    int64_t time_limit_ms = 1'000;  ///< a query that takes longer is given up
    int64_t cache_bytes = 32 * 1024 * 1024;
};

/// What goes to the hub, and, when `result.ok` is false, a text for the log.
struct QueryAnswer {
    QueryResult result;
    std::string error;
};

class StoreReader {
  public:
    /// The store must have been opened by this process before. Error `store_unavailable`.
    static Result<std::unique_ptr<StoreReader>> open(const std::string& directory, ReaderOptions options = {});
    ~StoreReader();
    StoreReader(const StoreReader&) = delete;
    StoreReader& operator=(const StoreReader&) = delete;

    /// Sees every transaction that was acknowledged before the call.
    QueryAnswer run(int64_t query, const StoreQuery& what);

  private:
    class Impl;
    explicit StoreReader(std::unique_ptr<Impl>);
    std::unique_ptr<Impl> impl_;
};

}  // namespace agentcom
