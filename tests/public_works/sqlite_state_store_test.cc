// SPDX-License-Identifier: Apache-2.0
// What state.db promises beyond the contract: it survives reopening and being cut off, many may read while one applies,
// and a question in SQL stays within its tenant and its time.
#include "public_works/adapters/sqlite/sqlite_state_store.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <sqlite3.h>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include "sanitized.h"
#include "temporary_directory.h"

// Rows and filters are named by the members that a test is about.
#pragma clang diagnostic ignored "-Wmissing-designated-field-initializers"

namespace symphainy::public_works {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Mode = SqliteStateStore::Mode;

/// `count` executions of two tenants with a reference, an edge, an event and a key each.
StateChanges stretch(std::uint64_t after, std::uint64_t count) {
  StateChanges changes{.position = after + count, .epoch = 1};
  for (std::uint64_t at = after + 1; at <= after + count; ++at) {
    const std::string tenant = at % 2 == 0 ? "secret-b" : "a";
    const std::string number = std::to_string(at);
    ExecutionRow execution;
    execution.accepted_position = at;
    execution.tenant = tenant;
    execution.execution_id = tenant + "-x" + number;
    execution.intent_id = "i" + number;
    execution.session = "session";
    execution.status = "completed";
    execution.accepted_us = static_cast<std::int64_t>(at);
    changes.executions.push_back(execution);
    ReferenceRow reference;
    reference.position = at;
    reference.tenant = tenant;
    reference.reference_id = tenant + "-r" + number;
    changes.references.push_back(reference);
    changes.provenance.push_back({at, tenant, tenant + "-r" + number, tenant + "-r1", "x", "e"});
    EventRow event;
    event.position = at;
    event.tenant = tenant;
    event.topic = tenant + "-topic";
    event.sequence = at;
    changes.events.push_back(event);
    changes.state.push_back({tenant, tenant + "-k", at, at, "1"});
    changes.sessions.push_back({tenant, tenant + "-s", 1, 1, 1});
  }
  changes.registrations.push_back({"type", 1, "d", "h", "{}", "0", 1});
  changes.cursors["secret-b-publisher"] = after + count;
  return changes;
}

class SqliteStateStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqliteStateStore> open(Mode mode) {
    auto opened = SqliteStateStore::open(path_, mode);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(opened).value();
  }

  tests::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "state 100% ?#.db";
};

TEST_F(SqliteStateStoreTest, ReopeningKeepsEverything) {
  {
    const auto store = open(Mode::read_write);
    ASSERT_TRUE(store->apply(stretch(0, 10)));
  }
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));
  for (const Mode mode : {Mode::read_only, Mode::read_write}) {
    const auto store = open(mode);
    EXPECT_EQ(store->position().value(), 10U);
    EXPECT_EQ(store->epoch().value(), 1U);
    EXPECT_EQ(store->list_executions({}).value().size(), 10U);
    EXPECT_EQ(store->list_references({}).value().size(), 10U);
  }
  const auto store = open(Mode::read_write);
  EXPECT_EQ(store->apply(stretch(0, 10)).error().code, ErrorCode::conflict);
  EXPECT_TRUE(store->apply(stretch(10, 1)));
}

TEST_F(SqliteStateStoreTest, FilesCopiedWhileInUseOpenAtAPositionThatWasApplied) {
  const auto store = open(Mode::read_write);
  for (std::uint64_t turn = 0; turn < 5; ++turn) {
    ASSERT_TRUE(store->apply(stretch(turn * 10, 10)));
    const std::string copy = directory_ / ("copy" + std::to_string(turn));
    std::filesystem::copy_file(path_, copy);
    std::filesystem::copy_file(path_ + "-wal", copy + "-wal");
    // Cutting the log's last bytes off loses the last apply as a whole.
    if (turn % 2 == 1) {
      std::filesystem::resize_file(copy + "-wal", std::filesystem::file_size(copy + "-wal") - 9);
    }
    const auto opened = SqliteStateStore::open(copy, Mode::read_write);
    ASSERT_TRUE(opened) << opened.error().message;
    const std::uint64_t expected = turn % 2 == 1 ? turn * 10 : (turn + 1) * 10;
    EXPECT_EQ((*opened)->position().value(), expected);
    EXPECT_EQ((*opened)->list_executions({}).value().size(), expected);
  }
}

