// SPDX-License-Identifier: Apache-2.0
#include "runtime/commit.h"

#include <algorithm>
#include <ranges>
#include <span>

#include "base/bytes.h"
#include "base/fault_points.h"
#include "base/json_writer.h"
#include "runtime/data_brain.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {
namespace {

// {"<list>": [ ... ]}
template <typename Items, typename Write>
std::string list_payload(std::string_view list, Items&& items, Write write) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().key(list).begin_array();
  for (const auto& item : items) write(json, item);
  json.end_array().end_object();
  return payload;
}

std::string observations_payload(const PendingCommit& commit) {
  auto fresh = commit.observations | std::views::filter([](const Observation& seen) { return !seen.recorded; });
  return list_payload("observations", fresh, [](base::JsonWriter& json, const Observation& seen) {
    json.begin_object().member("answer", seen.answer).member("key", seen.key).member("kind", seen.kind).end_object();
  });
}

std::string artifacts_payload(const PendingCommit& commit) {
  return list_payload("artifacts", commit.artifacts, [](base::JsonWriter& json, const PendingArtifact& pending) {
    const Artifact& artifact = pending.artifact;
    json.begin_object();
    if (pending.content) json.member("content", base::to_base64(*pending.content));
    json.member("digest", artifact.digest).member("location", artifact.location);
    json.member("media_type", artifact.media_type).member("name", artifact.name).member("size", artifact.size);
    json.end_object();
  });
}

std::string references_payload(const PendingCommit& commit) {
  return list_payload("references", commit.references, [](base::JsonWriter& json, const Reference& reference) {
    json.begin_object().member("digest", reference.digest).member("location", reference.location);
    json.member("media_type", reference.media_type).member("metadata", reference.metadata);
    json.member("name", reference.name).member("reference_id", reference.reference_id);
    json.member("size", reference.size).member("type", reference.type).end_object();
  });
}

std::string edges_payload(const PendingCommit& commit) {
  return list_payload("edges", commit.edges, [](base::JsonWriter& json, const PendingEdge& edge) {
    json.begin_object().member("derived", edge.derived).member("relation", to_string(edge.relation));
    json.member("source", edge.source).end_object();
  });
}

std::string state_payload(const PendingCommit& commit) {
  return list_payload("changes", commit.state, [](base::JsonWriter& json, const PendingStateChange& change) {
    json.begin_object().member("key", change.key);
    if (change.value) json.member("value", *change.value);
    json.member("version", change.version).end_object();
  });
}

std::string events_payload(const PendingCommit& commit) {
  const std::size_t dropped = PLANTED_BUG("drop-event-of-commit") && commit.events.size() > 1 ? 1 : 0;
  const auto events = std::span(commit.events).first(commit.events.size() - dropped);
  return list_payload("events", events, [](base::JsonWriter& json, const PendingEvent& event) {
    json.begin_object().member("data", event.draft.data).member("event_id", event.event_id);
    json.member("sequence", event.sequence).member("subject", event.draft.subject);
    json.member("topic", event.draft.topic).member("type", event.draft.type).end_object();
  });
}

}  // namespace

void append_observation_record(PendingCommit& commit, const RecordOwner& owner, std::vector<base::RecordDraft>& out) {
  if (std::ranges::all_of(commit.observations, &Observation::recorded)) return;
  out.push_back(draft_record(RecordType::context_observed, owner.tenant, observations_payload(commit), owner.execution,
                             owner.attempt));
  for (Observation& seen : commit.observations) seen.recorded = true;
}

void append_artifact_records(const PendingCommit& commit, const RecordOwner& owner,
                             std::vector<base::RecordDraft>& out) {
  const auto add = [&](RecordType type, std::string payload) {
    out.push_back(draft_record(type, owner.tenant, std::move(payload), owner.execution, owner.attempt));
  };
  add(RecordType::artifacts_handled, artifacts_payload(commit));
  if (!commit.references.empty()) add(RecordType::references_registered, references_payload(commit));
  if (!commit.edges.empty()) add(RecordType::provenance_tracked, edges_payload(commit));
  if (!commit.state.empty()) add(RecordType::state_changed, state_payload(commit));
}

void append_event_records(const PendingCommit& commit, const RecordOwner& owner, std::vector<base::RecordDraft>& out) {
  out.push_back(
      draft_record(RecordType::events_queued, owner.tenant, events_payload(commit), owner.execution, owner.attempt));
}

}  // namespace symphainy::runtime
