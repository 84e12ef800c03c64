// SPDX-License-Identifier: Apache-2.0
// Reading rows, and finding a place in a table by halving: rows are appended in log order, so a position (or a time)
// grows with the row's key, and some twenty probes take the place of an index that every append would have to pay for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_database.h"

namespace symphainy::public_works {

struct RowSearch {
  const char* table;
  const char* key;     ///< INTEGER PRIMARY KEY
  const char* column;  ///< never falls as the key grows
};

/// The smallest key whose column is above `value`, or one beyond the last key.
[[nodiscard]] inline Result<std::int64_t> first_key_above(SqliteDatabase& database, const RowSearch& search,
                                                          std::int64_t value) {
  const std::string columns = std::string("SELECT ") + search.key + ", " + search.column + " FROM " + search.table;
  TRY(SqliteStatement newest, database.prepare(columns + " ORDER BY " + search.key + " DESC LIMIT 1"));
  TRY(const bool any, newest.step());
  if (!any) return 0;
  std::int64_t low = 0;
  std::int64_t high = newest.integer(0) + 1;
  newest.reset();
  TRY(SqliteStatement probe,
      database.prepare(columns + " WHERE " + search.key + " >= ?1 ORDER BY " + search.key + " LIMIT 1"));
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    probe.bind(1, middle);
    TRY(const bool found, probe.step());
    if (found && probe.integer(1) <= value) {
      low = probe.integer(0) + 1;
    } else {
      high = middle;
    }
    probe.reset();
  }
  return low;
}

[[nodiscard]] inline std::int64_t row_limit(std::size_t limit) noexcept {
  constexpr std::size_t kMost = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min(limit, kMost));
}

/// Every row of the statement, as `read` sees it.
template <typename Row, typename Read>
[[nodiscard]] Result<std::vector<Row>> read_rows(SqliteStatement& statement, Read read) {
  std::vector<Row> rows;
  while (true) {
    TRY(const bool found, statement.step());
    if (!found) return rows;
    rows.push_back(read(std::as_const(statement)));
  }
}

}  // namespace symphainy::public_works
