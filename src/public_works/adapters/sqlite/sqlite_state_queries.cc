// SPDX-License-Identifier: Apache-2.0
// The questions about executions, sessions, state and events. Each names the index it walks (INDEXED BY), so that no
// change of SQLite's planner makes a tenant's listing walk through other tenants' rows.
#include <charconv>
#include <fmt/format.h>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_database.h"
#include "public_works/adapters/sqlite/sqlite_row_search.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"

namespace symphainy::public_works {
namespace {

constexpr const char* kExecutionColumns =
    "SELECT accepted_position, tenant_seq, tenant, execution_id, intent_id, intent_type, session,"
    " solution, actor, status, attempt, accepted_us, ended_us, ended_position, batches,"
    " idempotency_key, fingerprint, artifact_count, event_count, reference_count, error_code,"
    " error_message, wake_us, wake_by_wall, waits_for, parent, rerun_of, successor FROM executions ";

std::vector<std::uint64_t> read_batches(std::string_view text) {
  std::vector<std::uint64_t> batches;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    std::uint64_t number = 0;
    const auto [next, error] = std::from_chars(at, end, number);
    if (error == std::errc()) batches.push_back(number);
    at = next == at ? at + 1 : next;
  }
  return batches;
}

ExecutionRow read_execution(const SqliteStatement& row) {
  ExecutionRow execution;
  execution.accepted_position = row.unsigned_integer(0);
  execution.tenant_seq = row.unsigned_integer(1);
  execution.tenant = row.text(2);
  execution.execution_id = row.text(3);
  execution.intent_id = row.text(4);
  execution.intent_type = row.text(5);
  execution.session = row.text(6);
  execution.solution = row.text(7);
  execution.actor = row.text(8);
  execution.status = row.text(9);
  execution.attempt = static_cast<std::uint32_t>(row.integer(10));
  execution.accepted_us = row.integer(11);
  execution.ended_us = row.integer(12);
  execution.ended_position = row.unsigned_integer(13);
  execution.batches = read_batches(row.text(14));
  if (!row.is_null(15)) execution.idempotency_key = std::string(row.text(15));
  execution.fingerprint = row.text(16);
  execution.artifacts = static_cast<std::uint32_t>(row.integer(17));
  execution.events = static_cast<std::uint32_t>(row.integer(18));
  execution.references = static_cast<std::uint32_t>(row.integer(19));
  execution.error_code = row.text(20);
  execution.error_message = row.text(21);
  execution.wake_us = row.integer(22);
  execution.wake_by_wall = row.integer(23) != 0;
  execution.waits_for = row.text(24);
  execution.parent = row.text(25);
  execution.rerun_of = row.text(26);
  execution.successor = row.text(27);
  return execution;
}

StateRow read_state(const SqliteStatement& row) {
  StateRow state{.tenant = std::string(row.text(0)),
                 .key = std::string(row.text(1)),
                 .version = row.unsigned_integer(2),
                 .position = row.unsigned_integer(3),
                 .value = {}};
  if (!row.is_null(4)) state.value = std::string(row.text(4));
  return state;
}

EventRow read_event(const SqliteStatement& row) {
  return EventRow{.position = row.unsigned_integer(0),
                  .ordinal = static_cast<std::uint32_t>(row.integer(1)),
                  .tenant = std::string(row.text(2)),
                  .topic = std::string(row.text(3)),
                  .sequence = row.unsigned_integer(4),
                  .event_id = std::string(row.text(5)),
                  .type = std::string(row.text(6)),
                  .subject = std::string(row.text(7)),
                  .execution_id = std::string(row.text(8)),
                  .queued_us = row.integer(9)};
}

/// The first key beyond every key that begins with `prefix`; empty: there is none.
std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

Result<std::optional<ExecutionRow>> one_execution(SqliteStatement& statement) {
  TRY(const bool found, statement.step());
  if (!found) return std::nullopt;
  return read_execution(statement);
}

}  // namespace

