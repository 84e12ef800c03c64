// SPDX-License-Identifier: Apache-2.0
// The projections of the log that people and programs ask: executions, sessions, tenant state, references and lineage,
// outgoing events, cursors, registrations. Every change comes as the fold of a stretch of the log and is stored
// together with the position reached, in one transaction: applying is idempotent, and the store can be dropped and
// rebuilt.
//
// Every question names whose answers it wants (TenantScope), so that none can be asked across tenants by accident.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "symphainy/error.h"

namespace symphainy::public_works {

/// One tenant, or (for the operator) all of them.
class TenantScope {
 public:
  [[nodiscard]] static TenantScope only(std::string tenant) { return TenantScope(std::move(tenant)); }
  [[nodiscard]] static TenantScope every_tenant() { return TenantScope(std::nullopt); }
  [[nodiscard]] const std::optional<std::string>& tenant() const noexcept { return tenant_; }
  [[nodiscard]] bool covers(const std::string& tenant) const { return !tenant_ || *tenant_ == tenant; }

 private:
  explicit TenantScope(std::optional<std::string> tenant) : tenant_(std::move(tenant)) {}
  std::optional<std::string> tenant_;
};

/// One execution as far as the fold has seen it. `accepted_position` is its key: the position of its first record.
struct ExecutionRow {
  std::uint64_t accepted_position = 0;
  std::uint64_t tenant_seq = 0;  ///< of its first record
  std::string tenant;
  std::string execution_id;
  std::string intent_id;
  std::string intent_type;
  std::string session;
  std::string solution;
  std::string actor;   ///< "type:id"
  std::string status;  ///< one of kLiveStatuses, or a terminal status
  std::uint32_t attempt = 0;
  std::int64_t accepted_us = 0;
  std::int64_t ended_us = 0;           ///< 0: not ended
  std::uint64_t ended_position = 0;    ///< of its last record; 0: not ended
  std::vector<std::uint64_t> batches;  ///< first positions of the batches that hold its records, ascending
  std::optional<std::string> idempotency_key;
  std::string fingerprint;  ///< hex SHA-256 of what the key binds
  std::uint32_t artifacts = 0;
  std::uint32_t events = 0;
  std::uint32_t references = 0;
  std::string error_code;  ///< empty: none
  std::string error_message;
  std::string parent;         ///< the execution that spawned it; empty: none did
  std::string rerun_of;       ///< the execution that it does once more; empty: none
  std::string successor;      ///< the execution that does it once more; empty: none
  std::string waits_for;      ///< while it waits: the key of its wait, "signal:approved#1"
  std::int64_t wake_us = 0;   ///< while it waits: when it goes on at the latest, UTC; 0: when something else happens
  bool wake_by_wall = false;  ///< that is a time of day: it moves with the wall clock

  friend bool operator==(const ExecutionRow&, const ExecutionRow&) = default;
};

inline constexpr std::array<std::string_view, 6> kLiveStatuses{"pending", "running",      "waiting",
                                                               "parked",  "compensating", "compensation_stuck"};

/// That an execution which has ended is done once more. The row of it may be in the store already.
struct SuccessorRow {
  std::string tenant;
  std::string execution_id;
  std::string successor;
  std::uint64_t batch = 0;  ///< first position of the batch that says so

  friend bool operator==(const SuccessorRow&, const SuccessorRow&) = default;
};
/// Puts it into the execution's row. Doing so again changes nothing.
inline void add_successor(ExecutionRow& row, const SuccessorRow& added) {
  row.successor = added.successor;
  if (row.batches.empty() || row.batches.back() < added.batch) row.batches.push_back(added.batch);
}

struct SessionRow {
  std::string tenant;
  std::string session;
  std::int64_t first_us = 0;
  std::int64_t last_us = 0;
  std::uint64_t executions = 0;

  friend bool operator==(const SessionRow&, const SessionRow&) = default;
};

struct StateRow {
  std::string tenant;
  std::string key;
  std::uint64_t version = 0;  ///< from 1, +1 with every change, deletion included
  std::uint64_t position = 0;
  std::optional<std::string> value;  ///< canonical JSON; nothing: deleted

  friend bool operator==(const StateRow&, const StateRow&) = default;
};

struct ReferenceRow {
  std::uint64_t position = 0;  ///< of the record that registered it
  std::uint32_t ordinal = 0;   ///< within that record
  std::string tenant;
  std::string reference_id;
  std::string type;
  std::string name;
  std::string digest;  ///< hex SHA-256, or empty
  std::uint64_t size = 0;
  std::string media_type;
  std::string location;
  std::string metadata;  ///< canonical JSON object
  std::string execution_id;
  std::int64_t created_us = 0;

  friend bool operator==(const ReferenceRow&, const ReferenceRow&) = default;
};

/// `derived` was made from `source`; both are references of the tenant.
struct ProvenanceRow {
  std::uint64_t position = 0;
  std::string tenant;
  std::string derived;
  std::string source;
  std::string relation;  ///< "wasDerivedFrom", "wasRevisionOf"
  std::string execution_id;

  friend bool operator==(const ProvenanceRow&, const ProvenanceRow&) = default;
};

/// A committed event; its content stays in the log at (position, ordinal).
struct EventRow {
  std::uint64_t position = 0;  ///< of the record that queued it
  std::uint32_t ordinal = 0;
  std::string tenant;
  std::string topic;
  std::uint64_t sequence = 0;
  std::string event_id;
  std::string type;
  std::string subject;
  std::string execution_id;
  std::int64_t queued_us = 0;

