// SPDX-License-Identifier: Apache-2.0
#include "crash/store_checker.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/try.h"

namespace symphainy::tests {
namespace {

using namespace public_works;  // NOLINT(google-build-using-namespace): every type here is one of its rows

constexpr std::size_t kEverything = 1'000'000'000;
constexpr std::size_t kPieceBytes = 256 * 1024;

std::string named(const ExecutionRow& row) {
  return fmt::format("execution {} (tenant {}, {}, key '{}', {}, attempt {}, positions {} to {})", row.execution_id,
                     row.tenant, row.intent_type, row.idempotency_key.value_or(""), row.status, row.attempt,
                     row.accepted_position, row.ended_position);
}
std::string named(const SessionRow& row) {
  return fmt::format("session {} of tenant {} with {} executions", row.session, row.tenant, row.executions);
}
std::string named(const StateRow& row) {
  return fmt::format("state key '{}' of tenant {} at version {}, position {}", row.key, row.tenant, row.version,
                     row.position);
}
std::string named(const ReferenceRow& row) {
  return fmt::format("reference {} of tenant {}, position {}.{}", row.reference_id, row.tenant, row.position,
                     row.ordinal);
}
std::string named(const ProvenanceRow& row) {
  return fmt::format("the edge {} -> {} of tenant {}, position {}", row.derived, row.source, row.tenant, row.position);
}
std::string named(const EventRow& row) {
  return fmt::format("event {} of {}/{}, sequence {}, position {}.{}", row.event_id, row.tenant, row.topic,
                     row.sequence, row.position, row.ordinal);
}

template <typename Filter>
Filter everything() {
  Filter filter;
  filter.limit = kEverything;
  return filter;
}

constexpr auto by_place = [](const auto& row) { return std::tuple(row.position, row.ordinal); };
constexpr auto by_edge = [](const ProvenanceRow& row) { return std::tie(row.position, row.derived, row.source); };

class StoreCheck {
 public:
  StoreCheck(const Evidence& evidence, const LogFacts& facts, std::vector<Violation>& violations)
      : evidence_(evidence), facts_(facts), violations_(violations) {}

  Result<void> check_state();
  Result<void> check_lineage();
  void check_artifacts();

 private:
  void broken(std::string invariant, std::string what) {
    violations_.push_back({std::move(invariant), std::move(what)});
  }
  // Both in the same order; the first difference tells enough.
  template <typename Row>
  void compare(const std::vector<Row>& folded, const std::vector<Row>& stored) {
    const auto [log, store] = std::ranges::mismatch(folded, stored);
    if (log == folded.end() && store == stored.end()) return;
    broken("I11", fmt::format("the store differs from the log's fold at {}: the log says {}, the store {}",
                              facts_.last_position, log == folded.end() ? "nothing more" : named(*log),
                              store == stored.end() ? "nothing more" : named(*store)));
  }
  Result<void> check_tenant_state();
  Result<void> check_positions();
  Result<void> check_edges(const ReferenceRow& reference, std::vector<ProvenanceRow>& found);
  Result<void> check_content(const ArtifactFact& artifact);