TEST_F(SqliteStateStoreTest, ReadersSeeWholeStretchesWhileTheWriterApplies) {
  const auto store = open(Mode::read_write);
  ASSERT_TRUE(store->apply(stretch(0, 10)));
  const auto outside = open(Mode::read_only);
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      SqliteStateStore& asked = i == 0 ? *outside : *store;
      while (!done) {
        const auto before = asked.position().value();
        const auto rows = asked.list_executions({.limit = 100000}).value();
        EXPECT_GE(rows.size(), before);
        EXPECT_EQ(rows.size() % 10, 0U);
        EXPECT_TRUE(asked.reference(TenantScope::only("a"), "a-r1").value());
        EXPECT_TRUE(asked.query(TenantScope::only("a"), "SELECT count(*) FROM events", 1, 5000));
      }
    });
  }
  for (std::uint64_t turn = 1; turn < 60; ++turn) {
    EXPECT_TRUE(store->apply(stretch(turn * 10, 10)));
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(outside->position().value(), 600U);
}

TEST_F(SqliteStateStoreTest, ItsFilesAreForTheirOwnerOnly) {
  const auto store = open(Mode::read_write);
  ASSERT_TRUE(store->apply(stretch(0, 10)));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    struct stat found{};
    ASSERT_EQ(::stat((path_ + suffix).c_str(), &found), 0) << suffix;
    EXPECT_EQ(found.st_mode & 07777U, 0600U) << suffix;
  }
}

// How SQLite counts its memory holds for the whole process: that is for the program to choose that embeds the library.
TEST_F(SqliteStateStoreTest, OpeningChangesNoSettingOfTheProcess) {
  const auto store = open(Mode::read_write);
  EXPECT_GT(sqlite3_memory_used(), 0);
  EXPECT_EQ(std::string(sqlite3_vfs_find(nullptr)->zName), "unix");
  ASSERT_TRUE(store->query(TenantScope::only("a"), "SELECT 1", 1, 5000));
  EXPECT_EQ(std::string(sqlite3_vfs_find(nullptr)->zName), "unix");
}

TEST_F(SqliteStateStoreTest, AReadOnlyStoreTakesNoChangesAndNeedsAFile) {
  EXPECT_EQ(SqliteStateStore::open(path_, Mode::read_only).error().code, ErrorCode::not_found);
  {
    const auto created = open(Mode::read_write);
  }
  const auto store = open(Mode::read_only);
  EXPECT_EQ(store->apply(stretch(0, 1)).error().code, ErrorCode::invalid_argument);
}

TEST_F(SqliteStateStoreTest, AnotherSchemaVersionIsNamedAndRefused) {
  {
    const auto created = open(Mode::read_write);
  }
  {
    // The user version stands at byte 60 of the file, big-endian.
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);
    file.write("\0\0\0\x63", 4);
  }
  for (const Mode mode : {Mode::read_write, Mode::read_only}) {
    const auto refused = SqliteStateStore::open(path_, mode);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, "schema_version");
    EXPECT_THAT(refused.error().message, HasSubstr("99"));
  }
}

TEST_F(SqliteStateStoreTest, AFileFoldedFromAnotherLogIsNamedAndRefused) {
  const std::string path = path_ + ".mine";
  ASSERT_TRUE(SqliteStateStore::open(path, Mode::read_write, "mine"));
  for (const Mode mode : {Mode::read_write, Mode::read_only}) {
    EXPECT_TRUE(SqliteStateStore::open(path, mode, "mine"));
    EXPECT_TRUE(SqliteStateStore::open(path, mode));
    const auto refused = SqliteStateStore::open(path, mode, "theirs");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
    EXPECT_EQ(refused.error().reason, "another_log");
    EXPECT_THAT(refused.error().message, HasSubstr("(mine, not theirs)"));
  }
}

