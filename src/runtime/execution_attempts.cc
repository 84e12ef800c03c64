// SPDX-License-Identifier: Apache-2.0
// Attempts behind the first: of what failed, as its intent type says, and of what an earlier process, or somebody who
// parked it, left.
#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <utility>

#include "base/fault_points.h"
#include "base/try.h"
#include "runtime/attempt_steps.h"
#include "runtime/execution_history.h"
#include "runtime/execution_lifecycle_manager.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/retry_policy.h"
#include "runtime/spawn.h"

namespace symphainy::runtime {
namespace {

constexpr const char* kLeftForNext =
    "the runtime closed while the execution waited (for a time, a signal, its next attempt or a step's next try); it "
    "goes on when the directory is opened again";

}  // namespace

// Nothing: it ends with this outcome.
std::optional<std::int64_t> ExecutionLifecycleManager::delay_before_next(const Execution& execution,
                                                                         const Result<void>& outcome) const {
  if (outcome || execution.termination || execution.undoing || execution.left) return std::nullopt;
  if (hears_cancellation(execution)) return std::nullopt;
  if (!execution.context || execution.context->given_up() || execution.context->divergence()) return std::nullopt;
  const RetryPolicy& retry = execution.handler->retry;
  const std::uint32_t attempts = execution.failed_attempts + 1;
  const std::int64_t delay_us = delay_before(attempts + 1, retry, execution.id.text());
  const std::int64_t age_us = parts_.clock.steady_us() - execution.accepted_steady_us + delay_us;
  if (!is_worth_another_try(outcome.error(), retry, attempts, age_us)) return std::nullopt;
  const auto& deadline_us = execution.intent->deadline_us;
  const bool is_too_late = deadline_us && parts_.clock.wall_us() + delay_us >= *deadline_us;
  if (is_too_late && !execution.context->has_no_way_back()) return std::nullopt;
  return delay_us;
}

Task<Result<void>> ExecutionLifecycleManager::begin_next_attempt(Execution& execution, const Error& error,
                                                                 std::int64_t delay_us) {
  if (!PLANTED_BUG("retry-forgets-failure")) {
    if (auto recorded = co_await record_failed_attempt(execution, error, delay_us); !recorded) co_return recorded;
  }
  CRASH_POINT("retry-before-next-attempt");
  if (delay_us > 0 && !execution.termination && !hears_cancellation(execution)) {
    co_await pause(execution, delay_us);
  }
  if (execution.termination) co_return Result<void>();
  if (leaving_) co_return std::unexpected(left_to_the_next());
  co_return co_await run_on(execution);
}

// As another attempt, of what is recorded by now: a signal may have come just before.
Task<Result<void>> ExecutionLifecycleManager::run_on(Execution& execution) {
  if (auto durable = co_await all_durable(execution.tracked); !durable) co_return durable;
  if (execution.termination) co_return Result<void>();
  if (leaving_) co_return std::unexpected(left_to_the_next());
  auto next = restore_execution(execution.tracked);
  if (!next) co_return std::unexpected(next.error());
  execution = *std::move(next);
  co_return Result<void>();
}

Task<Result<void>> ExecutionLifecycleManager::record_failed_attempt(Execution& execution, const Error& error,
                                                                    std::int64_t delay_us) {
  const std::int64_t duration_us = parts_.clock.steady_us() - execution.accepted_steady_us;
  std::vector<base::RecordDraft> drafts = std::exchange(execution.commit, {});
  drafts.push_back(draft_record(RecordType::attempt_failed, execution.intent->tenant_id,
                                attempt_failed_payload(duration_us, recordable(error), delay_us), execution.id,
                                execution.attempt));
  const auto receipt = append(*execution.tracked, std::move(drafts));
  if (!receipt) co_return std::unexpected(outcome_unknown(receipt.error()));
  co_return co_await parts_.log.durable(receipt->last_position);
}

// For its saga: the handler is answered what was recorded, and takes no new step.
Task<Result<void>> ExecutionLifecycleManager::run_again(Execution& execution) {
  auto next = restore_execution(execution.tracked);
  if (!next) co_return std::unexpected(next.error());
  execution = *std::move(next);
  (void)co_await attempt(execution);  // in vain, whatever it came to
  if (execution.left) co_return std::unexpected(left_to_the_next());
  co_return Result<void>();
}

// A command or closing ends it early.
Task<void> ExecutionLifecycleManager::pause(Execution& execution, std::int64_t delay_us) {
  const auto over = std::make_shared<Promised<bool>>();
  const auto timer = deadlines_.add(parts_.clock.steady_us() + delay_us, [over] { over->set(true); });
  if (leaving_) over->set(true);
  execution.pause = over;
  co_await *over;
  deadlines_.take_back(timer);
  execution.pause.reset();
}

void ExecutionLifecycleManager::stop_waiting() {
  leaving_ = true;
  for (const TrackedPtr& tracked : parts_.decisions.live()) {
    RunningExecution* const execution = tracked->driven;
    if (tracked->asleep || tracked->row.status == "pending")
      answer_waiting(*tracked, std::unexpected(left_to_the_next()));
    if (execution == nullptr) continue;
    if (const auto pause = execution->pause) {
      pause->set(true);
    } else if (execution->steps && execution->steps->awaited() != nullptr) {
      execution->steps->interrupt();
    } else if (execution->steps && execution->steps->is_pausing()) {
      leave(*execution);
    }
  }
}

// Between two tries nothing is under way that would be lost. Whoever waits for its handler goes on here and now.
void ExecutionLifecycleManager::leave(Execution& execution) {
  execution.left = true;
  execution.context->give_up();
  if (const auto outcome = execution.outcome) {
    outcome->set(std::unexpected(left_to_the_next()));
  } else if (const auto undo = execution.undo) {
    undo->set(std::unexpected(left_to_the_next()));
  }
}

Error ExecutionLifecycleManager::left_to_the_next() {
  return {ErrorCode::unknown, kLeftForNext, "closing", {}};
}

// Behind the pivot it is not heard any more.
bool ExecutionLifecycleManager::hears_cancellation(const Execution& execution) {
  return execution.tracked->cancellation && !(execution.context && execution.context->has_no_way_back());
}

// --- what was left
// ----------------------------------------------------------------------------------------------------

Task<Result<ExecutionResult>> ExecutionLifecycleManager::resume(TrackedPtr tracked) {
  if (tracked->running || tracked->ended) co_return co_await first_result({tracked, tracked->row, ""});
  auto execution = restore_execution(tracked);
  if (!execution) {
    hand_over(*tracked, std::unexpected(execution.error()));
    co_return std::unexpected(execution.error());
  }
  co_return co_await carry_out_to_its_end(*std::move(execution));
}

bool ExecutionLifecycleManager::goes_on_by_itself(const TrackedExecution& tracked) const {
  if (tracked.running || tracked.ended || tracked.row.status == "waiting" || tracked.row.status == "pending")
    return false;
  if (!waits_for_somebody(tracked.row) || PLANTED_BUG("parked-goes-on-by-itself")) return true;
  if (tracked.row.error_code != kMissingHandler) return false;
  const auto history = read_history(parts_.log.log(), tracked.row);
  const auto identity = history ? handler_from_history(*history) : std::unexpected(history.error());
  return identity && parts_.registry.find(tracked.row.intent_type, identity->version) != nullptr;
}

// As another attempt. `command`: the records of what brings it about.
Result<ExecutionLifecycleManager::Execution> ExecutionLifecycleManager::restore_execution(
    const TrackedPtr& tracked, std::vector<base::RecordDraft> command) {
  TRY(auto history, read_history(parts_.log.log(), tracked->row));
  std::ranges::move(as_records(command, parts_.clock.wall_us(), history.back().position), std::back_inserter(history));
  TRY(const HandlerIdentity identity, handler_from_history(history));
  Execution execution;
  TRY(Intent intent, intent_from_history(history));
  execution.intent = std::make_shared<const Intent>(std::move(intent));
  TRY(execution.seed, seed_from_history(history));
  TRY(execution.answers, answers_from_history(history));
  execution.undoing = execution.answers.compensation;
  tracked->has_children |= std::ranges::any_of(execution.answers.steps,
                                               [](const StepOutcome& step) { return step.key.starts_with(kSpawn); });
  execution.received = {execution.answers.waits.untaken, execution.answers.waits.children};
  execution.failed_attempts = failed_attempts_in(history);
  if (!tracked->cancellation) {
    TRY(tracked->cancellation, cancellation_from_history(history));
  }
  execution.id = history.front().execution;
  execution.attempt = tracked->row.attempt + (PLANTED_BUG("resume-without-grant") ? 0 : 1);
  execution.handler = parts_.registry.find(execution.intent->intent_type, identity.version);
  execution.missing_handler = fmt::format(
      "the execution began under '{}' version {} ({}/{}), which this process has not registered; register that "
      "version again, beside the new ones, and open the directory: it goes on by itself. Or terminate it",
      execution.intent->intent_type, identity.version, identity.domain_service, identity.handler);
  execution.tracked = tracked;
  const std::int64_t waited_us = parts_.clock.wall_us() - history.front().time_us;
  execution.accepted_steady_us = parts_.clock.steady_us() - waited_us;

  std::vector<base::RecordDraft> drafts = std::move(command);
  drafts.push_back(draft_record(RecordType::execution_started, execution.intent->tenant_id,
                                started_payload(execution.attempt, parts_.log.epoch()), execution.id,
                                execution.attempt));
  TRY(const auto receipt, append(*tracked, std::move(drafts)));
  rouse(*tracked);
  tracked->row.attempt = execution.attempt;
  tracked->row.status = "running";
  tracked->row.error_code.clear();
  tracked->result.reset();
  tracked->running = true;
  execution.started_position = receipt.last_position;
  return execution;
}

}  // namespace symphainy::runtime