Result<std::optional<ExecutionRow>> SqliteStateStore::execution(const TenantScope& scope,
                                                                const std::string& execution_id) {
  TRY(const Reader database, reader());
  TRY(SqliteStatement statement, database->prepare(std::string(kExecutionColumns) + "WHERE execution_id = ?1"));
  statement.bind(1, execution_id);
  TRY(auto found, one_execution(statement));
  if (found && !scope.covers(found->tenant)) found.reset();
  return found;
}

Result<std::optional<ExecutionRow>> SqliteStateStore::execution_bound_to(KeyKind kind, const std::string& tenant,
                                                                         const std::string& key) {
  if (keys_.surely_unbound(kind, tenant, key)) return std::nullopt;
  TRY(const Reader database, reader());
  // The candidates and their rows are of one moment.
  TRY(const ReadTransaction transaction, ReadTransaction::begin(*database));
  TRY(const auto candidates, keys_.find(*database, kind, tenant, key));
  if (candidates.empty()) return std::nullopt;
  const std::string_view column = kind == KeyKind::intent ? "intent_id" : "idempotency_key";
  TRY(SqliteStatement statement,
      database->prepare(fmt::format("{}WHERE accepted_position = ?1 AND tenant = ?2 AND {} = ?3"
                                    " AND status <> 'rejected'",
                                    kExecutionColumns, column)));
  statement.bind(2, tenant);
  statement.bind(3, key);
  for (const std::uint64_t position : candidates) {
    statement.bind(1, position);
    TRY(auto found, one_execution(statement));
    if (found) return found;
    statement.reset();
  }
  return std::nullopt;
}

Result<std::optional<ExecutionRow>> SqliteStateStore::execution_by_intent(const std::string& tenant,
                                                                          const std::string& intent_id) {
  return execution_bound_to(KeyKind::intent, tenant, intent_id);
}

Result<std::optional<ExecutionRow>> SqliteStateStore::execution_by_key(const std::string& tenant,
                                                                       const std::string& idempotency_key) {
  return execution_bound_to(KeyKind::idempotency_key, tenant, idempotency_key);
}

Result<std::vector<ExecutionRow>> SqliteStateStore::list_executions(const ExecutionFilter& filter) {
  TRY(const Reader database, reader());
  // The positions accepted within [since, until] before the cursor: time grows with the position.
  constexpr RowSearch kByTime{"executions", "accepted_position", "accepted_us"};
  std::int64_t first = 0;
  std::int64_t end = filter.before_position == 0 ? std::numeric_limits<std::int64_t>::max()
                                                 : static_cast<std::int64_t>(filter.before_position);
  if (filter.since_us && *filter.since_us > std::numeric_limits<std::int64_t>::min()) {
    TRY(first, first_key_above(*database, kByTime, *filter.since_us - 1));
  }
  if (filter.until_us) {
    TRY(const std::int64_t after, first_key_above(*database, kByTime, *filter.until_us));
    end = std::min(end, after);
  }

  const bool live = filter.status && std::ranges::find(kLiveStatuses, *filter.status) != kLiveStatuses.end();
  const auto& tenant = filter.scope.tenant();
  std::string sql = kExecutionColumns;
  if (live) {
    sql += "INDEXED BY executions_live ";
  } else if (tenant && filter.session) {
    sql += "INDEXED BY executions_by_session ";
  } else if (tenant) {
    sql += "INDEXED BY executions_by_tenant ";
  } else {
    sql += "NOT INDEXED ";
  }
  sql += "WHERE accepted_position >= ?1 AND accepted_position < ?2";
  if (tenant) sql += " AND tenant = ?4";
  if (filter.session) sql += " AND session = ?5";
  if (filter.solution) sql += " AND solution = ?6";
  if (filter.intent_type) sql += " AND intent_type = ?7";
  if (live) sql += " AND ended_position IS NULL";
  if (filter.status) sql += " AND status = ?8";
  sql += " ORDER BY accepted_position DESC LIMIT ?3";

  TRY(SqliteStatement statement, database->prepare(sql));
  statement.bind(1, first);
  statement.bind(2, end);
  statement.bind(3, row_limit(filter.limit));
  if (tenant) statement.bind(4, *tenant);
  if (filter.session) statement.bind(5, *filter.session);
  if (filter.solution) statement.bind(6, *filter.solution);
  if (filter.intent_type) statement.bind(7, *filter.intent_type);
  if (filter.status) statement.bind(8, *filter.status);
  return read_rows<ExecutionRow>(statement, read_execution);
}

