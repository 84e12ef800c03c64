// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/sqlite/sqlite_snapshot.h"

#include <fmt/format.h>

#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_database.h"
#include "public_works/adapters/sqlite/sqlite_schema.h"

namespace symphainy::public_works {
namespace {

Result<void> damaged(const std::string& path, std::string_view reason) {
  return fail(ErrorCode::corrupt, fmt::format("database {}: {}", path, reason));
}

Result<void> check_schema(SqliteDatabase& database) {
  TRY(SqliteStatement statement, database.prepare("PRAGMA user_version"));
  TRY(const bool found, statement.step());
  const std::int64_t version = found ? statement.integer(0) : 0;
  if (version == kSchemaVersion) return {};
  return fail(
      ErrorCode::conflict,
      fmt::format("database {} has schema version {}, this release reads {}", database.path(), version, kSchemaVersion),
      "schema_version");
}

Result<void> check_pages(SqliteDatabase& database) {
  TRY(SqliteStatement statement, database.prepare("PRAGMA quick_check(1)"));
  TRY(const bool found, statement.step());
  if (found && statement.text(0) == "ok") return {};
  return damaged(database.path(), found ? statement.text(0) : "it cannot be checked");
}

}  // namespace

Result<void> copy_state(const std::string& path, const std::string& to) {
  TRY(const auto database, SqliteDatabase::open(path, SqliteMode::read_only));
  TRY(SqliteStatement statement, database->prepare("VACUUM INTO ?1"));
  statement.bind(1, std::string_view(to));
  TRY(statement.step());
  return {};
}

Result<StateCopy> check_state_copy(const std::string& path) {
  TRY(const auto database, SqliteDatabase::open(path, SqliteMode::read_only));
  TRY(check_schema(*database));
  TRY(check_pages(*database));
  StateCopy copy;
  TRY(SqliteStatement statement, database->prepare("SELECT (SELECT value FROM meta WHERE name = 'position'), "
                                                   "(SELECT value FROM meta WHERE name = 'origin')"));
  TRY(const bool found, statement.step());
  if (!found || statement.is_null(0) || statement.is_null(1)) TRY(damaged(path, "it does not say what it is of"));
  copy.position = statement.unsigned_integer(0);
  copy.origin = statement.text(1);
  return copy;
}

Result<void> change_origin(const std::string& path, const std::string& origin) {
  TRY(const auto database, SqliteDatabase::open(path, SqliteMode::read_write));
  TRY(database->run("PRAGMA synchronous=FULL"));
  TRY(SqliteStatement statement, database->prepare("UPDATE meta SET value = ?1 WHERE name = 'origin'"));
  statement.bind(1, std::string_view(origin));
  TRY(statement.step());
  return {};
}

Result<void> read_stream_ends(const std::string& path, const std::function<Result<void>(const StreamEnd&)>& visit) {
  TRY(const auto database, SqliteDatabase::open(path, SqliteMode::read_only));
  TRY(SqliteStatement statement,
      database->prepare("SELECT tenant, topic, last_sequence, (SELECT event_id FROM events WHERE events.tenant = "
                        "streams.tenant AND events.topic = streams.topic ORDER BY id DESC LIMIT 1) FROM streams"));
  while (true) {
    TRY(const bool found, statement.step());
    if (!found) return {};
    TRY(visit({std::string(statement.text(0)), std::string(statement.text(1)), statement.unsigned_integer(2),
               std::string(statement.text(3))}));
  }
}

Result<void> read_artifact_digests(const std::string& path,
                                   const std::function<Result<void>(std::string_view)>& visit) {
  TRY(const auto database, SqliteDatabase::open(path, SqliteMode::read_only));
  TRY(SqliteStatement statement,
      database->prepare("SELECT DISTINCT substr(location, 10) FROM data_references WHERE location >= 'artifact:' AND "
                        "location < 'artifact;'"));
  while (true) {
    TRY(const bool found, statement.step());
    if (!found) return {};
    TRY(visit(statement.text(0)));
  }
}

}  // namespace symphainy::public_works
