#include "native-server/record/segment_writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "native-server/log/thread_name.hpp"
#include "native-server/record/gzip.hpp"
#include "native-server/record/recording_files.hpp"

namespace agentcom {

namespace {

int64_t wall_now_ms() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

}  // namespace

class SegmentWriter::Impl {
  public:
    /// One thing to do, in order.
    struct Job {
        enum class Kind : uint8_t { begin, block, end } kind = Kind::block;
        replay::SegmentHead head;
        int64_t wall_ms = 0;
        replay::BlockHeader block;
        std::string raw;
        replay::EndReason reason = replay::EndReason::next_segment;
    };

    static int64_t cost_of(const Job& job) { return static_cast<int64_t>(job.raw.size() + sizeof(Job)); }

    Impl(std::string directory, RecordingLimits limits, LogLine log)
        : directory_(std::move(directory)), limits_(limits), log_(std::move(log)), thread_([this] { run(); }) {}

    ~Impl() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

    void submit(Job job) {
        // What is begun has not failed yet; what fails later belongs to a segment that counts then.
        if (job.kind == Job::Kind::begin) failed_ = false;
        waiting_ += cost_of(job);
        {
            const std::lock_guard lock(mutex_);
            queue_.push_back(std::move(job));
        }
        wake_.notify_one();
    }

    int64_t waiting_bytes() const { return waiting_; }
    bool failed() const { return failed_; }

  private:
    void run() {
        name_this_thread("recorder");
        for (;;) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (queue_.empty()) break;
            Job job = std::move(queue_.front());
            queue_.pop_front();
            lock.unlock();
            const int64_t cost = cost_of(job);
            carry_out(job);
            waiting_ -= cost;
        }
        close_file();
    }

    void carry_out(Job& job) {
        switch (job.kind) {
            case Job::Kind::begin:
                return begin(job);
            case Job::Kind::block:
                return write_block(job.block, job.raw);
            case Job::Kind::end: {
                replay::BlockHeader header;
                header.kind = replay::BlockKind::end;
                header.inputs = static_cast<uint32_t>(job.reason);
                write_block(header, {});
                return close_file();
            }
        }
    }

    void begin(const Job& job) {
        close_file();
        ::mkdir(directory_.c_str(), 0700);
        path_ = segment_path(directory_, job.head.segment, job.wall_ms);
        file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        bytes_ = 0;
        if (file_ < 0) return fail("cannot make " + path_ + ": " + std::strerror(errno));
        write(replay::encode_head(job.head));
    }

    void write_block(const replay::BlockHeader& header, std::string_view raw) {
        if (file_ < 0) return;
        std::string bytes;
        replay::BlockHeader whole = header;
        whole.raw_bytes = static_cast<uint32_t>(raw.size());
        if (!raw.empty()) {
            std::optional<std::string> packed = packer_.pack(raw);
            if (!packed) return fail("there is no memory to pack a block");
            bytes = std::move(*packed);
        }
        write(replay::encode_block_header(whole, bytes) + bytes);
    }

    void write(const std::string& bytes) {
        if (!make_room(static_cast<int64_t>(bytes.size()))) return;
        size_t done = 0;
        while (done < bytes.size()) {
            const ssize_t written = ::write(file_, bytes.data() + done, bytes.size() - done);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return fail("cannot write " + path_ + ": " + std::strerror(errno));
            done += static_cast<size_t>(written);
        }
        bytes_ += static_cast<int64_t>(bytes.size());
    }

    bool make_room(int64_t more) {
        // The ring is looked over when a segment begins, and when what was written since may not fit any more.
        if (bytes_ == 0 || bytes_ + more > room_) take_away_oldest(more);
        struct statvfs disk {};
        if (::statvfs(directory_.c_str(), &disk) == 0 &&
            disk.f_bavail * disk.f_frsize < static_cast<uint64_t>(limits_.left_free_bytes)) {
            fail("the disk is nearly full: what is left is not for recordings");
            return false;
        }
        if (bytes_ + more <= room_) return true;
        fail("a segment takes more than the setting recording_bytes allows for all");
        return false;
    }

    /// As far as the limits ask for it; the one being written stays.
    void take_away_oldest(int64_t more) {
        const int64_t oldest_ms = wall_now_ms() - limits_.age_ms;
        std::vector<SegmentFile> files = segment_files(directory_);
        int64_t others = 0;
        for (const SegmentFile& file : files) others += file.path == path_ ? 0 : file.bytes;
        for (const SegmentFile& file : files) {
            if (file.path == path_) continue;
            if (others + bytes_ + more <= limits_.bytes && file.modified_ms >= oldest_ms) continue;
            if (::unlink(file.path.c_str()) == 0) others -= file.bytes;
        }
        room_ = limits_.bytes - others;
    }

    void fail(const std::string& text) {
        failed_ = true;
        // Without its head it is no segment, and every attempt would leave one.
        if (file_ >= 0 && bytes_ == 0) ::unlink(path_.c_str());
        close_file();
        log_("recording_failed", text);
    }

    void close_file() {
        if (file_ >= 0) ::close(file_);
        file_ = -1;
    }

    const std::string directory_;
    const RecordingLimits limits_;
    const LogLine log_;
    std::atomic<int64_t> waiting_{0};
    std::atomic<bool> failed_{false};

    // Of the thread.
    GzipPacker packer_;
    std::string path_;
    int file_ = -1;
    int64_t bytes_ = 0;
    int64_t room_ = 0;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> queue_;
    bool stopping_ = false;
    std::thread thread_;  // last: it uses all of the above
};

SegmentWriter::SegmentWriter(std::string directory, RecordingLimits limits, LogLine log) {
    const std::vector<SegmentFile> files = segment_files(directory);
    if (!files.empty()) first_segment_ = files.back().number + 1;
    impl_ = std::make_unique<Impl>(std::move(directory), limits, std::move(log));
}

SegmentWriter::~SegmentWriter() = default;

void SegmentWriter::begin_segment(replay::SegmentHead head, int64_t wall_ms) {
    Impl::Job job;
    job.kind = Impl::Job::Kind::begin;
    job.head = std::move(head);
    job.wall_ms = wall_ms;
    impl_->submit(std::move(job));
}

void SegmentWriter::add_block(replay::BlockHeader header, std::string raw) {
    Impl::Job job;
    job.block = header;
    job.raw = std::move(raw);
    impl_->submit(std::move(job));
}

void SegmentWriter::end_segment(replay::EndReason reason) {
    Impl::Job job;
    job.kind = Impl::Job::Kind::end;
    job.reason = reason;
    impl_->submit(std::move(job));
}

int64_t SegmentWriter::waiting_bytes() const { return impl_->waiting_bytes(); }
bool SegmentWriter::failed() const { return impl_->failed(); }

}  // namespace agentcom