Result<std::vector<ExecutionRow>> SqliteStateStore::live_executions() {
  TRY(const Reader database, reader());
  TRY(SqliteStatement statement,
      database->prepare(std::string(kExecutionColumns) + "INDEXED BY executions_live WHERE ended_position IS NULL"
                                                         " ORDER BY accepted_position"));
  return read_rows<ExecutionRow>(statement, read_execution);
}

Result<std::vector<SessionRow>> SqliteStateStore::list_sessions(const TenantScope& scope,
                                                                const std::optional<SessionCursor>& after,
                                                                std::size_t limit) {
  TRY(const Reader database, reader());
  std::string sql = "SELECT tenant, session, first_us, last_us, executions FROM sessions WHERE TRUE";
  if (scope.tenant()) sql += " AND tenant = ?2";
  if (after) sql += " AND (last_us < ?3 OR (last_us = ?3 AND (tenant, session) > (?4, ?5)))";
  sql += " ORDER BY last_us DESC, tenant, session LIMIT ?1";
  TRY(SqliteStatement statement, database->prepare(sql));
  statement.bind(1, row_limit(limit));
  if (scope.tenant()) statement.bind(2, *scope.tenant());
  if (after) {
    statement.bind(3, after->last_us);
    statement.bind(4, after->tenant);
    statement.bind(5, after->session);
  }
  return read_rows<SessionRow>(statement, [](const SqliteStatement& row) {
    return SessionRow{.tenant = std::string(row.text(0)),
                      .session = std::string(row.text(1)),
                      .first_us = row.integer(2),
                      .last_us = row.integer(3),
                      .executions = row.unsigned_integer(4)};
  });
}

Result<std::optional<StateRow>> SqliteStateStore::state(const std::string& tenant, const std::string& key) {
  TRY(const Reader database, reader());
  TRY(SqliteStatement statement, database->prepare("SELECT tenant, key, version, position, value FROM state"
                                                   " WHERE tenant = ?1 AND key = ?2"));
  statement.bind(1, tenant);
  statement.bind(2, key);
  TRY(const bool found, statement.step());
  if (!found) return std::nullopt;
  return read_state(statement);
}

Result<std::vector<StateRow>> SqliteStateStore::list_state(const TenantScope& scope, const std::string& prefix,
                                                           const StateCursor& after, std::size_t limit) {
  const auto& tenant = scope.tenant();
  if (tenant && after.tenant > *tenant) return std::vector<StateRow>();
  TRY(const Reader database, reader());
  const std::string end = end_of_prefix(prefix);
  // One lower bound, the higher one: the index can start at one place only.
  const bool behind_key = tenant ? after.tenant == *tenant && after.key >= prefix : !after.tenant.empty();
  std::string sql = "SELECT tenant, key, version, position, value FROM state WHERE value IS NOT NULL";
  if (tenant) {
    sql += behind_key ? " AND tenant = ?2 AND key > ?3" : " AND tenant = ?2 AND key >= ?4";
  } else {
    sql += behind_key ? " AND (tenant, key) > (?2, ?3) AND key >= ?4" : " AND key >= ?4";
  }
  if (!end.empty()) sql += " AND key < ?5";
  sql += " ORDER BY tenant, key LIMIT ?1";
  TRY(SqliteStatement statement, database->prepare(sql));
  statement.bind(1, row_limit(limit));
  if (tenant || behind_key) statement.bind(2, tenant ? *tenant : after.tenant);
  if (behind_key) statement.bind(3, after.key);
  if (!tenant || !behind_key) statement.bind(4, prefix);
  if (!end.empty()) statement.bind(5, end);
  return read_rows<StateRow>(statement, read_state);
}

