// SPDX-License-Identifier: Apache-2.0
// The children of an execution context: each is started by a step of its own kind, whose record is in one batch with
// the child's acceptance.
#include <fmt/format.h>
#include <utility>

#include "base/digest.h"
#include "base/try.h"
#include "runtime/context_checks.h"
#include "runtime/execution_context.h"
#include "runtime/execution_history.h"
#include "runtime/lifecycle_payloads.h"

namespace symphainy {

ChildResult ChildResult::from_json(const Json& json) {
  using enum ExecutionStatus;
  ChildResult result;
  if (const Json* id = json.find("child")) result.execution_id = id->as_string().value_or("");
  const Json* told = json.find("status");
  for (const ExecutionStatus status : {completed, failed, cancelled, terminated, compensated}) {
    if (told != nullptr && told->as_string() == to_string(status)) result.status = status;
  }
  if (const Json* value = json.find("value")) result.value = *value;
  if (const Json* error = json.find("error")) result.error = runtime::read_error(*error);
  return result;
}

}  // namespace symphainy

namespace symphainy::runtime {
namespace {

// What of it is the handler's: another attempt must ask for the same.
Json described(const ChildIntent& child) {
  Json json = Json::object({{"intent_type", child.intent_type},
                            {"metadata", child.metadata},
                            {"parameters", child.parameters},
                            {"session_id", child.session_id},
                            {"solution_id", child.solution_id}});
  if (child.deadline_us) json["deadline_us"] = *child.deadline_us;
  if (child.priority) json["priority"] = *child.priority;
  return json;
}

}  // namespace

Task<Result<Json>> RuntimeExecutionContext::run_spawn(std::string name, ChildIntent child) {
  const Json input = described(child);
  if (const auto begun = begin_step(name, input, {}); !begun) co_return std::unexpected(begun.error());
  StepOutcome step{steps_.next_key(kSpawn + name), base::sha256(input.dump()).hex(), commit_.observations.size(), 1,
                   Json()};
  if (!lets_step(step, {})) co_await LeftSuspended{*this};
  if (const auto room = admit(++steps_taken_, text_bytes({step.key}), "steps"); !room)
    co_return std::unexpected(room.error());
  if (const StepOutcome* known = steps_.recorded(step.key)) {
    Result<Json> answer = answer_again(*known, step.input_digest);
    if (answer) children_.emplace(answer->as_string().value_or(""));
    co_return answer;
  }
  if (const WaitStart* awaited = waits_.awaited()) {
    co_return diverged_from_wait(*awaited, fmt::format("step '{}'", step.key));
  }
  if (!still_owner()) co_return std::unexpected(superseded());
  if (compensating_) co_return std::unexpected(being_undone());
  if (is_cancelled()) co_return std::unexpected(*cancellation_);
  std::vector<base::RecordDraft> unrecorded;
  append_unrecorded(unrecorded);
  all_durable_ = false;
  step.outcome = co_await step_log_->spawn(intent_of(std::move(child), name, step.key), step, std::move(unrecorded));
  if (!still_owner()) co_return std::unexpected(superseded());
  if (step.outcome) children_.emplace(step.outcome->as_string().value_or(""));
  steps_.note_recorded(step);
  co_return step.outcome;
}

Intent RuntimeExecutionContext::intent_of(ChildIntent child, const std::string& name, const std::string& key) const {
  const auto or_own = [](const std::string& told, const std::string& own) { return told.empty() ? own : told; };
  Intent intent =
      Intent::create(std::move(child.intent_type), intent_->tenant_id, or_own(child.session_id, intent_->session_id),
                     or_own(child.solution_id, intent_->solution_id), intent_->actor, std::move(child.parameters));
  intent.intent_id = token_of("child", key);
  intent.created_at_us = services_.clock.wall_us();
  intent.metadata = std::move(child.metadata);
  intent.traceparent = intent_->traceparent;
  intent.deadline_us = child.deadline_us;
  intent.priority = child.priority ? child.priority : intent_->priority;
  intent.parent = ParentExecution{execution_id_, name};
  return intent;
}

}  // namespace symphainy::runtime