TEST_F(SqliteStateStoreTest, AFileThatIsNoDatabaseIsCorruptAndNamed) {
  std::ofstream(path_) << std::string(5000, 'x');
  const auto refused = SqliteStateStore::open(path_, Mode::read_write);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
  EXPECT_THAT(refused.error().message, HasSubstr(path_));
}

class SqlQueryTest : public SqliteStateStoreTest {
 protected:
  void SetUp() override { ASSERT_TRUE(store_->apply(stretch(0, 20))); }
  Result<SqlResult> ask(const std::string& sql, int timeout_ms = 5000) {
    return store_->query(TenantScope::only("a"), sql, 1000, timeout_ms);
  }
  std::string shown(const SqlResult& answer) {
    std::string text;
    for (const auto& row : answer.rows) {
      for (const Json& value : row) text += value.dump() + " ";
    }
    return text;
  }
  std::unique_ptr<SqliteStateStore> store_ = open(Mode::read_write);
};

TEST_F(SqlQueryTest, ATenantSeesItsRowsOfEveryTable) {
  for (const std::string table : {"executions", "data_references", "provenance", "events"}) {
    for (const std::string sql :
         {"SELECT count(*) FROM ", "SELECT count(tenant) FROM temp.", "SELECT sum(tenant = 'a') FROM "}) {
      const auto answer = ask(sql + table);
      ASSERT_TRUE(answer) << sql << table << ": " << answer.error().message;
      EXPECT_EQ(shown(*answer), "10 ") << sql << table;
    }
  }
  for (const std::string table : {"sessions", "state", "streams", "registrations"}) {
    const auto answer = ask("SELECT * FROM " + table);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->rows.size(), 1U) << table;
  }
}

TEST_F(SqlQueryTest, OrdinaryQuestionsWork) {
  for (const std::string sql : {"SELECT e.execution_id, v.topic FROM executions e JOIN events v ON v.position ="
                                " e.accepted_position ORDER BY 1 LIMIT 3; -- the newest",
                                "WITH RECURSIVE up (id) AS (SELECT 'a-r3' UNION SELECT source FROM provenance, up WHERE"
                                " derived = up.id) SELECT count(*) FROM up",
                                "SELECT json_each.value FROM executions, json_each(batches)",
                                "WITH mine AS (SELECT * FROM executions) SELECT count(*), max(session) FROM mine",
                                "SELECT 1 FROM executions WHERE EXISTS (SELECT 1 FROM events)",
                                "VALUES (1, x'00ff', 2.5)", "EXPLAIN QUERY PLAN SELECT * FROM executions"}) {
    const auto answer = ask(sql);
    EXPECT_TRUE(answer) << sql << ": " << answer.error().message;
  }
  const auto answer = ask("SELECT 1 AS one, NULL, 'é', x'00FF', 2.5, 9e999");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->columns[0], "one");
  EXPECT_EQ(shown(*answer), "1 null \"é\" \"00ff\" 2.5 \"Infinity\" ");
  EXPECT_EQ(store_->query(TenantScope::only("a"), "SELECT * FROM events", 3, 5000)->rows.size(), 3U);
}

