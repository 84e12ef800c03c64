// SPDX-License-Identifier: Apache-2.0
// What somebody does to an execution beside submitting its intent: cancel, terminate, resume. Recorded first, with who
// did it and why; done when that is durable.
#include <fmt/format.h>

#include "base/bytes.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "runtime/attempt_steps.h"
#include "runtime/context_checks.h"
#include "runtime/execution_lifecycle_manager.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/spawn.h"

namespace symphainy {

std::string_view to_string(Action action) noexcept {
  switch (action) {
    case Action::cancel:
      return "cancel";
    case Action::terminate:
      return "terminate";
    case Action::resume:
      return "resume";
    case Action::signal:
      return "signal";
    case Action::retry:
      return "retry";
    case Action::rerun:
      return "rerun";
  }
  return "unknown";
}

std::optional<Action> action_from(std::string_view name) noexcept {
  for (const Action action :
       {Action::cancel, Action::terminate, Action::resume, Action::signal, Action::retry, Action::rerun}) {
    if (to_string(action) == name) return action;
  }
  return std::nullopt;
}

}  // namespace symphainy

namespace symphainy::runtime {
namespace {

constexpr std::size_t kMaxActorIdBytes = 256;
constexpr std::size_t kMaxReasonBytes = 1024;
constexpr std::size_t kMaxStepBytes = 256;

Result<void> check_command(const ExecutionCommand& command) {
  TRY(check_name("command", "tenant_id", command.tenant_id));
  TRY(check_name("command", "actor.type", command.actor.type));
  const std::string& id = command.actor.id;
  if (id.empty() || id.size() > kMaxActorIdBytes || !base::is_utf8(id)) {
    return refused("command", fmt::format("actor.id must be 1 to {} bytes of UTF-8", kMaxActorIdBytes));
  }
  if (command.reason.size() > kMaxReasonBytes || !base::is_utf8(command.reason)) {
    return refused("command", fmt::format("reason must be at most {} bytes of UTF-8", kMaxReasonBytes));
  }
  if (!base::Uuid::parse(command.execution_id)) return refused("command", "execution_id is no UUID");
  if ((command.action == Action::signal) != command.signal.has_value()) {
    return refused("command", "`signal` is given with the action signal, and with no other");
  }
  if (!command.from_step) return {};
  if (command.action != Action::rerun) return refused("command", "`from_step` is given with the action rerun only");
  if (command.from_step->empty() || command.from_step->size() > kMaxStepBytes || !base::is_utf8(*command.from_step)) {
    return refused("command", fmt::format("from_step must be 1 to {} bytes of UTF-8", kMaxStepBytes));
  }
  return {};
}

base::Uuid id_of(const TrackedExecution& tracked) {
  return base::Uuid::parse(tracked.row.execution_id).value_or(base::Uuid());
}

base::RecordDraft draft_of(RecordType type, const TrackedExecution& tracked, const ExecutionCommand& command) {
  return draft_record(type, tracked.row.tenant, command_payload(command), id_of(tracked), tracked.row.attempt);
}

std::unexpected<Error> not_parked(const public_works::ExecutionRow& row) {
  return fail(ErrorCode::conflict, fmt::format("execution {} is not parked: it goes on by itself", row.execution_id),
              "not_parked");
}

}  // namespace

ExecutionResult as_it_is(const TrackedExecution& tracked) {
  ExecutionResult result = result_so_far(tracked.row);
  if (tracked.asleep) result.status = ExecutionStatus::waiting;
  if (tracked.driven != nullptr && tracked.driven->undoing) result.status = ExecutionStatus::compensating;
  if (tracked.running) return result;
  using enum ExecutionStatus;
  for (const ExecutionStatus status : {pending, parked, compensation_stuck}) {
    if (tracked.row.status == to_string(status)) result.status = status;
  }
  return result;
}

Task<void> ExecutionLifecycleManager::command(ExecutionCommand command, Answer answer) {
  if (const auto valid = check_command(command); !valid) co_return answer(std::unexpected(valid.error()));
  if (command.action == Action::retry || command.action == Action::rerun) {
    co_return co_await rerun(std::move(command), std::move(answer));
  }
  const TrackedPtr tracked = parts_.decisions.find(command.tenant_id, command.execution_id);
  // Its attempt is over, so nobody would hear. Those who wait for its outcome are answered first.
  while (tracked && tracked->parking && !PLANTED_BUG("act-before-parked")) {
    co_await HandedOver{*tracked};
    co_await move_to(parts_.partition);
  }
  if (!tracked || tracked->ended || tracked->end_appended) {
    co_return answer(std::unexpected(co_await nothing_to_act_on(command, tracked)));
  }
  if (command.action == Action::signal) co_return co_await signal(tracked, std::move(command), std::move(answer));
  const bool is_parked = !tracked->running && waits_for_somebody(tracked->row);
  if (command.action == Action::resume && !is_parked) co_return answer(not_parked(tracked->row));
  const auto is_idle = [&] {
    return !tracked->running &&
           (waits_for_somebody(tracked->row) || tracked->asleep || tracked->row.status == "pending");
  };
  if (command.action != Action::terminate && is_idle()) {
    if (auto durable = co_await all_durable(tracked); !durable) co_return answer(std::unexpected(durable.error()));
    if (!is_idle()) co_return co_await this->command(std::move(command), std::move(answer));
    std::vector<base::RecordDraft> drafts;
    drafts.push_back(
        draft_of(command.action == Action::resume ? RecordType::execution_resumed : RecordType::cancellation_requested,
                 *tracked, command));
    co_return co_await attempt_again(tracked, std::move(command), std::move(drafts), std::move(answer));
  }

  const Result<void> done =
      command.action == Action::cancel ? co_await cancel(tracked, command) : co_await terminate(tracked, command);
  if (!done) co_return answer(std::unexpected(done.error()));
  if (command.action == Action::cancel && !command.wait_for_end) co_return answer(as_it_is(*tracked));
  answer(co_await first_result({tracked, tracked->row, "", std::nullopt}));
}

// It has ended, or this process cannot say what became of it, or there is no such execution.
Task<Error> ExecutionLifecycleManager::nothing_to_act_on(ExecutionCommand command, TrackedPtr ended) {
  if (ended && ended->result && !*ended->result) co_return ended->result->error();
  bool has_ended = ended != nullptr;
  if (!has_ended) {
    co_await move_to(parts_.handlers);  // asking the store may take a while
    const auto row = parts_.context_services.surface.store().execution(
        public_works::TenantScope::only(command.tenant_id), command.execution_id);
    co_await move_to(parts_.partition);
    if (!row) co_return row.error();
    has_ended = row->has_value();
  }
  if (!has_ended) {
    co_return Error{ErrorCode::not_found,
                    fmt::format("tenant {} has no execution {}", command.tenant_id, command.execution_id),
                    "unknown_execution",
                    {}};
  }
  co_return Error{ErrorCode::conflict,
                  fmt::format("execution {} has ended, so there is nothing to {}; see `symphainy execution show {}`",
                              command.execution_id, to_string(command.action), command.execution_id),
                  "has_ended",
                  {}};
}

// What is parked is resumed, or cancelled, or what waits gets what it waits for: its handler runs again, and hears of
// it.
Task<void> ExecutionLifecycleManager::attempt_again(TrackedPtr tracked, ExecutionCommand command,
                                                    std::vector<base::RecordDraft> drafts, Answer answer) {
  CRASH_POINT("command-before-append");
  auto execution = restore_execution(tracked, std::move(drafts));
  if (!execution) co_return answer(std::unexpected(execution.error()));
  if (command.action == Action::cancel && tracked->cancelled_position == 0) {
    tracked->cancelled_position = execution->started_position;
  }
  if (!command.wait_for_end) {
    ExecutionResult now = result_so_far(tracked->row);
    if (execution->undoing) now.status = ExecutionStatus::compensating;
    spawn(answer_when_durable(execution->started_position, std::move(now), answer));
    (void)co_await carry_out(*std::move(execution));
  } else {
    answer(co_await carry_out_to_its_end(*std::move(execution)));
  }
}

Task<void> ExecutionLifecycleManager::answer_when_durable(std::uint64_t position, ExecutionResult result,
                                                          Answer answer) {
  const auto durable = co_await parts_.log.durable(position);
  result.position = position;
  answer(durable ? Result<ExecutionResult>(std::move(result)) : std::unexpected(durable.error()));
}

// Its handler hears of it, or will in its next attempt.
Task<Result<void>> ExecutionLifecycleManager::cancel(TrackedPtr tracked, ExecutionCommand command) {
  if (tracked->cancellation) co_return co_await parts_.log.durable(tracked->cancelled_position);
  std::vector<base::RecordDraft> drafts;
  drafts.push_back(draft_of(RecordType::cancellation_requested, *tracked, command));
  CRASH_POINT("command-before-append");
  const auto receipt = append(*tracked, std::move(drafts));
  if (!receipt) co_return std::unexpected(outcome_unknown(receipt.error()));
  tracked->cancellation = cancelled_by(command.actor, command.reason);
  tracked->cancelled_position = receipt->last_position;
  if (auto durable = co_await parts_.log.durable(receipt->last_position); !durable) co_return durable;
  CRASH_POINT("command-durable");
  if (tracked->driven == nullptr) {
    tracked->row.status = "running";  // it waits no longer
    co_return Result<void>();
  }
  if (tracked->driven->context) tracked->driven->context->cancel(*tracked->cancellation);
  if (!hears_cancellation(*tracked->driven)) co_return Result<void>();
  if (const auto steps = tracked->driven->steps) steps->interrupt();
  if (tracked->driven == nullptr) co_return Result<void>();
  if (const auto pause = tracked->driven->pause) pause->set(true);
  co_return Result<void>();
}

// Its end is the record of it. What its handler still does leads to nothing.
Task<Result<void>> ExecutionLifecycleManager::terminate(TrackedPtr tracked, ExecutionCommand command) {
  if (!tracked->running || PLANTED_BUG("terminate-lets-go-on")) co_return co_await end_idle(tracked, command);
  RunningExecution* const execution = tracked->driven;
  if (execution == nullptr || execution->termination) co_return Result<void>();
  execution->termination = std::move(command);
  if (execution->context) execution->context->give_up();
  if (const auto steps = execution->steps) steps->interrupt();
  // Whoever waits for these goes on here and now, to the execution's end.
  if (const auto outcome = execution->outcome) {
    outcome->set(std::unexpected(superseded()));
  } else if (const auto undo = execution->undo) {
    undo->set(std::unexpected(superseded()));
  } else if (const auto pause = execution->pause) {
    pause->set(true);
  }
  co_return Result<void>();
}

// One that is parked, or that nobody has gone on with since the log was opened.
Task<Result<void>> ExecutionLifecycleManager::end_idle(TrackedPtr tracked, ExecutionCommand command) {
  const bool was_running = tracked->running;
  co_await cancel_children(tracked, command.actor, command.reason);
  if (tracked->ended || tracked->end_appended) co_return Result<void>();  // meanwhile
  if (tracked->running && !was_running) co_return co_await terminate(tracked, std::move(command));
  const std::int64_t duration_us = parts_.clock.wall_us() - tracked->row.accepted_us;
  std::vector<base::RecordDraft> drafts;
  drafts.push_back(draft_record(RecordType::execution_terminated, tracked->row.tenant,
                                terminated_payload(duration_us, command), id_of(*tracked), tracked->row.attempt));
  auto notice = notice_to_parent(*tracked, ExecutionStatus::terminated, Json(), terminated_by(command), drafts);
  CRASH_POINT("command-before-append");
  const auto receipt = append(*tracked, std::move(drafts));
  if (!receipt) co_return std::unexpected(outcome_unknown(receipt.error()));
  if (notice) deliver(*std::move(notice), *receipt);
  rouse(*tracked);
  tracked->running = tracked->end_appended = true;
  tracked->row.status = "running";  // to those who wait for it
  tracked->result.reset();
  parts_.decisions.ended(tracked, receipt->last_position);
  const auto durable = co_await parts_.log.durable(receipt->last_position);
  CRASH_POINT("command-durable");
  ExecutionResult result = result_so_far(tracked->row);
  result.status = ExecutionStatus::terminated;
  result.error = terminated_by(command);
  result.duration_us = duration_us;
  result.position = receipt->last_position;
  hand_over(*tracked, durable ? Result<ExecutionResult>(std::move(result)) : std::unexpected(durable.error()));
  co_return durable;
}

}  // namespace symphainy::runtime
