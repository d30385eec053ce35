// SQLite's C interface with owners: a connection, and statements prepared once.
//
// Errors are values. Every call that can fail says so by its return value; the connection then keeps SQLite's own
// message and extended result code until the next call. One connection belongs to one thread at a time.
//
//     SqliteStatement insert;
//     if (!insert.prepare(db, "INSERT INTO meta VALUES (?, ?)")) return db.error();
//     insert.bind(1, "last_turn");
//     insert.bind(2, turn);
//     if (!insert.run()) return db.error();
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace agentcom {

/// What SQLite said. `code` is the extended result code (https://sqlite.org/rescode.html).
struct SqliteError {
    int code = SQLITE_OK;
    std::string text;

    bool failed() const { return code != SQLITE_OK; }
    /// The code without its upper bits, e.g. SQLITE_IOERR.
    int primary() const { return code & 0xff; }
};

class SqliteConnection {
  public:
    SqliteConnection() = default;
    ~SqliteConnection();
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    /// `flags` as for sqlite3_open_v2; `vfs` "" = the default one. False: see `error`.
    bool open(const std::string& path, int flags, const std::string& vfs);
    /// All statements must have been finished before.
    void close();
    bool is_open() const { return handle_ != nullptr; }

    /// Runs one or several statements that give no rows, or whose rows do not matter.
    bool execute(const std::string& sql);
    /// The first column of the first row of a statement; false when there is no row or an error.
    bool query_integer(const std::string& sql, int64_t& out);
    bool query_text(const std::string& sql, std::string& out);

    /// What the last failed call said.
    SqliteError error() const;
    sqlite3* handle() const { return handle_; }

  private:
    sqlite3* handle_ = nullptr;
    SqliteError open_error_;
};

class SqliteStatement {
  public:
    SqliteStatement() = default;
    ~SqliteStatement() { finish(); }
    SqliteStatement(SqliteStatement&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
    SqliteStatement& operator=(SqliteStatement&& other) noexcept;

    bool prepare(const SqliteConnection& db, const std::string& sql);
    bool prepared() const { return handle_ != nullptr; }
    void finish();

    // Parameters count from 1. Texts and blobs are not copied: they must live until `run` or `reset` was called.
    void bind(int parameter, int64_t value) { sqlite3_bind_int64(handle_, parameter, value); }
    void bind(int parameter, std::string_view value);
    void bind_blob(int parameter, std::string_view value);
    void bind_null(int parameter) { sqlite3_bind_null(handle_, parameter); }

    /// Moves to the next row: SQLITE_ROW, SQLITE_DONE or an error code.
    int step() { return sqlite3_step(handle_); }
    /// For statements without rows: steps once and resets. False on an error.
    bool run();
    /// Makes the statement ready to be bound and stepped again.
    void reset() { sqlite3_reset(handle_); }

    // Columns count from 0.
    int64_t integer(int column) const { return sqlite3_column_int64(handle_, column); }
    /// The bytes of a text or blob; valid until the next step or reset.
    std::string_view text(int column) const;
    int type(int column) const { return sqlite3_column_type(handle_, column); }

  private:
    sqlite3_stmt* handle_ = nullptr;
};

}  // namespace agentcom
