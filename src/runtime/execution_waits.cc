// SPDX-License-Identifier: Apache-2.0
// Executions that wait: set aside until their time has come or somebody sends what they wait for, then woken, as
// another attempt.
#include <fmt/format.h>
#include <utility>

#include "base/bytes.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "runtime/attempt_steps.h"
#include "runtime/context_checks.h"
#include "runtime/execution_lifecycle_manager.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/spawn.h"

namespace symphainy::runtime {
namespace {

constexpr std::size_t kMaxSignalIdBytes = 256;

std::optional<Due> wake_of(const public_works::ExecutionRow& row) {
  if (row.wake_us == 0) return std::nullopt;
  return Due{row.wake_us, row.wake_by_wall ? DueBy::wall : DueBy::duration};
}

base::Uuid id_of(const TrackedExecution& tracked) {
  return base::Uuid::parse(tracked.row.execution_id).value_or(base::Uuid());
}

base::RecordDraft draft_of(RecordType type, const TrackedExecution& tracked, std::string payload) {
  return draft_record(type, tracked.row.tenant, std::move(payload), id_of(tracked), tracked.row.attempt);
}

std::unexpected<Error> signal_refused(std::string why) {
  return fail(ErrorCode::invalid_argument, "the signal " + std::move(why), "invalid_signal");
}

Result<void> check_parts(const SignalDraft& signal) {
  if (signal.signal_id.size() > kMaxSignalIdBytes || !base::is_utf8(signal.signal_id)) {
    return signal_refused(fmt::format("has a signal_id that is not 1 to {} bytes of UTF-8", kMaxSignalIdBytes));
  }
  TRY(recordable("signal", signal.value, kMaxResultBytes));
  return {};
}

bool is_for(const WaitStart* wait, const SignalDraft& signal) {
  return wait != nullptr && wait->kind == WaitKind::signal && wait->name == signal.name;
}

std::string names_of(const RegisteredIntent& intent) {
  std::string names;
  for (const auto& [name, schema] : intent.signals) names += (names.empty() ? "" : ", ") + name;
  return names.empty() ? "none" : names;
}

}  // namespace

// --- asleep
// -----------------------------------------------------------------------------------------------------------

// What it waits for came, or somebody asked it to end, while its handler was being suspended.
bool ExecutionLifecycleManager::is_over(const Execution& execution) {
  return execution.steps->is_over() || hears_cancellation(execution);
}

// From here on there is nothing of it but its row, and when it is due.
void ExecutionLifecycleManager::set_aside(Execution& execution) {
  const TrackedPtr tracked = execution.tracked;
  tracked->driven = nullptr;
  tracked->running = false;
  tracked->row.waits_for = execution.steps->awaited()->key;
  const std::optional<Due>& wake = execution.steps->awaited()->wake;
  tracked->row.wake_us = wake ? wake->us : 0;
  tracked->row.wake_by_wall = wake && wake->by == DueBy::wall;
  tracked->awaited_children = execution.steps->awaited_children();
  put_to_sleep(tracked);
}

void ExecutionLifecycleManager::put_to_sleep(const TrackedPtr& tracked) {
  tracked->asleep = true;
  tracked->row.status = "waiting";
  if (leaving_) return answer_waiting(*tracked, std::unexpected(left_to_the_next()));
  if (const auto wake = wake_of(tracked->row)) wakes_.add(*wake, tracked->row.tenant, id_of(*tracked));
}

void ExecutionLifecycleManager::take_up_waiting(const TrackedPtr& execution) {
  if (execution->running || execution->ended || execution->asleep) return;
  if (execution->row.waits_for.starts_with(to_string(WaitKind::children))) {
    // Which of them have not ended. When that cannot be read, waking it tells.
    const auto history = read_history(parts_.log.log(), execution->row);
    const auto answers = history ? answers_from_history(*history) : std::unexpected(history.error());
    const WaitStart* open = answers ? answers->waits.open() : nullptr;
    if (open != nullptr) execution->awaited_children = missing(*open, answers->waits.children);
  }
  put_to_sleep(execution);
}

void ExecutionLifecycleManager::rouse(TrackedExecution& tracked) {
  if (!std::exchange(tracked.asleep, false)) return;
  if (const auto wake = wake_of(tracked.row)) wakes_.take_back(*wake, id_of(tracked));
  tracked.row.wake_us = 0;
}

// As one that is due.
void ExecutionLifecycleManager::wake_now(TrackedExecution& tracked) {
  if (const auto wake = wake_of(tracked.row)) wakes_.take_back(*wake, id_of(tracked));
  tracked.row.wake_us = 1;
  tracked.row.wake_by_wall = false;
  wakes_.add({tracked.row.wake_us, DueBy::duration}, tracked.row.tenant, id_of(tracked));
}

// To those who wait for its end: there will be none here.
void ExecutionLifecycleManager::answer_waiting(TrackedExecution& tracked, const Result<ExecutionResult>& result) {
  if (tracked.waiting.empty()) return;
  tracked.result = result;
  for (const auto waiting : std::exchange(tracked.waiting, {})) waiting.resume();
  tracked.result.reset();
}

// --- due
// --------------------------------------------------------------------------------------------------------------

void ExecutionLifecycleManager::wake(const TrackedPtr& tracked) {
  if (!tracked || !tracked->asleep || leaving_) return wakes_.rest();
  if (parts_.work_begins) parts_.work_begins();
  spawn(wake_due(tracked));
}

// Its wait is over, or its deadline has passed, which its next attempt finds out.
Task<void> ExecutionLifecycleManager::wake_due(TrackedPtr tracked) {
  const auto durable = co_await all_durable(tracked);
  if (!durable) {
    answer_waiting(*tracked, std::unexpected(durable.error()));
  } else if (tracked->asleep) {
    auto execution = restore_woken(tracked);
    if (execution) {
      (void)co_await carry_out(*std::move(execution));
    } else {
      rouse(*tracked);
      hand_over(*tracked, std::unexpected(execution.error()));
    }
  }
  wakes_.rest();
  if (parts_.work_ends) parts_.work_ends();
}

Result<RunningExecution> ExecutionLifecycleManager::restore_woken(const TrackedPtr& tracked) {
  TRY(const auto history, read_history(parts_.log.log(), tracked->row));
  TRY(const RecordedAnswers answers, answers_from_history(history));
  const WaitStart* open = answers.waits.open();
  std::vector<base::RecordDraft> drafts;
  if (open != nullptr && open->due && due_clock_.is_reached(*open->due)) {
    drafts.push_back(
        draft_of(RecordType::wait_ended, *tracked, wait_ended_payload(open->key, "", open->kind != WaitKind::timer)));
  }
  CRASH_POINT("wake-before-append");
  return restore_execution(tracked, std::move(drafts));
}

// Only what is durable can be read.
Task<Result<void>> ExecutionLifecycleManager::all_durable(TrackedPtr tracked) {
  std::uint64_t batch = 0;
  while (batch != tracked->row.batches.back()) {
    batch = tracked->row.batches.back();
    if (auto durable = co_await parts_.log.durable(batch); !durable) co_return durable;
  }
  co_return Result<void>();
}

// --- signals
// ----------------------------------------------------------------------------------------------------------

// Recorded with who sent it. Whoever waits for it goes on, else it is kept.
Task<void> ExecutionLifecycleManager::signal(TrackedPtr tracked, ExecutionCommand command, Answer answer) {
  if (auto durable = co_await all_durable(tracked); !durable) co_return answer(std::unexpected(durable.error()));
  if (tracked->ended || tracked->end_appended)
    co_return answer(std::unexpected(co_await nothing_to_act_on(command, tracked)));
  const auto history = read_history(parts_.log.log(), tracked->row);
  const auto recorded = history ? answers_from_history(*history) : std::unexpected(history.error());
  if (!recorded) co_return answer(std::unexpected(recorded.error()));
  const auto is_known = is_received(*history, recorded->waits, *command.signal);
  if (!is_known) co_return answer(std::unexpected(is_known.error()));
  if (*is_known && !command.wait_for_end) co_return answer(as_it_is(*tracked));
  if (*is_known) co_return answer(co_await first_result({tracked, tracked->row, "", std::nullopt}));

  if (command.signal->signal_id.empty()) {
    command.signal->signal_id = base::make_uuid_v7(parts_.clock.wall_us(), random_bytes(16)).text();
  }
  std::vector<base::RecordDraft> drafts;
  drafts.push_back(draft_of(RecordType::signal_received, *tracked, signal_payload(command, parts_.clock.wall_us())));
  const bool waits = !tracked->running && tracked->row.status == "waiting";
  const WaitStart* open = waits ? recorded->waits.open() : nullptr;
  if (is_for(open, *command.signal)) {
    drafts.push_back(
        draft_of(RecordType::wait_ended, *tracked, wait_ended_payload(open->key, command.signal->signal_id, false)));
    co_return co_await attempt_again(std::move(tracked), std::move(command), std::move(drafts), std::move(answer));
  }
  const auto position = hand_signal_over(*tracked, *command.signal, std::move(drafts));
  if (!position) co_return answer(std::unexpected(position.error()));
  if (PLANTED_BUG("ack-signal-before-sync")) co_return answer(as_it_is(*tracked));
  if (!command.wait_for_end) co_return co_await answer_when_durable(*position, as_it_is(*tracked), answer);
  answer(co_await first_result({tracked, tracked->row, "", std::nullopt}));
}

// Whether it was received before. An error: it may not be.
Result<bool> ExecutionLifecycleManager::is_received(const std::vector<base::LogRecord>& history,
                                                    const RecordedWaits& waits, const SignalDraft& signal) const {
  TRY(check_parts(signal));
  if (const auto known = waits.known.find(signal.signal_id); known != waits.known.end()) {
    const bool same = known->second.find("name")->as_string() == signal.name &&
                      known->second.find("value")->dump() == signal.value.dump();
    if (same) return true;
    return fail(
        ErrorCode::conflict,
        fmt::format("another signal was sent to the execution as '{}'; give each its own signal_id", signal.signal_id),
        "signal_conflict");
  }
  TRY(const Intent intent, intent_from_history(history));
  TRY(const HandlerIdentity identity, handler_from_history(history));
  const RegisteredPtr handler = parts_.registry.find(intent.intent_type, identity.version);
  if (!handler) {
    return fail(ErrorCode::unavailable,
                fmt::format("this process has not registered '{}' version {}, so it cannot tell which signals that "
                            "takes; send it to one that has",
                            intent.intent_type, identity.version),
                kMissingHandler);
  }
  const auto support = handler->signals.find(signal.name);
  if (support == handler->signals.end()) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("'{}' takes no signal '{}'; it takes: {}", intent.intent_type, signal.name, names_of(*handler)),
        "unknown_signal");
  }
  if (const auto violations = support->second.validate(signal.value); !violations.empty()) {
    return std::unexpected(signal_value_refused(violations));
  }
  return false;
}

