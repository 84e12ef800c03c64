// SPDX-License-Identifier: Apache-2.0
// `symphainy state verify`: whatever is changed in state.db by hand is found, and nothing else is told, also beside a
// process that writes and after one that was killed.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <sqlite3.h>
#include <thread>

#include "symphainy/runtime.h"

#include "app/state_check.h"
#include "program.h"

namespace symphainy::tests {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTables{"cursors",  "data_references", "events",      "executions",
                                       "meta",     "provenance",      "recent_keys", "registrations",
                                       "sessions", "state",           "streams"};
// These get their first row with the half million keys of a sealed generation.
const std::vector<std::string> kTablesOfSealedKeys{"key_filters", "sealed_keys"};

std::vector<std::string> all_tables() {
  std::vector<std::string> names = kTables;
  names.insert(names.end(), kTablesOfSealedKeys.begin(), kTablesOfSealedKeys.end());
  std::ranges::sort(names);
  return names;
}

Task<Result<HandlerResult>> take_note(const Intent&, ExecutionContext& context) {
  if (auto put = context.put_state("note", Json("x")); !put) co_return std::unexpected(put.error());
  co_return HandlerResult{};
}

class StateVerify : public ProgramTest {
 protected:
  // Every table has a row.
  void SetUp() override {
    fill_store();
    take_state();
    fs::copy(directory_ / "data/state.db", directory_ / "state.db.good");
  }

  void take_state() {
    RuntimeOptions options;
    options.data_directory = directory_ / "data";
    const auto runtime = Runtime::open(options);
    ASSERT_TRUE(runtime) << runtime.error().message;
    ASSERT_TRUE((*runtime)->register_intent({.intent_type = "note.take"}, "notes", "take", take_note));
    ASSERT_TRUE((*runtime)->execute(Intent::create("note.take", "acme", "s", "s", {"user", "u"})));
    ASSERT_TRUE((*runtime)->close());
  }

  void put_back() {
    for (const char* suffix : {"-wal", "-shm"}) fs::remove(directory_ / (std::string("data/state.db") + suffix));
    fs::copy_file(directory_ / "state.db.good", directory_ / "data/state.db", fs::copy_options::overwrite_existing);
  }

  // Each row of the answer; its columns joined by a blank.
  std::vector<std::string> sql(const std::string& statement) {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open((directory_ / "data/state.db").c_str(), &database), SQLITE_OK);
    std::vector<std::string> rows;
    const auto add_row = [](void* into, int count, char** values, char**) {
      std::string row;
      for (int i = 0; i < count; ++i) row += (i == 0 ? "" : " ") + std::string(values[i] == nullptr ? "" : values[i]);
      static_cast<std::vector<std::string>*>(into)->push_back(row);
      return 0;
    };
    char* message = nullptr;
    sqlite3_exec(database, statement.c_str(), add_row, &rows, &message);
    EXPECT_EQ(message, nullptr) << statement << ": " << message;
    sqlite3_free(message);
    sqlite3_close(database);
    return rows;
  }

  Json check(const std::function<bool()>& stopped = {}) {
    const TemporaryDirectory scratch;
    const auto answer = app::check_state({directory_ / "data", scratch.path(), stopped});
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *answer : Json();
  }
  // The tables that a check names, without a blank in each: "events/status" for a column, "events" for a row.
  std::vector<std::string> found() {
    const Json answer = check();
    std::vector<std::string> names;
    const Json& list = *answer.find("differences");
    EXPECT_EQ(answer.find("equal")->as_bool(), list.size() == 0);
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string column = text(list.at(i), "column");
      names.push_back(text(list.at(i), "table") + (column.empty() ? "" : "/" + column));
    }
    return names;
  }

  std::vector<std::string> left_behind() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory_.path())) {
      const std::string name = entry.path().filename();
      if (name.starts_with("symphainy-state")) names.push_back(name);
    }
    return names;
  }
};

TEST_F(StateVerify, CleanProjectionsAreEqualAndNothingIsLeftBehind) {
  const Ended ended = run({"state", "verify", "--data", "data"});
  EXPECT_EQ(ended.code, 0) << ended.err << ended.out;
  const Json answer = ended.json();
  EXPECT_EQ(answer.find("equal")->as_bool(), true);
  EXPECT_EQ(std::to_string(answer.find("position")->as_uint64().value()),
            sql("SELECT value FROM meta WHERE name = 'position'").front());
  for (const std::string& table : kTables) {
    const Json* counts = answer.find("tables")->find(table);
    ASSERT_NE(counts, nullptr) << table;
    EXPECT_EQ(std::to_string(counts->find("live")->as_uint64().value()), sql("SELECT count(*) FROM " + table).front());
    EXPECT_EQ(*counts->find("live"), *counts->find("rebuilt")) << table;
    EXPECT_GT(counts->find("live")->as_uint64(), 0U) << table << " has no row to be compared";
  }
  EXPECT_EQ(sql("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"), all_tables());
  EXPECT_EQ(left_behind(), std::vector<std::string>());
}

