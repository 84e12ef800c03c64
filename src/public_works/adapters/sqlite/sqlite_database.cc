// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/sqlite/sqlite_database.h"

#include <cmath>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>
#include <utility>

#include "base/bytes.h"
#include "base/try.h"

namespace symphainy::public_works {
namespace {

// Readers of other processes hold locks for microseconds; only a checkpoint's end can make anybody wait.
constexpr int kBusyTimeoutMs = 5000;
// Questions of our own take less; somebody's long one is not waited for.
constexpr int kStartOverPatienceMs = 50;

// SQLite would create it readable by everybody. What it puts beside it (-wal, -shm) gets the database's own mode. A
// file that is there already is not touched: closing it would drop the locks that this process holds on it.
void create_for_owner_only(const std::string& path) noexcept {
  const int created = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (created >= 0) ::close(created);  // why it failed otherwise, SQLite says
}

}  // namespace

void stop_counting_sqlite_memory() noexcept {
  static_cast<void>(sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0));
}

Error sqlite_error(int code, std::string_view sqlite_message, const std::string& path) {
  std::string message = "database " + path + ": ";
  message += sqlite_message;
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error{ErrorCode::unavailable, std::move(message), "busy", {}};
    case SQLITE_FULL:
      return Error{ErrorCode::unavailable, std::move(message), "no_space", {}};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error{ErrorCode::corrupt, std::move(message), {}, {}};
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_CONSTRAINT:
      return Error{ErrorCode::internal, std::move(message), {}, {}};
    default:
      return Error{ErrorCode::io_error, std::move(message), {}, {}};
  }
}

Json sqlite_value(sqlite3_stmt* statement, int column) {
  const auto bytes_of = [&](const void* data) {
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
    return data == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(data), size);
  };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return Json(static_cast<std::int64_t>(sqlite3_column_int64(statement, column)));
    case SQLITE_FLOAT: {
      const double number = sqlite3_column_double(statement, column);
      if (std::isfinite(number)) return Json(number);
      return Json(number > 0 ? "Infinity" : "-Infinity");
    }
    case SQLITE_TEXT: {
      const std::string_view text = bytes_of(sqlite3_column_text(statement, column));
      return base::is_utf8(text) ? Json(text) : Json(base::to_hex(text));
    }
    case SQLITE_BLOB:
      return Json(base::to_hex(bytes_of(sqlite3_column_blob(statement, column))));
    default:
      return Json();
  }
}

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      path_(other.path_),
      bind_code_(other.bind_code_) {}

SqliteStatement::~SqliteStatement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  // The text bound last may be gone before the statement is used again.
  sqlite3_clear_bindings(statement_);
}

void SqliteStatement::bind(int parameter, std::int64_t value) noexcept {
  if (const int code = sqlite3_bind_int64(statement_, parameter, value); code != SQLITE_OK) {
    bind_code_ = code;
  }
}