  friend bool operator==(const EventRow&, const EventRow&) = default;
};

struct RegistrationRow {
  std::string intent_type;
  std::uint32_t version = 0;
  std::string domain_service;
  std::string handler;
  std::string schema;         ///< canonical JSON
  std::string schema_digest;  ///< hex SHA-256 of it
  std::uint64_t position = 0;

  friend bool operator==(const RegistrationRow&, const RegistrationRow&) = default;
};

/// The changes of a stretch of the log, up to and including `position`. Rows with the same key: the last one counts.
struct StateChanges {
  std::uint64_t position = 0;
  std::uint64_t epoch = 0;  ///< highest partition epoch seen; 0: none in this stretch
  std::vector<ExecutionRow> executions;
  std::vector<SuccessorRow> successors;  ///< of executions that ended in this stretch or before
  std::vector<SessionRow> sessions;      ///< counts to add, times to widen
  std::vector<StateRow> state;
  std::vector<ReferenceRow> references;
  std::vector<ProvenanceRow> provenance;
  std::vector<EventRow> events;
  std::vector<RegistrationRow> registrations;
  std::map<std::string, std::uint64_t> cursors;  ///< publisher → position up to which everything is published
};

/// Everything but `scope` narrows the answer when set. Times are inclusive, microseconds UTC.
struct ExecutionFilter {
  TenantScope scope = TenantScope::every_tenant();
  std::optional<std::string> session;
  std::optional<std::string> solution;
  std::optional<std::string> intent_type;
  std::optional<std::string> status;
  std::optional<std::int64_t> since_us;
  std::optional<std::int64_t> until_us;
  std::uint64_t before_position = 0;  ///< cursor: only executions accepted before it; 0: from the newest
  std::size_t limit = 100;
};

struct EventFilter {
  TenantScope scope = TenantScope::every_tenant();
  std::optional<std::string> topic;
  std::uint64_t after_position = 0;  ///< cursor: only events queued after it
  std::size_t limit = 100;
};

/// Where a list of state goes on: only keys behind this one, by (tenant, key). Empty: from the beginning.
struct StateCursor {
  std::string tenant;
  std::string key;
};

/// Where a list of sessions goes on: only those behind this one, last active first, then by (tenant, session).
struct SessionCursor {
  std::int64_t last_us = 0;
  std::string tenant;
  std::string session;
};

/// apply() is called by one thread; every question may be asked from any thread.
class StateStore {
 public:
  virtual ~StateStore() = default;

  /// The position of the last apply(), 0 when empty.
  [[nodiscard]] virtual Result<std::uint64_t> position() = 0;
  /// All of it or nothing, together with the position. Changes at or below the stored position are refused as
  /// `conflict`.
  [[nodiscard]] virtual Result<void> apply(const StateChanges& changes) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> epoch() = 0;

  [[nodiscard]] virtual Result<std::optional<ExecutionRow>> execution(const TenantScope& scope,
                                                                      const std::string& execution_id) = 0;
  /// These two answer the newest execution that the id or key stands for; rejected ones stand for nothing.
  [[nodiscard]] virtual Result<std::optional<ExecutionRow>> execution_by_intent(const std::string& tenant,
                                                                                const std::string& intent_id) = 0;
  [[nodiscard]] virtual Result<std::optional<ExecutionRow>> execution_by_key(const std::string& tenant,
                                                                             const std::string& idempotency_key) = 0;
  /// Newest first.
  [[nodiscard]] virtual Result<std::vector<ExecutionRow>> list_executions(const ExecutionFilter& filter) = 0;
  /// Executions that have not ended, oldest first: what recovery goes on with.
  [[nodiscard]] virtual Result<std::vector<ExecutionRow>> live_executions() = 0;
  /// Last active first, behind the cursor when there is one. A session that becomes active moves to the front: from
  /// there on no page shows it.
  [[nodiscard]] virtual Result<std::vector<SessionRow>> list_sessions(const TenantScope& scope,
                                                                      const std::optional<SessionCursor>& after,
                                                                      std::size_t limit) = 0;

  /// Deleted keys are answered too (without a value), because their version counts on.
  [[nodiscard]] virtual Result<std::optional<StateRow>> state(const std::string& tenant, const std::string& key) = 0;
  /// Keys that exist and begin with `prefix`, behind the cursor, in byte order (by tenant first).
  [[nodiscard]] virtual Result<std::vector<StateRow>> list_state(const TenantScope& scope, const std::string& prefix,
                                                                 const StateCursor& after, std::size_t limit) = 0;

  /// Oldest first.
  [[nodiscard]] virtual Result<std::vector<EventRow>> list_events(const EventFilter& filter) = 0;
  /// The last sequence of every stream, by (tenant, topic).
  [[nodiscard]] virtual Result<std::map<std::pair<std::string, std::string>, std::uint64_t>> stream_sequences() = 0;
  [[nodiscard]] virtual Result<std::map<std::string, std::uint64_t>> cursors() = 0;
  [[nodiscard]] virtual Result<std::vector<RegistrationRow>> registrations() = 0;
};

}  // namespace symphainy::public_works
