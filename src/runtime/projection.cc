// SPDX-License-Identifier: Apache-2.0
#include "runtime/projection.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/try.h"
#include "runtime/intent_model.h"
#include "runtime/payload.h"
#include "runtime/store_restored.h"
#include "runtime/wal_record.h"

namespace symphainy::runtime {
namespace {

using public_works::ExecutionRow;

std::uint32_t count_of(const Json& list) {
  return static_cast<std::uint32_t>(list.size());
}

// The identifying columns of an execution, from the intent in its first record.
void describe(ExecutionRow& row, Payload& intent) {
  row.intent_id = intent.text("intent_id");
  row.intent_type = intent.text("intent_type");
  row.session = intent.text("session_id");
  row.solution = intent.text("solution_id");
  Payload actor(intent.object("actor"));
  row.actor = actor_text({actor.text("type"), actor.text("id")});
}

Result<void> read_error_into(ExecutionRow& row, const Json& json, const base::LogRecord& record) {
  Payload error(json);
  row.error_code = error.text("code");
  row.error_message = error.text("message");
  return error.complete(record);
}

void begin_waiting(ExecutionRow& row, const Json& payload) {
  const Json* wake = payload.find("wake_us");
  const Json* by = payload.find("wake_by");
  const Json* key = payload.find("key");
  row.status = "waiting";
  row.waits_for = key == nullptr ? "" : std::string(key->as_string().value_or(""));
  row.wake_us = wake == nullptr ? 0 : wake->as_int64().value_or(0);
  row.wake_by_wall = by != nullptr && by->as_string() == "wall";
}

// It goes on, or shall.
void stop_waiting(ExecutionRow& row) {
  if (row.status == "waiting") row.status = "running";
  row.waits_for.clear();
  row.wake_us = 0;
  row.wake_by_wall = false;
}

// An attempt begins; what the one before failed or was parked for is over, unless it goes on with undoing.
void start(ExecutionRow& row, std::uint32_t attempt) {
  row.attempt = attempt;
  stop_waiting(row);
  if (row.status == "compensating") return;
  if (row.status == "compensation_stuck") {
    row.status = "compensating";
    return;
  }
  row.status = "running";
  row.error_code.clear();
  row.error_message.clear();
}

}  // namespace

Projection::Projection(std::vector<ExecutionRow> live) {
  for (ExecutionRow& row : live) {
    const auto id = base::Uuid::parse(row.execution_id);
    if (id) live_.emplace(*id, std::move(row));
  }
}

ExecutionRow& Projection::live(const base::LogRecord& record, std::uint64_t batch_first_position) {
  Row& row = live_[record.execution];
  touched_.insert(record.execution);
  if (row.batches.empty() || row.batches.back() != batch_first_position) row.batches.push_back(batch_first_position);
  return row;
}

Result<void> Projection::fold(const base::LogRecord& record, std::uint64_t batch) {
  ++records_;
  bytes_ += record.payload.size();
  changes_.position = record.position;
  changes_.epoch = std::max(changes_.epoch, record.partition_epoch);
  const auto type = static_cast<RecordType>(record.type);
  const bool passed_over = record_name(record.type).empty() && (record.flags & base::kMustUnderstand) == 0;
  if (passed_over) return {};
  TRY(check_known(record));
  TRY(check_attempt(record));
  switch (type) {
    // These tell the fold nothing beyond their header, so their payload is not parsed.
    case RecordType::execution_created:
    case RecordType::context_observed:
    case RecordType::step_completed:
    case RecordType::step_failed:
    case RecordType::step_started:
    case RecordType::step_compensated:
    case RecordType::execution_resumed:
    case RecordType::signal_received:
    case RecordType::child_ended:
      live(record, batch);
      return {};
    case RecordType::cancellation_requested:
    case RecordType::wait_ended:
      stop_waiting(live(record, batch));
      return {};
    case RecordType::execution_started:
      start(live(record, batch), record.attempt);
      return {};
    case RecordType::execution_completed:
      live(record, batch);
      end(record, "completed");
      return {};
    default:
      break;
  }
  const auto parsed = Json::parse(record.payload);
  if (!parsed) {
    return fail(ErrorCode::corrupt, fmt::format("position {}: the payload of a type {} record is no JSON: {}",
                                                record.position, record.type, parsed.error().message));
  }
  return fold_payload(record, *parsed, batch);
}

Result<void> Projection::check_known(const base::LogRecord& record) const {
  if (record_name(record.type).empty()) {
    return fail(ErrorCode::corrupt,
                fmt::format("position {}: record type {} is not known to this release; {}", record.position,
                            record.type, release_needed()),
                "unknown_record_type");
  }
  if (record.type_version != 1) {
    return fail(ErrorCode::corrupt,
                fmt::format("position {}: {} version {} is newer than this release; {}", record.position,
                            record_name(record.type), record.type_version, release_needed()),
                "unknown_record_type");
  }
  return {};
}

std::string Projection::release_needed() const {
  if (release_.empty()) return "open the store with the release that wrote it";
  return fmt::format("open the store with release {} or a later one", release_);
}

// The other half of the fence, the epoch, is held where the log is followed.
Result<void> Projection::check_attempt(const base::LogRecord& record) const {
  if (record.attempt == 0) return {};
  const auto execution = live_.find(record.execution);
  if (execution == live_.end() || record.attempt >= execution->second.attempt) return {};
  return fail(
      ErrorCode::corrupt,
      fmt::format("position {}: {} of attempt {} of execution {}, behind the grant of attempt {}", record.position,
                  record_name(record.type), record.attempt, record.execution.text(), execution->second.attempt),
      "stale_attempt");
}

Result<void> Projection::fold_opening(const base::LogRecord& record, const Json& payload) {
  Payload members(payload);
  release_ = members.text("release");
  const bool created = static_cast<RecordType>(record.type) == RecordType::store_created;
  const std::uint64_t level = created ? members.number("feature_level") : kKnownFeatureLevel;
  TRY(members.complete(record));
  if (level <= kKnownFeatureLevel) return {};
  return fail(ErrorCode::corrupt,
              fmt::format("position {}: the store has feature level {}, this release knows levels up to {}; {}",
                          record.position, level, kKnownFeatureLevel, release_needed()),
              "unknown_feature_level");
}

Result<void> Projection::fold_payload(const base::LogRecord& record, const Json& payload, std::uint64_t batch) {
  Payload members(payload);
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::store_created:
    case RecordType::partition_opened:
      return fold_opening(record, payload);
    case RecordType::intent_type_registered:
      return fold_registration(record, payload);
    case RecordType::store_restored:
      TRY(read_store_restored(record));
      return {};
    case RecordType::intent_accepted:
      return fold_accepted(record, payload, batch);
    case RecordType::intent_rejected:
      return fold_rejected(record, payload, batch);
    case RecordType::artifacts_handled:
      live(record, batch).artifacts = count_of(members.array("artifacts"));
      break;
    case RecordType::references_registered:
      live(record, batch).references = count_of(members.array("references"));
      TRY(fold_references(record, payload));
      break;
    case RecordType::provenance_tracked:
      return fold_provenance(record, payload);
    case RecordType::state_changed:
      return fold_state(record, payload);
    case RecordType::events_queued:
      live(record, batch).events = count_of(members.array("events"));
      TRY(fold_events(record, payload));
      break;
    case RecordType::execution_failed:
      TRY(read_error_into(live(record, batch), members.object("error"), record));
      end(record, "failed");
      break;
    case RecordType::execution_cancelled:
      TRY(read_error_into(live(record, batch), members.object("error"), record));
      end(record, "cancelled");
      break;
    case RecordType::execution_compensated:
      TRY(read_error_into(live(record, batch), members.object("error"), record));
      end(record, "compensated");
      break;
    case RecordType::execution_terminated:
      TRY(read_error_into(live(record, batch), members.object("error"), record));
      end(record, "terminated");
      break;
    case RecordType::attempt_failed:
      TRY(read_error_into(live(record, batch), members.object("error"), record));
      break;
    case RecordType::execution_parked:
      TRY(fold_waiting(record, members, batch, "parked"));
      break;
    case RecordType::compensation_begun:
      TRY(fold_waiting(record, members, batch, "compensating"));
      break;
    case RecordType::compensation_stuck:
      TRY(fold_waiting(record, members, batch, "compensation_stuck"));
      break;
    case RecordType::wait_begun:
      begin_waiting(live(record, batch), payload);
      break;
    case RecordType::history_copied:
      live(record, batch).rerun_of = members.text("source");
      break;
    case RecordType::execution_rerun:
      // Its row is complete, and in the store by now perhaps.
      changes_.successors.push_back({record.tenant, record.execution.text(), members.text("successor"), batch});
      break;
    case RecordType::events_published:
      changes_.cursors[members.text("publisher")] = members.number("position");
      break;
    default:
      break;
  }
  return members.complete(record);
}

