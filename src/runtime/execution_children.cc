// SPDX-License-Identifier: Apache-2.0
// Executions that executions start: accepted in one batch with the step that starts them, and their end told to the
// parent in one batch with it, so that neither can be without the other.
#include <fmt/format.h>
#include <utility>

#include "base/fault_points.h"
#include "base/json_writer.h"
#include "base/try.h"
#include "runtime/execution_history.h"
#include "runtime/execution_lifecycle_manager.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/spawn.h"

namespace symphainy::runtime {
namespace {

base::Uuid id_of(const TrackedExecution& tracked) {
  return base::Uuid::parse(tracked.row.execution_id).value_or(base::Uuid());
}

bool is_pending(const TrackedExecution& tracked) {
  return !tracked.running && !tracked.ended && !tracked.end_appended && tracked.row.status == "pending";
}

std::string child_ended_payload(const std::string& child, ExecutionStatus status, const Json& value,
                                const std::optional<Error>& error) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().member("child", child);
  if (error) {
    json.key("error");
    write_error(json, *error);
  }
  json.member("status", to_string(status));
  if (!error) json.member("value", value);
  json.end_object();
  return payload;
}

}  // namespace

// --- starting
// ---------------------------------------------------------------------------------------------------------

// When it may not be, that is what the step came to.
Result<AttemptSteps::Spawned> ExecutionLifecycleManager::spawn_child(TrackedExecution& parent, const Intent& intent,
                                                                     StepOutcome step,
                                                                     std::vector<base::RecordDraft> drafts) {
  const RecordOwner owner{parent.row.tenant, id_of(parent), parent.row.attempt};
  TRY(Acceptance acceptance, accept_intent(intent));
  if (acceptance.seen_before && !acceptance.refusal) {
    acceptance.refusal =
        Error{ErrorCode::conflict, "the child's intent id stands for another execution already", "", {}};
  }
  if (acceptance.refusal) {
    step.outcome = std::unexpected(recordable(*std::move(acceptance.refusal)));
    drafts.push_back(step_record(step, owner));
    TRY(const auto receipt, append(parent, std::move(drafts)));
    return AttemptSteps::Spawned{std::move(step.outcome), receipt.last_position};
  }
  std::vector<base::RecordDraft> first;
  Execution child = plan_execution(intent, std::move(acceptance), first);
  const bool starts = starts_.has_room() && !leaving_;
  if (!starts) first.pop_back();
  step.outcome = Json(child.id.text());
  drafts.push_back(step_record(step, owner));
  const std::size_t before = drafts.size();
  std::ranges::move(first, std::back_inserter(drafts));
  TRY(const auto receipt, append(parent, std::move(drafts)));
  child.tracked->row.batches.push_back(receipt.first_position);
  child.tracked->row.accepted_position = receipt.first_position + before;
  child.started_position = receipt.last_position;
  parent.has_children = true;
  parts_.decisions.track(child.tracked);
  start_or_queue(std::move(child), starts);
  return AttemptSteps::Spawned{std::move(step.outcome), receipt.last_position};
}

void ExecutionLifecycleManager::start_or_queue(Execution child, bool starts) {
  if (starts) {
    starts_.begun();
    if (parts_.work_begins) parts_.work_begins();
    return spawn(run_child(std::move(child))), void();
  }
  child.tracked->running = false;
  child.tracked->row.status = "pending";
  child.tracked->row.attempt = 0;
  starts_.add(child.tracked, child.intent->priority.value_or(StartQueue::kUsualPriority));
}

Task<void> ExecutionLifecycleManager::run_child(Execution child) {
  (void)co_await carry_out(std::move(child));  // its end is told to its parent in the log
  starts_.ended();
  start_pending();
  if (parts_.work_ends) parts_.work_ends();
}

void ExecutionLifecycleManager::take_up_pending(const TrackedPtr& execution) {
  starts_.add(execution, StartQueue::kUsualPriority);
  start_pending();
}

void ExecutionLifecycleManager::start_pending() {
  while (!leaving_ && starts_.has_room()) {
    const TrackedPtr child = starts_.next();
    if (!child) return;
    if (!is_pending(*child)) continue;  // somebody ended it
    starts_.begun();
    if (parts_.work_begins) parts_.work_begins();
    spawn(run_pending(child));
  }
}

