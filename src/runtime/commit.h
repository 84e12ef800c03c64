// SPDX-License-Identifier: Apache-2.0
// What a handler has added and nobody sees yet, and how it becomes the records of one commit.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "symphainy/execution_context.h"

#include "base/ids.h"
#include "base/log_record.h"

namespace symphainy::runtime {

struct PendingArtifact {
  Artifact artifact;
  std::optional<std::string> content;  ///< set: it travels in the log
};

struct PendingStateChange {
  std::string key;
  std::optional<Json> value;  ///< nothing: delete
  std::optional<std::uint64_t> expected_version;
  std::uint64_t version = 0;  ///< assigned when the commit is checked
};

struct PendingEvent {
  std::string event_id;
  EventDraft draft;
  std::uint64_t sequence = 0;  ///< in its stream; assigned when the commit is checked
};

struct PendingEdge {
  std::string derived;
  std::string source;
  Relation relation = Relation::was_derived_from;
};

/// An answer the context gave that could have been another one.
struct Observation {
  std::string kind;  ///< "time", "state", "reference", "location"
  std::string key;
  Json answer;
  bool recorded = false;       ///< it is in the log already
  std::uint64_t position = 0;  ///< of its record, when it was read from the log
};

struct PendingCommit {
  std::vector<Observation> observations;
  std::vector<PendingArtifact> artifacts;
  std::vector<Reference> references;
  std::vector<PendingEdge> edges;
  std::vector<PendingStateChange> state;
  std::vector<PendingEvent> events;
};

/// Who a record belongs to.
struct RecordOwner {
  std::string tenant;
  base::Uuid execution;
  std::uint32_t attempt = 0;
};

/// ContextObserved: the answers that are not recorded yet, if there are any; they count as recorded from then on.
void append_observation_record(PendingCommit& commit, const RecordOwner& owner, std::vector<base::RecordDraft>& out);
/// handle_artifacts: ArtifactsHandled, then references, provenance and state, if
/// any.
void append_artifact_records(const PendingCommit& commit, const RecordOwner& owner,
                             std::vector<base::RecordDraft>& out);
/// publish_events: EventsQueued.
void append_event_records(const PendingCommit& commit, const RecordOwner& owner, std::vector<base::RecordDraft>& out);

}  // namespace symphainy::runtime
