// SPDX-License-Identifier: Apache-2.0
#include "runtime/history_copy.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>
#include <utility>

#include "base/fault_points.h"
#include "base/json_writer.h"
#include "base/try.h"
#include "runtime/payload.h"
#include "runtime/step_journal.h"
#include "runtime/wait_journal.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {
namespace {

using base::LogRecord;

constexpr std::size_t kStepsNamed = 20;

// Where the copy ends, and what is in it.
struct Selection {
  RecordedAnswers answers;
  std::uint64_t before = UINT64_MAX;  ///< records at this position and behind it are not taken over
  bool completed = false;             ///< the source

  [[nodiscard]] bool has_step(const LogRecord& record) const {
    return std::ranges::find(answers.steps, record.position, &StepOutcome::position) != answers.steps.end();
  }
  [[nodiscard]] const StepStart* start(const LogRecord& record) const {
    const auto found = std::ranges::find(answers.started, record.position, &StepStart::position);
    return found == answers.started.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool has_wait(const std::string& key) const {
    return std::ranges::find(answers.waits.started, key, &WaitStart::key) != answers.waits.started.end();
  }
};

struct Beginning {
  std::uint64_t position = 0;
  std::size_t observed = 0;
};

std::unexpected<Error> unknown_step(const std::string& step, const RecordedAnswers& answers) {
  std::vector<std::string> known;
  for (const StepOutcome& one : answers.steps) {
    if (known.size() < kStepsNamed) known.push_back(one.key);
  }
  return fail(ErrorCode::not_found,
              fmt::format("from_step '{}' is no step that is recorded of the execution; recorded: {}", step,
                          known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))),
              "unknown_step");
}

Result<Beginning> beginning_of(const std::string& step, const RecordedAnswers& answers) {
  const std::string key = step.contains('#') ? step : step + "#1";
  if (const auto start = std::ranges::find(answers.started, key, &StepStart::key); start != answers.started.end()) {
    return Beginning{start->position, start->observed};
  }
  const auto outcome = std::ranges::find(answers.steps, key, &StepOutcome::key);
  if (outcome == answers.steps.end()) return unknown_step(step, answers);
  return Beginning{outcome->position, outcome->observed};
}

void cut(Selection& kept, const Beginning& at) {
  kept.before = at.position;
  const auto is_behind = [&at](const auto& one) { return one.position >= at.position; };
  std::erase_if(kept.answers.steps, is_behind);
  std::erase_if(kept.answers.started, is_behind);
  std::erase_if(kept.answers.waits.started, is_behind);
  auto& seen = kept.answers.observations;
  if (at.observed < seen.size()) seen.erase(seen.begin() + static_cast<std::ptrdiff_t>(at.observed), seen.end());
}

Result<Selection> select(const std::vector<LogRecord>& source, const ExecutionCommand& command) {
  Selection kept;
  TRY(kept.answers, answers_from_history(source));
  kept.completed = std::ranges::any_of(source, [](const LogRecord& record) {
    return static_cast<RecordType>(record.type) == RecordType::execution_completed;
  });
  const bool was_undone = kept.answers.compensation.has_value();
  if (command.from_step) {
    if (was_undone) {
      return fail(ErrorCode::conflict,
                  "the undoing of its steps had begun, so none of them can be taken over; rerun it without from_step",
                  "was_undone");
    }
    TRY(const Beginning at, beginning_of(*command.from_step, kept.answers));
    cut(kept, at);
    return kept;
  }
  if (was_undone || command.action == Action::rerun) {
    cut(kept, {});
    return kept;
  }
  if (!PLANTED_BUG("copy-failed-step")) keep_what_completed(kept.answers);
  const auto& ended = kept.answers.waits.ended;
  std::erase_if(kept.answers.waits.started, [&ended](const WaitStart& wait) { return !ended.contains(wait.key); });
  forget_what_nothing_is_behind(kept.answers);
  return kept;
}

// Nobody would tell the new execution of the end of one that goes on.
Result<std::set<std::string>> ended_children(const RecordedAnswers& answers) {
  std::set<std::string> children;
  for (const StepOutcome& step : answers.steps) {
    if (!step.key.starts_with(kSpawn) || !step.outcome) continue;
    const std::string child(step.outcome->as_string().value_or(""));
    if (!answers.waits.children.contains(child)) {
      return fail(
          ErrorCode::conflict,
          fmt::format("its child {} had not ended when it did, so step '{}' cannot be taken over; rerun it from "
                      "that step, or from an earlier one: the child is started again",
                      child, step.key),
          "child_not_ended", Json::object({{"child", child}, {"step", step.key}}));
    }
    children.insert(child);
  }
  return children;
}

