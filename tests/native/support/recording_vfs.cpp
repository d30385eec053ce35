#include "tests/native/support/recording_vfs.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <new>
#include <string_view>
#include <utility>

namespace agentcom::test {

namespace {

constexpr std::size_t kSectorBytes = 512;

std::string base_name(const char* path) {
    const std::string_view text = path == nullptr ? "" : path;
    return std::string(text.substr(text.rfind('/') + 1));
}

}  // namespace

// SQLite allocates this; the base VFS's own file object lies behind it in the same memory.
struct RecordingVfs::File {
    sqlite3_file base;
    RecordingVfs* owner;
    std::string* name;

    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    static File* of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
};

struct RecordingVfs::Methods {
    static int close(sqlite3_file* file) {
        File* self = File::of(file);
        const int code = self->real()->pMethods->xClose(self->real());
        delete std::exchange(self->name, nullptr);
        return code;
    }
    static int read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
        sqlite3_file* real = File::of(file)->real();
        return real->pMethods->xRead(real, data, size, offset);
    }
    static int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
        File* self = File::of(file);
        DiskFault::Kind kind{};
        const bool failing = self->owner->fails(false, kind);
        if (failing && kind == DiskFault::Kind::full) return SQLITE_FULL;
        const int written = failing ? size / 2 : size;
        const int code = self->real()->pMethods->xWrite(self->real(), data, written, offset);
        if (code == SQLITE_OK) {
            self->owner->record({DiskOperation::Kind::write, *self->name, offset,
                                 std::string(static_cast<const char*>(data), static_cast<std::size_t>(written)),
                                 false});
        }
        return failing ? SQLITE_IOERR_WRITE : code;
    }
    static int truncate(sqlite3_file* file, sqlite3_int64 size) {
        File* self = File::of(file);
        self->owner->record({DiskOperation::Kind::truncate, *self->name, size, {}, false});
        return self->real()->pMethods->xTruncate(self->real(), size);
    }
    static int sync(sqlite3_file* file, int) {
        File* self = File::of(file);
        DiskFault::Kind kind{};
        if (self->owner->fails(true, kind)) return SQLITE_IOERR_FSYNC;
        self->owner->record({DiskOperation::Kind::sync, *self->name, 0, {}, false});
        return SQLITE_OK;
    }
    static int file_size(sqlite3_file* file, sqlite3_int64* size) {
        sqlite3_file* real = File::of(file)->real();
        return real->pMethods->xFileSize(real, size);
    }
    static int lock(sqlite3_file* file, int level) {
        sqlite3_file* real = File::of(file)->real();
        return real->pMethods->xLock(real, level);
    }
    static int unlock(sqlite3_file* file, int level) {
        sqlite3_file* real = File::of(file)->real();
        return real->pMethods->xUnlock(real, level);
    }
    static int check_reserved_lock(sqlite3_file* file, int* out) {
        sqlite3_file* real = File::of(file)->real();
        return real->pMethods->xCheckReservedLock(real, out);
    }
    static int file_control(sqlite3_file* file, int operation, void* argument) {
        sqlite3_file* real = File::of(file)->real();
        return real->pMethods->xFileControl(real, operation, argument);
    }
    static int sector_size(sqlite3_file* file) {
        sqlite3_file* real = File::of(file)->real();
        return real->pMethods->xSectorSize(real);
    }
    // No promises: neither atomic sectors nor safe appends nor that a write leaves its neighbours alone.
    static int device_characteristics(sqlite3_file*) { return 0; }
    static int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
        sqlite3_file* real = File::of(file)->real();
        return real->pMethods->xShmMap(real, page, size, extend, out);
    }
    static int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
        sqlite3_file* real = File::of(file)->real();
        return real->pMethods->xShmLock(real, offset, count, flags);
    }
    static void shm_barrier(sqlite3_file* file) {
        sqlite3_file* real = File::of(file)->real();
        real->pMethods->xShmBarrier(real);
    }
    static int shm_unmap(sqlite3_file* file, int remove) {
        sqlite3_file* real = File::of(file)->real();
        return real->pMethods->xShmUnmap(real, remove);
    }

    static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
        // Version 2: shared memory for the WAL, but no memory mapping, which would bypass `write`.
        static const sqlite3_io_methods methods = [] {
            sqlite3_io_methods table{};
            table.iVersion = 2;
            table.xClose = close;
            table.xRead = read;
            table.xWrite = write;
            table.xTruncate = truncate;
            table.xSync = sync;
            table.xFileSize = file_size;
            table.xLock = lock;
            table.xUnlock = unlock;
            table.xCheckReservedLock = check_reserved_lock;
            table.xFileControl = file_control;
            table.xSectorSize = sector_size;
            table.xDeviceCharacteristics = device_characteristics;
            table.xShmMap = shm_map;
            table.xShmLock = shm_lock;
            table.xShmBarrier = shm_barrier;
            table.xShmUnmap = shm_unmap;
            return table;
        }();
        auto* owner = static_cast<RecordingVfs*>(vfs->pAppData);
        File* self = File::of(file);
        self->base.pMethods = nullptr;
        int existed = 0;
        owner->base_->xAccess(owner->base_, path, SQLITE_ACCESS_EXISTS, &existed);
        const int code = owner->base_->xOpen(owner->base_, path, self->real(), flags, out_flags);
        if (code != SQLITE_OK) return code;
        self->owner = owner;
        self->name = new std::string(base_name(path));
        self->base.pMethods = &methods;
        if (existed == 0) owner->record({DiskOperation::Kind::create, *self->name, 0, {}, false});
        return SQLITE_OK;
    }
    static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
        auto* owner = static_cast<RecordingVfs*>(vfs->pAppData);
        const int code = owner->base_->xDelete(owner->base_, path, 0);
        if (code == SQLITE_OK) {
            owner->record({DiskOperation::Kind::remove, base_name(path), 0, {}, sync_directory != 0});
        }
        return code;
    }
    // The rest is the base's, called with the base.
    static sqlite3_vfs* base_of(sqlite3_vfs* vfs) { return static_cast<RecordingVfs*>(vfs->pAppData)->base_; }
    static int access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
        return base_of(vfs)->xAccess(base_of(vfs), path, flags, out);
    }
    static int full_pathname(sqlite3_vfs* vfs, const char* path, int size, char* out) {
        return base_of(vfs)->xFullPathname(base_of(vfs), path, size, out);
    }
    static int randomness(sqlite3_vfs* vfs, int size, char* out) {
        return base_of(vfs)->xRandomness(base_of(vfs), size, out);
    }
    static int sleep(sqlite3_vfs* vfs, int microseconds) { return base_of(vfs)->xSleep(base_of(vfs), microseconds); }
    static int current_time(sqlite3_vfs* vfs, double* out) { return base_of(vfs)->xCurrentTime(base_of(vfs), out); }
    static int last_error(sqlite3_vfs* vfs, int size, char* out) {
        return base_of(vfs)->xGetLastError(base_of(vfs), size, out);
    }
    static int current_time_64(sqlite3_vfs* vfs, sqlite3_int64* out) {
        return base_of(vfs)->xCurrentTimeInt64(base_of(vfs), out);
    }
};

