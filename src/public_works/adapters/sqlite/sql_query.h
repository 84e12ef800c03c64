// SPDX-License-Identifier: Apache-2.0
// Questions in SQL to state.db (`symphainy sql`): read-only, limited in time, memory and size, and within one tenant
// unless asked by the operator. Each question has a connection of its own, which nothing it does outlives.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "symphainy/error.h"
#include "symphainy/json.h"

#include "public_works/abstractions/state_store.h"

namespace symphainy::public_works {

struct SqlResult {
  std::vector<std::string> columns;
  std::vector<std::vector<Json>> rows;  ///< blobs in hex
};

/// Answers at most `max_rows` rows of exactly one statement. With one tenant the tables that have tenants show only its
/// rows, `registrations` shows all, and nothing else can be read. A refused, wrong or too long question is
/// `invalid_argument` (reasons "time_limit", "answer_too_large", "value_too_large", "temporary_space", "memory_limit",
/// else none). The limit of memory holds where SQLite counts its memory, as it does unless a program turned that off.
[[nodiscard]] Result<SqlResult> query_database(const std::string& path, const TenantScope& scope,
                                               const std::string& sql, std::size_t max_rows, int timeout_ms);

}  // namespace symphainy::public_works