  const Evidence& evidence_;
  const LogFacts& facts_;
  std::vector<Violation>& violations_;
};

Result<void> StoreCheck::check_state() {
  StateStore& state = *evidence_.state;
  const TenantScope all = TenantScope::every_tenant();
  std::vector<ExecutionRow> executions;
  for (const auto& [id, execution] : facts_.executions) executions.push_back(execution.row);
  TRY(auto stored, state.list_executions(everything<ExecutionFilter>()));
  std::ranges::sort(stored, {}, &ExecutionRow::execution_id);
  compare(executions, stored);

  std::vector<SessionRow> sessions;
  for (const auto& [name, session] : facts_.sessions) sessions.push_back(session);
  TRY(auto stored_sessions, state.list_sessions(all, {}, kEverything));
  std::ranges::sort(stored_sessions, {}, [](const SessionRow& row) { return std::tie(row.tenant, row.session); });
  compare(sessions, stored_sessions);

  std::vector<EventRow> events;
  for (const auto& [stream, queued] : facts_.streams) {
    for (const EventFact& event : queued) events.push_back(event.row);
  }
  std::ranges::sort(events, {}, by_place);
  TRY(const auto stored_events, state.list_events(everything<EventFilter>()));
  compare(events, stored_events);
  TRY(check_tenant_state());
  return check_positions();
}

Result<void> StoreCheck::check_tenant_state() {
  std::vector<StateRow> existing;
  for (const auto& [name, row] : facts_.state) {
    if (row.value) existing.push_back(row);
    TRY(const auto stored, evidence_.state->state(row.tenant, row.key));
    if (!row.value && stored != row) broken("I11", "the store does not know of the deletion of " + named(row));
  }
  TRY(const auto stored, evidence_.state->list_state(TenantScope::every_tenant(), "", {}, kEverything));
  compare(existing, stored);
  return {};
}

Result<void> StoreCheck::check_positions() {
  std::map<std::pair<std::string, std::string>, std::uint64_t> sequences;
  for (const auto& [stream, events] : facts_.streams) {
    sequences[{stream.tenant, stream.topic}] = events.back().row.sequence;
  }
  TRY(const auto stored, evidence_.state->stream_sequences());
  if (stored != sequences) broken("I11", "the store's stream sequences are not those of the log");
  TRY(const auto cursors, evidence_.state->cursors());
  if (cursors != facts_.marks) broken("I11", "the store's publication marks are not those of the log");
  TRY(const std::uint64_t epoch, evidence_.state->epoch());
  if (epoch != facts_.epoch) broken("I11", fmt::format("the store's epoch is {}, the log's {}", epoch, facts_.epoch));
  TRY(const auto registrations, evidence_.state->registrations());
  if (registrations.size() != facts_.registrations) {
    broken("I11",
           fmt::format("the store has {} registrations, the log {}", registrations.size(), facts_.registrations));
  }
  return {};
}

Result<void> StoreCheck::check_lineage() {
  TRY(auto stored, evidence_.lineage->list_references(everything<ReferenceFilter>()));
  std::ranges::sort(stored, {}, by_place);
  compare(facts_.references, stored);
  std::vector<ProvenanceRow> found;
  for (const ReferenceRow& reference : stored) TRY(check_edges(reference, found));
  std::vector<ProvenanceRow> folded = facts_.edges;
  std::ranges::sort(folded, {}, by_edge);
  std::ranges::sort(found, {}, by_edge);
  compare(folded, found);
  return {};
}

Result<void> StoreCheck::check_edges(const ReferenceRow& reference, std::vector<ProvenanceRow>& found) {
  const TenantScope scope = TenantScope::only(reference.tenant);
  TRY(const auto up, evidence_.lineage->sources_of(scope, reference.reference_id));
  found.insert(found.end(), up.begin(), up.end());
  TRY(const auto down, evidence_.lineage->derived_from(scope, reference.reference_id));
  for (const ProvenanceRow& edge : down) {
    TRY(const auto derived, evidence_.lineage->reference(scope, edge.derived));
    if (!derived) broken("I12", "the lineage has " + named(edge) + ", whose derived end does not exist");
  }
  return {};
}

void StoreCheck::check_artifacts() {
  for (const auto& [id, execution] : facts_.executions) {
    for (const ArtifactFact& artifact : execution.artifacts) {
      if (const auto sound = check_content(artifact); !sound) {
        broken("I4", fmt::format("artifact '{}' of execution {} ({} bytes, {}): {}", artifact.name, id, artifact.size,
                                 artifact.digest, sound.error().message));
      }
    }
  }
}

Result<void> StoreCheck::check_content(const ArtifactFact& artifact) {
  base::Sha256 hash;
  std::uint64_t size = 0;
  if (artifact.content) {
    hash.update(*artifact.content);
    size = artifact.content->size();
  } else {
    base::Digest digest;
    std::ranges::copy(base::from_hex(artifact.digest).value_or(std::string(digest.bytes.size(), '\0')),
                      digest.bytes.begin());
    TRY(const auto reader, evidence_.artifacts->open(digest));
    for (std::string piece; size < reader->size(); size += piece.size()) {
      TRY(reader->read_at(size, kPieceBytes, piece));
      if (piece.empty()) break;
      hash.update(piece);
    }
  }
  if (size == artifact.size && hash.finish().hex() == artifact.digest) return {};
  return fail(ErrorCode::corrupt, "the content is not what was committed");
}

// The position that the store says it has reached; nothing when it cannot be one.
Result<std::optional<std::uint64_t>> reached_position(const Evidence& evidence, const LogFacts& facts,
                                                      std::vector<Violation>& violations) {
  TRY(const std::uint64_t reached, evidence.state->position());
  if (reached != 0 && !facts.batch_ends.contains(reached)) {
    violations.push_back({"I11", fmt::format("the store has reached position {}, where no batch of the log ends (it "
                                             "ends at {})",
                                             reached, facts.last_position)});
    return std::nullopt;
  }
  if (evidence.faults_stopped && reached != facts.last_position) {
    violations.push_back({"I11", fmt::format("everything was drained, but the store says it has reached {} of {}",
                                             reached, facts.last_position)});
  }
  return reached;
}

Result<void> check_projections(const Evidence& evidence, const LogFacts& facts, std::vector<Violation>& violations) {
  TRY(const auto reached, reached_position(evidence, facts, violations));
  if (!reached) return {};
  std::vector<Violation> told_already;
  const LogFacts then = *reached == facts.last_position ? facts : read_log(*evidence.log, *reached, told_already);
  StoreCheck check(evidence, then, violations);
  TRY(check.check_state());
  if (evidence.lineage != nullptr) TRY(check.check_lineage());
  return {};
}

}  // namespace

void check_stores(const Evidence& evidence, const LogFacts& facts, std::vector<Violation>& violations) {
  if (evidence.artifacts != nullptr) StoreCheck(evidence, facts, violations).check_artifacts();
  if (evidence.state == nullptr) return;
  if (const auto checked = check_projections(evidence, facts, violations); !checked) {
    violations.push_back({"I11", "the store cannot be asked: " + checked.error().message});
  }
}

}  // namespace symphainy::tests
