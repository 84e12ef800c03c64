// SPDX-License-Identifier: Apache-2.0
#include "runtime/execution_history.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <span>

#include "base/try.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/payload.h"
#include "runtime/projection.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

ErrorCode code_from_name(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (to_string(code) == name) return code;
  }
  return ErrorCode::failed;
}

void read_artifacts(const Json& payload, ExecutionResult& result) {
  Payload members(payload);
  for_each_item(members.array("artifacts"), [&](const Json& item, std::uint32_t) {
    Payload artifact(item);
    result.artifacts.push_back({artifact.text("name"), artifact.text("media_type"), artifact.text("digest"),
                                artifact.number("size"), artifact.text("location")});
  });
}

void read_references(const Json& payload, const base::LogRecord& record, ExecutionResult& result) {
  Payload members(payload);
  for_each_item(members.array("references"), [&](const Json& item, std::uint32_t) {
    Payload reference(item);
    result.references.push_back({reference.text("reference_id"), record.tenant, reference.text("type"),
                                 reference.text("name"), reference.text("digest"), reference.number("size"),
                                 reference.text("media_type"), reference.text("location"), reference.object("metadata"),
                                 record.execution.text(), record.time_us});
  });
}

void read_events(const Json& payload, ExecutionResult& result) {
  Payload members(payload);
  for_each_item(members.array("events"), [&](const Json& item, std::uint32_t) {
    Payload event(item);
    result.events.push_back({event.text("event_id"), event.text("type"), event.text("topic")});
  });
}

void read_end(const Json& payload, ExecutionStatus status, ExecutionResult& result) {
  result.status = status;
  if (const Json* duration = payload.find("duration_us")) result.duration_us = duration->as_int64().value_or(0);
  if (const Json* value = payload.find("result")) result.value = *value;
  if (const Json* error = payload.find("error")) result.error = read_error(*error);
}

void read_start(ExecutionResult& result) {
  if (result.status == ExecutionStatus::compensating) return;
  if (result.status == ExecutionStatus::compensation_stuck) {
    result.status = ExecutionStatus::compensating;
    return;
  }
  result.status = ExecutionStatus::running;
  result.error.reset();
}

void read_intent(const Json& payload, const base::LogRecord& record, ExecutionResult& result) {
  result.execution_id = record.execution.text();
  result.tenant_id = record.tenant;
  Payload members(payload);
  Payload intent(members.object("intent"));
  result.intent_id = intent.text("intent_id");
  result.intent_type = intent.text("intent_type");
}

void read_record(const Json& payload, const base::LogRecord& record, ExecutionResult& result) {
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::intent_accepted:
      read_intent(payload, record, result);
      result.status = ExecutionStatus::pending;
      break;
    case RecordType::intent_rejected:
      read_intent(payload, record, result);
      read_end(payload, ExecutionStatus::rejected, result);
      break;
    case RecordType::artifacts_handled:
      read_artifacts(payload, result);
      break;
    case RecordType::references_registered:
      read_references(payload, record, result);
      break;
    case RecordType::events_queued:
      read_events(payload, result);
      break;
    case RecordType::execution_completed:
      read_end(payload, ExecutionStatus::completed, result);
      break;
    case RecordType::execution_failed:
      read_end(payload, ExecutionStatus::failed, result);
      break;
    case RecordType::execution_cancelled:
      read_end(payload, ExecutionStatus::cancelled, result);
      break;
    case RecordType::execution_terminated:
      read_end(payload, ExecutionStatus::terminated, result);
      break;
    case RecordType::execution_parked:
      read_end(payload, ExecutionStatus::parked, result);
      break;
    case RecordType::attempt_failed:
      read_end(payload, ExecutionStatus::running, result);
      break;
    case RecordType::execution_compensated:
      read_end(payload, ExecutionStatus::compensated, result);
      break;
    case RecordType::compensation_begun:
      read_end(payload, ExecutionStatus::compensating, result);
      break;
    case RecordType::compensation_stuck:
      read_end(payload, ExecutionStatus::compensation_stuck, result);
      break;
    case RecordType::wait_begun:
      if (result.status == ExecutionStatus::running) result.status = ExecutionStatus::waiting;
      break;
    case RecordType::wait_ended:
    case RecordType::cancellation_requested:
      if (result.status == ExecutionStatus::waiting) result.status = ExecutionStatus::running;
      break;
    case RecordType::execution_rerun:
      result.successor = Payload(payload).text("successor");
      break;
    case RecordType::history_copied:
      result.rerun_of = Payload(payload).text("source");
      break;
    case RecordType::execution_started:  // again, when it was parked, failed, or was being undone
      read_start(result);
      break;
    default:
      break;
  }
}

const base::LogRecord* find(const std::vector<base::LogRecord>& records, RecordType type) {
  const auto found = std::ranges::find(records, static_cast<std::uint16_t>(type), &base::LogRecord::type);
  return found == records.end() ? nullptr : &*found;
}

std::unexpected<Error> no_record(std::string_view name) {
  return fail(ErrorCode::corrupt, fmt::format("the execution's history has no {} record", name));
}

// The projections know more of it than the log.
Error retired(const public_works::ExecutionRow& execution, const Error& error) {
  Error told = error;
  told.message = fmt::format("execution {} ({}): its records are retired history: {}", execution.execution_id,
                             execution.status, error.message);
  return told;
}

