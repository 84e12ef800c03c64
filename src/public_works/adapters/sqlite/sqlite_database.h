// SPDX-License-Identifier: Apache-2.0
// One SQLite connection and its prepared statements, with errors that name the file. A connection belongs to one thread
// at a time; a statement is reset as soon as its SqliteStatement goes, so that no read transaction outlives its
// question.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "symphainy/error.h"
#include "symphainy/json.h"

struct sqlite3;
struct sqlite3_stmt;

namespace symphainy::public_works {

class SqliteDatabase;

enum class SqliteMode { read_write, read_only };

/// SQLite counts its memory under one mutex for all threads. A program in which nobody reads the count (query_database
/// does) turns that off here, before any use of SQLite; it holds for the whole process, so the library does not do it.
void stop_counting_sqlite_memory() noexcept;

/// What an SQLite result code means to the caller. `path` names the database in the message.
[[nodiscard]] Error sqlite_error(int code, std::string_view sqlite_message, const std::string& path);

/// A column's value as JSON: bytes, and text that is no UTF-8, as hexadecimal digits.
[[nodiscard]] Json sqlite_value(sqlite3_stmt* statement, int column);

/// A prepared statement in use. Parameters count from 1, columns from 0. Bound text must live until the last step().
class SqliteStatement {
 public:
  SqliteStatement(sqlite3* connection, sqlite3_stmt* statement, const std::string& path) noexcept
      : connection_(connection), statement_(statement), path_(&path) {}
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&&) = delete;
  ~SqliteStatement();

  void bind(int parameter, std::int64_t value) noexcept;
  void bind(int parameter, std::uint64_t value) noexcept { bind(parameter, static_cast<std::int64_t>(value)); }
  void bind(int parameter, std::uint32_t value) noexcept { bind(parameter, static_cast<std::int64_t>(value)); }
  void bind(int parameter, std::string_view value) noexcept;
  void bind_blob(int parameter, std::string_view bytes) noexcept;
  void bind_null(int parameter) noexcept;

  /// True: a row can be read. False: the statement has ended. Reports a failed bind() as well.
  [[nodiscard]] Result<bool> step();
  /// Makes the statement ready for other parameters; those not bound again keep their value.
  void reset() noexcept;

  [[nodiscard]] bool is_null(int column) const noexcept;
  [[nodiscard]] std::int64_t integer(int column) const noexcept;
  [[nodiscard]] std::uint64_t unsigned_integer(int column) const noexcept {
    return static_cast<std::uint64_t>(integer(column));
  }
  /// Empty for NULL. Valid until the next step().
  [[nodiscard]] std::string_view text(int column) const noexcept;
  /// The same for bytes.
  [[nodiscard]] std::string_view blob(int column) const noexcept;
  [[nodiscard]] Json json(int column) const;

 private:
  sqlite3* connection_;
  sqlite3_stmt* statement_;
  const std::string* path_;
  int bind_code_ = 0;
};

/// What is read while it lives is of one moment. Begun on a connection that has none; ends as it goes.
class ReadTransaction {
 public:
  [[nodiscard]] static Result<ReadTransaction> begin(SqliteDatabase& database);
  ReadTransaction(ReadTransaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  ReadTransaction& operator=(ReadTransaction&&) = delete;
  ~ReadTransaction();

 private:
  explicit ReadTransaction(SqliteDatabase& database) noexcept : database_(&database) {}
  SqliteDatabase* database_;
};

class SqliteDatabase {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SqliteDatabase>> open(const std::string& path, SqliteMode mode);
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;
  ~SqliteDatabase();

  /// Runs statements that answer nothing of interest.
  [[nodiscard]] Result<void> run(const std::string& sql);
  /// Prepares once for each text and keeps it.
  [[nodiscard]] Result<SqliteStatement> prepare(std::string_view sql);

  struct Checkpoint {
    int wal_pages = 0;
    int moved_pages = 0;  ///< equal to wal_pages: the write-ahead log starts over with the next commit
  };
  /// Moves pages from the write-ahead log into the database; a reader in the way is not waited for.
  [[nodiscard]] Result<Checkpoint> checkpoint();
  /// The same, and waits up to 50 ms for those who still read from the write-ahead log, so that it can start
  /// over; whoever begins to read meanwhile is not held up. False: somebody reads on.
  [[nodiscard]] Result<bool> checkpoint_and_start_over();
  /// The same, and cuts the write-ahead log to nothing when no reader is in the way.
  [[nodiscard]] Result<void> checkpoint_and_truncate();
  /// Pages in the write-ahead log after the last commit of this connection.
  [[nodiscard]] int wal_pages() const noexcept { return wal_pages_; }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] sqlite3* connection() const noexcept { return connection_; }

 private:
  SqliteDatabase(std::string path, sqlite3* connection) noexcept;

  std::string path_;
  sqlite3* connection_;
  int wal_pages_ = 0;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

}  // namespace symphainy::public_works
