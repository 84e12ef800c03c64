// SPDX-License-Identifier: Apache-2.0
#include "runtime/execution_lifecycle_manager.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/fault_points.h"
#include "base/json_writer.h"
#include "base/try.h"
#include "runtime/attempt_steps.h"
#include "runtime/execution_history.h"
#include "runtime/handler_run.h"
#include "runtime/intent_model.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/spawn.h"

namespace symphainy::runtime {
namespace {

bool is_waiting_status(ExecutionStatus status) noexcept {
  return status == ExecutionStatus::parked || status == ExecutionStatus::compensation_stuck;
}

// Nobody needs to wait to learn how it stands: it goes on here, or will without anybody's doing, as one that waits
// does, and one that nobody has taken up yet.
bool is_going_on(const Binding& binding) {
  const TrackedPtr& tracked = binding.tracked;
  return tracked && !tracked->parking && !tracked->ended && (tracked->running || !waits_for_somebody(tracked->row));
}

}  // namespace

ExecutionLifecycleManager::ExecutionLifecycleManager(LifecycleParts parts)
    : parts_(parts),
      deadlines_(parts.partition, parts.clock),
      sagas_({parts.partition, parts.handlers, parts.log, running_,
              [this](TrackedExecution& tracked, std::vector<base::RecordDraft> drafts) {
                return append(tracked, std::move(drafts));
              },
              [this](RunningExecution& execution) { return run_again(execution); }}),
      due_clock_(parts.clock),
      wakes_(parts.partition, parts.clock, due_clock_, [this](const std::string& tenant, const base::Uuid& execution) {
        wake(parts_.decisions.find(tenant, execution.text()));
      }) {}

// The main flow. Two batches are synced: what was accepted, before the handler starts; what it led to, before anybody
// hears.
Task<Result<ExecutionResult>> ExecutionLifecycleManager::execute(Intent intent) {
  if (auto admitted = co_await parts_.admission; !admitted) co_return std::unexpected(admitted.error());

  auto acceptance = accept_intent(intent);
  if (!acceptance) co_return std::unexpected(acceptance.error());
  if (acceptance->refusal) co_return co_await reject(intent.to_json(), *acceptance->refusal);
  if (acceptance->seen_before) co_return co_await first_result(*std::move(acceptance->seen_before));
  if (auto room = parts_.log.room(); !room) co_return std::unexpected(room.error());

  auto execution = create_execution(std::move(intent), *std::move(acceptance));
  if (!execution) co_return std::unexpected(execution.error());
  co_return co_await carry_out_to_its_end(*std::move(execution));
}

Task<void> ExecutionLifecycleManager::start(Intent intent, Answer answer) {
  if (auto admitted = co_await parts_.admission; !admitted) co_return answer(std::unexpected(admitted.error()));

  auto acceptance = accept_intent(intent);
  if (!acceptance) co_return answer(std::unexpected(acceptance.error()));
  if (acceptance->refusal) co_return answer(co_await reject(intent.to_json(), *acceptance->refusal));
  if (auto& first = acceptance->seen_before) {
    if (is_going_on(*first)) {
      take_up(first->tracked);
      co_return co_await answer_when_durable(first->row.accepted_position, as_it_is(*first->tracked), answer);
    }
    co_return answer(co_await first_result(*std::move(first)));
  }
  if (auto room = parts_.log.room(); !room) co_return answer(std::unexpected(room.error()));

  auto execution = create_execution(std::move(intent), *std::move(acceptance));
  if (!execution) co_return answer(std::unexpected(execution.error()));
  spawn(answer_when_durable(execution->started_position, result_so_far(execution->tracked->row), answer));
  (void)co_await carry_out(*std::move(execution));
}

Task<Result<ExecutionResult>> ExecutionLifecycleManager::carry_out_to_its_end(Execution execution) {
  const TrackedPtr tracked = execution.tracked;
  auto result = co_await carry_out(std::move(execution));
  if (result) co_return *std::move(result);
  co_return co_await first_result({tracked, tracked->row, "", std::nullopt});
}

// Nothing: it waits, and is woken when it goes on.
Task<std::optional<Result<ExecutionResult>>> ExecutionLifecycleManager::carry_out(Execution execution) {
  execution.tracked->driven = &execution;
  auto outcome = co_await attempt_until_decided(execution);
  while (outcome && execution.suspended) {
    if (!is_over(execution)) {
      set_aside(execution);
      co_return std::nullopt;
    }
    const auto begun = co_await run_on(execution);
    outcome = begun ? co_await attempt_until_decided(execution) : std::unexpected(begun.error());
  }
  auto result = outcome ? co_await complete_execution(execution, *outcome)
                        : Result<ExecutionResult>(std::unexpected(std::move(outcome).error()));
  hand_over(*execution.tracked, result);
  co_return result;
}

// Attempts, as often as its type says, and then undoes what is to be undone. An error: nothing can be said of it here.
Task<Result<Result<void>>> ExecutionLifecycleManager::attempt_until_decided(Execution& execution) {
  Result<void> outcome = co_await attempt(execution);
  if (execution.suspended) co_return outcome;
  while (const auto delay_us = delay_before_next(execution, outcome)) {
    if (auto begun = co_await begin_next_attempt(execution, outcome.error(), *delay_us); !begun)
      co_return std::unexpected(std::move(begun).error());
    outcome = co_await attempt(execution);
    if (execution.suspended) co_return outcome;
  }
  if (execution.left) co_return std::unexpected(left_to_the_next());
  if (!outcome && execution.tracked->has_children) co_await end_children(execution);
  const auto is_saga = co_await sagas_.is_called_for(execution, outcome);
  if (!is_saga) co_return std::unexpected(is_saga.error());
  if (*is_saga && !is_to_park(execution, outcome.error())) {
    auto came_to = co_await sagas_.compensate(execution, outcome.error());
    if (!came_to) co_return std::unexpected(std::move(came_to).error());
    outcome = std::unexpected(*std::move(came_to));
  }
  co_return outcome;
}

Task<Result<void>> ExecutionLifecycleManager::attempt(Execution& execution) {
  Result<HandlerResult> answer = co_await execute_intent(execution);
  execution.suspended = execution.context && execution.context->is_suspended() && !execution.context->given_up();
  if (execution.suspended) co_return std::unexpected(answer.error());
  if (execution.termination) answer = std::unexpected(terminated_by(*execution.termination));
  if (execution.undoing && answer) answer = std::unexpected(*execution.undoing);  // it ended well once more, in vain
  const Result<void> outcome = handle_artifacts(execution, std::move(answer));
  if (outcome) publish_events(execution);
  co_return outcome;
}

// To the duplicates that wait for it. Later ones read it in the log, so it is kept only when the log cannot tell.
void ExecutionLifecycleManager::hand_over(TrackedExecution& tracked, const Result<ExecutionResult>& result) {
  const bool is_parked = result && is_waiting_status(result->status);
  tracked.running = tracked.parking = false;
  tracked.driven = nullptr;
  tracked.ended = !is_parked;
  if (is_parked) {
    tracked.row.status = to_string(result->status);
    tracked.row.error_code = result->error ? result->error->name() : "";
  }
  if (!result || is_parked || !tracked.waiting.empty()) tracked.result = result;
  for (const auto duplicate : std::exchange(tracked.waiting, {})) duplicate.resume();
}

// Stage 1: is it valid, is it supported, was it seen before?
Result<ExecutionLifecycleManager::Acceptance> ExecutionLifecycleManager::accept_intent(const Intent& intent) {
  Acceptance acceptance;
  if (const auto violations = validate(intent, parts_.limits); !violations.empty()) {
    acceptance.refusal = violations_error(violations);
    return acceptance;
  }
  acceptance.fingerprint = intent.fingerprint();
  TRY(acceptance.seen_before, parts_.decisions.find_binding(intent));
  if (acceptance.seen_before) {
    acceptance.refusal = duplicate_refused(intent, acceptance.fingerprint, *acceptance.seen_before);
    return acceptance;
  }
  acceptance.handler = parts_.registry.find(intent.intent_type);
  if (!acceptance.handler) {
    acceptance.refusal = unknown_intent_type(intent.intent_type, parts_.registry.list_supported_intents());
  } else if (const auto violations = acceptance.handler->schema.validate(intent.parameters); !violations.empty()) {
    acceptance.refusal = parameters_refused(violations);
  }
  return acceptance;
}

// Stage 2: it gets an id, and is recorded as accepted, created and started.
Result<ExecutionLifecycleManager::Execution> ExecutionLifecycleManager::create_execution(Intent intent,
                                                                                         Acceptance acceptance) {
  std::vector<base::RecordDraft> drafts;
  Execution execution = plan_execution(std::move(intent), std::move(acceptance), drafts);
  TRY(const auto receipt, append(*execution.tracked, std::move(drafts)));
  execution.tracked->row.accepted_position = receipt.first_position;
  execution.started_position = receipt.last_position;
  parts_.decisions.track(execution.tracked);
  return execution;
}

// `drafts`: its first three records.
RunningExecution ExecutionLifecycleManager::plan_execution(Intent intent, Acceptance acceptance,
                                                           std::vector<base::RecordDraft>& drafts) {
  Execution execution;
  execution.id = base::make_uuid_v7(parts_.clock.wall_us(), random_bytes(16));
  execution.seed = base::to_hex(random_bytes(16));
  execution.handler = std::move(acceptance.handler);
  execution.accepted_steady_us = parts_.clock.steady_us();
  execution.intent = std::make_shared<const Intent>(std::move(intent));
  const Intent& in = *execution.intent;

  drafts.reserve(drafts.size() + 3);
  const auto add = [&](RecordType type, std::string payload, std::uint32_t attempt) {
    drafts.push_back(draft_record(type, in.tenant_id, std::move(payload), execution.id, attempt));
  };
  add(RecordType::intent_accepted, accepted_payload(in, acceptance.fingerprint), 0);
  add(RecordType::execution_created, created_payload(*execution.handler, execution.seed), 0);
  add(RecordType::execution_started, started_payload(execution.attempt, parts_.log.epoch()), execution.attempt);

  public_works::ExecutionRow row;
  row.tenant = in.tenant_id;
  row.execution_id = execution.id.text();
  row.intent_id = in.intent_id;
  row.intent_type = in.intent_type;
  row.status = "running";
  row.accepted_us = parts_.clock.wall_us();
  row.attempt = execution.attempt;
  row.idempotency_key = in.idempotency_key;
  row.fingerprint = std::move(acceptance.fingerprint);
  if (in.parent) row.parent = in.parent->execution_id;
  execution.tracked = std::make_shared<TrackedExecution>();
  execution.tracked->row = std::move(row);
  execution.tracked->running = true;
  return execution;
}

// Stage 3: the handler runs with its context, once its acceptance is durable (or meanwhile, if it only touches its
// context).
Task<Result<HandlerResult>> ExecutionLifecycleManager::execute_intent(Execution& execution) {
  if (!execution.handler) co_return fail(ErrorCode::failed, execution.missing_handler, kMissingHandler);
  if (execution.termination) co_return std::unexpected(superseded());
  // It has not begun, so it need not hear of it.
  if (const auto& why = execution.tracked->cancellation; why && execution.attempt == 1) co_return std::unexpected(*why);
  if (execution.handler->effects == Effects::external && !PLANTED_BUG("start-before-acceptance")) {
    if (auto durable = co_await parts_.log.durable(execution.started_position); !durable) {
      co_return std::unexpected(durable.error());
    }
  }
  execution.context =
      std::make_shared<RuntimeExecutionContext>(parts_.context_services, execution.intent, execution.id, execution.seed,
                                                execution.attempt, std::move(execution.answers));
  record_steps(execution);
  if (execution.termination) co_return std::unexpected(superseded());
  if (const auto& why = execution.tracked->cancellation) execution.context->cancel(*why);
  execution.outcome = std::make_shared<HandlerOutcome>();
  auto answer = co_await run_handler({parts_.partition, parts_.handlers, parts_.clock, deadlines_, running_},
                                     execution.handler, execution.context, execution.outcome);
  execution.outcome.reset();
  co_return answer;
}

// Its steps become records as it takes them.
void ExecutionLifecycleManager::record_steps(Execution& execution) {
  const AttemptSteps::Place place{parts_.partition, parts_.handlers, parts_.clock,    deadlines_,
                                  parts_.log,       due_clock_,      parts_.admission};
  auto append_step = [this, tracked = execution.tracked](std::vector<base::RecordDraft> drafts) {
    return append(*tracked, std::move(drafts));
  };
  auto spawn_step = [this, tracked = execution.tracked](const Intent& intent, StepOutcome step,
                                                        std::vector<base::RecordDraft> drafts) {
    return spawn_child(*tracked, intent, std::move(step), std::move(drafts));
  };
  auto on_pause = [this, tracked = execution.tracked] {
    if (leaving_ && tracked->driven != nullptr) leave(*tracked->driven);
  };
  const bool durable = execution.handler->effects == Effects::external;
  execution.steps = std::make_shared<AttemptSteps>(place, *execution.context, execution.started_position,
                                                   std::move(execution.received), std::move(append_step),
                                                   std::move(spawn_step), std::move(on_pause));
  execution.context->record_steps_in(execution.steps, durable);
}

// Stage 4: what the handler added is checked against everything decided before, and becomes records; all of it or none.
Result<void> ExecutionLifecycleManager::handle_artifacts(Execution& execution, Result<HandlerResult> outcome) {
  if (execution.context && !execution.context->given_up()) {
    execution.context->append_unrecorded(execution.commit);
    if (const auto& divergence = execution.context->divergence()) return std::unexpected(*divergence);
  }
  TRY(HandlerResult answer, std::move(outcome));
  TRY(RuntimeExecutionContext::check_result(answer.value));
  TRY(execution.context->check_nothing_forgotten());
  PendingCommit& commit = execution.context->commit();
  execution.commit.reserve(7);  // of every kind one, as a rule
  TRY(parts_.decisions.decide(commit, execution.intent->tenant_id));
  append_artifact_records(commit, execution.context->owner(), execution.commit);
  execution.value = std::move(answer.value);
  return {};
}

// Stage 5: its events are queued in the same batch; the outbox relays them once that is durable.
void ExecutionLifecycleManager::publish_events(Execution& execution) {
  append_event_records(execution.context->commit(), execution.context->owner(), execution.commit);
  if (PLANTED_BUG("publish-before-commit")) {
    static_cast<void>(append(*execution.tracked, {execution.commit.back()}));
    execution.commit.pop_back();
  }
}

// Stage 6: one batch, one fact. Only when it is durable does anybody hear of it.
Task<Result<ExecutionResult>> ExecutionLifecycleManager::complete_execution(Execution& execution,
                                                                            const Result<void>& outcome) {
  const std::int64_t duration_us = parts_.clock.steady_us() - execution.accepted_steady_us;
  const std::string& tenant = execution.intent->tenant_id;
  Ending ending = ending_of(execution, outcome);
  execution.commit.push_back(
      draft_record(ending.record, tenant, payload_of(execution, ending, duration_us), execution.id, execution.attempt));
  auto notice = is_waiting_status(ending.status) ? std::nullopt
                                                 : notice_to_parent(*execution.tracked, ending.status, execution.value,
                                                                    ending.error, execution.commit);
  // The records of one batch are a microsecond apart (AppendReceipt), so this is when the references were registered.
  const auto references_at = std::ranges::find(
      execution.commit, static_cast<std::uint16_t>(RecordType::references_registered), &base::RecordDraft::type);
  const auto after_references = std::distance(references_at, execution.commit.end()) - 1;
  auto receipt = append(*execution.tracked, std::exchange(execution.commit, {}));
  // It was accepted, or may have been: whoever opens the log again goes on with it.
  if (!receipt) co_return std::unexpected(outcome_unknown(receipt.error()));
  if (outcome) parts_.decisions.decided_at(execution.context->commit(), tenant, receipt->last_position);
  execution.tracked->parking = is_waiting_status(ending.status);
  if (!execution.tracked->parking) {
    execution.tracked->end_appended = true;
    parts_.decisions.ended(execution.tracked, receipt->last_position);
  }
  if (notice) deliver(*std::move(notice), *receipt);

  const std::uint64_t awaited = PLANTED_BUG("ack-before-commit") ? 0 : receipt->last_position;
  if (auto durable = co_await parts_.log.durable(awaited); !durable) co_return std::unexpected(durable.error());
  ExecutionResult result;
  result.execution_id = execution.id.text();
  result.intent_id = execution.intent->intent_id;
  result.intent_type = execution.intent->intent_type;
  result.tenant_id = tenant;
  result.status = ending.status;
  result.error = std::move(ending.error);
  result.duration_us = duration_us;
  result.position = receipt->last_position;
  result.rerun_of = execution.tracked->row.rerun_of;
  if (outcome) {
    add_outcome(std::move(execution.context->commit()), std::move(execution.value), receipt->time_us - after_references,
                result);
  }
  co_return result;
}

// What an attempt that is over makes of its execution.
ExecutionLifecycleManager::Ending ExecutionLifecycleManager::ending_of(const Execution& execution,
                                                                       const Result<void>& outcome) const {
  if (outcome) return {ExecutionStatus::completed, RecordType::execution_completed, std::nullopt};
  Error error = recordable(outcome.error());
  if (execution.termination) return {ExecutionStatus::terminated, RecordType::execution_terminated, std::move(error)};
  if (execution.undoing && execution.compensation != Compensation::done) {
    return {ExecutionStatus::compensation_stuck, RecordType::compensation_stuck, std::move(error)};
  }
  if (!execution.undoing && is_to_park(execution, error)) {
    return {ExecutionStatus::parked, RecordType::execution_parked, std::move(error)};
  }
  if (execution.tracked->cancellation) {
    return {ExecutionStatus::cancelled, RecordType::execution_cancelled, std::move(error)};
  }
  if (execution.compensation == Compensation::done) {
    return {ExecutionStatus::compensated, RecordType::execution_compensated, std::move(error)};
  }
  return {ExecutionStatus::failed, RecordType::execution_failed, std::move(error)};
}

bool ExecutionLifecycleManager::is_to_park(const Execution& execution, const Error& error) const {
  if (!execution.handler) return true;
  if (!execution.context) return false;
  if (execution.context->has_no_way_back()) return true;
  if (execution.context->given_up()) return false;
  if (execution.context->divergence()) return true;
  if (execution.undoing) return false;
  const RetryPolicy& retry = execution.handler->retry;
  const bool final = std::ranges::find(retry.non_retryable, error.name()) != retry.non_retryable.end();
  return execution.handler->out_of_attempts == OutOfAttempts::park && !final && !execution.tracked->cancellation;
}

std::string ExecutionLifecycleManager::payload_of(const Execution& execution, const Ending& ending,
                                                  std::int64_t duration_us) {
  if (!ending.error) return completed_payload(duration_us, execution.value);
  if (execution.termination) return terminated_payload(duration_us, *execution.termination);
  return failed_payload(duration_us, *ending.error);
}

// --- beside the main flow
// ---------------------------------------------------------------------------------------------

Task<Result<ExecutionResult>> ExecutionLifecycleManager::reject(Json refused, Error why) {
  const Intent known = salvage(refused);
  Error error = recordable(std::move(why));
  ExecutionResult result;
  result.intent_id = known.intent_id;
  result.intent_type = known.intent_type;
  result.tenant_id = known.tenant_id;
  result.status = ExecutionStatus::rejected;
  result.error = error;
  if (known.tenant_id.empty()) co_return result;  // whose log it would belong in cannot be told

  const base::Uuid id = base::make_uuid_v7(parts_.clock.wall_us(), random_bytes(16));
  std::vector<base::RecordDraft> drafts;
  drafts.push_back(draft_record(RecordType::intent_rejected, known.tenant_id, rejected_payload(known, error), id));
  const std::uint64_t bytes = drafts.front().payload.size();
  auto receipt = parts_.log.append(std::move(drafts));
  if (!receipt) co_return std::unexpected(receipt.error());
  parts_.admission.appended(receipt->last_position, bytes);
  if (auto durable = co_await parts_.log.durable(receipt->last_position); !durable) {
    co_return std::unexpected(durable.error());
  }
  result.execution_id = id.text();
  result.position = receipt->last_position;
  co_return result;
}

Task<Result<ExecutionResult>> ExecutionLifecycleManager::first_result(Binding binding) {
  if (binding.tracked) {
    const TrackedPtr first = binding.tracked;
    if (!waits_for_somebody(first->row)) {
      take_up(first);
      if (!first->running && !first->ended && leaving_) co_return std::unexpected(left_to_the_next());
      co_await HandedOver{*first};
    }
    if (first->result) co_return *first->result;
    if (!first->row.successor.empty()) {
      if (auto durable = co_await all_durable(first); !durable) co_return std::unexpected(durable.error());
    }
    binding.row = first->row;
  }
  co_await move_to(parts_.handlers);  // reading the log may take a while
  auto history = read_history(parts_.log.log(), binding.row);
  Result<ExecutionResult> result =
      history ? result_from_history(*history) : Result<ExecutionResult>(std::unexpected(history.error()));
  co_await move_to(parts_.partition);
  co_return result;
}

// Left unfinished by an earlier process, and nobody has resumed it yet: this submission does.
void ExecutionLifecycleManager::take_up(const TrackedPtr& execution) {
  if (execution->row.status == "waiting") take_up_waiting(execution);
  if (execution->row.status != "pending" && !execution->running && !execution->ended && !execution->asleep)
    spawn(resume_for_waiting(execution));
}

Task<void> ExecutionLifecycleManager::resume_for_waiting(TrackedPtr execution) {
  (void)co_await resume(execution);
}

Result<public_works::AppendReceipt> ExecutionLifecycleManager::append(TrackedExecution& tracked,
                                                                      std::vector<base::RecordDraft> drafts) {
  std::uint64_t bytes = 0;
  for (const base::RecordDraft& draft : drafts) bytes += draft.payload.size();
  TRY(const auto receipt, parts_.log.append(std::move(drafts)));
  tracked.row.batches.push_back(receipt.first_position);
  parts_.admission.appended(receipt.last_position, bytes);
  return receipt;
}

std::string ExecutionLifecycleManager::random_bytes(std::size_t count) {
  std::string out(count, '\0');
  parts_.random.fill(out);
  return out;
}

}  // namespace symphainy::runtime