Result<void> Projection::fold_waiting(const base::LogRecord& record, Payload& members, std::uint64_t batch,
                                      const char* status) {
  Row& row = live(record, batch);
  stop_waiting(row);
  row.status = status;
  return read_error_into(row, members.object("error"), record);
}

Result<void> Projection::fold_accepted(const base::LogRecord& record, const Json& payload, std::uint64_t batch) {
  Payload members(payload);
  const Json& intent_json = members.object("intent");
  Payload intent(intent_json);
  Row& row = live(record, batch);
  describe(row, intent);
  row.accepted_position = record.position;
  row.tenant_seq = record.tenant_seq;
  row.tenant = record.tenant;
  row.execution_id = record.execution.text();
  row.status = "pending";
  row.accepted_us = record.time_us;
  row.fingerprint = members.text("fingerprint");
  if (const Json* parent = intent_json.find("parent")) row.parent = Payload(*parent).text("execution");
  if (intent_json.find("idempotency_key") != nullptr) row.idempotency_key = intent.text("idempotency_key");
  count_session(row);
  TRY(intent.complete(record));
  return members.complete(record);
}

// A rejected intent is shown like an execution, but binds nothing: it has neither key nor fingerprint.
Result<void> Projection::fold_rejected(const base::LogRecord& record, const Json& payload, std::uint64_t batch) {
  Payload members(payload);
  Payload intent(members.object("intent"));
  Payload error(members.object("error"));
  Row& row = live(record, batch);
  describe(row, intent);
  row.accepted_position = record.position;
  row.tenant_seq = record.tenant_seq;
  row.tenant = record.tenant;
  row.execution_id = record.execution.text();
  row.accepted_us = record.time_us;
  row.error_code = error.text("code");
  row.error_message = error.text("message");
  end(record, "rejected");
  TRY(intent.complete(record));
  TRY(error.complete(record));
  return members.complete(record);
}