// To an execution that runs, or that nobody has gone on with. Answers the position of the last record.
Result<std::uint64_t> ExecutionLifecycleManager::hand_signal_over(TrackedExecution& tracked, const SignalDraft& signal,
                                                                  std::vector<base::RecordDraft> drafts) {
  RunningExecution* const driven = tracked.driven;
  const bool in_attempt = driven != nullptr && driven->steps;
  const WaitStart* awaited = in_attempt ? driven->steps->awaited() : nullptr;
  base::LogRecord record;
  record.payload = drafts.front().payload;
  TRY(ReceivedSignal received, ReceivedSignal::read(record));
  if (is_for(awaited, signal)) {
    drafts.push_back(
        draft_of(RecordType::wait_ended, tracked, wait_ended_payload(awaited->key, signal.signal_id, false)));
  }
  const bool ends_wait = drafts.size() > 1;
  CRASH_POINT("signal-before-append");
  auto receipt = append(tracked, std::move(drafts));
  if (!receipt) return std::unexpected(outcome_unknown(receipt.error()));
  if (ends_wait) {
    driven->steps->end_wait(std::move(received.json), receipt->last_position);
  } else if (in_attempt) {
    driven->steps->keep(std::move(received));
  } else if (driven != nullptr) {
    driven->received.signals.push_back(std::move(received));
  }
  return receipt->last_position;
}

}  // namespace symphainy::runtime