Result<std::vector<EventRow>> SqliteStateStore::list_events(const EventFilter& filter) {
  TRY(const Reader database, reader());
  const auto& tenant = filter.scope.tenant();
  std::int64_t first = 0;
  if (filter.after_position != 0) {
    TRY(first, first_key_above(*database, RowSearch{"events", "id", "position"},
                               static_cast<std::int64_t>(filter.after_position)));
  }
  std::string sql =
      "SELECT position, ordinal, tenant, topic, sequence, event_id, type, subject, execution_id,"
      " queued_us, id FROM events ";
  if (tenant) {
    sql += filter.topic ? "INDEXED BY events_by_topic " : "INDEXED BY events_by_tenant ";
  } else {
    sql += "NOT INDEXED ";
  }
  sql += "WHERE id >= ?1";
  if (tenant) sql += " AND tenant = ?2";
  if (filter.topic) sql += " AND topic = ?3";
  sql += " ORDER BY id";
  TRY(SqliteStatement statement, database->prepare(sql));
  statement.bind(1, first);
  if (tenant) statement.bind(2, *tenant);
  if (filter.topic) statement.bind(3, *filter.topic);
  std::vector<EventRow> events;
  if (filter.limit == 0) return events;
  while (true) {
    TRY(const bool found, statement.step());
    if (!found) break;
    // The cursor is a position: a record's events that were left behind here would never be answered.
    if (events.size() >= filter.limit && statement.unsigned_integer(0) != events.back().position) {
      break;
    }
    events.push_back(read_event(statement));
  }
  return events;
}

Result<std::map<std::pair<std::string, std::string>, std::uint64_t>> SqliteStateStore::stream_sequences() {
  TRY(const Reader database, reader());
  TRY(SqliteStatement statement, database->prepare("SELECT tenant, topic, last_sequence FROM streams"));
  std::map<std::pair<std::string, std::string>, std::uint64_t> sequences;
  while (true) {
    TRY(const bool found, statement.step());
    if (!found) return sequences;
    sequences.emplace(std::pair(statement.text(0), statement.text(1)), statement.unsigned_integer(2));
  }
}

Result<std::map<std::string, std::uint64_t>> SqliteStateStore::cursors() {
  TRY(const Reader database, reader());
  TRY(SqliteStatement statement, database->prepare("SELECT publisher, position FROM cursors"));
  std::map<std::string, std::uint64_t> cursors;
  while (true) {
    TRY(const bool found, statement.step());
    if (!found) return cursors;
    cursors.emplace(statement.text(0), statement.unsigned_integer(1));
  }
}

Result<std::vector<RegistrationRow>> SqliteStateStore::registrations() {
  TRY(const Reader database, reader());
  TRY(SqliteStatement statement, database->prepare("SELECT intent_type, version, domain_service, handler, schema,"
                                                   " schema_digest, position FROM registrations"
                                                   " ORDER BY intent_type, version"));
  return read_rows<RegistrationRow>(statement, [](const SqliteStatement& row) {
    return RegistrationRow{.intent_type = std::string(row.text(0)),
                           .version = static_cast<std::uint32_t>(row.integer(1)),
                           .domain_service = std::string(row.text(2)),
                           .handler = std::string(row.text(3)),
                           .schema = std::string(row.text(4)),
                           .schema_digest = std::string(row.text(5)),
                           .position = row.unsigned_integer(6)};
  });
}

}  // namespace symphainy::public_works
