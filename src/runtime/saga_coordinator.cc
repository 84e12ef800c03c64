// SPDX-License-Identifier: Apache-2.0
#include "runtime/saga_coordinator.h"

#include <utility>

#include "base/fault_points.h"
#include "base/try.h"
#include "runtime/execution_history.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/spawn.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {

Task<Result<bool>> SagaCoordinator::is_called_for(const RunningExecution& execution, const Result<void>& outcome) {
  if (outcome || execution.termination || !execution.context) co_return false;
  // While its handler may still run, only the log tells what it did.
  if (execution.context->given_up()) {
    if (execution.undoing) co_return true;
    co_return co_await has_recorded_steps_to_undo(execution.tracked);
  }
  if (execution.context->divergence()) co_return false;
  co_return execution.undoing || execution.context->has_undoable_steps();
}

Task<Result<bool>> SagaCoordinator::has_recorded_steps_to_undo(TrackedPtr tracked) {
  if (auto durable = co_await parts_.log.durable(tracked->row.batches.back()); !durable) {
    co_return std::unexpected(durable.error());
  }
  co_await move_to(parts_.handlers);  // reading the log may take a while
  const auto history = read_history(parts_.log.log(), tracked->row);
  auto answers = history ? answers_from_history(*history) : std::unexpected(history.error());
  co_await move_to(parts_.partition);
  if (!answers) co_return std::unexpected(answers.error());
  const StepJournal steps(std::move(answers->steps), std::move(answers->started), std::move(answers->undone));
  co_return !steps.has_no_way_back() && !steps.to_undo().empty();
}

Task<Result<Error>> SagaCoordinator::compensate(RunningExecution& execution, Error why) {
  if (!execution.undoing) {
    if (auto begun = co_await begin(execution, std::move(why)); !begun) co_return std::unexpected(begun.error());
  }
  // Its handler may still run, and must not be asked what it did: another attempt tells.
  if (execution.context->given_up() && !execution.termination) {
    if (auto again = co_await parts_.run_again(execution); !again) co_return std::unexpected(again.error());
    if (!execution.context) co_return Error{ErrorCode::failed, execution.missing_handler, kMissingHandler, {}};
  }
  if (execution.termination) co_return terminated_by(*execution.termination);
  if (const auto& divergence = execution.context->divergence()) co_return *divergence;

  const Result<void> undone = co_await undo_steps(execution);
  if (execution.left) co_return std::unexpected(undone.error());
  if (execution.termination) co_return terminated_by(*execution.termination);
  execution.compensation = undone ? Compensation::done : Compensation::stuck;
  co_return undone ? *execution.undoing : undone.error();
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

// A command or closing may end the wait for it.
Task<Result<void>> SagaCoordinator::undo_steps(RunningExecution& execution) {
  const auto over = std::make_shared<Promised<Result<void>>>();
  execution.undo = over;
  spawn(run_undo(execution.context, over));
  Result<void> undone = co_await *over;
  execution.undo.reset();
  co_return undone;
}

Task<void> SagaCoordinator::run_undo(std::shared_ptr<RuntimeExecutionContext> context,
                                     std::shared_ptr<Promised<Result<void>>> over) {
  parts_.running.begun();
  co_await move_to(parts_.handlers);
  Result<void> undone = co_await context->undo_steps();
  co_await move_to(parts_.partition);
  over->set(std::move(undone));
  parts_.running.ended();
}

}  // namespace symphainy::runtime