RecordingVfs::RecordingVfs(std::string name) : name_(std::move(name)), base_(sqlite3_vfs_find(nullptr)) {
    vfs_.iVersion = 2;
    vfs_.szOsFile = static_cast<int>(sizeof(File)) + base_->szOsFile;
    vfs_.mxPathname = base_->mxPathname;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = this;
    vfs_.xOpen = Methods::open;
    vfs_.xDelete = Methods::remove;
    vfs_.xAccess = Methods::access;
    vfs_.xFullPathname = Methods::full_pathname;
    vfs_.xRandomness = Methods::randomness;
    vfs_.xSleep = Methods::sleep;
    vfs_.xCurrentTime = Methods::current_time;
    vfs_.xGetLastError = Methods::last_error;
    vfs_.xCurrentTimeInt64 = Methods::current_time_64;
    sqlite3_vfs_register(&vfs_, 0);
}

RecordingVfs::~RecordingVfs() { sqlite3_vfs_unregister(&vfs_); }

void RecordingVfs::note(int64_t number) { record({DiskOperation::Kind::note, {}, number, {}, false}); }

std::vector<DiskOperation> RecordingVfs::operations() const {
    const std::lock_guard lock(mutex_);
    return operations_;
}

void RecordingVfs::set_fault(DiskFault fault) {
    const std::lock_guard lock(mutex_);
    fault_ = fault;
    failures_ = 0;
}

int64_t RecordingVfs::failures() const {
    const std::lock_guard lock(mutex_);
    return failures_;
}

void RecordingVfs::record(DiskOperation operation) {
    const std::lock_guard lock(mutex_);
    operations_.push_back(std::move(operation));
}