void Projection::end(const base::LogRecord& record, std::string status) {
  Row& row = live_[record.execution];
  stop_waiting(row);
  row.status = std::move(status);
  row.ended_us = record.time_us;
  row.ended_position = record.position;
  changes_.executions.push_back(std::move(row));
  live_.erase(record.execution);
  touched_.erase(record.execution);
}

void Projection::count_session(const Row& row) {
  const auto [known, fresh] = sessions_.try_emplace(row.tenant + '\0' + row.session, changes_.sessions.size());
  if (fresh) changes_.sessions.push_back({row.tenant, row.session, row.accepted_us, row.accepted_us, 0});
  auto& session = changes_.sessions[known->second];
  session.last_us = row.accepted_us;
  ++session.executions;
}

Result<void> Projection::fold_references(const base::LogRecord& record, const Json& payload) {
  Payload members(payload);
  Result<void> outcome;
  for_each_item(members.array("references"), [&](const Json& item, std::uint32_t ordinal) {
    Payload reference(item);
    changes_.references.push_back({.position = record.position,
                                   .ordinal = ordinal,
                                   .tenant = record.tenant,
                                   .reference_id = reference.text("reference_id"),
                                   .type = reference.text("type"),
                                   .name = reference.text("name"),
                                   .digest = reference.text("digest"),
                                   .size = reference.number("size"),
                                   .media_type = reference.text("media_type"),
                                   .location = reference.text("location"),
                                   .metadata = reference.object("metadata").dump(),
                                   .execution_id = record.execution.text(),
                                   .created_us = record.time_us});
    if (outcome) outcome = reference.complete(record);
  });
  TRY(std::move(outcome));
  return members.complete(record);
}

