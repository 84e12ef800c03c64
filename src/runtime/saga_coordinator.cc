// SPDX-License-Identifier: Apache-2.0
#include "runtime/saga_coordinator.h"

#include <utility>

#include "base/fault_points.h"
#include "runtime/execution_history.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/spawn.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {

Task<bool> SagaCoordinator::is_called_for(const RunningExecution& execution, const Result<void>& outcome) {
  if (outcome || execution.termination || !execution.context) co_return false;
  // Its handler may still run, and take steps: what counts is what is recorded of them.
  if (execution.context->given_up()) {
    const bool has_steps = co_await has_to_undo(execution.tracked);
    co_return has_steps && !execution.termination;
  }
  if (execution.context->divergence()) co_return false;
  co_return execution.undoing || execution.context->has_undoable_steps();
}

// When the log cannot tell: undoing cannot go on either, and whoever resumes it sees why.
Task<bool> SagaCoordinator::has_to_undo(TrackedPtr tracked) {
  if (const auto readable = co_await parts_.log.durable(tracked->row.batches.back()); !readable) co_return false;
  const auto history = read_history(parts_.log.log(), tracked->row);
  auto answers = history ? answers_from_history(*history) : std::unexpected(history.error());
  if (!answers) co_return true;
  const StepJournal steps(std::move(answers->steps), std::move(answers->started), {});
  co_return !steps.has_pivot() && !steps.to_undo().empty();
}

Task<Result<void>> SagaCoordinator::compensate(RunningExecution& execution, Error why) {
  if (!execution.undoing) {
    if (auto begun = co_await begin(execution, std::move(why)); !begun) co_return begun;
  }
  // Its handler may still run, and must not be asked what it did: another attempt tells.
  if (execution.context->given_up() && !execution.termination) {
    if (auto again = co_await parts_.run_again(execution); !again) co_return again;
  }
  if (execution.termination) co_return std::unexpected(terminated_by(*execution.termination));
  if (const auto& divergence = execution.context->divergence()) co_return std::unexpected(*divergence);

  const Error reason = *execution.undoing;
  Result<void> undone = co_await undo_steps(execution);
  if (execution.termination) co_return std::unexpected(terminated_by(*execution.termination));
  execution.compensation = undone ? Compensation::done : Compensation::stuck;
  co_return std::unexpected(undone ? reason : undone.error());
}

Task<Result<void>> SagaCoordinator::begin(RunningExecution& execution, Error why) {
  why = recordable(std::move(why));
  std::vector<base::RecordDraft> drafts = std::exchange(execution.commit, {});
  drafts.push_back(draft_record(RecordType::compensation_begun, execution.intent->tenant_id,
                                compensation_begun_payload(why), execution.id, execution.attempt));
  CRASH_POINT("compensation-before-append");
  const auto receipt = parts_.append(*execution.tracked, std::move(drafts));
  if (!receipt) co_return std::unexpected(outcome_unknown(receipt.error()));
  execution.undoing = std::move(why);
  if (auto durable = co_await parts_.log.durable(receipt->last_position); !durable) co_return durable;
  CRASH_POINT("compensation-begun");
  co_return Result<void>();
}

Task<Result<void>> SagaCoordinator::undo_steps(RunningExecution& execution) {
  const auto context = execution.context;
  parts_.running.begun();
  co_await move_to(parts_.handlers);
  Result<void> undone = co_await context->undo_steps();
  co_await move_to(parts_.partition);
  parts_.running.ended();
  co_return undone;
}

}  // namespace symphainy::runtime
