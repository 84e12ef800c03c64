// SPDX-License-Identifier: Apache-2.0
#include "runtime/step_journal.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/fault_points.h"
#include "base/json_writer.h"
#include "base/try.h"
#include "runtime/execution_history.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/payload.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {
namespace {

std::string step_payload(const StepOutcome& step) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object();
  if (!step.outcome) {
    json.key("error");
    write_error(json, step.outcome.error());
  }
  json.member("input_digest", step.input_digest).member("key", step.key);
  json.member("observed", static_cast<std::uint64_t>(step.observed));
  if (step.outcome) json.member("result", *step.outcome);
  json.member("tries", step.tries).end_object();
  return payload;
}

}  // namespace

base::RecordDraft step_record(const StepOutcome& step, const RecordOwner& owner) {
  return draft_record(step.outcome ? RecordType::step_completed : RecordType::step_failed, owner.tenant,
                      step_payload(step), owner.execution, owner.attempt);
}

std::string step_started_payload(const StepStart& start) {
  std::string payload;
  base::JsonWriter json(payload);
  json.begin_object().member("input_digest", start.input_digest).member("key", start.key);
  if (start.token) json.member("kept", start.kept);
  json.member("observed", static_cast<std::uint64_t>(start.observed)).member("pivot", start.pivot);
  if (start.token) json.member("step_token", *start.token);
  json.end_object();
  return payload;
}

Result<StepStart> start_from_record(const base::LogRecord& record) {
  TRY(const Json payload, Json::parse(record.payload));
  Payload members(payload);
  StepStart start{members.text("key"), members.text("input_digest"), members.number("observed"),
                  members.boolean("pivot"), record.position};
  if (payload.find("step_token") != nullptr) {
    start.token = members.text("step_token");
    start.kept = members.boolean("kept");
  }
  TRY(members.complete(record));
  return start;
}

std::string step_compensated_payload(const std::string& key, std::uint32_t tries) {
  std::string payload;
  base::JsonWriter(payload).begin_object().member("key", key).member("tries", tries).end_object();
  return payload;
}

Result<StepOutcome> step_from_record(const base::LogRecord& record) {
  TRY(const Json payload, Json::parse(record.payload));
  Payload members(payload);
  StepOutcome step;
  step.position = record.position;
  step.key = members.text("key");
  step.input_digest = members.text("input_digest");
  step.observed = members.number("observed");
  step.tries = static_cast<std::uint32_t>(members.number("tries"));
  if (static_cast<RecordType>(record.type) == RecordType::step_failed) {
    step.outcome = std::unexpected(read_error(members.object("error")));
  } else {
    const Json* result = payload.find("result");
    step.outcome = result == nullptr ? Json() : *result;
  }
  TRY(members.complete(record));
  return step;
}

StepJournal::StepJournal(std::vector<StepOutcome> recorded, std::vector<StepStart> started,
                         std::set<std::string> undone)
    : started_(std::move(started)), undone_(std::move(undone)) {
  if (PLANTED_BUG("forget-undone")) undone_.clear();
  if (PLANTED_BUG("forget-recorded-steps")) return;
  for (StepOutcome& step : recorded) {
    std::string key = step.key;
    recorded_.emplace(std::move(key), std::move(step));
  }
}

std::string StepJournal::next_key(const std::string& name) {
  return fmt::format("{}#{}", name, ++counts_[name]);
}

const StepOutcome* StepJournal::recorded(const std::string& key) const {
  const auto found = recorded_.find(key);
  return found == recorded_.end() ? nullptr : &found->second;
}

const StepStart* StepJournal::started(const std::string& key) const {
  const auto found = std::ranges::find(started_, key, &StepStart::key);
  return found == started_.end() ? nullptr : &*found;
}

bool StepJournal::has_failed(const std::string& key) const {
  const StepOutcome* known = recorded(key);
  return known != nullptr && !known->outcome;
}

std::vector<std::string> StepJournal::to_undo() const {
  std::vector<std::string> keys;
  for (const StepStart& start : started_) {
    if (!start.pivot && !start.kept && !has_failed(start.key) && !undone_.contains(start.key))
      keys.push_back(start.key);
  }
  return keys;
}

bool StepJournal::has_no_way_back() const {
  return std::ranges::any_of(started_,
                             [this](const StepStart& start) { return start.pivot && !has_failed(start.key); });
}

void StepJournal::append_records(const RecordOwner& owner, std::vector<base::RecordDraft>& out) {
  for (StepOutcome& step : std::exchange(pending_, {})) {
    out.push_back(step_record(step, owner));
    note_recorded(std::move(step));
  }
}

}  // namespace symphainy::runtime