Result<void> Projection::fold_provenance(const base::LogRecord& record, const Json& payload) {
  Payload members(payload);
  Result<void> outcome;
  for_each_item(members.array("edges"), [&](const Json& item, std::uint32_t) {
    Payload edge(item);
    changes_.provenance.push_back({.position = record.position,
                                   .tenant = record.tenant,
                                   .derived = edge.text("derived"),
                                   .source = edge.text("source"),
                                   .relation = edge.text("relation"),
                                   .execution_id = record.execution.text()});
    if (outcome) outcome = edge.complete(record);
  });
  TRY(std::move(outcome));
  return members.complete(record);
}

Result<void> Projection::fold_state(const base::LogRecord& record, const Json& payload) {
  Payload members(payload);
  Result<void> outcome;
  for_each_item(members.array("changes"), [&](const Json& item, std::uint32_t) {
    Payload change(item);
    const Json* value = item.find("value");
    changes_.state.push_back({.tenant = record.tenant,
                              .key = change.text("key"),
                              .version = change.number("version"),
                              .position = record.position,
                              .value = value == nullptr ? std::nullopt : std::optional(value->dump())});
    if (outcome) outcome = change.complete(record);
  });
  TRY(std::move(outcome));
  return members.complete(record);
}

Result<void> Projection::fold_events(const base::LogRecord& record, const Json& payload) {
  Payload members(payload);
  Result<void> outcome;
  for_each_item(members.array("events"), [&](const Json& item, std::uint32_t ordinal) {
    Payload event(item);
    changes_.events.push_back({.position = record.position,
                               .ordinal = ordinal,
                               .tenant = record.tenant,
                               .topic = event.text("topic"),
                               .sequence = event.number("sequence"),
                               .event_id = event.text("event_id"),
                               .type = event.text("type"),
                               .subject = event.text("subject"),
                               .execution_id = record.execution.text(),
                               .queued_us = record.time_us});
    if (outcome) outcome = event.complete(record);
  });
  TRY(std::move(outcome));
  return members.complete(record);
}

Result<void> Projection::fold_registration(const base::LogRecord& record, const Json& payload) {
  Payload members(payload);
  const Json* schema = payload.find("schema");
  changes_.registrations.push_back({.intent_type = members.text("intent_type"),
                                    .version = static_cast<std::uint32_t>(members.number("version")),
                                    .domain_service = members.text("domain_service"),
                                    .handler = members.text("handler"),
                                    .schema = schema == nullptr ? std::string() : schema->dump(),
                                    .schema_digest = members.text("schema_digest"),
                                    .position = record.position});
  return members.complete(record);
}

public_works::StateChanges Projection::take() {
  for (const base::Uuid& id : touched_) changes_.executions.push_back(live_.at(id));
  touched_.clear();
  sessions_.clear();
  records_ = bytes_ = 0;
  return std::exchange(changes_, {});
}

}  // namespace symphainy::runtime
