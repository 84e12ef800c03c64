// SPDX-License-Identifier: Apache-2.0
#include "runtime/wal_record.h"

#include <algorithm>
#include <array>

namespace symphainy::runtime {
namespace {

struct Description {
  RecordType type;
  std::string_view name;
  std::string_view stage;
};

constexpr std::array kDescriptions = {
    Description{RecordType::store_created, "StoreCreated", ""},
    Description{RecordType::partition_opened, "PartitionOpened", ""},
    Description{RecordType::intent_type_registered, "IntentTypeRegistered", ""},
    Description{RecordType::store_restored, "StoreRestored", ""},
    Description{RecordType::intent_accepted, "IntentAccepted", "accept_intent"},
    Description{RecordType::execution_created, "ExecutionCreated", "create_execution"},
    Description{RecordType::execution_started, "ExecutionStarted", "execute_intent"},
    Description{RecordType::intent_rejected, "IntentRejected", "accept_intent"},
    Description{RecordType::context_observed, "ContextObserved", "execute_intent"},
    Description{RecordType::artifacts_handled, "ArtifactsHandled", "handle_artifacts"},
    Description{RecordType::references_registered, "ReferencesRegistered", "handle_artifacts"},
    Description{RecordType::provenance_tracked, "ProvenanceTracked", "handle_artifacts"},
    Description{RecordType::state_changed, "StateChanged", "handle_artifacts"},
    Description{RecordType::events_queued, "EventsQueued", "publish_events"},
    Description{RecordType::execution_completed, "ExecutionCompleted", "complete_execution"},
    Description{RecordType::execution_failed, "ExecutionFailed", "complete_execution"},
    Description{RecordType::execution_parked, "ExecutionParked", "execute_intent"},
    Description{RecordType::step_completed, "StepCompleted", "execute_intent"},
    Description{RecordType::step_failed, "StepFailed", "execute_intent"},
    Description{RecordType::attempt_failed, "AttemptFailed", "execute_intent"},
    Description{RecordType::cancellation_requested, "CancellationRequested", "execute_intent"},
    Description{RecordType::execution_resumed, "ExecutionResumed", "execute_intent"},
    Description{RecordType::execution_cancelled, "ExecutionCancelled", "complete_execution"},
    Description{RecordType::execution_terminated, "ExecutionTerminated", "complete_execution"},
    Description{RecordType::step_started, "StepStarted", "execute_intent"},
    Description{RecordType::compensation_begun, "CompensationBegun", "execute_intent"},
    Description{RecordType::step_compensated, "StepCompensated", "execute_intent"},
    Description{RecordType::compensation_stuck, "CompensationStuck", "execute_intent"},
    Description{RecordType::execution_compensated, "ExecutionCompensated", "complete_execution"},
    Description{RecordType::wait_begun, "WaitBegun", "execute_intent"},
    Description{RecordType::wait_ended, "WaitEnded", "execute_intent"},
    Description{RecordType::signal_received, "SignalReceived", "execute_intent"},
    Description{RecordType::child_ended, "ChildEnded", "execute_intent"},
    Description{RecordType::execution_rerun, "ExecutionRerun", "complete_execution"},
    Description{RecordType::history_copied, "HistoryCopied", "create_execution"},
    Description{RecordType::events_published, "EventsPublished", ""},
};

const Description* find(std::uint16_t type) noexcept {
  const auto found = std::ranges::find(kDescriptions, static_cast<RecordType>(type), &Description::type);
  return found == kDescriptions.end() ? nullptr : &*found;
}

}  // namespace

std::string_view record_name(std::uint16_t type) noexcept {
  const Description* known = find(type);
  return known == nullptr ? std::string_view{} : known->name;
}

std::string_view lifecycle_stage(std::uint16_t type) noexcept {
  const Description* known = find(type);
  return known == nullptr ? std::string_view{} : known->stage;
}

}  // namespace symphainy::runtime