TEST_F(SqlQueryTest, NoHostileStatementShowsAnotherTenant) {
  for (const std::string sql : {"SELECT tenant FROM executions UNION SELECT tenant FROM main.executions",
                                "SELECT * FROM main.executions",
                                "SELECT * FROM state.executions",
                                "SELECT * FROM cursors",
                                "SELECT count(*) FROM cursors",
                                "SELECT * FROM meta",
                                "SELECT * FROM recent_keys",
                                "SELECT keys FROM main.sealed_keys",
                                "SELECT count(*) FROM key_filters",
                                "WITH executions AS (SELECT * FROM main.executions) SELECT * FROM executions",
                                "WITH cursors AS (SELECT * FROM main.cursors) SELECT * FROM cursors",
                                "WITH executions AS (SELECT * FROM cursors) SELECT * FROM executions",
                                "WITH executions AS (SELECT count(*) FROM cursors) SELECT * FROM executions",
                                "SELECT * FROM sqlite_master",
                                "SELECT sql FROM sqlite_temp_master",
                                "SELECT sql FROM temp.sqlite_schema",
                                "SELECT count(*) FROM sqlite_temp_schema",
                                "WITH executions AS (SELECT sql FROM sqlite_temp_schema) SELECT * FROM executions",
                                "PRAGMA database_list",
                                "PRAGMA query_only=OFF",
                                "SELECT * FROM pragma_database_list",
                                "SELECT * FROM pragma_table_info('executions')",
                                "SELECT * FROM dbstat",
                                "SELECT * FROM sqlite_dbpage",
                                "ATTACH 'state.db' AS other",
                                "DETACH main",
                                "BEGIN",
                                "SAVEPOINT s",
                                "VACUUM INTO '/tmp/stolen.db'",
                                "EXPLAIN PRAGMA database_list",
                                "SELECT load_extension('x')",
                                "SELECT fts3_tokenizer('simple')",
                                "INSERT INTO executions (tenant) VALUES ('a')",
                                "UPDATE executions SET tenant = 'a'",
                                "DELETE FROM events",
                                "DROP VIEW executions",
                                "CREATE TABLE t (x)",
                                "CREATE TEMP TABLE t AS SELECT 1",
                                "CREATE TEMP VIEW v AS SELECT * FROM cursors",
                                "CREATE TEMP TRIGGER t INSTEAD OF INSERT ON executions BEGIN SELECT 1; END",
                                "SELECT 1; SELECT * FROM cursors",
                                "SELECT 1; DROP VIEW executions",
                                "",
                                "-- nothing",
                                "SELEC 1"}) {
    const auto answer = ask(sql);
    EXPECT_FALSE(answer) << sql << " showed " << shown(*answer);
    if (answer) continue;
    EXPECT_EQ(answer.error().code, ErrorCode::invalid_argument) << sql << answer.error().message;
    EXPECT_THAT(answer.error().message, Not(HasSubstr("secret-b"))) << sql;
  }
  for (const std::string sql :
       {"SELECT * FROM executions WHERE tenant = 'secret-b' OR 1", "SELECT * FROM EXECUTIONS LEFT JOIN Events ON 1",
        "SELECT * FROM state, streams, sessions, provenance"}) {
    const auto answer = ask(sql);
    ASSERT_TRUE(answer) << sql << ": " << answer.error().message;
    EXPECT_THAT(shown(*answer), Not(HasSubstr("secret-b"))) << sql;
  }
  EXPECT_EQ(store_->list_executions({}).value().size(), 20U);
}

TEST_F(SqlQueryTest, ATenantsNameIsNeverReadAsSql) {
  const auto answer = store_->query(TenantScope::only("' OR '1'='1"), "SELECT * FROM executions", 100, 5000);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->rows.empty());
}

TEST_F(SqlQueryTest, AQuestionWithoutEndMeetsItsTimeLimit) {
  const auto started = std::chrono::steady_clock::now();
  const auto answer = ask("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n", 50);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(answer.error().reason, "time_limit");
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(20));
}

TEST_F(SqlQueryTest, AnAnswerTooLargeIsRefused) {
  const auto answer =
      ask("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT zeroblob(2000000)"
          " FROM n");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().reason, "answer_too_large");
}

// The highest memory of the process since the last call.
std::uint64_t peak_mib() {
  std::uint64_t peak_kib = 0;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) peak_kib = std::stoull(line.substr(6));
  }
  std::ofstream("/proc/self/clear_refs") << 5;
  return peak_kib / 1024;
}