Result<std::string> text_of(const LogRecord& record, std::string_view member) {
  TRY(const Json payload, Json::parse(record.payload));
  Payload members(payload);
  std::string text = members.text(member);
  TRY(members.complete(record));
  return text;
}

/// Its payload, when the record is taken over as it is.
Result<bool> is_copied(const LogRecord& record, const Selection& kept, const std::set<std::string>& children) {
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::step_completed:
    case RecordType::step_failed:
      return kept.has_step(record);
    case RecordType::signal_received:
      return record.position < kept.before;
    case RecordType::wait_begun:
    case RecordType::wait_ended: {
      TRY(const std::string key, text_of(record, "key"));
      return kept.has_wait(key);
    }
    case RecordType::child_ended: {
      TRY(const std::string child, text_of(record, "child"));
      return children.contains(child);
    }
    default:
      return false;
  }
}

// What of a record's observations is kept.
void copy_observations(const LogRecord& record, const Selection& kept, const RecordOwner& owner,
                       std::vector<base::RecordDraft>& out) {
  PendingCommit commit;
  for (const Observation& seen : kept.answers.observations) {
    if (seen.position == record.position) commit.observations.push_back({seen.kind, seen.key, seen.answer});
  }
  append_observation_record(commit, owner, out);
}

std::string token_of(const LogRecord& record, const std::string& key) {
  const std::string id = record.execution.text();
  return base::make_uuid_v8(record.execution, fmt::format("{}\n{}\nstep\n{}", record.tenant, id, key)).text();
}

Result<std::vector<DrawnFrom>> origins_of(const std::vector<LogRecord>& source, const RecordedAnswers& kept) {
  std::set<std::string> asked;
  for (const StepOutcome& step : kept.steps) asked.insert("step " + step.key);
  for (const StepStart& start : kept.started) asked.insert("step " + start.key);
  for (const WaitStart& wait : kept.waits.started) asked.insert("wait " + wait.key);
  TRY(std::string seed, seed_from_history(source));
  std::vector<DrawnFrom> origins = kept.drawn_from;
  origins.push_back({asked.size(), source.front().execution.text(), std::move(seed)});
  std::size_t calls = 0;
  std::erase_if(origins, [&](DrawnFrom& origin) {
    origin.calls = std::min(origin.calls, asked.size());
    const bool adds_none = origin.calls <= calls;
    calls = std::max(calls, origin.calls);
    return adds_none;
  });
  return origins;
}

}  // namespace

std::string history_copied_payload(const HistoryCopy& copy, const std::string& source, std::uint32_t source_version) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().key("drawn_from").begin_array();
  for (const DrawnFrom& origin : copy.drawn_from) {
    json.begin_object().member("calls", static_cast<std::uint64_t>(origin.calls));
    json.member("execution", origin.execution).member("seed", origin.seed).end_object();
  }
  json.end_array().member("source", source).member("source_version", source_version);
  json.member("until_position", copy.until_position).end_object();
  return payload;
}

Result<HistoryCopy> copy_history(const std::vector<LogRecord>& source, const ExecutionCommand& command,
                                 const RecordOwner& owner) {
  TRY(const Selection kept, select(source, command));
  TRY(const std::set<std::string> children, ended_children(kept.answers));
  HistoryCopy copy;
  std::size_t bytes = 0;
  for (const LogRecord& record : source) {
    const std::size_t before = copy.drafts.size();
    const auto type = static_cast<RecordType>(record.type);
    const auto add = [&](std::string payload) {
      copy.drafts.push_back(draft_record(type, owner.tenant, std::move(payload), owner.execution, owner.attempt));
    };
    if (type == RecordType::context_observed) {
      copy_observations(record, kept, owner, copy.drafts);
    } else if (const StepStart* start = kept.start(record)) {
      StepStart copied = *start;
      if (!copied.token) copied.token = token_of(record, copied.key);
      copied.kept = copied.kept || kept.completed;
      add(step_started_payload(copied));
    } else {
      TRY(const bool verbatim, is_copied(record, kept, children));
      if (verbatim) add(record.payload);
    }
    if (copy.drafts.size() == before) continue;
    copy.until_position = record.position;
    bytes += copy.drafts.back().payload.size();
  }
  if (bytes > kMaxCopiedBytes) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("{} bytes of history would be taken over, more than the {} that one execution may have; rerun "
                    "it from an earlier step, or without from_step",
                    bytes, kMaxCopiedBytes),
        "too_large");
  }
  TRY(copy.drawn_from, origins_of(source, kept.answers));
  return copy;
}

}  // namespace symphainy::runtime