Task<void> ExecutionLifecycleManager::run_pending(TrackedPtr child) {
  const auto durable = co_await all_durable(child);
  if (durable && is_pending(*child)) {
    auto execution = restore_execution(child);
    if (execution) {
      (void)co_await carry_out(*std::move(execution));
    } else {
      hand_over(*child, std::unexpected(execution.error()));
    }
  }
  starts_.ended();
  start_pending();
  if (parts_.work_ends) parts_.work_ends();
}

// --- ending
// -----------------------------------------------------------------------------------------------------------

std::optional<ExecutionLifecycleManager::ParentNotice> ExecutionLifecycleManager::notice_to_parent(
    const TrackedExecution& child, ExecutionStatus status, const Json& value, const std::optional<Error>& error,
    std::vector<base::RecordDraft>& drafts) const {
  if (child.row.parent.empty()) return std::nullopt;
  const TrackedPtr parent = parts_.decisions.find(child.row.tenant, child.row.parent);
  if (!parent || parent->ended || parent->end_appended) return std::nullopt;
  const auto add = [&](RecordType type, std::string payload) {
    drafts.push_back(draft_record(type, parent->row.tenant, std::move(payload), id_of(*parent), parent->row.attempt));
  };
  const std::string& id = child.row.execution_id;
  std::string payload = child_ended_payload(id, status, value, error);
  ParentNotice notice{parent, id, Json::parse(payload).value_or(Json()), false};
  add(RecordType::child_ended, std::move(payload));
  std::string key;
  if (const RunningExecution* driven = parent->driven; driven != nullptr && driven->steps) {
    notice.ends_wait = driven->steps->ends_with(id);
    if (notice.ends_wait) key = driven->steps->awaited()->key;
  } else if (parent->asleep) {
    notice.ends_wait = parent->awaited_children.size() == 1 && parent->awaited_children.contains(id);
    key = parent->row.waits_for;
  }
  if (notice.ends_wait) add(RecordType::wait_ended, wait_ended_payload(key, "", false));
  return notice;
}

void ExecutionLifecycleManager::deliver(ParentNotice notice, const public_works::AppendReceipt& receipt) {
  TrackedExecution& parent = *notice.parent;
  if (parent.row.batches.back() != receipt.first_position) parent.row.batches.push_back(receipt.first_position);
  parent.awaited_children.erase(notice.child);
  if (RunningExecution* driven = parent.driven) {
    if (driven->steps) return driven->steps->keep(notice.child, std::move(notice.outcome), receipt.last_position);
    driven->received.children.insert_or_assign(notice.child, std::move(notice.outcome));
  } else if (parent.asleep && notice.ends_wait) {
    wake_now(parent);
  }
}

// --- with their parent
// ------------------------------------------------------------------------------------------------

// An execution that somebody ends ends its children, before its own end.
Task<void> ExecutionLifecycleManager::end_children(const Execution& execution) {
  if (const auto& termination = execution.termination) {
    co_await cancel_children(execution.tracked, termination->actor, termination->reason);
  } else if (hears_cancellation(execution)) {
    co_await cancel_children(execution.tracked, {"system", "runtime"}, "its parent was cancelled");
  }
}

// Ends when all of them have been told.
Task<void> ExecutionLifecycleManager::cancel_children(TrackedPtr parent, Actor actor, std::string reason) {
  if (auto durable = co_await all_durable(parent); !durable) co_return;
  const auto history = read_history(parts_.log.log(), parent->row);
  const auto answers = history ? answers_from_history(*history) : std::unexpected(history.error());
  if (!answers) co_return;
  const auto left = std::make_shared<std::size_t>(1);
  const auto all_heard = std::make_shared<Promised<bool>>();
  for (const StepOutcome& step : answers->steps) {
    if (!step.key.starts_with(kSpawn) || !step.outcome) continue;
    std::string id(step.outcome->as_string().value_or(""));
    const TrackedPtr child = parts_.decisions.find(parent->row.tenant, id);
    if (!child || child->ended || child->end_appended || child->cancellation) continue;
    ++*left;
    spawn(cancel_child({Action::cancel, parent->row.tenant, std::move(id), actor, reason}, left, all_heard));
  }
  if (--*left == 0) co_return;
  co_await *all_heard;
}

Task<void> ExecutionLifecycleManager::cancel_child(ExecutionCommand command, std::shared_ptr<std::size_t> left,
                                                   std::shared_ptr<Promised<bool>> all_heard) {
  if (parts_.work_begins) parts_.work_begins();
  co_await this->command(std::move(command), [left, all_heard](const Result<ExecutionResult>&) {
    if (--*left == 0) all_heard->set(true);
  });
  if (parts_.work_ends) parts_.work_ends();
}

}  // namespace symphainy::runtime