TEST_F(SqlQueryTest, AQuestionThatGathersMuchMeetsItsLimitOfSpaceWithLittleMemory) {
  const std::string many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) ";
  const std::string block = "zeroblob(2000000 - i)";
  peak_mib();
  const std::uint64_t before = peak_mib();
  for (const std::string& sql :
       {"SELECT i FROM (SELECT i, " + block + " AS b FROM n) ORDER BY b",
        "SELECT DISTINCT " + block + " FROM n LIMIT 1 OFFSET 4000", "SELECT count(DISTINCT " + block + ") FROM n",
        "SELECT i, row_number() OVER (ORDER BY b) FROM (SELECT i, " + block + " AS b FROM n)",
        "SELECT group_concat(b) FROM (SELECT " + block + " AS b FROM n ORDER BY 1)"}) {
    for (const TenantScope& scope : {TenantScope::only("a"), TenantScope::every_tenant()}) {
      const auto answer = store_->query(scope, many + sql, 1000, 60'000);
      ASSERT_FALSE(answer) << sql;
      EXPECT_EQ(answer.error().code, ErrorCode::invalid_argument);
      EXPECT_EQ(answer.error().reason, "temporary_space") << sql << ": " << answer.error().message;
    }
  }
  if (!tests::kSanitized) EXPECT_LT(peak_mib(), before + 700);
  const auto again = ask(many + "SELECT i FROM (SELECT i, randomblob(10000) AS b FROM n) ORDER BY b");
  EXPECT_TRUE(again) << again.error().message;
}

// SQLite makes every constant first, and keeps all of them.
TEST_F(SqlQueryTest, AStatementOfManyLargeValuesMeetsItsLimitOfMemory) {
  std::string sql = "SELECT 1";
  for (int column = 0; column < 3; ++column) {
    sql += ", length(max(''";
    for (int i = 0; i < 90; ++i) sql += ", hex(zeroblob(" + std::to_string(1'000'000 - column * 100 - i) + "))";
    sql += "))";
  }
  peak_mib();
  const std::uint64_t before = peak_mib();
  EXPECT_EQ(ask(sql + " FROM executions", 60'000).error().reason, "memory_limit");
  if (!tests::kSanitized) EXPECT_LT(peak_mib(), before + 1'000);
}

TEST_F(SqlQueryTest, AValueTooLargeIsRefused) {
  for (const std::string sql : {"SELECT zeroblob(8000000)", "SELECT length(hex(zeroblob(2000000)))"}) {
    EXPECT_EQ(ask(sql).error().reason, "value_too_large") << sql;
  }
}

TEST_F(SqlQueryTest, TheOperatorReadsEveryTableAndWritesNone) {
  const TenantScope every = TenantScope::every_tenant();
  for (const std::string table :
       {"executions", "sessions", "state", "data_references", "provenance", "events", "streams", "registrations",
        "cursors", "meta", "sqlite_schema", "recent_keys", "sealed_keys", "key_filters"}) {
    EXPECT_TRUE(store_->query(every, "SELECT * FROM " + table, 10, 5000)) << table;
  }
  EXPECT_EQ(shown(store_->query(every, "SELECT count(*) FROM executions", 1, 5000).value()), "20 ");
  for (const std::string sql : {"DELETE FROM executions", "PRAGMA query_only=OFF", "ATTACH 'x' AS y",
                                "CREATE TABLE t (x)", "VACUUM", "SELECT 1; SELECT 2"}) {
    EXPECT_EQ(store_->query(every, sql, 1, 5000).error().code, ErrorCode::invalid_argument) << sql;
  }
}

TEST_F(SqliteStateStoreTest, ReadersThatNeverPauseDoNotLetTheWriteAheadLogGrow) {
  const auto store = open(Mode::read_write);
  ASSERT_TRUE(store->apply(stretch(0, 10)));
  std::atomic<bool> enough = false;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!enough) static_cast<void>(store->epoch());
    });
  }
  std::uintmax_t largest = 0;
  for (std::uint64_t position = 11; position < 400; ++position) {
    StateChanges changes;
    changes.position = position;
    // Another content each time: what stays the same is not written.
    const std::string value(1024 * 1024, static_cast<char>('a' + position % 26));
    changes.state.push_back({"acme", "big", position, position, '"' + value + '"'});
    ASSERT_TRUE(store->apply(changes));
    largest = std::max(largest, std::filesystem::file_size(path_ + "-wal"));
  }
  enough = true;
  EXPECT_GT(largest, 60U * 1024 * 1024) << "nothing was tried";
  EXPECT_LT(largest, 160U * 1024 * 1024);
}

}  // namespace
}  // namespace symphainy::public_works
