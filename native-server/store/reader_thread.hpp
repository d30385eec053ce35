// The thread that runs queries one after the other, in the order in which they were asked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "native-server/store/reader.hpp"

namespace agentcom {

class ReaderThread {
  public:
    /// `answer` is called on the reader thread, once for each query, in order.
    ReaderThread(std::unique_ptr<StoreReader> reader, std::function<void(QueryAnswer)> answer);
    /// Stops.
    ~ReaderThread();
    ReaderThread(const ReaderThread&) = delete;
    ReaderThread& operator=(const ReaderThread&) = delete;

    /// Submit a query only when the turn that asked it is committed (see RunQuery).
    void submit(int64_t query, StoreQuery what);
    /// Ends the thread after the query it is at; those that wait are not answered. Closes the reader: do this before
    /// the store is closed.
    void stop();

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace agentcom
