// SPDX-License-Identifier: Apache-2.0
// What the runtime's records mean: their types, and the lifecycle stage each belongs to. Numbers are never reused.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace symphainy::runtime {

/// A store's features are one number, in its StoreCreated record. A release refuses a store above the level it knows.
inline constexpr std::uint64_t kKnownFeatureLevel = 1;

enum class RecordType : std::uint16_t {
  store_created = 1,     ///< _system: {"feature_level", "release"}
  partition_opened = 2,  ///< _system: {"epoch", "release"}
  intent_type_registered =
      3,               ///< _system: {"intent_type", "version", "domain_service", "handler", "schema", "schema_digest"}
  store_restored = 4,  ///< _system: {"actor", "earlier": [{"position", "timeline"}...], "kind", "reason"?, "timeline"}

  intent_accepted = 10,    ///< {"fingerprint", "intent"}
  execution_created = 11,  ///< {"domain_service", "handler", "handler_version", "schema_digest", "seed"}
  execution_started = 12,  ///< {"attempt", "epoch"}
  intent_rejected = 13,    ///< {"error", "intent": the members that were valid}

  context_observed = 20,       ///< {"observations": [{"kind", "key"?, "answer"}...]}
  artifacts_handled = 21,      ///< {"artifacts": [{"name", "media_type", "digest", "size", "content"? (base64)}...]}
  references_registered = 22,  ///< {"references": [...]}
  provenance_tracked = 23,     ///< {"edges": [{"derived", "source", "relation"}...]}
  state_changed = 24,          ///< {"changes": [{"key", "version", "value"?}...]}; without value: deleted
  events_queued = 25,          ///< {"events": [{"event_id", "type", "subject", "topic", "sequence", "data"}...]}
  execution_completed = 26,    ///< {"duration_us", "result"}
  execution_failed = 27,       ///< {"duration_us", "error"}
  execution_parked = 28,       ///< {"duration_us", "error"}: it stays as it is until somebody resumes it

  step_completed = 30,  ///< {"input_digest", "key", "observed", "result", "tries"}; observed: answers given before it
  step_failed = 31,     ///< {"error", "input_digest", "key", "observed", "tries"}

  attempt_failed = 32,          ///< {"duration_us", "error", "retry_after_us"}: another attempt follows
  cancellation_requested = 33,  ///< {"actor", "reason"}
  execution_resumed = 34,       ///< {"actor", "reason"}: it was parked
  execution_cancelled = 35,     ///< {"duration_us", "error"}
  execution_terminated = 36,    ///< {"actor", "duration_us", "error", "reason"}

  /// {"input_digest", "key", "kept"?, "observed", "pivot", "step_token"?}: of a saga's step; token and kept: copied
  step_started = 37,
  compensation_begun = 38,  ///< {"error"}: why its steps are undone
  step_compensated = 39,    ///< {"key", "tries"}

  events_published = 40,  ///< _system: {"publisher", "position"}

  compensation_stuck = 41,     ///< {"duration_us", "error"}: until it is resumed
  execution_compensated = 42,  ///< {"duration_us", "error"}

  /// {"children"?, "due_by"?, "due_us"?, "key", "kind", "name", "observed", "wake_by"?, "wake_us"?}: when the wait is
  /// over anyhow, and when the execution goes on at the latest: then, or at its deadline
  wait_begun = 43,
  wait_ended = 44,       ///< {"key", "signal_id"?, "timed_out"}
  signal_received = 45,  ///< {"actor", "name", "reason", "received_us", "signal_id", "value"}
  child_ended =
      46,  ///< {"child", "error"?, "status", "value"?}: a record of the parent's, in the batch of the child's end

  /// {"action", "actor", "from_step"?, "reason", "successor"}: a record of an execution that has ended, in the batch of
  /// the one that does it once more
  execution_rerun = 47,
  /// {"drawn_from": [{"calls", "execution", "seed"}...], "source", "source_version", "until_position"}: the records of
  /// the source up to there follow, those that are taken over, as the execution's own
  history_copied = 48,
};

/// "IntentAccepted"; empty for a type this release does not know.
[[nodiscard]] std::string_view record_name(std::uint16_t type) noexcept;
/// "accept_intent" … "complete_execution"; empty for records outside the lifecycle.
[[nodiscard]] std::string_view lifecycle_stage(std::uint16_t type) noexcept;

}  // namespace symphainy::runtime
