// SPDX-License-Identifier: Apache-2.0
// The execution lifecycle: START HERE. An intent is accepted, an execution created, the handler executed, its artifacts
// handled, its events published, the execution completed. Each stage is a record; the first three are one synced batch,
// the last three another (docs: ARCHITECTURE.md). Recovery enters the same functions.
//
// Runs on the partition's executor; handlers run on the handlers' executor.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "symphainy/runtime.h"
#include "symphainy/task.h"

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/executor.h"
#include "public_works/abstractions/random.h"
#include "runtime/admission.h"
#include "runtime/attempt_steps.h"
#include "runtime/deadline_timers.h"
#include "runtime/decision_state.h"
#include "runtime/due_clock.h"
#include "runtime/execution_context.h"
#include "runtime/handler_run.h"
#include "runtime/intent_registry.h"
#include "runtime/running_execution.h"
#include "runtime/running_handlers.h"
#include "runtime/saga_coordinator.h"
#include "runtime/start_queue.h"
#include "runtime/wake_queue.h"
#include "runtime/wal_record.h"
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
  /// What the lifecycle begins of itself, between these two; may be empty.
  std::function<void()> work_begins = {};
  std::function<void()> work_ends = {};
};

class ExecutionLifecycleManager {
 public:
  explicit ExecutionLifecycleManager(LifecycleParts parts);

  /// Runs an intent through all six stages. Failed and rejected are results; an error means that nothing can be said.
  [[nodiscard]] Task<Result<ExecutionResult>> execute(Intent intent);
  using Answer = std::function<void(Result<ExecutionResult>)>;
  /// The same for whoever does not wait: calls `answer` once, when its acceptance is durable; ends when it has ended.
  [[nodiscard]] Task<void> start(Intent intent, Answer answer);
  /// Goes on with an execution that an earlier process left unfinished, as a new attempt.
  [[nodiscard]] Task<Result<ExecutionResult>> resume(TrackedPtr execution);
  /// Whether it is one for resume(): left unfinished, or parked because its handler was missing, which is here now.
  [[nodiscard]] bool goes_on_by_itself(const TrackedExecution& tracked) const;
  /// Does to an execution what somebody asks for, on the record (execution_commands.cc).
  /// Calls `answer` once, on the partition; ends when what it set going has ended.
  [[nodiscard]] Task<void> command(ExecutionCommand command, Answer answer);
  /// One that waits, as an earlier process left it: it is woken when it is due.
  void take_up_waiting(const TrackedPtr& execution);
  /// One that is pending: it is started when there is room.
  void take_up_pending(const TrackedPtr& execution);
  /// Executions that wait, or that wait for their next attempt, are left to whoever opens the log again.
  void stop_waiting();
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
  using Execution = RunningExecution;

  // The six stages.
  [[nodiscard]] Result<Acceptance> accept_intent(const Intent& intent);
  [[nodiscard]] Result<Execution> create_execution(Intent intent, Acceptance acceptance);
  [[nodiscard]] Execution plan_execution(Intent intent, Acceptance acceptance, std::vector<base::RecordDraft>& drafts);
  [[nodiscard]] Task<Result<HandlerResult>> execute_intent(Execution& execution);
  [[nodiscard]] Result<void> handle_artifacts(Execution& execution, Result<HandlerResult> outcome);
  void publish_events(Execution& execution);
  void record_steps(Execution& execution);
  [[nodiscard]] Task<Result<ExecutionResult>> complete_execution(Execution& execution, const Result<void>& outcome);

  [[nodiscard]] Task<Result<ExecutionResult>> carry_out_to_its_end(Execution execution);
  [[nodiscard]] Task<std::optional<Result<ExecutionResult>>> carry_out(Execution execution);
  [[nodiscard]] Task<Result<Result<void>>> attempt_until_decided(Execution& execution);
  [[nodiscard]] Task<Result<void>> attempt(Execution& execution);
  static void leave(Execution& execution);
  [[nodiscard]] static Error left_to_the_next();
  [[nodiscard]] static bool hears_cancellation(const Execution& execution);
  [[nodiscard]] std::optional<std::int64_t> delay_before_next(const Execution& execution,
                                                              const Result<void>& outcome) const;
  [[nodiscard]] Task<Result<void>> run_on(Execution& execution);
  [[nodiscard]] Task<Result<void>> run_again(Execution& execution);
  [[nodiscard]] Task<Result<void>> begin_next_attempt(Execution& execution, const Error& error, std::int64_t delay_us);
  [[nodiscard]] Task<Result<void>> record_failed_attempt(Execution& execution, const Error& error,
                                                         std::int64_t delay_us);
  [[nodiscard]] Task<void> pause(Execution& execution, std::int64_t delay_us);
  struct Ending {
    ExecutionStatus status;
    RecordType record;
    std::optional<Error> error;
  };
  [[nodiscard]] Ending ending_of(const Execution& execution, const Result<void>& outcome) const;
  [[nodiscard]] bool is_to_park(const Execution& execution, const Error& error) const;
  [[nodiscard]] static std::string payload_of(const Execution& execution, const Ending& ending,
                                              std::int64_t duration_us);

