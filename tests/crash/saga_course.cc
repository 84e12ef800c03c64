// SPDX-License-Identifier: Apache-2.0
#include "crash/saga_course.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ranges>
#include <utility>

#include "runtime/wal_record.h"

namespace symphainy::tests {
namespace {

using base::LogRecord;
using runtime::RecordType;
using Violations = std::vector<Violation>;

Violations broken(std::string what) {
  return {{"I9", std::move(what)}};
}

std::string key_in(const Json& payload) {
  const Json* key = payload.find("key");
  return std::string(key == nullptr ? "" : key->as_string().value_or(""));
}

bool is_pivot(const Json& payload) {
  const Json* pivot = payload.find("pivot");
  return pivot != nullptr && pivot->as_bool().value_or(false);
}

std::string listed(const auto& steps) {
  std::vector<std::string> keys;
  for (const auto& step : steps) keys.push_back(step.key);
  return fmt::format("[{}]", fmt::join(keys, ", "));
}

}  // namespace

Violations SagaCourse::follow(const LogRecord& record, const Json& payload) {
  const auto type = static_cast<RecordType>(record.type);
  Violations found = check_undoing(record);
  const auto add = [&found](Violations more) { std::ranges::move(more, std::back_inserter(found)); };
  switch (type) {
    case RecordType::step_started:
      if (is_pivot(payload)) {
        pivot_ = BegunStep{key_in(payload), std::nullopt};
      } else {
        add(begin_step(key_in(payload)));
      }
      break;
    case RecordType::step_completed:
    case RecordType::step_failed:
      end_step(key_in(payload), type == RecordType::step_completed);
      break;
    case RecordType::attempt_failed:
    case RecordType::execution_resumed:
      forgive_failures();
      break;
    case RecordType::compensation_begun:
      add(begin_undoing(record));
      break;
    case RecordType::step_compensated:
      add(undo_step(record, key_in(payload)));
      break;
    default:
      add(check_end(record));
      break;
  }
  return found;
}

// Whoever undoes does nothing else.
Violations SagaCourse::check_undoing(const LogRecord& record) const {
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::step_started:
    case RecordType::step_completed:
    case RecordType::step_failed:
    case RecordType::attempt_failed:
    case RecordType::execution_parked:
    case RecordType::execution_completed:
    case RecordType::execution_failed:
    case RecordType::compensation_begun:
      if (begun_by_) return broken("its steps were being undone");
      return {};
    case RecordType::step_compensated:
    case RecordType::compensation_stuck:
    case RecordType::execution_compensated:
      if (!begun_by_) return broken("nothing had said that its steps are undone");
      return {};
    default:
      return {};
  }
}

Violations SagaCourse::begin_step(const std::string& key) {
  const bool is_known = std::ranges::find(begun_, key, &BegunStep::key) != begun_.end();
  begun_.push_back({key, std::nullopt});
  if (!is_known) return {};
  return broken(fmt::format("that step {} begins was recorded before, and it has not failed since", key));
}

void SagaCourse::end_step(const std::string& key, bool completed) {
  const auto step = std::ranges::find(begun_, key, &BegunStep::key);
  if (step != begun_.end()) step->completed = completed;
  if (!pivot_ || pivot_->key != key) return;
  pivot_->completed = completed;
  if (!completed) pivot_.reset();  // it did not happen
}

std::vector<SagaCourse::BegunStep> SagaCourse::to_undo_now() const {
  std::vector<BegunStep> steps = begun_;
  std::erase_if(steps, [](const BegunStep& step) { return step.completed == false; });
  return steps;
}

// They are done again, if at all: from their beginning.
void SagaCourse::forgive_failures() {
  if (begun_by_) return;
  std::erase_if(begun_, [](const BegunStep& step) { return step.completed == false; });
}

Violations SagaCourse::begin_undoing(const LogRecord& record) {
  if (begun_by_) return {};
  if (pivot_) return broken(fmt::format("there is no way back: the pivot {} has begun", pivot_->key));
  begun_by_ = record.attempt;
  to_undo_ = to_undo_now();
  if (to_undo_.empty()) return broken("it has no step that is to be undone");
  return {};
}

Violations SagaCourse::undo_step(const LogRecord& record, const std::string& key) {
  Violations found;
  const auto step = std::ranges::find(to_undo_, key, &BegunStep::key);
  if (const UndoneStep* before = undone(key)) {
    found = broken(fmt::format("step {} was undone before, at {}", key, before->position));
  } else if (step == to_undo_.end()) {
    found = broken(fmt::format("step {} is none of those that were to be undone: {}", key, listed(to_undo_)));
  } else if (std::next(step) != to_undo_.end()) {
    found = broken(fmt::format("step {} is not the last begun of those that are left: {}", key, listed(to_undo_)));
  }
  undone_.push_back({key, record.attempt, record.position, step != to_undo_.end() && step->completed == true});
  if (step != to_undo_.end()) to_undo_.erase(step);
  return found;
}

Violations SagaCourse::check_end(const LogRecord& record) const {
  const auto type = static_cast<RecordType>(record.type);
  const bool undoes = type == RecordType::execution_compensated || type == RecordType::execution_cancelled;
  if (!undoes && type != RecordType::execution_failed) return {};
  if (pivot_) return broken(fmt::format("it is given up behind its pivot {}", pivot_->key));
  const std::vector<BegunStep> left = begun_by_ ? to_undo_ : to_undo_now();
  if (left.empty()) return {};
  return broken("it ends, and these of its steps are not undone: " + listed(left));
}

const UndoneStep* SagaCourse::undone(std::string_view key) const {
  const auto found = std::ranges::find(undone_, key, &UndoneStep::key);
  return found == undone_.end() ? nullptr : &*found;
}

bool SagaCourse::concerns(std::string_view key) const {
  return undone(key) != nullptr || std::ranges::find(to_undo_, key, &BegunStep::key) != to_undo_.end();
}

}  // namespace symphainy::tests
