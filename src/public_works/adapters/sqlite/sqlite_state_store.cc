// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/sqlite/sqlite_state_store.h"

#include <filesystem>
#include <fmt/format.h>
#include <system_error>
#include <utility>

#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_database.h"
#include "public_works/adapters/sqlite/sqlite_schema.h"

namespace symphainy::public_works {
namespace {

constexpr int kMaxReaders = 8;

constexpr const char* kWriterSettings =
    "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;"
    "PRAGMA cache_size=-65536; PRAGMA mmap_size=67108864; PRAGMA foreign_keys=OFF;";
constexpr const char* kReaderSettings =
    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192; PRAGMA mmap_size=33554432;"
    "PRAGMA query_only=ON;";

/// 0: an empty database.
Result<std::int64_t> schema_version(SqliteDatabase& database) {
  TRY(SqliteStatement statement, database.prepare("PRAGMA user_version"));
  TRY(const bool found, statement.step());
  return found ? statement.integer(0) : 0;
}

Error other_schema(const std::string& path, std::int64_t version) {
  return Error{ErrorCode::conflict,
               fmt::format("database {} has schema version {}, this release reads {}; delete it and "
                           "let it be rebuilt from the log",
                           path, version, kSchemaVersion),
               "schema_version",
               {}};
}

}  // namespace

SqliteStateStore::Reader::Reader(SqliteStateStore& store, std::unique_ptr<SqliteDatabase> database) noexcept
    : store_(&store), database_(std::move(database)) {}

SqliteStateStore::Reader::Reader(Reader&& other) noexcept
    : store_(other.store_), database_(std::move(other.database_)) {}

SqliteStateStore::Reader::~Reader() {
  if (!database_) return;
  {
    const std::scoped_lock lock(store_->readers_mutex_);
    store_->idle_readers_.push_back(std::move(database_));
  }
  store_->reader_returned_.notify_one();
}

SqliteStateStore::SqliteStateStore(std::string path, std::unique_ptr<SqliteDatabase> writer,
                                   const KeyGenerationOptions& keys)
    : path_(std::move(path)), keys_(keys), writer_(std::move(writer)) {
  idle_readers_.reserve(kMaxReaders);
}

SqliteStateStore::~SqliteStateStore() {
  idle_readers_.clear();
  // What a failed checkpoint leaves in the write-ahead log is read from there at the next open.
  if (writer_) static_cast<void>(writer_->checkpoint_and_truncate());
}

Result<std::unique_ptr<SqliteStateStore>> SqliteStateStore::open(const std::string& path, Mode mode,
                                                                 const std::string& origin,
                                                                 const KeyGenerationOptions& keys) {
  std::unique_ptr<SqliteDatabase> writer;
  if (mode == Mode::read_write) {
    TRY(writer, SqliteDatabase::open(path, SqliteMode::read_write));
    TRY(writer->run(kWriterSettings));
  } else {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) {
      return fail(ErrorCode::not_found, "database " + path + " does not exist");
    }
  }
  std::unique_ptr<SqliteStateStore> store(new SqliteStateStore(path, std::move(writer), keys));
  TRY(store->prepare_schema(origin));
  return store;
}

Result<void> SqliteStateStore::prepare_schema(const std::string& origin) {
  if (writer_) {
    TRY(const std::int64_t version, schema_version(*writer_));
    if (version == 0) {
      // One transaction: a database has all its tables or is still empty.
      TRY(writer_->run("BEGIN IMMEDIATE"));
      TRY(writer_->run(std::string(kSchema)));
      TRY(
          writer_->run(fmt::format("INSERT INTO meta VALUES ('position', 0), ('epoch', 0), ('schema_version', {}),"
                                   " ('unsealed_keys', 0), ('key_generations', 0)",
                                   kSchemaVersion)));
      {
        TRY(SqliteStatement statement, writer_->prepare("INSERT INTO meta VALUES ('origin', ?1)"));
        statement.bind(1, std::string_view(origin));
        TRY(statement.step());
      }
      TRY(writer_->run(fmt::format("PRAGMA user_version={}; COMMIT", kSchemaVersion)));
    } else if (version != kSchemaVersion) {
      return std::unexpected(other_schema(path_, version));
    }
    TRY(check_origin(*writer_, origin));
    TRY(applied_position_, position());
    return {};
  }
  TRY(const Reader database, reader());
  TRY(const std::int64_t version, schema_version(*database));
  if (version != kSchemaVersion) return std::unexpected(other_schema(path_, version));
  return check_origin(*database, origin);
}

Result<void> SqliteStateStore::check_origin(SqliteDatabase& database, const std::string& origin) {
  if (origin.empty()) return {};
  TRY(SqliteStatement statement, database.prepare("SELECT value FROM meta WHERE name = 'origin'"));
  TRY(const bool found, statement.step());
  const std::string kept = found ? std::string(statement.text(0)) : std::string();
  if (kept == origin) return {};
  return fail(ErrorCode::conflict,
              fmt::format("database {} was folded from another log ({}, not {}); delete it and let it be rebuilt from "
                          "this one",
                          path_, kept, origin),
              "another_log");
}

Result<SqliteStateStore::Reader> SqliteStateStore::reader() {
  std::unique_lock lock(readers_mutex_);
  reader_returned_.wait(lock, [&] { return !idle_readers_.empty() || open_readers_ < kMaxReaders; });
  if (!idle_readers_.empty()) {
    std::unique_ptr<SqliteDatabase> database = std::move(idle_readers_.back());
    idle_readers_.pop_back();
    return Reader(*this, std::move(database));
  }
  TRY(auto database, SqliteDatabase::open(path_, SqliteMode::read_only));
  TRY(database->run(kReaderSettings));
  ++open_readers_;
  return Reader(*this, std::move(database));
}

Result<std::uint64_t> SqliteStateStore::meta(const char* name) {
  TRY(const Reader database, reader());
  TRY(SqliteStatement statement, database->prepare("SELECT value FROM meta WHERE name = ?1"));
  statement.bind(1, std::string_view(name));
  TRY(const bool found, statement.step());
  if (!found) return fail(ErrorCode::corrupt, "database " + path_ + ": meta lacks " + name);
  return statement.unsigned_integer(0);
}

Result<std::uint64_t> SqliteStateStore::position() {
  return meta("position");
}

Result<std::uint64_t> SqliteStateStore::epoch() {
  return meta("epoch");
}

Result<SqlResult> SqliteStateStore::query(const TenantScope& scope, const std::string& sql, std::size_t max_rows,
                                          int timeout_ms) {
  return query_database(path_, scope, sql, max_rows, timeout_ms);
}

}  // namespace symphainy::public_works