  // Waits (execution_waits.cc).
  [[nodiscard]] static bool is_over(const Execution& execution);
  void set_aside(Execution& execution);
  void put_to_sleep(const TrackedPtr& tracked);
  void rouse(TrackedExecution& tracked);
  void wake_now(TrackedExecution& tracked);
  void wake(const TrackedPtr& tracked);
  [[nodiscard]] Task<void> wake_due(TrackedPtr tracked);
  [[nodiscard]] Result<Execution> restore_woken(const TrackedPtr& tracked);
  [[nodiscard]] Task<void> signal(TrackedPtr tracked, ExecutionCommand command, Answer answer);
  [[nodiscard]] Result<bool> is_received(const std::vector<base::LogRecord>& history, const RecordedWaits& waits,
                                         const SignalDraft& signal) const;
  [[nodiscard]] Result<std::uint64_t> hand_signal_over(TrackedExecution& tracked, const SignalDraft& signal,
                                                       std::vector<base::RecordDraft> drafts);
  [[nodiscard]] Task<Result<void>> all_durable(TrackedPtr tracked);
  static void answer_waiting(TrackedExecution& tracked, const Result<ExecutionResult>& result);

  // Children (execution_children.cc).
  [[nodiscard]] Result<AttemptSteps::Spawned> spawn_child(TrackedExecution& parent, const Intent& intent,
                                                          StepOutcome step, std::vector<base::RecordDraft> drafts);
  void start_or_queue(Execution child, bool starts);
  [[nodiscard]] Task<void> run_child(Execution child);
  [[nodiscard]] Task<void> run_pending(TrackedPtr child);
  void start_pending();
  /// What the parent of an execution that ends is told, in the batch of that end.
  struct ParentNotice {
    TrackedPtr parent;
    std::string child;
    Json outcome;
    bool ends_wait = false;
  };
  [[nodiscard]] std::optional<ParentNotice> notice_to_parent(const TrackedExecution& child, ExecutionStatus status,
                                                             const Json& value, const std::optional<Error>& error,
                                                             std::vector<base::RecordDraft>& drafts) const;
  void deliver(ParentNotice notice, const public_works::AppendReceipt& receipt);
  [[nodiscard]] Task<void> end_children(const Execution& execution);
  [[nodiscard]] Task<void> cancel_children(TrackedPtr parent, Actor actor, std::string reason);
  [[nodiscard]] Task<void> cancel_child(ExecutionCommand command, std::shared_ptr<std::size_t> left,
                                        std::shared_ptr<Promised<bool>> all_heard);

  // Doing once more what has ended (execution_reruns.cc).
  [[nodiscard]] Task<void> rerun(ExecutionCommand command, Answer answer);
  [[nodiscard]] Task<Result<TrackedPtr>> find_ended(ExecutionCommand command);
  [[nodiscard]] Result<Execution> begin_rerun(const ExecutionCommand& command,
                                              const std::vector<base::LogRecord>& history);
  [[nodiscard]] Result<Acceptance> accept_again(Intent& intent, const HandlerIdentity& identity, const Actor& actor);

  // Commands.
  [[nodiscard]] Task<Result<void>> cancel(TrackedPtr tracked, ExecutionCommand command);
  [[nodiscard]] Task<Result<void>> terminate(TrackedPtr tracked, ExecutionCommand command);
  [[nodiscard]] Task<Result<void>> end_idle(TrackedPtr tracked, ExecutionCommand command);
  [[nodiscard]] Task<void> attempt_again(TrackedPtr tracked, ExecutionCommand command,
                                         std::vector<base::RecordDraft> drafts, Answer answer);
  [[nodiscard]] Task<void> answer_when_durable(std::uint64_t position, ExecutionResult result, Answer answer);
  [[nodiscard]] Task<Error> nothing_to_act_on(ExecutionCommand command, TrackedPtr ended);
  void hand_over(TrackedExecution& tracked, const Result<ExecutionResult>& result);
  [[nodiscard]] Task<Result<ExecutionResult>> first_result(Binding binding);
  void take_up(const TrackedPtr& execution);
  [[nodiscard]] Task<void> resume_for_waiting(TrackedPtr execution);
  [[nodiscard]] Result<Execution> restore_execution(const TrackedPtr& tracked,
                                                    std::vector<base::RecordDraft> command = {});
  [[nodiscard]] Result<public_works::AppendReceipt> append(TrackedExecution& tracked,
                                                           std::vector<base::RecordDraft> drafts);
  [[nodiscard]] std::string random_bytes(std::size_t count);

  LifecycleParts parts_;
  DeadlineTimers deadlines_;
  RunningHandlers running_;
  SagaCoordinator sagas_;
  DueClock due_clock_;
  WakeQueue wakes_;
  StartQueue starts_;
  bool leaving_ = false;  ///< closing: nothing waits for another attempt any more
};

}  // namespace symphainy::runtime
