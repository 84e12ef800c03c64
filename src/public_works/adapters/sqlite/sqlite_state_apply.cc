// SPDX-License-Identifier: Apache-2.0
// The fold's way into state.db. References, edges and events are appended in log order, which is what lets a question
// find a position by halving instead of by an index: rows that belong to another stretch of the log are refused.
#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/adapters/sqlite/sqlite_database.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"

namespace symphainy::public_works {
namespace {

// Pages of 8 KiB: 64 MiB of write-ahead log before a checkpoint, and a quarter more before the next
// try when a reader was in the way.
constexpr int kCheckpointPages = 8192;
constexpr int kCheckpointRetryPages = kCheckpointPages / 4;
// Readers that follow on one another, none of them long, keep the write-ahead log from ever starting over by itself.
constexpr int kStartOverPages = kCheckpointPages + kCheckpointRetryPages;

// What an execution is accepted with never changes, so the indexes on it are left alone when the row is replaced.
constexpr const char* kPutExecution =
    "INSERT INTO executions (accepted_position, tenant_seq, tenant, execution_id, intent_id,"
    " intent_type, session, solution, actor, status, attempt, accepted_us, ended_us,"
    " ended_position, batches, idempotency_key, fingerprint, artifact_count, event_count,"
    " reference_count, error_code, error_message, wake_us, wake_by_wall, waits_for, parent, rerun_of)"
    " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25,?26,?27)"
    " ON CONFLICT (accepted_position) DO UPDATE SET status = excluded.status,"
    " attempt = excluded.attempt, ended_us = excluded.ended_us,"
    " ended_position = excluded.ended_position, batches = excluded.batches,"
    " idempotency_key = excluded.idempotency_key, fingerprint = excluded.fingerprint,"
    " artifact_count = excluded.artifact_count, event_count = excluded.event_count,"
    " reference_count = excluded.reference_count, error_code = excluded.error_code,"
    " error_message = excluded.error_message, wake_us = excluded.wake_us,"
    " wake_by_wall = excluded.wake_by_wall, waits_for = excluded.waits_for";

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void write_batches(std::string& out, const std::vector<std::uint64_t>& batches) {
  out = "[";
  for (const std::uint64_t batch : batches) {
    if (out.size() > 1) out += ',';
    append_number(out, batch);
  }
  out += ']';
}

void bind_text_or_null(SqliteStatement& statement, int parameter, const std::string& text) {
  if (text.empty()) {
    statement.bind_null(parameter);
  } else {
    statement.bind(parameter, text);
  }
}

/// Steps a statement that answers nothing, and makes it ready for the next row.
Result<void> put(SqliteStatement& statement) {
  TRY(statement.step());
  statement.reset();
  return {};
}

Result<void> put_executions(SqliteDatabase& database, const std::vector<ExecutionRow>& rows) {
  TRY(SqliteStatement statement, database.prepare(kPutExecution));
  std::string batches;
  for (const ExecutionRow& row : rows) {
    statement.bind(1, row.accepted_position);
    statement.bind(2, row.tenant_seq);
    statement.bind(3, row.tenant);
    statement.bind(4, row.execution_id);
    statement.bind(5, row.intent_id);
    statement.bind(6, row.intent_type);
    statement.bind(7, row.session);
    statement.bind(8, row.solution);
    statement.bind(9, row.actor);
    statement.bind(10, row.status);
    statement.bind(11, row.attempt);
    statement.bind(12, row.accepted_us);
    if (row.ended_us == 0) {
      statement.bind_null(13);
    } else {
      statement.bind(13, row.ended_us);
    }
    if (row.ended_position == 0) {
      statement.bind_null(14);
    } else {
      statement.bind(14, row.ended_position);
    }
    write_batches(batches, row.batches);
    statement.bind(15, batches);
    if (row.idempotency_key) {
      statement.bind(16, *row.idempotency_key);
    } else {
      statement.bind_null(16);
    }
    statement.bind(17, row.fingerprint);
    statement.bind(18, row.artifacts);
    statement.bind(19, row.events);
    statement.bind(20, row.references);
    bind_text_or_null(statement, 21, row.error_code);
    bind_text_or_null(statement, 22, row.error_message);
    if (row.wake_us == 0) {
      statement.bind_null(23);
      statement.bind_null(24);
    } else {
      statement.bind(23, row.wake_us);
      statement.bind(24, std::uint32_t{row.wake_by_wall});
    }
    bind_text_or_null(statement, 25, row.waits_for);
    bind_text_or_null(statement, 26, row.parent);
    bind_text_or_null(statement, 27, row.rerun_of);
    TRY(put(statement));
  }
  return {};
}

// The row was put at the execution's end, a moment or years ago.
Result<void> put_successors(SqliteDatabase& database, const std::vector<SuccessorRow>& rows) {
  if (rows.empty()) return {};
  TRY(SqliteStatement statement,
      database.prepare("UPDATE executions SET successor = ?3, batches = rtrim(batches, ']') || ',' || ?4 || ']'"
                       " WHERE execution_id = ?2 AND tenant = ?1"));
  for (const SuccessorRow& row : rows) {
    statement.bind(1, row.tenant);
    statement.bind(2, row.execution_id);
    statement.bind(3, row.successor);
    statement.bind(4, row.batch);
    TRY(put(statement));
  }
  return {};
}

Result<void> put_sessions(SqliteDatabase& database, const std::vector<SessionRow>& rows) {
  TRY(SqliteStatement statement,
      database.prepare("INSERT INTO sessions (tenant, session, first_us, last_us, executions)"
                       " VALUES (?1,?2,?3,?4,?5) ON CONFLICT (tenant, session) DO UPDATE SET"
                       " first_us = min(first_us, excluded.first_us),"
                       " last_us = max(last_us, excluded.last_us),"
                       " executions = executions + excluded.executions"));
  for (const SessionRow& row : rows) {
    statement.bind(1, row.tenant);
    statement.bind(2, row.session);
    statement.bind(3, row.first_us);
    statement.bind(4, row.last_us);
    statement.bind(5, row.executions);
    TRY(put(statement));
  }
  return {};
}

Result<void> put_state(SqliteDatabase& database, const std::vector<StateRow>& rows) {
  TRY(SqliteStatement statement, database.prepare("INSERT INTO state (tenant, key, version, position, value)"
                                                  " VALUES (?1,?2,?3,?4,?5) ON CONFLICT (tenant, key) DO UPDATE SET"
                                                  " version = excluded.version, position = excluded.position,"
                                                  " value = excluded.value"));
  for (const StateRow& row : rows) {
    statement.bind(1, row.tenant);
    statement.bind(2, row.key);
    statement.bind(3, row.version);
    statement.bind(4, row.position);
    if (row.value) {
      statement.bind(5, *row.value);
    } else {
      statement.bind_null(5);
    }
    TRY(put(statement));
  }
  return {};
}

Result<void> put_references(SqliteDatabase& database, const std::vector<const ReferenceRow*>& rows) {
  TRY(SqliteStatement statement,
      database.prepare("INSERT OR REPLACE INTO data_references (position, ordinal, tenant,"
                       " reference_id, type, name, digest, size, media_type, location, metadata,"
                       " execution_id, created_us) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,"
                       "?12,?13)"));
  for (const ReferenceRow* row : rows) {
    statement.bind(1, row->position);
    statement.bind(2, row->ordinal);
    statement.bind(3, row->tenant);
    statement.bind(4, row->reference_id);
    statement.bind(5, row->type);
    statement.bind(6, row->name);
    statement.bind(7, row->digest);
    statement.bind(8, row->size);
    statement.bind(9, row->media_type);
    statement.bind(10, row->location);
    statement.bind(11, row->metadata);
    statement.bind(12, row->execution_id);
    statement.bind(13, row->created_us);
    TRY(put(statement));
  }
  return {};
}

Result<void> put_provenance(SqliteDatabase& database, const std::vector<const ProvenanceRow*>& rows) {
  TRY(SqliteStatement statement, database.prepare("INSERT INTO provenance (position, tenant, derived, source, relation,"
                                                  " execution_id) VALUES (?1,?2,?3,?4,?5,?6)"));
  for (const ProvenanceRow* row : rows) {
    statement.bind(1, row->position);
    statement.bind(2, row->tenant);
    statement.bind(3, row->derived);
    statement.bind(4, row->source);
    statement.bind(5, row->relation);
    statement.bind(6, row->execution_id);
    TRY(put(statement));
  }
  return {};
}

Result<void> put_events(SqliteDatabase& database, const std::vector<const EventRow*>& rows) {
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> streams;
  {
    TRY(SqliteStatement statement,
        database.prepare("INSERT INTO events (position, ordinal, tenant, topic, sequence, event_id,"
                         " type, subject, execution_id, queued_us)"
                         " VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)"));
    for (const EventRow* row : rows) {
      statement.bind(1, row->position);
      statement.bind(2, row->ordinal);
      statement.bind(3, row->tenant);
      statement.bind(4, row->topic);
      statement.bind(5, row->sequence);
      statement.bind(6, row->event_id);
      statement.bind(7, row->type);
      statement.bind(8, row->subject);
      statement.bind(9, row->execution_id);
      statement.bind(10, row->queued_us);
      TRY(put(statement));
      std::uint64_t& last = streams[{row->tenant, row->topic}];
      last = std::max(last, row->sequence);
    }
  }
  TRY(SqliteStatement statement, database.prepare("INSERT INTO streams (tenant, topic, last_sequence) VALUES (?1,?2,?3)"
                                                  " ON CONFLICT (tenant, topic) DO UPDATE SET"
                                                  " last_sequence = max(last_sequence, excluded.last_sequence)"));
  for (const auto& [stream, sequence] : streams) {
    statement.bind(1, stream.first);
    statement.bind(2, stream.second);
    statement.bind(3, sequence);
    TRY(put(statement));
  }
  return {};
}

Result<void> put_registrations(SqliteDatabase& database, const std::vector<RegistrationRow>& rows) {
  TRY(SqliteStatement statement,
      database.prepare("INSERT OR REPLACE INTO registrations (intent_type, version, domain_service,"
                       " handler, schema, schema_digest, position) VALUES (?1,?2,?3,?4,?5,?6,?7)"));
  for (const RegistrationRow& row : rows) {
    statement.bind(1, row.intent_type);
    statement.bind(2, row.version);
    statement.bind(3, row.domain_service);
    statement.bind(4, row.handler);
    statement.bind(5, row.schema);
    statement.bind(6, row.schema_digest);
    statement.bind(7, row.position);
    TRY(put(statement));
  }
  return {};
}

Result<void> put_cursors(SqliteDatabase& database, const std::map<std::string, std::uint64_t>& cursors) {
  TRY(SqliteStatement statement,
      database.prepare("INSERT OR REPLACE INTO cursors (publisher, position) VALUES (?1,?2)"));
  for (const auto& [publisher, position] : cursors) {
    statement.bind(1, publisher);
    statement.bind(2, position);
    TRY(put(statement));
  }
  return {};
}

Result<void> put_meta(SqliteDatabase& database, const char* name, std::uint64_t value) {
  TRY(SqliteStatement statement, database.prepare("UPDATE meta SET value = max(value, ?2) WHERE name = ?1"));
  statement.bind(1, std::string_view(name));
  statement.bind(2, value);
  return put(statement);
}

/// The rows in log order, refused when one lies outside of (from, to].
template <typename Row, typename Less>
Result<std::vector<const Row*>> in_log_order(const std::vector<Row>& rows, std::uint64_t from, std::uint64_t to,
                                             const char* what, Less less) {
  std::vector<const Row*> ordered;
  ordered.reserve(rows.size());
  for (const Row& row : rows) {
    if (row.position <= from || row.position > to) {
      return fail(ErrorCode::invalid_argument, std::string(what) + " at position " + std::to_string(row.position) +
                                                   " does not belong to the changes from " + std::to_string(from) +
                                                   " to " + std::to_string(to));
    }
    ordered.push_back(&row);
  }
  // Rows that compare equal keep their order: they stand in one vector, so their addresses tell it.
  std::ranges::sort(ordered, [&](const Row* a, const Row* b) {
    if (less(*a, *b)) return true;
    return !less(*b, *a) && a < b;
  });
  return ordered;
}

/// Keeps the last of the rows that share a position and an ordinal.
template <typename Row>
void keep_last(std::vector<const Row*>& ordered) {
  const auto doomed = std::unique(ordered.rbegin(), ordered.rend(), [](const Row* a, const Row* b) {
    return a->position == b->position && a->ordinal == b->ordinal;
  });
  ordered.erase(ordered.begin(), doomed.base());
}

constexpr auto by_ordinal = [](const auto& a, const auto& b) {
  return a.position != b.position ? a.position < b.position : a.ordinal < b.ordinal;
};
constexpr auto by_position = [](const auto& a, const auto& b) { return a.position < b.position; };

}  // namespace

Result<void> SqliteStateStore::apply(const StateChanges& changes) {
  if (!writer_) {
    return fail(ErrorCode::invalid_argument, "database " + path_ + " was opened for reading only");
  }
  if (changes.position <= applied_position_) {
    return fail(ErrorCode::conflict, "database " + path_ + " has reached position " +
                                         std::to_string(applied_position_) + "; changes up to " +
                                         std::to_string(changes.position) + " are in it already");
  }
  CRASH_POINT("fold-before-apply");
  TRY(writer_->run("BEGIN IMMEDIATE"));
  Result<void> written = write_changes(changes);
  CRASH_POINT("fold-before-commit");
  if (written) written = writer_->run("COMMIT");
  if (!written) {
    // SQLite has rolled back by itself after some errors; this one then says that there is nothing to roll back.
    static_cast<void>(writer_->run("ROLLBACK"));
    keys_.rolled_back();
    return written;
  }
  CRASH_POINT("fold-after-commit");
  applied_position_ = changes.position;
  return checkpoint_when_due();
}

Result<void> SqliteStateStore::write_changes(const StateChanges& changes) {
  TRY(auto references,
      in_log_order(changes.references, applied_position_, changes.position, "a reference", by_ordinal));
  TRY(auto provenance,
      in_log_order(changes.provenance, applied_position_, changes.position, "a provenance edge", by_position));
  TRY(auto events, in_log_order(changes.events, applied_position_, changes.position, "an event", by_ordinal));
  keep_last(references);
  keep_last(events);
  TRY(auto keys, newly_bound_keys(changes.executions));
  TRY(put_executions(*writer_, changes.executions));
  TRY(put_successors(*writer_, changes.successors));
  TRY(keys_.add(*writer_, std::move(keys)));
  TRY(put_sessions(*writer_, changes.sessions));
  TRY(put_state(*writer_, changes.state));
  TRY(put_references(*writer_, references));
  TRY(put_provenance(*writer_, provenance));
  TRY(put_events(*writer_, events));
  TRY(put_registrations(*writer_, changes.registrations));
  TRY(put_cursors(*writer_, changes.cursors));
  TRY(put_meta(*writer_, "epoch", changes.epoch));
  if (PLANTED_BUG("fold-without-position")) return {};
  return put_meta(*writer_, "position", changes.position);
}

Result<void> SqliteStateStore::checkpoint_when_due() {
  const int pages = writer_->wal_pages();
  if (pages < kCheckpointPages) checkpoint_at_pages_ = kCheckpointPages;
  if (pages < checkpoint_at_pages_) return {};
  // The changes are committed whatever becomes of the checkpoint: its failure shows at the next apply, if it lasts.
  const bool done = pages < kStartOverPages ? checkpoint_all() : writer_->checkpoint_and_start_over().value_or(false);
  checkpoint_at_pages_ = done ? kCheckpointPages : pages + kCheckpointRetryPages;
  return {};
}

bool SqliteStateStore::checkpoint_all() {
  const Result<SqliteDatabase::Checkpoint> done = writer_->checkpoint();
  return done && done->moved_pages == done->wal_pages;
}

}  // namespace symphainy::public_works
