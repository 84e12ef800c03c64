// SPDX-License-Identifier: Apache-2.0
#include "runtime/recorded_course.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "base/try.h"
#include "runtime/execution_context.h"
#include "runtime/handler_run.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/running_execution.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

std::string_view name_of(StepKind kind) noexcept {
  switch (kind) {
    case StepKind::plain:
      return "plain";
    case StepKind::undoable:
      return "undoable";
    case StepKind::pivot:
      return "pivot";
  }
  return "plain";
}

StepKind kind_of(const StepStart* start) noexcept {
  if (start == nullptr) return StepKind::plain;
  return start->pivot ? StepKind::pivot : StepKind::undoable;
}

Call call_of(const WaitStart& wait) {
  const bool by_wall = wait.due && wait.due->by == DueBy::wall;
  return wait_call(wait.key, wait.due && !by_wall, by_wall ? std::optional(wait.due->us) : std::nullopt);
}

// A call behind so many observations.
struct Asked {
  RecordedCall call;
  std::size_t observed = 0;
};

// The answers in the order in which they were asked for.
std::vector<RecordedCall> calls_of(const RecordedAnswers& answers) {
  std::vector<RecordedCall> calls;
  std::vector<Asked> asked;
  std::size_t observed = 0;
  const auto add = [&asked](RecordedCall call, std::size_t behind) { asked.push_back({std::move(call), behind}); };
  const auto observations_until = [&](std::size_t count) {
    for (; observed < std::min(count, answers.observations.size()); ++observed) {
      const Observation& seen = answers.observations[observed];
      calls.push_back({observation_call(seen.kind, seen.key), seen.position});
    }
  };
  const auto start_of = [&](const std::string& key) {
    const auto found = std::ranges::find(answers.started, key, &StepStart::key);
    return found == answers.started.end() ? nullptr : &*found;
  };
  for (const StepOutcome& step : answers.steps) {
    add({step_call(step.key, step.input_digest, kind_of(start_of(step.key))), step.position}, step.observed);
  }
  for (const StepStart& start : answers.started) {
    if (std::ranges::find(answers.steps, start.key, &StepOutcome::key) != answers.steps.end()) continue;
    add({step_call(start.key, start.input_digest, kind_of(&start)), start.position, false}, start.observed);
  }
  for (const WaitStart& wait : answers.waits.started) {
    add({call_of(wait), wait.position, answers.waits.ended.contains(wait.key)}, wait.observed);
  }
  std::ranges::sort(asked, {}, [](const Asked& one) { return one.call.position; });
  for (Asked& one : asked) {
    observations_until(one.observed);
    calls.push_back(std::move(one.call));
  }
  observations_until(SIZE_MAX);
  return calls;
}

void end_with(const base::LogRecord& record, const Json& payload, RecordedEnd& end) {
  end = {.open = false, .position = record.position, .value = std::nullopt, .error = Json(), .is_of_its_time = false};
  if (const Json* error = payload.find("error")) {
    end.error = *error;
  } else {
    const Json* value = payload.find("result");
    end.value = value == nullptr ? Json() : *value;
  }
}

// What undoing its steps comes to is not the handler's doing.
Result<RecordedEnd> read_end(const std::vector<base::LogRecord>& history) {
  RecordedEnd end;
  for (const base::LogRecord& record : history) {
    switch (static_cast<RecordType>(record.type)) {
      case RecordType::execution_completed:
      case RecordType::execution_failed:
      case RecordType::execution_cancelled:
      case RecordType::execution_parked:
      case RecordType::compensation_begun: {
        TRY(const Json payload, Json::parse(record.payload));
        end_with(record, payload, end);
        if (static_cast<RecordType>(record.type) == RecordType::compensation_begun) return end;
        break;
      }
      case RecordType::step_compensated:
        break;
      default:
        if (end.open || static_cast<RecordType>(record.type) == RecordType::execution_started) {
          end = {.open = true,
                 .position = record.position,
                 .value = std::nullopt,
                 .error = Json(),
                 .is_of_its_time = false};
        }
    }
  }
  return end;
}

