// SPDX-License-Identifier: Apache-2.0
// Which keys the fold binds to executions: an intent id and, if there is one, an idempotency key, as soon as the
// execution is seen. A rejected intent binds nothing.
#include <vector>

#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_database.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"

namespace symphainy::public_works {
namespace {

struct BoundBefore {
  bool any = false;
  bool same_idempotency_key = false;
};

Result<BoundBefore> bound_before(SqliteDatabase& writer, const ExecutionRow& row) {
  TRY(SqliteStatement statement, writer.prepare("SELECT status <> 'rejected', idempotency_key IS ?2 FROM executions"
                                                " WHERE accepted_position = ?1"));
  statement.bind(1, row.accepted_position);
  if (row.idempotency_key) {
    statement.bind(2, *row.idempotency_key);
  } else {
    statement.bind_null(2);
  }
  TRY(const bool found, statement.step());
  if (!found || statement.integer(0) == 0) return BoundBefore{};
  return BoundBefore{true, statement.integer(1) != 0};
}

}  // namespace

Result<std::vector<BoundKey>> SqliteStateStore::newly_bound_keys(const std::vector<ExecutionRow>& rows) {
  std::vector<BoundKey> keys;
  keys.reserve(2 * rows.size());
  for (const ExecutionRow& row : rows) {
    if (row.status == "rejected") continue;
    BoundBefore before;
    // Only what was accepted before these changes can stand in the table already.
    if (row.accepted_position <= applied_position_) {
      TRY(before, bound_before(*writer_, row));
    }
    if (!before.any) keys.push_back(keys_.bound(KeyKind::intent, row.tenant, row.intent_id, row.accepted_position));
    if (row.idempotency_key && !before.same_idempotency_key) {
      keys.push_back(keys_.bound(KeyKind::idempotency_key, row.tenant, *row.idempotency_key, row.accepted_position));
    }
  }
  return keys;
}

}  // namespace symphainy::public_works
