// SPDX-License-Identifier: Apache-2.0
// What an execution's records answer to another attempt, and what of it another attempt asks anew.
#include <algorithm>

#include "base/fault_points.h"
#include "base/try.h"
#include "runtime/execution_history.h"
#include "runtime/payload.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

Result<void> read_observations(const base::LogRecord& record, std::deque<Observation>& out) {
  TRY(const Json payload, Json::parse(record.payload));
  Payload members(payload);
  Result<void> outcome;
  for_each_item(members.array("observations"), [&](const Json& item, std::uint32_t) {
    Payload seen(item);
    const Json* answer = item.find("answer");
    out.push_back({seen.text("kind"), seen.text("key"), answer == nullptr ? Json() : *answer, false, record.position});
    if (outcome) outcome = seen.complete(record);
  });
  TRY(std::move(outcome));
  return members.complete(record);
}

Result<std::string> key_of(const base::LogRecord& record) {
  TRY(const Json payload, Json::parse(record.payload));
  Payload members(payload);
  std::string key = members.text("key");
  TRY(members.complete(record));
  return key;
}

Result<std::vector<DrawnFrom>> drawn_from(const base::LogRecord& record) {
  TRY(const Json payload, Json::parse(record.payload));
  Payload members(payload);
  std::vector<DrawnFrom> out;
  Result<void> outcome;
  for_each_item(members.array("drawn_from"), [&](const Json& item, std::uint32_t) {
    Payload origin(item);
    out.push_back({origin.number("calls"), origin.text("execution"), origin.text("seed")});
    if (outcome) outcome = origin.complete(record);
  });
  TRY(std::move(outcome));
  TRY(members.complete(record));
  return out;
}

}  // namespace

Result<RecordedAnswers> answers_from_history(const std::vector<base::LogRecord>& records) {
  RecordedAnswers answers;
  for (const base::LogRecord& record : records) {
    switch (static_cast<RecordType>(record.type)) {
      case RecordType::context_observed:
        TRY(read_observations(record, answers.observations));
        break;
      case RecordType::step_completed:
      case RecordType::step_failed: {
        TRY(StepOutcome step, step_from_record(record));
        answers.steps.push_back(std::move(step));
        break;
      }
      case RecordType::step_started: {
        TRY(StepStart start, start_from_record(record));
        answers.started.push_back(std::move(start));
        break;
      }
      case RecordType::step_compensated: {
        TRY(std::string key, key_of(record));
        answers.undone.insert(std::move(key));
        break;
      }
      case RecordType::compensation_begun: {
        TRY(const Json payload, Json::parse(record.payload));
        answers.compensation = read_error(Payload(payload).object("error"));
        break;
      }
      case RecordType::wait_begun:
      case RecordType::wait_ended:
      case RecordType::signal_received:
      case RecordType::child_ended:
        TRY(answers.waits.add(record));
        break;
      case RecordType::attempt_failed:
      case RecordType::execution_resumed:
        keep_what_completed(answers);
        break;
      case RecordType::history_copied: {
        TRY(answers.drawn_from, drawn_from(record));
        break;
      }
      default:
        break;
    }
  }
  return answers;
}

void keep_what_completed(RecordedAnswers& answers) {
  if (PLANTED_BUG("run-completed-step-again")) answers.steps.clear();
  if (answers.compensation) return;
  const auto outcome_of = [&answers](const std::string& key) {
    return std::ranges::find(answers.steps.rbegin(), answers.steps.rend(), key, &StepOutcome::key);
  };
  std::uint64_t last_kept = 0;
  for (const StepOutcome& step : answers.steps) {
    if (step.outcome) last_kept = std::max(last_kept, step.position);
  }
  for (const StepStart& start : answers.started) {
    if (outcome_of(start.key) == answers.steps.rend()) last_kept = std::max(last_kept, start.position);
  }
  for (const WaitStart& wait : answers.waits.started) last_kept = std::max(last_kept, wait.position);
  const auto is_void = [last_kept](const StepOutcome& step) { return !step.outcome && step.position > last_kept; };
  std::erase_if(answers.started, [&](const StepStart& start) {
    const auto outcome = outcome_of(start.key);
    return outcome != answers.steps.rend() && is_void(*outcome);
  });
  std::erase_if(answers.steps, is_void);
  forget_what_nothing_is_behind(answers);
}

void forget_what_nothing_is_behind(RecordedAnswers& answers) {
  std::size_t known = 0;
  for (const StepOutcome& step : answers.steps) known = std::max(known, step.observed);
  for (const StepStart& start : answers.started) known = std::max(known, start.observed);
  for (const WaitStart& wait : answers.waits.started) known = std::max(known, wait.observed);
  if (known < answers.observations.size()) {
    answers.observations.erase(answers.observations.begin() + static_cast<std::ptrdiff_t>(known),
                               answers.observations.end());
  }
}

}  // namespace symphainy::runtime
