// SPDX-License-Identifier: Apache-2.0
// The steps of an execution context that can be undone: which those are, and undoing them.
#include <algorithm>
#include <fmt/format.h>

#include "base/fault_points.h"
#include "base/try.h"
#include "runtime/execution_context.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {
namespace {

// Its parameters are the coroutine's own; what it refers to outlives it.
Task<Result<Json>> call(const UndoFunction* function, UndoRun run) {
  Task<Result<void>> task = (*function)(run);
  if (!task) co_return fail(ErrorCode::failed, "the undo function returned an empty Task", "empty_task");
  auto undone = co_await std::move(task);
  if (!undone) co_return std::unexpected(std::move(undone).error());
  co_return Json();
}

Error stuck(const std::string& key, const Error& error) {
  return {error.code, fmt::format("step '{}' could not be undone: {}", key, error.message), "compensation_stuck",
          Json::object({{"error", error.to_json()}, {"step", key}})};
}

Error undo_missing() {
  return {ErrorCode::conflict,
          "the handler does not ask for it any more; put the code back under which this execution began",
          "undo_missing",
          {}};
}

}  // namespace

void RuntimeExecutionContext::note_undoable(const std::string& key, const StepOptions& options,
                                            const Result<Json>* outcome) {
  if (options.pivot && outcome != nullptr) no_way_back_ = outcome->has_value();
  if (!options.undo || (outcome != nullptr && !*outcome)) return;
  undoable_.push_back({key, *options.undo, outcome == nullptr ? std::nullopt : std::optional(**outcome)});
}

const RuntimeExecutionContext::UndoableStep* RuntimeExecutionContext::undoable(const std::string& key) const {
  const auto found = std::ranges::find(undoable_, key, &UndoableStep::key);
  return found == undoable_.end() ? nullptr : &*found;
}

Result<void> RuntimeExecutionContext::check_nothing_forgotten() {
  if (const WaitStart* awaited = waits_.awaited()) return diverged_from_wait(*awaited, "its end");
  for (const std::string& key : steps_.to_undo()) {
    if (undoable(key) != nullptr) continue;
    divergence_ =
        Error{ErrorCode::conflict,
              fmt::format("step '{}' was taken by an earlier attempt, and this one has not asked for it: what "
                          "it did would never be undone; put the code back under which this execution began",
                          key),
              kStepDiverged, Json::object({{"step", key}})};
    return std::unexpected(*divergence_);
  }
  return {};
}

Error RuntimeExecutionContext::being_undone() {
  return {ErrorCode::cancelled, "the execution is being undone: nothing more is done for it", "compensating", {}};
}

Task<Result<void>> RuntimeExecutionContext::undo_steps() {
  compensating_ = true;
  const std::vector<std::string> keys = steps_.to_undo();
  for (const std::string& key : keys) {
    if (undoable(key) == nullptr) co_return std::unexpected(stuck(key, undo_missing()));
  }
  for (std::size_t left = keys.size(); left > 0; --left) {
    const bool from_the_first = PLANTED_BUG("undo-in-order-of-beginning");
    const UndoableStep& step = *undoable(keys[from_the_first ? keys.size() - left : left - 1]);
    if (!step.value && PLANTED_BUG("skip-undo-of-unknown")) continue;
    if (auto undone = co_await undo(step); !undone) co_return undone;
  }
  co_return Result<void>();
}

Task<Result<void>> RuntimeExecutionContext::undo(const UndoableStep& step) {
  if (!still_owner()) co_return std::unexpected(superseded());
  const StepFunction function = [this, &step](const StepRun& run) {
    return call(&step.undo.function, {run.token, step_token_of(step.key), step.value, run.number});
  };
  std::uint32_t tries = 0;
  const Result<Json> undone = co_await try_step(token_of("undo", step.key), function, step.undo.retry, tries);
  if (!still_owner()) co_return std::unexpected(superseded());
  if (!undone) co_return std::unexpected(stuck(step.key, undone.error()));
  std::vector<base::RecordDraft> drafts;
  drafts.push_back(draft_record(RecordType::step_compensated, intent_->tenant_id,
                                step_compensated_payload(step.key, tries), execution_, attempt_));
  CRASH_POINT("undo-before-append");
  auto recorded = co_await step_log_->record(std::move(drafts));
  if (recorded) steps_.note_undone(step.key);
  co_return recorded;
}

}  // namespace symphainy::runtime
