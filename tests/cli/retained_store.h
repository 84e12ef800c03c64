// SPDX-License-Identifier: Apache-2.0
// A store whose log's beginning is given up, and what is asked of it before and after.
#pragma once

#include <sqlite3.h>

#include "copied_store.h"

namespace symphainy::tests {

namespace fs = std::filesystem;

inline bool flag(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member != nullptr && member->as_bool().value_or(false);
}

inline std::size_t count(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr ? 0 : member->size();
}

/// "snapshot publisher ndjson": who kept segments.
inline std::string held_by(const Json& answer) {
  std::string all;
  const Json* holds = answer.find("held_by");
  for (std::size_t i = 0; holds != nullptr && i < holds->size(); ++i) all += text(holds->at(i), "what") + " ";
  return all;
}

class Retention : public CopiedStore {
 protected:
  /// So many intents with content that stands in the log: about 80 for a segment.
  static std::string intent(int i) {
    std::string content(9'000, 'x');
    for (std::size_t at = 0; at < content.size(); ++at) content[at] = static_cast<char>('a' + (at * i) % 26);
    return R"({"intent_type":"ingest_file","idempotency_key":"key-)" + std::to_string(i) +
           R"(","parameters":{"name":"file-)" + std::to_string(i) + R"(","bytes":")" + base::to_base64(content) +
           "\"}}\n";
  }

  /// The result of the first.
  Json fill(int first, int last) {
    std::string lines;
    for (int i = first; i <= last; ++i) lines += intent(i);
    const Ended ended = run({"run", "--data", "data", "--tenant", "acme"}, lines);
    EXPECT_EQ(ended.code, 0) << ended.err;
    const auto results = ended.json_lines();
    EXPECT_EQ(results.size(), static_cast<std::size_t>(last - first + 1));
    const auto of_first = std::ranges::find_if(results, [this](const Json& one) { return number(one, "line") == 1; });
    return of_first == results.end() ? Json() : *of_first;  // they come as they end
  }

  Json retain(Arguments more) {
    Arguments arguments{"wal", "retain", "--data", "data"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return ended.json();
  }

  Json verify(Arguments more = {}, int code = 0) {
    Arguments arguments{"wal", "verify", "--data", "data"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ended ended = run(arguments);
    EXPECT_EQ(ended.code, code) << ended.out << ended.err;
    return ended.json();
  }

  void expect_state_is_the_fold() {
    const Ended ended = run({"state", "verify", "--data", "data"});
    EXPECT_EQ(ended.code, 0) << ended.out << ended.err;
  }

  std::string executions() {
    return run({"sql", "--data", "data", "--tenant", "*", "-o", "json", "SELECT * FROM executions ORDER BY 1"}).out +
           run({"reference", "list", "--data", "data", "--tenant", "*", "-o", "json"}).out +
           run({"outbox", "list", "--data", "data", "--tenant", "*", "-o", "json"}).out;
  }

  std::vector<std::string> names_in(const std::string& directory, const std::string& extension) {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(path(directory))) {
      if (entry.path().extension() == extension) names.push_back(entry.path());
    }
    std::ranges::sort(names);
    return names;
  }

  void remove_state() {
    for (const char* suffix : {"", "-wal", "-shm"}) fs::remove(path("data/state.db") + suffix);
  }

  void run_sql(const std::string& database, const std::string& sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(path(database).c_str(), &connection), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(connection);
  }
};

}  // namespace symphainy::tests
