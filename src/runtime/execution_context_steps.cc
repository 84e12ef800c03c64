// SPDX-License-Identifier: Apache-2.0
// The steps of an execution context: answered again, or run, tried again, and remembered.
#include <algorithm>
#include <fmt/format.h>

#include "base/digest.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "runtime/context_checks.h"
#include "runtime/execution_context.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/retry_policy.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {
namespace {

// As another attempt will read it: objects in the order of their canonical JSON, numbers of the same kind.
Result<Json> as_recorded(Result<Json> outcome) {
  if (outcome) return Json::parse(outcome->dump());
  Error error = std::move(outcome).error();
  error.details = Json::parse(error.details.dump()).value_or(Json());
  return std::unexpected(std::move(error));
}

std::size_t bytes_of(const Result<Json>& outcome) {
  if (outcome) return outcome->dump().size();
  return text_bytes({outcome.error().message, outcome.error().reason}) + outcome.error().details.dump().size();
}

}  // namespace

Task<Result<Json>> RuntimeExecutionContext::run_step(std::string name, Json input, StepFunction function,
                                                     StepOptions options) {
  if (const auto begun = begin_step(name, input, options); !begun) co_return std::unexpected(begun.error());
  StepOutcome step{steps_.next_key(name), base::sha256(input.dump()).hex(), commit_.observations.size(), 0, Json()};
  if (!lets_step(step, options)) co_await LeftSuspended{*this};
  // Answered again it counts as it did when it ran: another attempt comes to a limit where the first one did.
  if (const auto room = admit(++steps_taken_, text_bytes({step.key}), "steps"); !room)
    co_return std::unexpected(room.error());
  if (const StepOutcome* known = steps_.recorded(step.key)) {
    if (const auto room = admit(0, bytes_of(known->outcome), "steps"); !room) co_return std::unexpected(room.error());
    note_undoable(step.key, options, &known->outcome);
    co_return answer_again(*known, step.input_digest);
  }
  const StepStart* begun = steps_.started(step.key);
  if (begun != nullptr && begun->input_digest != step.input_digest) {
    co_return diverged(step.key, begun->input_digest, step.input_digest);
  }
  if (const WaitStart* awaited = waits_.awaited(); awaited != nullptr && begun == nullptr) {
    co_return diverged_from_wait(*awaited, fmt::format("step '{}'", step.key));
  }
  if (compensating_ || is_cancelled()) {
    if (begun != nullptr) note_undoable(step.key, options, nullptr);
    co_return std::unexpected(compensating_ ? being_undone() : *cancellation_);
  }
  co_return co_await take_step(std::move(step), function, options);
}

Task<Result<Json>> RuntimeExecutionContext::take_step(StepOutcome step, const StepFunction& function,
                                                      const StepOptions& options) {
  if (const auto durable = co_await record_what_came_before(step, options); !durable)
    co_return std::unexpected(durable.error());
  if (!still_owner()) co_return std::unexpected(superseded());  // given up while this waited for its thread
  note_undoable(step.key, options, nullptr);
  step.outcome = as_recorded(co_await try_step(step_token_of(step.key), function, options.retry, step.tries));
  if (!still_owner()) co_return std::unexpected(superseded());
  if (const auto room = admit(0, bytes_of(step.outcome), "steps"); !room) co_return std::unexpected(room.error());
  steps_.add(step);
  if (options.undo) undoable_.pop_back();
  note_undoable(step.key, options, &step.outcome);
  co_return step.outcome;
}

Result<void> RuntimeExecutionContext::begin_step(const std::string& name, const Json& input,
                                                 const StepOptions& options) const {
  TRY(check_outside_step("steps"));
  if (divergence_) return std::unexpected(*divergence_);
  TRY(check_name("step", "name", name));
  TRY(recordable("step", input, kMaxResultBytes));
  TRY(check_retry("step", options.retry));
  if (!options.undo) return {};
  if (!options.undo->function) return refused("step", "its undo function is empty");
  return check_retry("step", options.undo->retry);
}

std::string RuntimeExecutionContext::token_of(std::string_view purpose, const std::string& key) const {
  return base::make_uuid_v8(execution_, fmt::format("{}\n{}\n{}\n{}", intent_->tenant_id, execution_id_, purpose, key))
      .text();
}

// What the outside may have heard of keeps its name.
std::string RuntimeExecutionContext::step_token_of(const std::string& key) const {
  const StepStart* begun = steps_.started(key);
  return begun != nullptr && begun->token ? *begun->token : token_of("step", key);
}