std::string text_of(const Json& object, std::string_view key) {
  const Json* value = object.find(key);
  return std::string(value == nullptr ? "" : value->as_string().value_or(""));
}

bool is_of_its_time(const RecordedEnd& end, const RecordedAnswers& answers) {
  const std::string kind = text_of(end.error, "kind");
  const bool may_be = std::ranges::any_of(
      std::array{ErrorCode::unavailable, ErrorCode::io_error, ErrorCode::corrupt, ErrorCode::stopped},
      [&](ErrorCode code) { return to_string(code) == kind; });
  return may_be && std::ranges::none_of(answers.steps, [&](const StepOutcome& step) {
           return !step.outcome && step.outcome.error().message == text_of(end.error, "message");
         });
}

// The runtime's own ends, which another run of the handler cannot come to.
void leave_open_what_the_runtime_ended(RecordedCourse& course) {
  if (course.end.open || course.end.value) return;
  const std::string reason = text_of(course.end.error, "code");
  const bool handler_was_not_asked = reason == kMissingHandler || reason == kStepDiverged;
  const auto& deadline_us = course.intent.deadline_us;
  const bool too_late = deadline_us && text_of(course.end.error, "message") == deadline_passed(*deadline_us).message;
  if (!handler_was_not_asked && !too_late) return;
  course.end.open = true;
  course.end.is_of_its_time = false;
  if (handler_was_not_asked) keep_what_completed(course.answers);
  course.not_compared.push_back(fmt::format("how its handler ended: the runtime ended it ({})", reason));
}

void note_what_is_not_compared(const std::vector<base::LogRecord>& history, RecordedCourse& course) {
  const auto holds = [&](RecordType type) {
    return std::ranges::find(history, static_cast<std::uint16_t>(type), &base::LogRecord::type) != history.end();
  };
  if (course.attempt > 1) {
    course.not_compared.push_back(
        fmt::format("attempts before attempt {}: only what they left in the log for it", course.attempt));
  }
  if (holds(RecordType::compensation_begun)) {
    course.not_compared.emplace_back("what its undo functions do: they are not run");
  }
  if (course.end.open && holds(RecordType::execution_terminated)) {
    course.not_compared.emplace_back("how its handler ended: somebody terminated it");
  }
  if (course.cancellation) course.not_compared.emplace_back("when its handler heard that it was cancelled");
}

}  // namespace

Json Call::to_json() const {
  Json json = Json::object({{what, key}});
  details.for_each_member([&](std::string_view name, const Json& value) { json[name] = value; });
  return json;
}

Call observation_call(std::string_view kind, const std::string& key) {
  return {"observation", fmt::format("{}{}{}", kind, key.empty() ? "" : " ", key), Json()};
}

Call step_call(const std::string& key, const std::string& input_digest, StepKind kind) {
  return {"step", key, Json::object({{"input_digest", input_digest}, {"kind", name_of(kind)}})};
}

Call wait_call(const std::string& key, bool has_duration, const std::optional<std::int64_t>& until_us) {
  Json details = Json::object({{"until", until_us ? "a time" : has_duration ? "a duration" : "a signal"}});
  if (until_us) details["due_us"] = *until_us;
  return {"wait", key, std::move(details)};
}

Result<RecordedCourse> read_course(const std::vector<base::LogRecord>& history) {
  RecordedCourse course;
  TRY(course.intent, intent_from_history(history));
  TRY(course.seed, seed_from_history(history));
  TRY(course.answers, answers_from_history(history));
  TRY(course.cancellation, cancellation_from_history(history));
  TRY(course.end, read_end(history));
  course.end.is_of_its_time = is_of_its_time(course.end, course.answers);
  course.attempt = std::ranges::max(history, {}, &base::LogRecord::attempt).attempt;
  leave_open_what_the_runtime_ended(course);
  note_what_is_not_compared(history, course);
  if (course.answers.compensation) {
    // What its handler asked while it was being undone led to nothing.
    std::erase_if(course.answers.observations,
                  [end = course.end.position](const Observation& seen) { return seen.position > end; });
    course.answers.compensation.reset();
    course.answers.undone.clear();
  }
  course.calls = calls_of(course.answers);
  return course;
}

}  // namespace symphainy::runtime
