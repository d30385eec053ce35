#include "native-server/store/sqlite.hpp"

#include <utility>

namespace agentcom {

SqliteConnection::~SqliteConnection() { close(); }

bool SqliteConnection::open(const std::string& path, int flags, const std::string& vfs) {
    close();
    const int code = sqlite3_open_v2(path.c_str(), &handle_, flags, vfs.empty() ? nullptr : vfs.c_str());
    if (code != SQLITE_OK) {
        // SQLite hands out a handle even then, so that its message can be read.
        open_error_ = {code, handle_ != nullptr ? sqlite3_errmsg(handle_) : sqlite3_errstr(code)};
        sqlite3_close_v2(handle_);
        handle_ = nullptr;
        return false;
    }
    sqlite3_extended_result_codes(handle_, 1);
    return true;
}

void SqliteConnection::close() {
    sqlite3_close_v2(handle_);
    handle_ = nullptr;
}

bool SqliteConnection::execute(const std::string& sql) {
    return sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
}

bool SqliteConnection::query_integer(const std::string& sql, int64_t& out) {
    SqliteStatement statement;
    if (!statement.prepare(*this, sql) || statement.step() != SQLITE_ROW) return false;
    out = statement.integer(0);
    return true;
}

bool SqliteConnection::query_text(const std::string& sql, std::string& out) {
    SqliteStatement statement;
    if (!statement.prepare(*this, sql) || statement.step() != SQLITE_ROW) return false;
    out = statement.text(0);
    return true;
}

SqliteError SqliteConnection::error() const {
    if (handle_ == nullptr) return open_error_;
    return {sqlite3_extended_errcode(handle_), sqlite3_errmsg(handle_)};
}

SqliteStatement& SqliteStatement::operator=(SqliteStatement&& other) noexcept {
    if (this != &other) {
        finish();
        handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
}

bool SqliteStatement::prepare(const SqliteConnection& db, const std::string& sql) {
    finish();
    return sqlite3_prepare_v3(db.handle(), sql.c_str(), static_cast<int>(sql.size()) + 1, SQLITE_PREPARE_PERSISTENT,
                              &handle_, nullptr) == SQLITE_OK;
}

void SqliteStatement::finish() {
    sqlite3_finalize(handle_);
    handle_ = nullptr;
}

void SqliteStatement::bind(int parameter, std::string_view value) {
    // A null pointer would bind NULL, and an empty string_view may hold one.
    const char* data = value.empty() ? "" : value.data();
    sqlite3_bind_text64(handle_, parameter, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void SqliteStatement::bind_blob(int parameter, std::string_view value) {
    const char* data = value.empty() ? "" : value.data();
    sqlite3_bind_blob64(handle_, parameter, data, value.size(), SQLITE_STATIC);
}

bool SqliteStatement::run() {
    const int code = step();
    // The error stays readable: resetting a failed statement reports the same code again.
    sqlite3_reset(handle_);
    return code == SQLITE_DONE || code == SQLITE_ROW;
}

std::string_view SqliteStatement::text(int column) const {
    // Asking for the bytes first would make SQLite convert twice; for TEXT and BLOB this order is the cheap one.
    const void* data = sqlite3_column_blob(handle_, column);
    const int size = sqlite3_column_bytes(handle_, column);
    if (data == nullptr || size <= 0) return {};
    return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

}  // namespace agentcom