bool RecordingVfs::fails(bool is_sync, DiskFault::Kind& kind) {
    const std::lock_guard lock(mutex_);
    kind = fault_.kind;
    if (kind == DiskFault::Kind::none || is_sync != (kind == DiskFault::Kind::sync_error)) return false;
    if (fault_.after > 0) {
        --fault_.after;
        return false;
    }
    if (fault_.count <= 0) return false;
    --fault_.count;
    ++failures_;
    return true;
}

// ---------------------------------------------------------------------------------------------------------------

namespace {

struct DiskFile {
    bool exists = false;  ///< for good: its directory entry too
    std::string content;  ///< what was synced
    std::vector<const DiskOperation*> pending;
};

void write_bytes(std::string& content, std::size_t offset, std::string_view bytes) {
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size(), '\0');
    std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
}

void carry_out(DiskFile& file, const DiskOperation& operation) {
    switch (operation.kind) {
        case DiskOperation::Kind::create:
            // An empty file counts as new to SQLite, so it may have been there before.
            file.exists = true;
            break;
        case DiskOperation::Kind::write:
            write_bytes(file.content, static_cast<std::size_t>(operation.offset), operation.bytes);
            break;
        case DiskOperation::Kind::truncate:
            file.content.resize(static_cast<std::size_t>(operation.offset), '\0');
            break;
        case DiskOperation::Kind::remove:
            file.exists = false;
            file.content.clear();
            break;
        case DiskOperation::Kind::sync:
        case DiskOperation::Kind::note:
            break;
    }
}

void tear(DiskFile& file, const DiskOperation& write, Prng& prng) {
    for (std::size_t at = 0; at < write.bytes.size();) {
        const std::size_t position = static_cast<std::size_t>(write.offset) + at;
        const std::size_t size = std::min(kSectorBytes - position % kSectorBytes, write.bytes.size() - at);
        if (prng.below(2) == 0) write_bytes(file.content, position, std::string_view(write.bytes).substr(at, size));
        at += size;
    }
}

void lose_some(DiskFile& file, Prng& prng) {
    const std::vector<const DiskOperation*> pending = std::exchange(file.pending, {});
    enum class Mode : uint8_t { keep_all, lose_all, mixed };
    const Mode mode = static_cast<Mode>(prng.below(3));
    for (const DiskOperation* operation : pending) {
        const bool lost = mode == Mode::lose_all || (mode == Mode::mixed && prng.below(3) == 0);
        if (lost) continue;
        if (mode == Mode::mixed && operation->kind == DiskOperation::Kind::write && prng.below(3) == 0) {
            tear(file, *operation, prng);
        } else {
            carry_out(file, *operation);
        }
    }
}

bool changes_directory(const DiskOperation* operation) {
    return operation->kind == DiskOperation::Kind::create || operation->kind == DiskOperation::Kind::remove;
}

// Creations and deletions so far are there for good; what was written stays as unsure as it was.
void sync_directory(std::map<std::string, DiskFile>& files) {
    for (auto& [name, file] : files) {
        std::vector<const DiskOperation*> unsure;
        for (const DiskOperation* operation : std::exchange(file.pending, {})) {
            if (changes_directory(operation)) {
                carry_out(file, *operation);
                unsure.clear();
            } else {
                unsure.push_back(operation);
            }
        }
        file.pending = std::move(unsure);
    }
}

}  // namespace

void rebuild_after_power_loss(const std::vector<DiskOperation>& operations, std::size_t cut, Prng& prng,
                              const std::string& directory) {
    std::map<std::string, DiskFile> files;
    for (std::size_t i = 0; i < std::min(cut, operations.size()); ++i) {
        const DiskOperation& operation = operations[i];
        if (operation.kind == DiskOperation::Kind::note) continue;
        DiskFile& file = files[operation.file];
        file.pending.push_back(&operation);
        if (operation.kind == DiskOperation::Kind::remove && operation.durable) sync_directory(files);
        if (operation.kind != DiskOperation::Kind::sync) continue;
        // The system's VFS syncs the directory with the first sync of a new file.
        if (std::any_of(file.pending.begin(), file.pending.end(), changes_directory)) sync_directory(files);
        for (const DiskOperation* each : std::exchange(file.pending, {})) carry_out(file, *each);
    }
    for (auto& [name, file] : files) {
        // The store makes the database file itself, before SQLite does.
        if (name == "hub.db") file.exists = true;
        lose_some(file, prng);
        if (!file.exists) continue;
        std::ofstream out(directory + "/" + name, std::ios::binary);
        out.write(file.content.data(), static_cast<std::streamsize>(file.content.size()));
    }
}

}  // namespace agentcom::test
