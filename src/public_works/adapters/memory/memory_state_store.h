// SPDX-License-Identifier: Apache-2.0
// The projections and the lineage in ordered maps, for tests and simulation. Answers as the SQLite store does, to the
// order of the rows; nothing survives the object. Every question looks at all rows of its kind.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "symphainy/error.h"

#include "public_works/abstractions/lineage_store.h"
#include "public_works/abstractions/state_store.h"

namespace symphainy::public_works {

class MemoryStateStore : public StateStore, public LineageStore {
 public:
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

 private:
  using Place = std::pair<std::uint64_t, std::uint32_t>;  ///< position, ordinal
  using Named = std::pair<std::string, std::string>;      ///< tenant, name

  void put_execution(const ExecutionRow& row);
  void put_successor(const SuccessorRow& added);
  void put_session(const SessionRow& row);
  void put_reference(const ReferenceRow& row);
  void put_event(const EventRow& row);

  std::mutex mutex_;  ///< guards everything below
  std::uint64_t position_ = 0;
  std::uint64_t epoch_ = 0;
  std::map<std::uint64_t, ExecutionRow> executions_;
  std::map<Named, SessionRow> sessions_;
  std::map<Named, StateRow> state_;
  std::map<Place, ReferenceRow> references_;
  std::map<Named, Place> reference_places_;
  std::multimap<std::uint64_t, ProvenanceRow> provenance_;
  std::map<Place, EventRow> events_;
  std::map<Named, std::uint64_t> streams_;
  std::map<std::pair<std::string, std::uint32_t>, RegistrationRow> registrations_;
  std::map<std::string, std::uint64_t> cursors_;
};

}  // namespace symphainy::public_works
