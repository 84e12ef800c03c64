// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/memory/memory_state_store.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <ranges>
#include <tuple>

#include "base/try.h"

namespace symphainy::public_works {
namespace {

template <typename Row>
Result<void> check_positions(const std::vector<Row>& rows, std::uint64_t from, std::uint64_t to, const char* what) {
  for (const Row& row : rows) {
    if (row.position > from && row.position <= to) continue;
    return fail(ErrorCode::invalid_argument, std::string(what) + " at position " + std::to_string(row.position) +
                                                 " does not belong to the changes from " + std::to_string(from) +
                                                 " to " + std::to_string(to));
  }
  return {};
}

/// True when the filter says nothing, or just this.
template <typename T>
bool allows(const std::optional<T>& wanted, const T& value) {
  return !wanted || *wanted == value;
}

bool within(const std::optional<std::int64_t>& since, const std::optional<std::int64_t>& until, std::int64_t time) {
  return (!since || time >= *since) && (!until || time <= *until);
}

bool matches(const ExecutionFilter& filter, const ExecutionRow& row) {
  return filter.scope.covers(row.tenant) && allows(filter.session, row.session) &&
         allows(filter.solution, row.solution) && allows(filter.intent_type, row.intent_type) &&
         allows(filter.status, row.status) && within(filter.since_us, filter.until_us, row.accepted_us) &&
         (filter.before_position == 0 || row.accepted_position < filter.before_position);
}

bool matches(const ReferenceFilter& filter, const ReferenceRow& row) {
  const bool from_newest = filter.before_position == 0 && filter.before_ordinal == 0;
  return filter.scope.covers(row.tenant) && allows(filter.type, row.type) &&
         allows(filter.execution_id, row.execution_id) && within(filter.since_us, filter.until_us, row.created_us) &&
         (from_newest || std::tie(row.position, row.ordinal) < std::tie(filter.before_position, filter.before_ordinal));
}

// Last active first.
template <typename Place>
bool comes_before(const Place& a, const SessionRow& b) {
  return std::tie(b.last_us, a.tenant, a.session) < std::tie(a.last_us, b.tenant, b.session);
}

}  // namespace

Result<std::uint64_t> MemoryStateStore::position() {
  const std::scoped_lock lock(mutex_);
  return position_;
}

Result<std::uint64_t> MemoryStateStore::epoch() {
  const std::scoped_lock lock(mutex_);
  return epoch_;
}

Result<void> MemoryStateStore::apply(const StateChanges& changes) {
  const std::scoped_lock lock(mutex_);
  if (changes.position <= position_) {
    return fail(ErrorCode::conflict, "the store has reached position " + std::to_string(position_) +
                                         "; changes up to " + std::to_string(changes.position) + " are in it already");
  }
  // Everything that can be refused is looked at before anything is changed.
  TRY(check_positions(changes.references, position_, changes.position, "a reference"));
  TRY(check_positions(changes.provenance, position_, changes.position, "a provenance edge"));
  TRY(check_positions(changes.events, position_, changes.position, "an event"));
  for (const ExecutionRow& row : changes.executions) put_execution(row);
  for (const SuccessorRow& row : changes.successors) put_successor(row);
  for (const SessionRow& row : changes.sessions) put_session(row);
  for (const StateRow& row : changes.state) state_[{row.tenant, row.key}] = row;
  for (const ReferenceRow& row : changes.references) put_reference(row);
  for (const ProvenanceRow& row : changes.provenance) provenance_.emplace(row.position, row);
  for (const EventRow& row : changes.events) put_event(row);
  for (const RegistrationRow& row : changes.registrations) {
    registrations_[{row.intent_type, row.version}] = row;
  }
  for (const auto& [publisher, reached] : changes.cursors) cursors_[publisher] = reached;
  epoch_ = std::max(epoch_, changes.epoch);
  position_ = changes.position;
  return {};
}

void MemoryStateStore::put_execution(const ExecutionRow& row) {
  executions_[row.accepted_position] = row;
}

void MemoryStateStore::put_successor(const SuccessorRow& added) {
  for (auto& [position, row] : executions_) {
    if (row.tenant == added.tenant && row.execution_id == added.execution_id) add_successor(row, added);
  }
}

void MemoryStateStore::put_session(const SessionRow& row) {
  const auto [at, is_new] = sessions_.try_emplace({row.tenant, row.session}, row);
  if (is_new) return;
  SessionRow& session = at->second;
  session.first_us = std::min(session.first_us, row.first_us);
  session.last_us = std::max(session.last_us, row.last_us);
  session.executions += row.executions;
}

void MemoryStateStore::put_reference(const ReferenceRow& row) {
  const Place place{row.position, row.ordinal};
  const auto [at, is_new] = reference_places_.try_emplace({row.tenant, row.reference_id}, place);
  if (!is_new) {
    references_.erase(at->second);
    at->second = place;
  }
  if (const auto other = references_.find(place); other != references_.end()) {
    reference_places_.erase({other->second.tenant, other->second.reference_id});
    reference_places_[{row.tenant, row.reference_id}] = place;
  }
  references_[place] = row;
}

void MemoryStateStore::put_event(const EventRow& row) {
  events_[{row.position, row.ordinal}] = row;
  std::uint64_t& last = streams_[{row.tenant, row.topic}];
  last = std::max(last, row.sequence);
}

Result<std::optional<ExecutionRow>> MemoryStateStore::execution(const TenantScope& scope,
                                                                const std::string& execution_id) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [position, row] : executions_) {
    if (row.execution_id == execution_id && scope.covers(row.tenant)) return row;
  }
  return std::nullopt;
}