Result<Json> RuntimeExecutionContext::answer_again(const StepOutcome& step, const std::string& input_digest) {
  if (step.input_digest == input_digest) return step.outcome;
  return diverged(step.key, step.input_digest, input_digest);
}

std::unexpected<Error> RuntimeExecutionContext::diverged(const std::string& key, const std::string& recorded,
                                                         const std::string& found) {
  divergence_ =
      Error{ErrorCode::conflict,
            fmt::format(
                "step '{}' was recorded with an input whose SHA-256 is {}, and is asked for with {}: the handler does "
                "not do again what it did; put the code back under which this execution began",
                key, recorded, found),
            kStepDiverged, Json::object({{"expected", recorded}, {"found", found}, {"step", key}})};
  return std::unexpected(*divergence_);
}

// And of a saga's step, that it begins.
Task<Result<void>> RuntimeExecutionContext::record_what_came_before(const StepOutcome& step,
                                                                    const StepOptions& options) {
  if (!still_owner()) co_return std::unexpected(superseded());
  const bool begins =
      (options.undo || options.pivot) && steps_.started(step.key) == nullptr && !PLANTED_BUG("no-step-started");
  const bool all_recorded = !steps_.has_pending() && std::ranges::all_of(commit_.observations, &Observation::recorded);
  if (all_durable_ && all_recorded && !begins) co_return Result<void>();
  if (PLANTED_BUG("go-on-before-step-is-recorded")) co_return Result<void>();
  std::vector<base::RecordDraft> drafts;
  append_unrecorded(drafts);
  if (begins) {
    const StepStart start{step.key, step.input_digest, step.observed, options.pivot};
    drafts.push_back(
        draft_record(RecordType::step_started, intent_->tenant_id, step_started_payload(start), execution_, attempt_));
    steps_.note_started(start);
    if (options.pivot) no_way_back_ = true;
  }
  auto recorded = co_await step_log_->record(std::move(drafts));
  all_durable_ = recorded.has_value();
  co_return recorded;
}

Task<Result<Json>> RuntimeExecutionContext::try_step(const std::string& token, const StepFunction& function,
                                                     const RetryPolicy& retry, std::uint32_t& tries) {
  const std::int64_t began_us = services_.clock.steady_us();
  while (true) {
    Result<Json> answer = co_await run_once(function, {token, ++tries});
    if (answer) {
      if (const auto fits = recordable("step", *answer, kMaxResultBytes); !fits) answer = std::unexpected(fits.error());
    } else {
      answer = std::unexpected(runtime::recordable(std::move(answer).error()));
    }
    if (answer || !still_owner() || is_cancelled()) co_return answer;
    const std::int64_t delay_us = delay_before(tries + 1, retry, token);
    const std::int64_t age_us = services_.clock.steady_us() - began_us + delay_us;
    if (!is_worth_another_try(answer.error(), retry, tries, age_us)) co_return answer;
    co_await step_log_->pause(delay_us);
    if (!still_owner() || is_cancelled()) co_return answer;
  }
}

Task<Result<Json>> RuntimeExecutionContext::run_once(const StepFunction& function, const StepRun& run) {
  Result<Json> answer = Json();
  in_step_ = true;
  try {
    Task<Result<Json>> task = function(run);
    if (task) {
      answer = co_await std::move(task);
    } else {
      answer =
          fail(ErrorCode::failed, "the step's function returned an empty Task; it must be a coroutine", "empty_task");
    }
  } catch (const std::exception& exception) {
    answer = fail(ErrorCode::failed, std::string("the step threw: ") + exception.what(), "step_threw");
  } catch (...) {
    answer = fail(ErrorCode::failed, "the step threw something that is no std::exception", "step_threw");
  }
  in_step_ = false;
  co_return answer;
}

Result<void> RuntimeExecutionContext::check_outside_step(std::string_view what) const {
  if (!in_step_) return {};
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("inside a step the context gives and takes no {}: when the step is answered from the log that "
                  "would not happen again; do it before the step, or behind it from the step's value",
                  what),
      "inside_step");
}

void RuntimeExecutionContext::append_unrecorded(std::vector<base::RecordDraft>& out) {
  append_observation_record(commit_, owner(), out);
  steps_.append_records(owner(), out);
}

}  // namespace symphainy::runtime
