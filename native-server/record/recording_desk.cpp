#include "native-server/record/recording_desk.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/json.hpp"
#include "core/hub/recording_routes.hpp"
#include "native-server/log/thread_name.hpp"
#include "native-server/record/recording_export.hpp"
#include "native-server/record/recording_files.hpp"

namespace agentcom {

namespace {

constexpr size_t kPieceBytes = size_t{256} * 1024;
constexpr size_t kDownloadsMax = 8;

std::optional<int64_t> if_known(int64_t wall_ms) { return wall_ms == 0 ? std::nullopt : std::optional(wall_ms); }

std::string_view name_of(replay::EndReason reason) {
    switch (reason) {
        case replay::EndReason::next_segment:
            return "next_segment";
        case replay::EndReason::stopped:
            return "stopped";
        case replay::EndReason::gap:
        case replay::EndReason::cut:
            return "gap";
    }
    return "gap";
}

std::string list_text(const std::string& directory, bool recording) {
    json::Writer segments;
    segments.begin_array();
    int64_t bytes = 0;
    int64_t reaches_back_to = 0;
    const std::vector<SegmentFile> files = segment_files(directory);
    for (const SegmentFile& file : files) {
        const std::optional<SegmentSummary> segment = summarize(file);
        if (!segment) continue;
        bytes += file.bytes;
        if (reaches_back_to == 0 && segment->has_snapshot) reaches_back_to = segment->first_ms();
        segments.begin_object()
            .member("segment", segment->head.segment)
            .member("run", segment->head.run)
            .member("hub_version", segment->head.hub_version)
            .member("from", if_known(segment->first_ms()))
            .member("to", if_known(segment->last_ms()))
            .member("inputs", segment->inputs())
            .member("bytes", file.bytes)
            .member("snapshot", segment->has_snapshot);
        segments.member("ended", segment->ended ? std::optional(name_of(*segment->ended)) : std::nullopt);
        segments.end_object();
    }
    segments.end_array();
    json::Writer out;
    out.begin_object()
        .member("recording", recording)
        .member("reaches_back_to", if_known(reaches_back_to))
        .member("bytes", bytes)
        .raw_member("segments", segments.take())
        .end_object();
    return out.take();
}

HttpRespond respond(RequestId request, int status, std::string body) {
    HttpRespond response;
    response.request = request;
    response.status = status;
    response.body = std::move(body);
    return response;
}

}  // namespace

class RecordingDesk::Impl {
  public:
    Impl(std::string directory, bool recording, std::function<void(Effect)> answer)
        : directory_(std::move(directory)),
          recording_(recording),
          answer_(std::move(answer)),
          thread_([this] { run(); }) {}

    ~Impl() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    void submit(std::function<void()> job) {
        {
            const std::lock_guard lock(mutex_);
            queue_.push_back(std::move(job));
        }
        wake_.notify_one();
    }

    // On the thread:

    void begin(const AnswerRecording& what) {
        if (what.list) return answer_(respond(what.request, 200, list_text(directory_, recording_)));
        if (downloads_.size() >= kDownloadsMax) {
            return answer_(respond(what.request, 429, R"({"error":"rate_limited","message":"too many downloads"})"));
        }
        std::optional<RecordingExport> download =
            RecordingExport::open(directory_, what.from_ms, what.to_ms, what.strip_payloads);
        if (!download) {
            return answer_(respond(what.request, 404,
                                   R"({"error":"nothing_recorded","message":"nothing of that time is recorded"})"));
        }
        HttpRespond response;
        response.request = what.request;
        response.headers = requests::recording_headers();
        response.stream = true;
        answer_(std::move(response));
        downloads_.emplace(what.request, std::move(*download));
        send(what.request);
    }

    void send(RequestId request) {
        const auto found = downloads_.find(request);
        if (found == downloads_.end()) return;
        std::optional<RecordingExport::Piece> piece = found->second.next(kPieceBytes);
        HttpBody body;
        body.request = request;
        if (piece) body.text = std::make_shared<const std::string>(std::move(piece->bytes));
        body.end = !piece ? HttpBody::End::cut : piece->last ? HttpBody::End::complete : HttpBody::End::open;
        if (body.end != HttpBody::End::open) downloads_.erase(found);
        answer_(std::move(body));
    }

    void end(RequestId request) { downloads_.erase(request); }

  private:
    void run() {
        name_this_thread("recording-desk");
        for (;;) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            const std::function<void()> job = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            job();
        }
    }

    const std::string directory_;
    const bool recording_;
    const std::function<void(Effect)> answer_;
    std::map<RequestId, RecordingExport> downloads_;  // of the thread

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> queue_;
    bool stopping_ = false;
    std::thread thread_;  // last: it uses all of the above
};

RecordingDesk::RecordingDesk(std::string directory, bool recording, std::function<void(Effect)> answer)
    : impl_(std::make_unique<Impl>(std::move(directory), recording, std::move(answer))) {}

RecordingDesk::~RecordingDesk() = default;

void RecordingDesk::begin(const AnswerRecording& what) {
    if (!what.list) downloads_.insert(what.request);
    impl_->submit([this, what] { impl_->begin(what); });
}

void RecordingDesk::more(RequestId request) {
    impl_->submit([this, request] { impl_->send(request); });
}

void RecordingDesk::end(RequestId request) {
    if (downloads_.erase(request) == 0) return;
    impl_->submit([this, request] { impl_->end(request); });
}

}  // namespace agentcom