Result<std::optional<ExecutionRow>> MemoryStateStore::execution_by_intent(const std::string& tenant,
                                                                          const std::string& intent_id) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [position, row] : std::views::reverse(executions_)) {
    if (row.tenant == tenant && row.intent_id == intent_id && row.status != "rejected") return row;
  }
  return std::nullopt;
}

Result<std::optional<ExecutionRow>> MemoryStateStore::execution_by_key(const std::string& tenant,
                                                                       const std::string& idempotency_key) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [position, row] : std::views::reverse(executions_)) {
    if (row.tenant == tenant && row.idempotency_key == idempotency_key && row.status != "rejected") return row;
  }
  return std::nullopt;
}

Result<std::vector<ExecutionRow>> MemoryStateStore::list_executions(const ExecutionFilter& filter) {
  const std::scoped_lock lock(mutex_);
  std::vector<ExecutionRow> rows;
  for (const auto& [position, row] : std::views::reverse(executions_)) {
    if (rows.size() >= filter.limit) break;
    if (matches(filter, row)) rows.push_back(row);
  }
  return rows;
}

Result<std::vector<ExecutionRow>> MemoryStateStore::live_executions() {
  const std::scoped_lock lock(mutex_);
  std::vector<ExecutionRow> rows;
  for (const auto& [position, row] : executions_) {
    if (row.ended_position == 0) rows.push_back(row);
  }
  return rows;
}

Result<std::vector<SessionRow>> MemoryStateStore::list_sessions(const TenantScope& scope,
                                                                const std::optional<SessionCursor>& after,
                                                                std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  std::vector<SessionRow> rows;
  for (const auto& [name, row] : sessions_) {
    if (scope.covers(row.tenant) && (!after || comes_before(*after, row))) rows.push_back(row);
  }
  std::ranges::sort(rows, [](const SessionRow& a, const SessionRow& b) { return comes_before(a, b); });
  if (rows.size() > limit) rows.resize(limit);
  return rows;
}

Result<std::optional<StateRow>> MemoryStateStore::state(const std::string& tenant, const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto found = state_.find({tenant, key});
  if (found == state_.end()) return std::nullopt;
  return found->second;
}

Result<std::vector<StateRow>> MemoryStateStore::list_state(const TenantScope& scope, const std::string& prefix,
                                                           const StateCursor& after, std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  std::vector<StateRow> rows;
  for (const auto& [name, row] : state_) {
    if (rows.size() >= limit) break;
    if (!row.value || !scope.covers(row.tenant) || !row.key.starts_with(prefix)) continue;
    if (std::tie(row.tenant, row.key) > std::tie(after.tenant, after.key)) rows.push_back(row);
  }
  return rows;
}

Result<std::vector<EventRow>> MemoryStateStore::list_events(const EventFilter& filter) {
  const std::scoped_lock lock(mutex_);
  std::vector<EventRow> rows;
  if (filter.limit == 0) return rows;
  for (const auto& [place, row] : events_) {
    if (row.position <= filter.after_position || !filter.scope.covers(row.tenant) || !allows(filter.topic, row.topic)) {
      continue;
    }
    if (rows.size() >= filter.limit && row.position != rows.back().position) break;
    rows.push_back(row);
  }
  return rows;
}

Result<std::map<std::pair<std::string, std::string>, std::uint64_t>> MemoryStateStore::stream_sequences() {
  const std::scoped_lock lock(mutex_);
  return streams_;
}

Result<std::map<std::string, std::uint64_t>> MemoryStateStore::cursors() {
  const std::scoped_lock lock(mutex_);
  return cursors_;
}

Result<std::vector<RegistrationRow>> MemoryStateStore::registrations() {
  const std::scoped_lock lock(mutex_);
  std::vector<RegistrationRow> rows;
  for (const auto& [key, row] : registrations_) rows.push_back(row);
  return rows;
}

Result<std::optional<ReferenceRow>> MemoryStateStore::reference(const TenantScope& scope,
                                                                const std::string& reference_id) {
  const std::scoped_lock lock(mutex_);
  for (const auto& [place, row] : std::views::reverse(references_)) {
    if (row.reference_id == reference_id && scope.covers(row.tenant)) return row;
  }
  return std::nullopt;
}

Result<std::vector<ReferenceRow>> MemoryStateStore::list_references(const ReferenceFilter& filter) {
  const std::scoped_lock lock(mutex_);
  std::vector<ReferenceRow> rows;
  for (const auto& [place, row] : std::views::reverse(references_)) {
    if (rows.size() >= filter.limit) break;
    if (matches(filter, row)) rows.push_back(row);
  }
  return rows;
}

Result<bool> MemoryStateStore::has_location(const std::string& tenant, const std::string& location) {
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(references_ | std::views::values,
                             [&](const ReferenceRow& row) { return row.tenant == tenant && row.location == location; });
}

Result<std::vector<ProvenanceRow>> MemoryStateStore::sources_of(const TenantScope& scope,
                                                                const std::string& reference_id) {
  const std::scoped_lock lock(mutex_);
  std::vector<ProvenanceRow> rows;
  for (const auto& [position, row] : provenance_) {
    if (row.derived == reference_id && scope.covers(row.tenant)) rows.push_back(row);
  }
  return rows;
}

Result<std::vector<ProvenanceRow>> MemoryStateStore::derived_from(const TenantScope& scope,
                                                                  const std::string& reference_id) {
  const std::scoped_lock lock(mutex_);
  std::vector<ProvenanceRow> rows;
  for (const auto& [position, row] : provenance_) {
    if (row.source == reference_id && scope.covers(row.tenant)) rows.push_back(row);
  }
  return rows;
}

}  // namespace symphainy::public_works