TEST_F(StateVerify, EveryColumnThatIsChangedByHandIsNamed) {
  constexpr std::size_t kAtOnce = 10;
  for (const std::string& table : kTables) {
    const std::string keys =
        sql("SELECT group_concat(name) FROM pragma_table_info('" + table + "') WHERE pk > 0").at(0);
    // The place from which folding would go on is told in another way, below.
    const std::string one = table == "meta" ? "name = 'epoch'" : "1 ORDER BY 1 LIMIT 1";
    const auto columns = sql("SELECT name FROM pragma_table_info('" + table + "') WHERE pk = 0 ORDER BY cid");
    for (std::size_t first = 0; first < columns.size(); first += kAtOnce) {
      std::string changes;
      std::vector<std::string> named;
      for (std::size_t i = first; i < std::min(first + kAtOnce, columns.size()); ++i) {
        changes += (changes.empty() ? "" : ", ") + columns[i] + " = ifnull(" + columns[i] + ", 0) || '7'";
        named.push_back(table + "/" + columns[i]);
      }
      sql("UPDATE " + table + " SET " + changes + " WHERE (" + keys + ") IN (SELECT " + keys + " FROM " + table +
          " WHERE " + one + ")");
      EXPECT_EQ(found(), named);
      put_back();
    }
  }
}

TEST_F(StateVerify, ARowThatWasDeletedOrAddedIsFoundInEveryTable) {
  for (const std::string& table : kTables) {
    const std::string one = table == "meta" ? "name = 'epoch'" : "1";
    const auto total = std::stoul(sql("SELECT count(*) FROM " + table + " WHERE " + one).front());
    sql("DELETE FROM " + table + " WHERE " + one);
    EXPECT_EQ(found(), std::vector<std::string>(total, table)) << "deleted";
    put_back();
  }
  const std::map<std::string, std::string> added{
      {"cursors", "'x', 1"},
      {"data_references", "99, 1, 0, 'acme', 'r', 't', 'n', '', 0, '', '', '{}', 'e', 1"},
      {"events", "99, 1, 0, 'acme', 't', 9, 'e', 't', 's', 'x', 1"},
      {"executions",
       "99, 9, 'a', 'e', 'i', 't', 's', 's', 'u', 'failed', 1, 1, 1, 1, '[]', NULL, '', 0, 0, 0, NULL, NULL, NULL, "
       "NULL, NULL, NULL, NULL, NULL"},
      {"key_filters", "1, x'00', 7"},
      {"meta", "'x', 1"},
      {"provenance", "99, 1, 'acme', 'd', 's', 'wasDerivedFrom', 'e'"},
      {"recent_keys", "7, 99"},
      {"registrations", "'t', 1, 's', 'h', '{}', '', 1"},
      {"sealed_keys", "1, 7, 99, x'00'"},
      {"sessions", "'acme', 'x', 1, 1, 1"},
      {"state", "'acme', 'x', 1, 1, '1'"},
      {"streams", "'acme', 'x', 1"}};
  for (const std::string& table : all_tables()) {
    sql("INSERT INTO " + table + " VALUES (" + added.at(table) + ")");
    EXPECT_EQ(found(), std::vector<std::string>{table}) << "added";
    put_back();
  }
}

TEST_F(StateVerify, ATableOrIndexThatIsNotOursOrGoneIsFound) {
  sql("DROP INDEX executions_by_id");
  EXPECT_EQ(found(), std::vector<std::string>{"sqlite_schema"});
  put_back();
  sql("CREATE TRIGGER mine AFTER INSERT ON events BEGIN SELECT 1; END");
  EXPECT_EQ(found(), std::vector<std::string>{"sqlite_schema"});
  put_back();
  sql("DROP TABLE cursors");
  EXPECT_EQ(found(), std::vector<std::string>{"sqlite_schema"});
}

TEST_F(StateVerify, TellsTheDifferenceTheFirstTwentyOfThemAndExitsThree) {
  sql("UPDATE executions SET status = 'failed', attempt = 7 WHERE intent_type = 'ingest_file'");
  const Ended ended = run({"state", "verify", "--data", "data"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_EQ(std::ranges::count(ended.err, '\n'), 1) << ended.err;
  EXPECT_NE(ended.err.find("data/state.db is not what the log says"), std::string::npos) << ended.err;
  const Json first = ended.json().find("differences")->at(0);
  EXPECT_EQ(text(first, "table"), "executions");
  EXPECT_EQ(text(first, "column"), "status");
  EXPECT_EQ(text(first, "live"), "failed");
  EXPECT_EQ(text(first, "rebuilt"), "completed");
  EXPECT_NE(first.find("key")->find("accepted_position"), nullptr);
  EXPECT_EQ(ended.json().find("differences")->size(), 2U);
  const Ended table = run({"state", "verify", "--data", "data", "-o", "table"});
  EXPECT_EQ(table.code, 3);
  EXPECT_NE(table.out.find("failed"), std::string::npos) << table.out;

  sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)"
      " INSERT INTO sessions SELECT 'acme', i, 1, 1, 1 FROM n; DELETE FROM streams");
  const Json many = run({"state", "verify", "--data", "data"}).json();
  EXPECT_EQ(many.find("differences")->size(), 20U);
  EXPECT_EQ(many.find("tables")->find("streams")->find("equal")->as_bool(), false) << "beyond the twentieth";
  EXPECT_EQ(many.find("tables")->find("events")->find("equal")->as_bool(), true);
}