// The execution's records of these batches.
Result<std::vector<base::LogRecord>> read_commits(const public_works::EventLog& log,
                                                  const public_works::ExecutionRow& execution,
                                                  std::span<const std::uint64_t> first_positions) {
  std::vector<base::LogRecord> records;
  const auto id = base::Uuid::parse(execution.execution_id);
  const auto read = log.read_batches_at(first_positions, [&](const base::LogBatch& batch) {
    for (const base::LogRecord& record : batch.records) {
      if (id && record.execution == *id) records.push_back(record);
    }
    return true;
  });
  if (!read && read.error().reason == public_works::kHistoryRetired) {
    return std::unexpected(retired(execution, read.error()));
  }
  TRY(read);
  return records;
}

}  // namespace

Error read_error(const Json& json) {
  Payload members(json);
  Error error;
  error.message = members.text("message");
  error.reason = members.text("code");
  const Json* kind = json.find("kind");
  error.code = code_from_name(kind == nullptr ? std::string_view() : kind->as_string().value_or(""));
  if (error.reason == to_string(error.code)) error.reason.clear();
  if (const Json* details = json.find("details")) error.details = *details;
  return error;
}

std::vector<base::LogRecord> as_records(const std::vector<base::RecordDraft>& drafts, std::int64_t now_us,
                                        std::uint64_t last_position) {
  std::vector<base::LogRecord> records;
  records.reserve(drafts.size());
  for (const base::RecordDraft& draft : drafts) {
    base::LogRecord record;
    record.type = draft.type;
    record.tenant = draft.tenant;
    record.execution = draft.execution;
    record.attempt = draft.attempt;
    record.payload = draft.payload;
    record.time_us = now_us;
    record.position = ++last_position;
    records.push_back(std::move(record));
  }
  return records;
}

Result<std::vector<base::LogRecord>> read_history(const public_works::EventLog& log,
                                                  const public_works::ExecutionRow& execution) {
  TRY(auto records, read_commits(log, execution, execution.batches));
  if (records.empty()) {
    return fail(ErrorCode::corrupt, fmt::format("the log has no records of execution {}", execution.execution_id));
  }
  return records;
}

Result<std::optional<PastExecution>> read_history_until(const public_works::EventLog& log,
                                                        const public_works::ExecutionRow& execution,
                                                        const LogMoment& moment) {
  Projection projection({});
  PastExecution past;
  for (const std::uint64_t first_position : execution.batches) {
    TRY(auto commit, read_commits(log, execution, {&first_position, 1}));
    if (!std::ranges::all_of(commit, [&](const base::LogRecord& record) { return moment.covers(record); })) break;
    for (const base::LogRecord& record : commit) TRY(projection.fold(record, first_position));
    std::ranges::move(commit, std::back_inserter(past.records));
  }
  auto folded = projection.take();
  if (folded.executions.empty()) return std::nullopt;
  past.row = std::move(folded.executions.front());
  for (const auto& successor : folded.successors) public_works::add_successor(past.row, successor);
  return past;
}

Result<ExecutionResult> result_from_history(const std::vector<base::LogRecord>& records) {
  ExecutionResult result;
  result.status = ExecutionStatus::running;
  for (const base::LogRecord& record : records) {
    TRY(const Json payload, Json::parse(record.payload));
    read_record(payload, record, result);
    result.position = record.position;
  }
  return result;
}

Result<Intent> intent_from_history(const std::vector<base::LogRecord>& records) {
  const base::LogRecord* accepted = find(records, RecordType::intent_accepted);
  if (accepted == nullptr) return no_record("IntentAccepted");
  TRY(const Json payload, Json::parse(accepted->payload));
  const Json* intent = payload.find("intent");
  if (intent == nullptr) return no_record("IntentAccepted");
  // What was accepted once stays readable whatever the limits are today.
  return Intent::from_json(
      *intent, IntentLimits{.parameters_bytes = SIZE_MAX / 32, .metadata_bytes = SIZE_MAX / 32, .depth = 512});
}

std::uint32_t failed_attempts_in(const std::vector<base::LogRecord>& records) {
  std::uint32_t failed = 0;
  for (const base::LogRecord& record : records) {
    if (static_cast<RecordType>(record.type) == RecordType::attempt_failed) ++failed;
    if (static_cast<RecordType>(record.type) == RecordType::execution_resumed) failed = 0;
  }
  return failed;
}

Result<std::optional<Error>> cancellation_from_history(const std::vector<base::LogRecord>& records) {
  const base::LogRecord* requested = find(records, RecordType::cancellation_requested);
  if (requested == nullptr) return std::nullopt;
  TRY(const Json payload, Json::parse(requested->payload));
  Payload members(payload);
  Payload actor(members.object("actor"));
  Error why = cancelled_by({actor.text("type"), actor.text("id")}, members.text("reason"));
  TRY(actor.complete(*requested));
  TRY(members.complete(*requested));
  return why;
}

Result<HandlerIdentity> handler_from_history(const std::vector<base::LogRecord>& records) {
  const base::LogRecord* created = find(records, RecordType::execution_created);
  if (created == nullptr) return no_record("ExecutionCreated");
  TRY(const Json payload, Json::parse(created->payload));
  Payload members(payload);
  HandlerIdentity identity{members.text("domain_service"), members.text("handler"),
                           static_cast<std::uint32_t>(members.number("handler_version")),
                           members.text("schema_digest")};
  TRY(members.complete(*created));
  return identity;
}

Result<std::string> seed_from_history(const std::vector<base::LogRecord>& records) {
  const base::LogRecord* created = find(records, RecordType::execution_created);
  if (created == nullptr) return no_record("ExecutionCreated");
  TRY(const Json payload, Json::parse(created->payload));
  Payload members(payload);
  std::string seed = members.text("seed");
  TRY(members.complete(*created));
  return seed;
}

}  // namespace symphainy::runtime