void SqliteStatement::bind(int parameter, std::string_view value) noexcept {
  // An empty view may point nowhere, which SQLite would take for NULL.
  const char* data = value.empty() ? "" : value.data();
  if (const int code = sqlite3_bind_text64(statement_, parameter, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
      code != SQLITE_OK) {
    bind_code_ = code;
  }
}

void SqliteStatement::bind_blob(int parameter, std::string_view bytes) noexcept {
  const char* data = bytes.empty() ? "" : bytes.data();
  if (const int code = sqlite3_bind_blob64(statement_, parameter, data, bytes.size(), SQLITE_STATIC);
      code != SQLITE_OK) {
    bind_code_ = code;
  }
}

void SqliteStatement::bind_null(int parameter) noexcept {
  if (const int code = sqlite3_bind_null(statement_, parameter); code != SQLITE_OK) {
    bind_code_ = code;
  }
}

Result<bool> SqliteStatement::step() {
  if (bind_code_ != SQLITE_OK) {
    return std::unexpected(sqlite_error(bind_code_, sqlite3_errstr(bind_code_), *path_));
  }
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return std::unexpected(sqlite_error(code, sqlite3_errmsg(connection_), *path_));
}

void SqliteStatement::reset() noexcept {
  sqlite3_reset(statement_);
}

bool SqliteStatement::is_null(int column) const noexcept {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t SqliteStatement::integer(int column) const noexcept {
  return sqlite3_column_int64(statement_, column);
}

std::string_view SqliteStatement::text(int column) const noexcept {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string_view SqliteStatement::blob(int column) const noexcept {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Json SqliteStatement::json(int column) const {
  return sqlite_value(statement_, column);
}

Result<ReadTransaction> ReadTransaction::begin(SqliteDatabase& database) {
  TRY(SqliteStatement statement, database.prepare("BEGIN"));
  TRY(statement.step());
  return ReadTransaction(database);
}

ReadTransaction::~ReadTransaction() {
  if (database_ == nullptr) return;
  // Ends even where a statement has failed: there is nothing to lose.
  if (auto statement = database_->prepare("COMMIT")) static_cast<void>(statement->step());
}

SqliteDatabase::SqliteDatabase(std::string path, sqlite3* connection) noexcept
    : path_(std::move(path)), connection_(connection) {}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const std::string& path, SqliteMode mode) {
  // No mutex: a connection belongs to one thread at a time.
  const int flags =
      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
      (mode == SqliteMode::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
  if (mode == SqliteMode::read_write) create_for_owner_only(path);
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  if (code != SQLITE_OK) {
    Error error = sqlite_error(code, connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code), path);
    sqlite3_close(connection);
    return std::unexpected(std::move(error));
  }
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(path, connection));
  sqlite3_busy_timeout(connection, kBusyTimeoutMs);
  // The hook takes the place of SQLite's own checkpoints, which would run within somebody's commit.
  sqlite3_wal_hook(
      connection,
      [](void* pages, sqlite3*, const char*, int count) {
        *static_cast<int*>(pages) = count;
        return SQLITE_OK;
      },
      &database->wal_pages_);
  return database;
}

SqliteDatabase::~SqliteDatabase() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(connection_);
}

Result<void> SqliteDatabase::run(const std::string& sql) {
  const int code = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  return std::unexpected(sqlite_error(code, sqlite3_errmsg(connection_), path_));
}

Result<SqliteStatement> SqliteDatabase::prepare(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) {
      return std::unexpected(sqlite_error(code, sqlite3_errmsg(connection_), path_));
    }
    found = statements_.emplace(sql, statement).first;
  }
  return SqliteStatement(connection_, found->second, path_);
}

Result<SqliteDatabase::Checkpoint> SqliteDatabase::checkpoint() {
  Checkpoint done;
  const int code =
      sqlite3_wal_checkpoint_v2(connection_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &done.wal_pages, &done.moved_pages);
  // Busy means that another process is checkpointing; the pages stay in the log until the next turn.
  if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) return done;
  return std::unexpected(sqlite_error(code, sqlite3_errmsg(connection_), path_));
}

Result<bool> SqliteDatabase::checkpoint_and_start_over() {
  sqlite3_busy_timeout(connection_, kStartOverPatienceMs);
  const int code = sqlite3_wal_checkpoint_v2(connection_, nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
  sqlite3_busy_timeout(connection_, kBusyTimeoutMs);
  if (code == SQLITE_OK) return true;
  if ((code & 0xff) == SQLITE_BUSY) return false;
  return std::unexpected(sqlite_error(code, sqlite3_errmsg(connection_), path_));
}

Result<void> SqliteDatabase::checkpoint_and_truncate() {
  // Without waiting: a reader in another process must not hold up the end of this one.
  sqlite3_busy_timeout(connection_, 0);
  const int code = sqlite3_wal_checkpoint_v2(connection_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  sqlite3_busy_timeout(connection_, kBusyTimeoutMs);
  if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY) return {};
  return std::unexpected(sqlite_error(code, sqlite3_errmsg(connection_), path_));
}

}  // namespace symphainy::public_works