TEST_F(StateVerify, APositionThatTheLogDoesNotHaveIsRefused) {
  sql("UPDATE meta SET value = 100000 WHERE name = 'position'");
  const Ended ended = run({"state", "verify", "--data", "data"});
  EXPECT_EQ(ended.code, 3);
  EXPECT_NE(ended.err.find("position 100000, which is beyond the log's end"), std::string::npos) << ended.err;
  put_back();
  sql("UPDATE meta SET value = 6 WHERE name = 'position'");
  EXPECT_NE(run({"state", "verify", "--data", "data"}).code, 0);
}

TEST_F(StateVerify, SaysWhatIsMissingOrUnreadable) {
  const Ended nowhere = run({"state", "verify", "--data", "nowhere"});
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_NE(nowhere.err.find("no store in nowhere"), std::string::npos) << nowhere.err;
  write_file("data/state.db", std::string(100'000, 'x'));
  const Ended garbage = run({"state", "verify", "--data", "data"});
  EXPECT_EQ(garbage.code, 3) << garbage.err;
  EXPECT_NE(garbage.err.find("data/state.db"), std::string::npos) << garbage.err;
  fs::remove(directory_ / "data/state.db");
  const Ended absent = run({"state", "verify", "--data", "data"});
  EXPECT_EQ(absent.code, 1);
  EXPECT_NE(absent.err.find("there is no data/state.db to verify"), std::string::npos) << absent.err;
}

TEST_F(StateVerify, AgreesWhileARunIsWriting) {
  const auto writer = start({"run", "--data", "data", "--tenant", "acme"});
  std::atomic<bool> enough = false;
  std::thread feeder([&] {
    while (!enough) writer->write("{\"intent_type\":\"ingest_file\",\"parameters\":{\"path\":\"rows.csv\"}}\n");
  });
  std::uint64_t before = 0;
  for (std::size_t round = 1; round <= 3; ++round) {
    writer->wait_for_lines(50 * round);
    const Ended ended = run({"state", "verify", "--data", "data"});
    EXPECT_EQ(ended.code, 0) << ended.err << ended.out;
    const std::uint64_t position = ended.json().find("position")->as_uint64().value_or(0);
    EXPECT_GT(position, before) << "nothing was written meanwhile";
    before = position;
  }
  enough = true;
  feeder.join();
  EXPECT_EQ(writer->wait().code, 0);
}

TEST_F(StateVerify, AgreesAfterACrashWithoutFoldingWhatIsMissing) {
  {
    const auto writer = start({"run", "--data", "data", "--tenant", "acme"});
    for (int i = 0; i < 300; ++i)
      writer->write("{\"intent_type\":\"ingest_file\",\"parameters\":{\"path\":\"rows.csv\"}}\n");
    writer->wait_for_lines(100);
    writer->signal(SIGKILL);
    EXPECT_EQ(writer->wait().code, -SIGKILL);
  }
  const Ended ended = run({"state", "verify", "--data", "data"});
  EXPECT_EQ(ended.code, 0) << ended.err << ended.out;
  EXPECT_EQ(run({"execution", "list", "--data", "data", "--tenant", "acme"}).code, 0);  // folds the rest
  const Ended later = run({"state", "verify", "--data", "data"});
  EXPECT_EQ(later.code, 0) << later.err << later.out;
  EXPECT_GE(later.json().find("position")->as_uint64(), ended.json().find("position")->as_uint64());
}

TEST_F(StateVerify, StopsWhenAskedTo) {
  // What is asked first is asked while folding, the rest while comparing.
  for (const int questions : {1, 2}) {
    const TemporaryDirectory scratch;
    int asked = 0;
    const auto answer = app::check_state({directory_ / "data", scratch.path(), [&] { return ++asked >= questions; }});
    ASSERT_FALSE(answer) << questions;
    EXPECT_EQ(answer.error().code, ErrorCode::cancelled) << answer.error().message;
  }
}

TEST_F(StateVerify, AnInterruptLeavesNothingBehind) {
  // Nobody else can read it while this is open, so the program waits, and its directory is there.
  sqlite3* held = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ / "data/state.db").c_str(), &held), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(held, "PRAGMA locking_mode=EXCLUSIVE; UPDATE meta SET value = value", nullptr, nullptr, nullptr),
      SQLITE_OK);
  const auto program = start({"state", "verify", "--data", "data"});
  while (left_behind().empty()) std::this_thread::yield();
  program->signal(SIGINT);
  sqlite3_close(held);
  const Ended ended = program->wait();
  EXPECT_EQ(ended.code, 1) << ended.out;
  EXPECT_EQ(ended.err, "symphainy: stopped on request\n");
  EXPECT_EQ(left_behind(), std::vector<std::string>());
}

}  // namespace
}  // namespace symphainy::tests
