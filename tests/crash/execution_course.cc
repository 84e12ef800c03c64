// SPDX-License-Identifier: Apache-2.0
#include "crash/execution_course.h"

#include <algorithm>
#include <fmt/format.h>

#include "runtime/wal_record.h"

namespace symphainy::tests {
namespace {

using base::LogRecord;
using runtime::RecordType;
using Violations = std::vector<Violation>;

std::string text(const Json* json, std::string_view key) {
  const Json* member = json == nullptr ? nullptr : json->find(key);
  return std::string(member == nullptr ? "" : member->as_string().value_or(""));
}

}  // namespace

Violations ExecutionCourse::follow(const LogRecord& record, const Json& payload) {
  Violations broken = check_between_attempts(record);
  const auto add = [&broken](Violations more) { std::ranges::move(more, std::back_inserter(broken)); };
  if (static_cast<RecordType>(record.type) == RecordType::execution_started) add(follow_start(record));
  add(saga_.follow(record, payload));
  add(waits_.follow(record, payload));
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::wait_begun:
      failed_last_.reset();
      break;
    case RecordType::execution_started:
    case RecordType::wait_ended:
    case RecordType::signal_received:
    case RecordType::child_ended:
      break;
    case RecordType::step_completed:
    case RecordType::step_failed:
      add(follow_step(record, payload, static_cast<RecordType>(record.type) == RecordType::step_completed));
      break;
    case RecordType::attempt_failed:
      standing_ = Standing::attempt_failed;
      was_retried_ = true;
      forgave_failures_.insert(record.attempt);
      break;
    case RecordType::execution_parked:
    case RecordType::compensation_stuck:
      standing_ = Standing::parked;
      goes_on_with_handler_ = text(payload.find("error"), "code") == "missing_handler";
      (static_cast<RecordType>(record.type) == RecordType::execution_parked ? parked_at_ : stuck_at_)
          .insert(record.position);
      break;
    case RecordType::execution_resumed:
      if (standing_ != Standing::parked) broken.push_back({"I14", "it was not parked"});
      standing_ = Standing::released;
      was_resumed_ = true;
      forgave_failures_.insert(record.attempt);
      break;
    case RecordType::compensation_begun:
      standing_ = Standing::begun_to_undo;
      break;
    case RecordType::step_compensated:
      if (standing_ == Standing::begun_to_undo) standing_ = Standing::going_on;
      break;
    case RecordType::cancellation_requested:
      if (standing_ == Standing::parked) standing_ = Standing::released;
      was_cancelled_ = true;
      break;
    default:
      add(follow_end(record));
      break;
  }
  return broken;
}

// Only what was done to it, and the next attempt, stand between the end of an attempt and that.
Violations ExecutionCourse::check_between_attempts(const LogRecord& record) const {
  const auto type = static_cast<RecordType>(record.type);
  const bool begins = type == RecordType::execution_started;
  const bool acts = type == RecordType::cancellation_requested || type == RecordType::execution_terminated;
  if (type == RecordType::signal_received || type == RecordType::wait_ended || type == RecordType::child_ended)
    return {};  // that may come at any time
  switch (standing_) {
    case Standing::going_on:
    case Standing::begun_to_undo:
      return {};
    case Standing::attempt_failed:
      if (begins || acts) return {};
      return {{"I6", "its attempt had failed, and no other had begun"}};
    case Standing::parked:
      if (begins || acts || type == RecordType::execution_resumed) return {};
      return {{"I14", "it was parked"}};
    case Standing::released:
      if (begins) return {};
      return {{"I14", "it was parked, and the attempt that somebody brought about had not begun"}};
  }
  return {};
}

Violations ExecutionCourse::follow_start(const LogRecord& record) {
  Violations broken;
  if (standing_ == Standing::parked && !goes_on_with_handler_) {
    broken.push_back({"I14", "it was parked, and nobody had resumed or cancelled it"});
  }
  // One process begins another attempt only when it has said what the one before came to, or that it waits.
  if (standing_ == Standing::going_on && epoch_ == record.partition_epoch && !waits_.may_be_taken_up()) {
    broken.push_back({"I6", fmt::format("the attempt before, of the same epoch {}, had not failed", epoch_)});
  }
  standing_ = Standing::going_on;
  epoch_ = record.partition_epoch;
  return broken;
}

Violations ExecutionCourse::follow_step(const LogRecord& record, const Json& payload, bool completed) {
  const std::string key = text(&payload, "key");
  std::vector<StepFact>& known = steps_[key];
  Violations broken;
  if (!known.empty()) {
    const StepFact& last = known.back();
    if (!may_run_again(last, record.attempt)) {
      broken.push_back({"I5", fmt::format("step {} was recorded before, as {} at {} by attempt {}", key,
                                          last.completed ? "completed" : "failed", last.position, last.attempt)});
    }
  }
  known.push_back({record.attempt, record.position, completed});
  failed_last_ = completed ? std::nullopt : std::optional(key);
  return broken;
}

std::optional<std::string> ExecutionCourse::failed_last() const {
  return failed_last_;
}

bool ExecutionCourse::may_run_again(const StepFact& recorded, std::uint32_t attempt) const {
  if (recorded.completed) return false;
  const auto forgiven = forgave_failures_.lower_bound(recorded.attempt);
  return forgiven != forgave_failures_.end() && *forgiven < attempt;
}

const std::vector<StepFact>& ExecutionCourse::step(const std::string& key) const {
  static const std::vector<StepFact> nothing;
  const auto found = steps_.find(key);
  return found == steps_.end() ? nothing : found->second;
}

Violations ExecutionCourse::follow_end(const LogRecord& record) const {
  const auto type = static_cast<RecordType>(record.type);
  if (type == RecordType::execution_cancelled && !was_cancelled_) return {{"I14", "nobody had asked for that"}};
  const bool fails = type == RecordType::execution_failed || type == RecordType::execution_compensated;
  if (fails && was_cancelled_) {
    return {{"I14", "somebody had asked it to end, so it is cancelled"}};
  }
  return {};
}

}  // namespace symphainy::tests
