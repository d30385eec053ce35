// Answers requests for the recording: lists its segments, and sends them piece by piece, on a thread of its own.
//
// A download has one piece under way at a time: the next is read when `more` says that the last has left. What the
// recorder writes meanwhile is not looked at; what its ring takes away meanwhile breaks a download off.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "core/state/effect.hpp"

namespace agentcom {

class RecordingDesk {
  public:
    /// `answer` is called on the desk's thread with an HttpRespond or HttpBody to be carried out.
    RecordingDesk(std::string directory, bool recording, std::function<void(Effect)> answer);
    /// Ends what is under way.
    ~RecordingDesk();
    RecordingDesk(const RecordingDesk&) = delete;
    RecordingDesk& operator=(const RecordingDesk&) = delete;

    void begin(const AnswerRecording& what);
    /// Whether this request is a download that is under way.
    bool owns(RequestId request) const { return downloads_.contains(request); }
    /// Its last piece has left.
    void more(RequestId request);
    /// It is over: its client has gone, or its last piece was handed out.
    void end(RequestId request);

  private:
    class Impl;
    std::set<RequestId> downloads_;
    std::unique_ptr<Impl> impl_;
};

}  // namespace agentcom
