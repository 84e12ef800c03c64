// SPDX-License-Identifier: Apache-2.0
#include "runtime/decision_state.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fault_points.h"
#include "base/try.h"
#include "runtime/content_location.h"
#include "runtime/provenance_check.h"

namespace symphainy::runtime {
namespace {

using public_works::ExecutionRow;
using public_works::TenantScope;

// Bounds the memory of what is only a shortcut.
constexpr std::size_t kMaxKnownReferences = 65'536;

std::string joined(const std::string& tenant, const std::string& name) {
  return tenant + '\0' + name;
}

}  // namespace

DecisionState::DecisionState(public_works::StateStore& store, public_works::LineageStore& lineage)
    : store_(store), lineage_(lineage) {}

Result<void> DecisionState::load() {
  TRY(auto rows, store_.live_executions());
  for (ExecutionRow& row : rows) {
    auto tracked = std::make_shared<TrackedExecution>();
    tracked->row = std::move(row);
    track(std::move(tracked));
  }
  TRY(sequences_, store_.stream_sequences());
  return {};
}

Result<void> DecisionState::see(const public_works::StateChanges& decided) {
  // All of it is folded together.
  const std::uint64_t position = decided.position;
  for (const ExecutionRow& row : decided.executions) see(row, position);
  for (const public_works::SuccessorRow& row : decided.successors) {
    TRY(const TrackedPtr source, find_ended_too(row.tenant, row.execution_id));
    if (!source) continue;
    public_works::add_successor(source->row, row);
    ended(track(source), position);
  }
  for (const public_works::StateRow& row : decided.state)
    remember(joined(row.tenant, row.key), {row.version, row.value.has_value(), position});
  for (const public_works::ReferenceRow& row : decided.references)
    remember(row.tenant, row.reference_id, row.location, position);
  for (const public_works::ProvenanceRow& row : decided.provenance)
    remember_source(joined(row.tenant, row.derived), row.source, position);
  for (const public_works::EventRow& row : decided.events) sequences_[{row.tenant, row.topic}] = row.sequence;
  return {};
}

void DecisionState::see(const ExecutionRow& row, std::uint64_t position) {
  if (row.status == "rejected") return;  // binds nothing
  const auto known = by_id_.find(joined(row.tenant, row.execution_id));
  const TrackedPtr tracked = known != by_id_.end() ? known->second : std::make_shared<TrackedExecution>();
  tracked->row = row;
  tracked->ended = row.ended_position > 0;
  track(tracked);
  if (tracked->ended) ended(tracked, position);
}

TrackedPtr DecisionState::find(const std::string& tenant, const std::string& execution_id) const {
  const auto found = by_id_.find(joined(tenant, execution_id));
  return found == by_id_.end() ? nullptr : found->second;
}

Result<TrackedPtr> DecisionState::find_ended_too(const std::string& tenant, const std::string& execution_id) {
  if (TrackedPtr live = find(tenant, execution_id)) return live;
  TRY(auto row, store_.execution(TenantScope::only(tenant), execution_id));
  if (!row) return nullptr;
  auto tracked = std::make_shared<TrackedExecution>();
  tracked->row = *std::move(row);
  tracked->ended = true;
  return tracked;
}

TrackedPtr DecisionState::track(TrackedPtr execution) {
  const ExecutionRow& row = execution->row;
  by_id_[joined(row.tenant, row.execution_id)] = execution;
  by_intent_[joined(row.tenant, row.intent_id)] = execution;
  if (row.idempotency_key) by_key_[joined(row.tenant, *row.idempotency_key)] = execution;
  return execution;
}

void DecisionState::ended(const TrackedPtr& execution, std::uint64_t position) {
  execution->remembered_until = position;
  forget_.push_back({position, Forget::Kind::execution, {}, execution});
}

std::vector<TrackedPtr> DecisionState::live() const {
  std::vector<TrackedPtr> out;
  for (const auto& [id, tracked] : by_id_) {
    if (!tracked->ended) out.push_back(tracked);
  }
  std::ranges::sort(out, {}, [](const TrackedPtr& tracked) { return tracked->row.accepted_position; });
  return out;
}

Result<std::optional<Binding>> DecisionState::binding(const Tracked& tracked, const std::string& key,
                                                      const std::function<StoredRow()>& stored,
                                                      std::string_view bound_by) {
  if (const auto found = tracked.find(key); found != tracked.end()) {
    return Binding{found->second, found->second->row, std::string(bound_by)};
  }
  TRY(auto row, stored());
  if (!row) return std::nullopt;
  return Binding{nullptr, *std::move(row), std::string(bound_by)};
}

Result<std::optional<Binding>> DecisionState::find_binding(const Intent& intent) {
  const std::string& tenant = intent.tenant_id;
  std::optional<Binding> by_key;
  if (intent.idempotency_key && !PLANTED_BUG("forget-idempotency-key")) {
    const std::string& key = *intent.idempotency_key;
    const auto stored = [&] { return store_.execution_by_key(tenant, key); };
    TRY(by_key, binding(by_key_, joined(tenant, key), stored, "idempotency_key"));
    if (by_key && by_key->row.intent_id == intent.intent_id) return by_key;
  }
  const auto stored = [&] { return store_.execution_by_intent(tenant, intent.intent_id); };
  TRY(auto by_intent, binding(by_intent_, joined(tenant, intent.intent_id), stored, "intent_id"));
  if (!by_key) return by_intent;
  if (by_intent) by_key->other_by_intent_id = std::move(by_intent->row);
  return by_key;
}

// --- commits
// ----------------------------------------------------------------------------------------------------------

Result<void> DecisionState::decide(PendingCommit& commit, const std::string& tenant) {
  if (!PLANTED_BUG("unchecked-lineage")) {
    TRY(check_provenance(commit, tenant));
  }
  TRY(check_content(commit, tenant));
  std::vector<std::uint64_t> versions;
  for (PendingStateChange& change : commit.state) {
    TRY(const StateVersion now, state_version(tenant, change.key));
    const std::uint64_t version = now.version;
    // Who asked for a key that does not exist cannot tell one that was deleted.
    const bool absent_as_expected = change.expected_version == 0U && !now.has_value;
    if (change.expected_version && *change.expected_version != version && !absent_as_expected) {
      return fail(ErrorCode::conflict,
                  fmt::format("state key '{}' is at version {}, not {}; read it again and retry", change.key, version,
                              *change.expected_version),
                  "state_conflict",
                  Json::object({{"key", change.key}, {"expected", *change.expected_version}, {"actual", version}}));
    }
    versions.push_back(version + 1);
  }
  // From here on nothing fails: the commit is decided.
  for (std::size_t i = 0; i < versions.size(); ++i) commit.state[i].version = versions[i];
  for (PendingEvent& event : commit.events) event.sequence = ++sequences_[{tenant, event.draft.topic}];
  return {};
}

void DecisionState::decided_at(const PendingCommit& commit, const std::string& tenant, std::uint64_t position) {
  for (const PendingStateChange& change : commit.state)
    remember(joined(tenant, change.key), {change.version, change.value.has_value(), position});
  for (const Reference& reference : commit.references)
    remember(tenant, reference.reference_id, reference.location, position);
  for (const PendingEdge& edge : commit.edges) remember_source(joined(tenant, edge.derived), edge.source, position);
}

void DecisionState::remember(std::string key, StateVersion version) {
  state_versions_[key] = version;
  forget_at(version.position, Forget::Kind::state, std::move(key));
}

void DecisionState::remember(const std::string& tenant, const std::string& reference_id, const std::string& location,
                             std::uint64_t position) {
  std::string key = joined(tenant, reference_id);
  references_[key] = position;
  forget_at(position, Forget::Kind::reference, std::move(key));
  if (!is_artifact_location(location)) return;
  std::string place = joined(tenant, location);
  locations_[place] = position;
  forget_at(position, Forget::Kind::location, std::move(place));
}

void DecisionState::remember_source(std::string derived, const std::string& source, std::uint64_t position) {
  auto& recent = recent_sources_[derived];
  recent.sources.push_back(source);
  recent.position = position;
  forget_at(position, Forget::Kind::sources, std::move(derived));
}

Result<DecisionState::StateVersion> DecisionState::state_version(const std::string& tenant, const std::string& key) {
  const auto remembered = state_versions_.find(joined(tenant, key));
  if (remembered != state_versions_.end()) return remembered->second;
  TRY(const auto row, store_.state(tenant, key));
  return row ? StateVersion{row->version, row->value.has_value()} : StateVersion();
}

Result<void> DecisionState::check_provenance(const PendingCommit& commit, const std::string& tenant) {
  const auto exists = [&](const std::string& reference_id) -> Result<bool> {
    const std::string key = joined(tenant, reference_id);
    if (references_.contains(key) || known_references_.contains(key)) return true;
    TRY(const auto row, lineage_.reference(TenantScope::only(tenant), reference_id));
    if (!row) return false;
    if (known_references_.size() >= kMaxKnownReferences) known_references_.clear();
    known_references_.insert(key);
    return true;
  };
  const auto sources_of = [&](const std::string& reference_id) -> Result<std::vector<std::string>> {
    std::vector<std::string> out;
    const auto recent = recent_sources_.find(joined(tenant, reference_id));
    if (recent != recent_sources_.end()) out = recent->second.sources;
    TRY(const auto rows, lineage_.sources_of(TenantScope::only(tenant), reference_id));
    for (const auto& row : rows) out.push_back(row.source);
    return out;
  };
  return ProvenanceCheck(commit, {exists, sources_of}).run();
}

Result<void> DecisionState::check_content(const PendingCommit& commit, const std::string& tenant) {
  std::unordered_set<std::string_view> accepted;
  for (const Reference& reference : commit.references) {
    if (!is_artifact_location(reference.location)) continue;
    if (accepted.empty()) {
      for (const PendingArtifact& pending : commit.artifacts) accepted.insert(pending.artifact.location);
    }
    if (accepted.contains(reference.location)) continue;
    if (!locations_.contains(joined(tenant, reference.location))) {
      TRY(const bool known, lineage_.has_location(tenant, reference.location));
      if (!known) return foreign_content(reference);
    }
    accepted.insert(reference.location);
  }
  return {};
}

// --- forgetting
// -------------------------------------------------------------------------------------------------------

void DecisionState::forget_at(std::uint64_t position, Forget::Kind kind, std::string key) {
  forget_.push_back({position, kind, std::move(key), nullptr});
}

void DecisionState::forget(const Forget& what, std::uint64_t reached) {
  // What was changed again later is remembered until that is folded too.
  const auto erase_unless_newer = [&](auto& map, auto position_of) {
    const auto found = map.find(what.key);
    if (found != map.end() && position_of(found->second) <= reached) map.erase(found);
  };
  switch (what.kind) {
    case Forget::Kind::execution: {
      if (what.execution->remembered_until > reached) return;  // something was done to it behind its end
      const public_works::ExecutionRow& row = what.execution->row;
      by_id_.erase(joined(row.tenant, row.execution_id));
      by_intent_.erase(joined(row.tenant, row.intent_id));
      if (row.idempotency_key) by_key_.erase(joined(row.tenant, *row.idempotency_key));
      return;
    }
    case Forget::Kind::state:
      return erase_unless_newer(state_versions_, [](const StateVersion& seen) { return seen.position; });
    case Forget::Kind::reference:
      return erase_unless_newer(references_, [](std::uint64_t position) { return position; });
    case Forget::Kind::location:
      return erase_unless_newer(locations_, [](std::uint64_t position) { return position; });
    case Forget::Kind::sources:
      return erase_unless_newer(recent_sources_, [](const RecentSources& seen) { return seen.position; });
  }
}

void DecisionState::folded(std::uint64_t position) {
  while (!forget_.empty() && forget_.front().position <= position) {
    const Forget next = std::move(forget_.front());
    forget_.pop_front();
    forget(next, position);
  }
}

}  // namespace symphainy::runtime
