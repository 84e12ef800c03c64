// SPDX-License-Identifier: Apache-2.0
// state.db: the projections and the lineage in one SQLite file in WAL mode, written by one connection and read by a
// few.
//
// After a power loss the file may be behind the log, never wrong: the rows and the position they reach are one
// transaction, and the log refills it. Checkpoints run on the apply thread, so the write-ahead log stays bounded and
// nobody else stalls.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "public_works/abstractions/lineage_store.h"
#include "public_works/abstractions/state_store.h"
#include "public_works/adapters/sqlite/sql_query.h"
#include "public_works/adapters/sqlite/sqlite_key_generations.h"

namespace symphainy::public_works {

class SqliteDatabase;

class SqliteStateStore : public StateStore, public LineageStore {
 public:
  enum class Mode { read_write, read_only };

  /// read_write creates a file that is absent; one process at a time may do so (the data directory's lock sees to it).
  /// A file of another schema is refused as `conflict`, reason "schema_version": delete it with its -wal and -shm and
  /// fold the log again. Read-only, an absent file is `not_found`, and any number of processes may read while one
  /// writes.
  ///
  /// `origin` names the log that this is the fold of; a new file keeps it, and a file of another log is refused as
  /// `conflict`, reason "another_log". Empty: any. `keys` must have the hash that the file was written with.
  [[nodiscard]] static Result<std::unique_ptr<SqliteStateStore>> open(const std::string& path, Mode mode,
                                                                      const std::string& origin = {},
                                                                      const KeyGenerationOptions& keys = {});
  ~SqliteStateStore() override;

  [[nodiscard]] Result<std::uint64_t> position() override;
  [[nodiscard]] Result<void> apply(const StateChanges& changes) override;
  [[nodiscard]] Result<std::uint64_t> epoch() override;

  [[nodiscard]] Result<std::optional<ExecutionRow>> execution(const TenantScope& scope,
                                                              const std::string& execution_id) override;
  [[nodiscard]] Result<std::optional<ExecutionRow>> execution_by_intent(const std::string& tenant,
                                                                        const std::string& intent_id) override;
  [[nodiscard]] Result<std::optional<ExecutionRow>> execution_by_key(const std::string& tenant,
                                                                     const std::string& idempotency_key) override;
  [[nodiscard]] Result<std::vector<ExecutionRow>> list_executions(const ExecutionFilter& filter) override;
  [[nodiscard]] Result<std::vector<ExecutionRow>> live_executions() override;
  /// The last active first.
  [[nodiscard]] Result<std::vector<SessionRow>> list_sessions(const TenantScope& scope,
                                                              const std::optional<SessionCursor>& after,
                                                              std::size_t limit) override;
  [[nodiscard]] Result<std::optional<StateRow>> state(const std::string& tenant, const std::string& key) override;
  [[nodiscard]] Result<std::vector<StateRow>> list_state(const TenantScope& scope, const std::string& prefix,
                                                         const StateCursor& after, std::size_t limit) override;
  /// The events of one record are never split, because the cursor is a position: the last one may exceed the limit.
  [[nodiscard]] Result<std::vector<EventRow>> list_events(const EventFilter& filter) override;
  [[nodiscard]] Result<std::map<std::pair<std::string, std::string>, std::uint64_t>> stream_sequences() override;
  [[nodiscard]] Result<std::map<std::string, std::uint64_t>> cursors() override;
  [[nodiscard]] Result<std::vector<RegistrationRow>> registrations() override;

  [[nodiscard]] Result<std::optional<ReferenceRow>> reference(const TenantScope& scope,
                                                              const std::string& reference_id) override;
  [[nodiscard]] Result<std::vector<ReferenceRow>> list_references(const ReferenceFilter& filter) override;
  [[nodiscard]] Result<bool> has_location(const std::string& tenant, const std::string& location) override;
  [[nodiscard]] Result<std::vector<ProvenanceRow>> sources_of(const TenantScope& scope,
                                                              const std::string& reference_id) override;
  [[nodiscard]] Result<std::vector<ProvenanceRow>> derived_from(const TenantScope& scope,
                                                                const std::string& reference_id) override;

  /// A question in SQL, read-only; see sql_query.h. Any thread.
  [[nodiscard]] Result<SqlResult> query(const TenantScope& scope, const std::string& sql, std::size_t max_rows,
                                        int timeout_ms);

 private:
  /// A read connection for one question; goes back to the pool when the question is answered.
  class Reader {
   public:
    Reader(SqliteStateStore& store, std::unique_ptr<SqliteDatabase> database) noexcept;
    Reader(Reader&& other) noexcept;
    Reader& operator=(Reader&&) = delete;
    ~Reader();
    SqliteDatabase* operator->() const noexcept { return database_.get(); }
    SqliteDatabase& operator*() const noexcept { return *database_; }

   private:
    SqliteStateStore* store_;
    std::unique_ptr<SqliteDatabase> database_;
  };

  SqliteStateStore(std::string path, std::unique_ptr<SqliteDatabase> writer, const KeyGenerationOptions& keys);
  [[nodiscard]] Result<void> prepare_schema(const std::string& origin);
  [[nodiscard]] Result<void> check_origin(SqliteDatabase& database, const std::string& origin);
  [[nodiscard]] Result<Reader> reader();
  [[nodiscard]] Result<std::uint64_t> meta(const char* name);
  [[nodiscard]] Result<std::vector<ProvenanceRow>> edges(const TenantScope& scope, const char* column,
                                                         const std::string& reference_id);
  [[nodiscard]] Result<std::optional<ExecutionRow>> execution_bound_to(KeyKind kind, const std::string& tenant,
                                                                       const std::string& key);
  [[nodiscard]] Result<std::vector<BoundKey>> newly_bound_keys(const std::vector<ExecutionRow>& rows);
  [[nodiscard]] Result<void> write_changes(const StateChanges& changes);
  [[nodiscard]] Result<void> checkpoint_when_due();
  [[nodiscard]] bool checkpoint_all();

  const std::string path_;
  KeyGenerations keys_;

  // The apply thread's.
  std::unique_ptr<SqliteDatabase> writer_;  ///< absent when read-only
  std::uint64_t applied_position_ = 0;
  int checkpoint_at_pages_ = 0;

  std::mutex readers_mutex_;
  std::condition_variable reader_returned_;
  std::vector<std::unique_ptr<SqliteDatabase>> idle_readers_;  ///< guarded by readers_mutex_
  int open_readers_ = 0;                                       ///< guarded by readers_mutex_
};

}  // namespace symphainy::public_works
