// SPDX-License-Identifier: Apache-2.0
// The execution lifecycle: START HERE. An intent is accepted, an execution created, the handler executed, its artifacts
// handled, its events published, the execution completed. Each stage is a record; the first three are one synced batch,
// the last three another (docs: ARCHITECTURE.md). Recovery enters the same functions.
//
// Runs on the partition's executor; handlers run on the handlers' executor.
#pragma once

#include <memory>
#include <string>

#include "symphainy/runtime.h"
#include "symphainy/task.h"

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/executor.h"
#include "public_works/abstractions/random.h"
#include "runtime/admission.h"
#include "runtime/deadline_timers.h"
#include "runtime/decision_state.h"
#include "runtime/execution_context.h"
#include "runtime/intent_registry.h"
#include "runtime/running_handlers.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {

/// What the lifecycle works with. All of it outlives the manager.
struct LifecycleParts {
  public_works::Executor& partition;
  public_works::Executor& handlers;
  public_works::Clock& clock;
  public_works::Random& random;
  WriteAheadLog& log;
  DecisionState& decisions;
  IntentRegistry& registry;
  Admission& admission;
  ContextServices& context_services;
  IntentLimits limits;
};

class ExecutionLifecycleManager {
 public:
  explicit ExecutionLifecycleManager(LifecycleParts parts) : parts_(parts), deadlines_(parts.partition, parts.clock) {}

  /// Runs an intent through all six stages. Failed and rejected are results; an error means that nothing can be said.
  [[nodiscard]] Task<Result<ExecutionResult>> execute(Intent intent);
  /// Goes on with an execution that an earlier process left unfinished, as a new attempt.
  [[nodiscard]] Task<Result<ExecutionResult>> resume(TrackedPtr execution);
  /// Records the refusal of what is no valid intent, under its tenant when that much can be told.
  [[nodiscard]] Task<Result<ExecutionResult>> reject(Json refused, Error why);
  /// Blocks until no handler runs, those included whose execution has ended at its deadline. Not on an executor's
  /// thread.
  void wait_for_handlers() { running_.wait_until_none(parts_.handlers); }

 private:
  struct Acceptance {
    RegisteredPtr handler;
    std::string fingerprint;
    std::optional<Binding> seen_before;
    std::optional<Error> refusal;
  };
  struct Execution {
    std::shared_ptr<const Intent> intent;
    base::Uuid id;
    std::string seed;
    std::uint32_t attempt = 1;
    RegisteredPtr handler;  ///< nullptr: missing in this process
    std::string missing_handler;
    TrackedPtr tracked;
    std::int64_t accepted_steady_us = 0;
    std::uint64_t started_position = 0;  ///< of its last record before the handler
    RecordedAnswers answers;             ///< of earlier attempts
    std::shared_ptr<RuntimeExecutionContext> context;
    std::vector<base::RecordDraft> commit;  ///< the records of the last three stages
    Json value;
  };

  // The six stages.
  [[nodiscard]] Result<Acceptance> accept_intent(const Intent& intent);
  [[nodiscard]] Result<Execution> create_execution(Intent intent, Acceptance acceptance);
  [[nodiscard]] Task<Result<HandlerResult>> execute_intent(Execution& execution);
  [[nodiscard]] Result<void> handle_artifacts(Execution& execution, Result<HandlerResult> outcome);
  void publish_events(Execution& execution);
  void record_steps(Execution& execution);
  [[nodiscard]] Task<Result<ExecutionResult>> complete_execution(Execution& execution, const Result<void>& outcome);

  [[nodiscard]] Task<Result<ExecutionResult>> carry_out(Execution execution);
  void hand_over(TrackedExecution& tracked, const Result<ExecutionResult>& result);
  [[nodiscard]] Task<Result<ExecutionResult>> first_result(Binding binding);
  [[nodiscard]] Task<void> resume_for_waiting(TrackedPtr execution);
  [[nodiscard]] Result<Execution> restore_execution(const TrackedPtr& tracked);
  [[nodiscard]] Result<public_works::AppendReceipt> append(TrackedExecution& tracked,
                                                           std::vector<base::RecordDraft> drafts);
  [[nodiscard]] std::string random_bytes(std::size_t count);

  LifecycleParts parts_;
  DeadlineTimers deadlines_;
  RunningHandlers running_;
};

}  // namespace symphainy::runtime
