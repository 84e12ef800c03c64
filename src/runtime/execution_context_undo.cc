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

}  // namespace

void RuntimeExecutionContext::begin_compensating() noexcept {
  compensating_ = true;
}

void RuntimeExecutionContext::note_undoable(const std::string& key, const StepOptions& options,
                                            const Result<Json>* outcome) {
  if (outcome != nullptr && *outcome && options.pivot) past_pivot_ = true;
  if (!options.undo || (outcome != nullptr && !*outcome)) return;
  undoable_.push_back({key, *options.undo, outcome == nullptr ? std::nullopt : std::optional(**outcome)});
}

Error RuntimeExecutionContext::being_undone() {
  return {ErrorCode::cancelled, "the execution is being undone: nothing more is done for it", "compensating", {}};
}

Result<void> RuntimeExecutionContext::check_all_can_be_undone() const {
  for (const std::string& key : steps_.to_undo()) {
    if (std::ranges::find(undoable_, key, &UndoableStep::key) != undoable_.end()) continue;
    return std::unexpected(
        stuck(key, {ErrorCode::conflict,
                    "the handler does not ask for it any more; put the code back under which this execution began",
                    "undo_missing",
                    {}}));
  }
  return {};
}

Task<Result<void>> RuntimeExecutionContext::undo_steps() {
  begin_compensating();
  if (auto complete = check_all_can_be_undone(); !complete) co_return complete;
  for (std::size_t left = undoable_.size(); left > 0; --left) {
    const bool from_the_first = PLANTED_BUG("undo-in-order-of-beginning");
    const UndoableStep& step = undoable_[from_the_first ? undoable_.size() - left : left - 1];
    if (steps_.is_undone(step.key) || (!step.value && PLANTED_BUG("skip-undo-of-unknown"))) continue;
    if (auto undone = co_await undo(step); !undone) co_return undone;
  }
  co_return Result<void>();
}

Task<Result<void>> RuntimeExecutionContext::undo(const UndoableStep& step) {
  if (!still_owner()) co_return std::unexpected(superseded());
  const StepFunction function = [this, &step](const StepRun& run) {
    return call(&step.undo.function, {run.token, token_of("step", step.key), step.value, run.number});
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
