// SPDX-License-Identifier: Apache-2.0
#include "crash/log_facts.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

#include "base/bytes.h"
#include "base/digest.h"
#include "runtime/wal_record.h"

namespace symphainy::tests {
namespace {

using base::LogBatch;
using base::LogRecord;
using runtime::RecordType;

std::string text(const Json* json, std::string_view key) {
  const Json* member = json == nullptr ? nullptr : json->find(key);
  const auto found = member == nullptr ? std::nullopt : member->as_string();
  return std::string(found.value_or(""));
}
std::string text(const Json& json, std::string_view key) {
  return text(&json, key);
}
std::uint64_t number(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr ? 0 : member->as_uint64().value_or(0);
}
std::string dumped(const Json& json, std::string_view key) {
  const Json* member = json.find(key);
  return member == nullptr ? std::string() : member->dump();
}

void for_each(const Json& payload, std::string_view list,
              const std::function<void(const Json&, std::uint32_t)>& visit) {
  const Json* items = payload.find(list);
  for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
    visit(items->at(i), static_cast<std::uint32_t>(i));
  }
}

const std::map<RecordType, const char*> kEnds = {{RecordType::execution_completed, "completed"},
                                                 {RecordType::execution_failed, "failed"},
                                                 {RecordType::execution_cancelled, "cancelled"},
                                                 {RecordType::execution_terminated, "terminated"},
                                                 {RecordType::execution_compensated, "compensated"}};
// What it is until something else is recorded.
const std::map<RecordType, const char*> kStays = {{RecordType::execution_parked, "parked"},
                                                  {RecordType::compensation_begun, "compensating"},
                                                  {RecordType::compensation_stuck, "compensation_stuck"}};

// Its row tells that it waits, and until when, as long as it does.
void show_waiting(ExecutionFact& execution) {
  const WaitCourse& waits = execution.course.waits();
  const bool is_waiting = waits.is_waiting();
  if (is_waiting) execution.row.status = "waiting";
  if (!is_waiting && execution.row.status == "waiting") execution.row.status = "running";
  execution.row.waits_for = is_waiting ? waits.open()->key : "";
  execution.row.wake_us = is_waiting ? waits.open()->wake_us : 0;
  execution.row.wake_by_wall = is_waiting && waits.open()->wake_by_wall;
}

bool is_part_of_a_commit(RecordType type) {
  return type >= RecordType::artifacts_handled && type <= RecordType::events_queued;
}

class Reading {
 public:
  Reading(const base::Uuid& store, std::vector<Violation>& violations) : store_(store), violations_(violations) {}

  bool read(const LogBatch& batch) {
    if (const auto follows = chain_.follow(batch, store_); !follows) {
      const bool fence = follows.error().reason == base::kStaleEpoch;
      broken(fence ? "I6" : "I10", "the log's chain breaks: " + follows.error().message);
      return false;
    }
    for (const LogRecord& record : batch.records) read(record, batch);
    check_whole(batch);
    facts.last_position = batch.last_position();
    facts.batch_ends[batch.last_position()] = batch.store_hash.hex();
    return true;
  }

  void check_acyclic();

  LogFacts facts;

 private:
  void broken(std::string invariant, std::string what) {
    violations_.push_back({std::move(invariant), std::move(what)});
  }
  static std::string place(const LogRecord& record) {
    return fmt::format("position {} ({} of execution {}, attempt {})", record.position,
                       runtime::record_name(record.type), record.execution.text(), record.attempt);
  }
  void check_whole(const LogBatch& batch);

  void read(const LogRecord& record, const LogBatch& batch);
  void read_of_store(const LogRecord& record, const Json& payload);
  void read_accepted(const LogRecord& record, const Json& payload);
  void read_rejected(const LogRecord& record, const Json& payload);
  void read_rerun(ExecutionFact& execution, const LogRecord& record, const Json& payload);
  void read_of_execution(ExecutionFact& execution, const LogRecord& record, const Json& payload);
  void read_outcome(ExecutionFact& execution, const LogRecord& record, const Json& payload);
  void read_started(ExecutionFact& execution, const LogRecord& record, const Json& payload);
  void read_commit(ExecutionFact& execution, const LogRecord& record, const Json& payload);
  void read_references(ExecutionFact& execution, const LogRecord& record, const Json& payload);
  void read_edges(const LogRecord& record, const Json& payload);
  void read_state(const LogRecord& record, const Json& payload);
  void read_events(ExecutionFact& execution, const LogRecord& record, const Json& payload);
  void describe(public_works::ExecutionRow& row, const LogRecord& record, const Json& intent);

  base::Uuid store_;
  base::LogChain chain_;
  std::vector<Violation>& violations_;
  std::set<LogFacts::Named> known_references_;
};

void Reading::read(const LogRecord& record, const LogBatch& batch) {
  facts.epoch = std::max(facts.epoch, record.partition_epoch);
  facts.last_time_us = record.time_us;
  if (runtime::record_name(record.type).empty()) return;
  const auto payload = Json::parse(record.payload);
  if (!payload) return broken("I10", place(record) + ": the payload is no JSON: " + payload.error().message);
  if (record.execution.is_nil()) return read_of_store(record, *payload);
  const auto type = static_cast<RecordType>(record.type);
  const auto known = facts.executions.find(record.execution.text());
  const bool begins = type == RecordType::intent_accepted || type == RecordType::intent_rejected;
  if (begins && known != facts.executions.end()) return broken("I14", place(record) + ": it began before");
  if (!begins && known == facts.executions.end()) return broken("I2", place(record) + ": it was never accepted");
  if (type == RecordType::intent_accepted) read_accepted(record, *payload);
  if (type == RecordType::intent_rejected) read_rejected(record, *payload);
  ExecutionFact& execution = facts.executions.at(record.execution.text());
  auto& batches = execution.row.batches;
  if (batches.empty() || batches.back() != batch.first_position()) batches.push_back(batch.first_position());
  if (!begins) read_of_execution(execution, record, *payload);
}

void Reading::read_of_store(const LogRecord& record, const Json& payload) {
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::partition_opened:
      if (number(payload, "epoch") != record.partition_epoch) {
        broken("I6", fmt::format("position {}: opened under epoch {}, written under {}", record.position,
                                 number(payload, "epoch"), record.partition_epoch));
      }
      return;
    case RecordType::intent_type_registered:
      ++facts.registrations;
      return;
    case RecordType::events_published: {
      std::uint64_t& mark = facts.marks[text(payload, "publisher")];
      const std::uint64_t position = number(payload, "position");
      if (position < mark || position >= record.position) {
        broken("I7", fmt::format("position {}: marks {} as published, after {} was", record.position, position, mark));
      }
      mark = std::max(mark, position);
      return;
    }
    default:
      return;
  }
}

void Reading::describe(public_works::ExecutionRow& row, const LogRecord& record, const Json& intent) {
  row.accepted_position = record.position;
  row.tenant_seq = record.tenant_seq;
  row.tenant = record.tenant;
  row.execution_id = record.execution.text();
  row.intent_id = text(intent, "intent_id");
  row.intent_type = text(intent, "intent_type");
  row.parent = text(intent.find("parent"), "execution");
  row.session = text(intent, "session_id");
  row.solution = text(intent, "solution_id");
  row.actor = text(intent.find("actor"), "type") + ":" + text(intent.find("actor"), "id");
  row.accepted_us = record.time_us;
}

void Reading::read_accepted(const LogRecord& record, const Json& payload) {
  ExecutionFact execution;
  const Json none;
  const Json* intent = payload.find("intent");
  describe(execution.row, record, intent == nullptr ? none : *intent);
  execution.row.status = "running";
  execution.row.fingerprint = text(payload, "fingerprint");
  if (intent != nullptr) {
    execution.parameters = dumped(*intent, "parameters");
    execution.intent = intent->dump();
    if (intent->find("idempotency_key") != nullptr) execution.row.idempotency_key = text(*intent, "idempotency_key");
  }
  const std::string id = execution.row.execution_id;
  if (execution.row.idempotency_key) facts.by_key[{record.tenant, *execution.row.idempotency_key}].push_back(id);
  facts.by_intent[{record.tenant, execution.row.intent_id}].push_back(id);
  auto& session = facts.sessions[{record.tenant, execution.row.session}];
  if (session.executions++ == 0) session.first_us = record.time_us;
  session.tenant = record.tenant;
  session.session = execution.row.session;
  session.last_us = record.time_us;
  facts.executions.emplace(id, std::move(execution));
}

// Shown like an execution that ended at once; it binds neither its key nor its intent id.
void Reading::read_rejected(const LogRecord& record, const Json& payload) {
  ExecutionFact execution;
  const Json none;
  const Json* intent = payload.find("intent");
  describe(execution.row, record, intent == nullptr ? none : *intent);
  execution.row.status = "rejected";
  execution.row.ended_us = record.time_us;
  execution.row.ended_position = record.position;
  execution.row.error_code = text(payload.find("error"), "code");
  execution.row.error_message = text(payload.find("error"), "message");
  facts.executions.emplace(execution.row.execution_id, std::move(execution));
}

// It has ended, and another one does its work once more; that one's records stand in the same batch, before this.
void Reading::read_rerun(ExecutionFact& execution, const LogRecord& record, const Json& payload) {
  auto& row = execution.row;
  if (row.ended_position == 0) broken("I14", place(record) + ": it had not ended");
  if (!row.successor.empty()) broken("I14", fmt::format("{}: {} succeeded it before", place(record), row.successor));
  row.successor = text(payload, "successor");
  execution.rerun_position = record.position;
  const auto successor = facts.executions.find(row.successor);
  if (successor == facts.executions.end() || successor->second.row.rerun_of != row.execution_id) {
    return broken("I2", fmt::format("{}: {} does not do it once more", place(record), row.successor));
  }
  const auto failed = successor->second.course.failed_last();
  if (failed && text(payload, "action") == "retry") {
    broken("I5", fmt::format("{}: {} took step {} over, which had failed", place(record), row.successor, *failed));
  }
}

void Reading::read_of_execution(ExecutionFact& execution, const LogRecord& record, const Json& payload) {
  if (static_cast<RecordType>(record.type) == RecordType::execution_rerun) {
    return read_rerun(execution, record, payload);
  }
  if (execution.row.ended_position != 0) {
    return broken("I14", fmt::format("{}: it had ended as {} at position {}", place(record), execution.row.status,
                                     execution.row.ended_position));
  }
  const auto type = static_cast<RecordType>(record.type);
  if (record.tenant != execution.row.tenant) broken("I2", place(record) + ": under tenant " + record.tenant);
  if (type == RecordType::execution_created) return;
  for (const Violation& violation : execution.course.follow(record, payload)) {
    broken(violation.invariant, place(record) + ": " + violation.what);
  }
  if (type == RecordType::history_copied) execution.row.rerun_of = text(payload, "source");
  show_waiting(execution);
  if (type == RecordType::execution_started) return read_started(execution, record, payload);
  if (record.attempt != execution.row.attempt) {
    broken("I6", fmt::format("{}: attempt {} was granted last", place(record), execution.row.attempt));
  }
  if (is_part_of_a_commit(type)) return read_commit(execution, record, payload);
  read_outcome(execution, record, payload);
}

// What became of it, as far as its row tells.
void Reading::read_outcome(ExecutionFact& execution, const LogRecord& record, const Json& payload) {
  const auto type = static_cast<RecordType>(record.type);
  const auto ended = kEnds.find(type);
  if (ended != kEnds.end()) {
    execution.row.ended_us = record.time_us;
    execution.row.ended_position = record.position;
    execution.row.status = ended->second;
  }
  if (type == RecordType::execution_completed) {
    execution.value_sha256 = base::sha256(dumped(payload, "result")).hex();
    return;
  }
  const auto stays = kStays.find(type);
  if (stays != kStays.end()) execution.row.status = stays->second;
  if (ended == kEnds.end() && stays == kStays.end() && type != RecordType::attempt_failed) return;
  execution.row.error_code = text(payload.find("error"), "code");
  execution.row.error_message = text(payload.find("error"), "message");
}

void Reading::read_started(ExecutionFact& execution, const LogRecord& record, const Json& payload) {
  if (record.attempt != execution.row.attempt + 1) {
    broken("I6", fmt::format("{}: granted after attempt {}", place(record), execution.row.attempt));
  }
  if (number(payload, "epoch") != record.partition_epoch) {
    broken("I6", fmt::format("{}: granted under epoch {}, written under {}", place(record), number(payload, "epoch"),
                             record.partition_epoch));
  }
  execution.row.attempt = record.attempt;
  execution.granted.insert(record.attempt);
  if (execution.course.saga().begun_by()) {  // why it is undone, or stuck, still stands
    execution.row.status = "compensating";
    return;
  }
  execution.row.status = "running";
  execution.row.error_code.clear();
  execution.row.error_message.clear();
}

void Reading::read_commit(ExecutionFact& execution, const LogRecord& record, const Json& payload) {
  switch (static_cast<RecordType>(record.type)) {
    case RecordType::artifacts_handled:
      for_each(payload, "artifacts", [&](const Json& item, std::uint32_t) {
        ArtifactFact artifact{text(item, "name"), text(item, "digest"), number(item, "size"), std::nullopt};
        if (item.find("content") != nullptr) artifact.content = base::from_base64(text(item, "content")).value_or("");
        execution.artifacts.push_back(std::move(artifact));
      });
      execution.row.artifacts = static_cast<std::uint32_t>(execution.artifacts.size());
      return;
    case RecordType::references_registered:
      return read_references(execution, record, payload);
    case RecordType::provenance_tracked:
      return read_edges(record, payload);
    case RecordType::state_changed:
      return read_state(record, payload);
    case RecordType::events_queued:
      return read_events(execution, record, payload);
    default:
      return;
  }
}

void Reading::read_references(ExecutionFact& execution, const LogRecord& record, const Json& payload) {
  for_each(payload, "references", [&](const Json& item, std::uint32_t ordinal) {
    public_works::ReferenceRow row{.position = record.position,
                                   .ordinal = ordinal,
                                   .tenant = record.tenant,
                                   .reference_id = text(item, "reference_id"),
                                   .type = text(item, "type"),
                                   .name = text(item, "name"),
                                   .digest = text(item, "digest"),
                                   .size = number(item, "size"),
                                   .media_type = text(item, "media_type"),
                                   .location = text(item, "location"),
                                   .metadata = dumped(item, "metadata"),
                                   .execution_id = record.execution.text(),
                                   .created_us = record.time_us};
    if (!known_references_.insert({row.tenant, row.reference_id}).second) {
      broken("I4", fmt::format("{}: reference {} was registered before", place(record), row.reference_id));
    }
    facts.references.push_back(std::move(row));
    ++execution.row.references;
  });
}

void Reading::read_edges(const LogRecord& record, const Json& payload) {
  for_each(payload, "edges", [&](const Json& item, std::uint32_t) {
    public_works::ProvenanceRow edge{.position = record.position,
                                     .tenant = record.tenant,
                                     .derived = text(item, "derived"),
                                     .source = text(item, "source"),
                                     .relation = text(item, "relation"),
                                     .execution_id = record.execution.text()};
    for (const std::string& end : {edge.derived, edge.source}) {
      if (known_references_.contains({record.tenant, end})) continue;
      broken("I12", fmt::format("{}: an edge names {}, which the tenant does not have there", place(record), end));
    }
    facts.edges.push_back(std::move(edge));
  });
}

void Reading::read_state(const LogRecord& record, const Json& payload) {
  for_each(payload, "changes", [&](const Json& item, std::uint32_t) {
    public_works::StateRow& row = facts.state[{record.tenant, text(item, "key")}];
    const std::uint64_t version = number(item, "version");
    if (version != row.version + 1) {
      broken("I11", fmt::format("{}: state key '{}' goes from version {} to {}", place(record), text(item, "key"),
                                row.version, version));
    }
    const Json* value = item.find("value");
    row = {.tenant = record.tenant,
           .key = text(item, "key"),
           .version = version,
           .position = record.position,
           .value = value == nullptr ? std::nullopt : std::optional(value->dump())};
  });
}

void Reading::read_events(ExecutionFact& execution, const LogRecord& record, const Json& payload) {
  for_each(payload, "events", [&](const Json& item, std::uint32_t ordinal) {
    auto& stream = facts.streams[{record.tenant, text(item, "topic")}];
    EventFact event{.row = {.position = record.position,
                            .ordinal = ordinal,
                            .tenant = record.tenant,
                            .topic = text(item, "topic"),
                            .sequence = number(item, "sequence"),
                            .event_id = text(item, "event_id"),
                            .type = text(item, "type"),
                            .subject = text(item, "subject"),
                            .execution_id = record.execution.text(),
                            .queued_us = record.time_us},
                    .data = dumped(item, "data")};
    if (event.row.sequence != stream.size() + 1) {
      broken("I8", fmt::format("{}: sequence {} of {}/{} comes after {} events", place(record), event.row.sequence,
                               record.tenant, event.row.topic, stream.size()));
    }
    execution.event_ids.push_back(event.row.event_id);
    stream.push_back(std::move(event));
  });
  execution.row.events = static_cast<std::uint32_t>(execution.event_ids.size());
}

// What belongs together stands in one batch.
void Reading::check_whole(const LogBatch& batch) {
  std::map<std::string, std::map<RecordType, const LogRecord*>> by_execution;
  for (const LogRecord& record : batch.records) {
    if (!record.execution.is_nil()) {
      by_execution[record.execution.text()][static_cast<RecordType>(record.type)] = &record;
    }
  }
  for (const auto& [id, records] : by_execution) {
    const LogRecord& first = *records.begin()->second;
    const auto has = [&records](RecordType type) { return records.contains(type); };
    const bool accepted = has(RecordType::intent_accepted);
    if (accepted != has(RecordType::execution_created) || (accepted && !has(RecordType::execution_started))) {
      broken("I2", place(first) + ": its acceptance is not whole: accepted, created and started are one batch");
    }
    const bool part = std::ranges::any_of(records, [](const auto& entry) { return is_part_of_a_commit(entry.first); });
    const bool completed = has(RecordType::execution_completed);
    if (part && !completed) broken("I4", place(first) + ": a part of a commit, without its end");
    if (completed && !(has(RecordType::artifacts_handled) && has(RecordType::events_queued))) {
      broken("I4", place(first) + ": it completed without its artifacts and events");
    }
  }
}

// Kahn's algorithm: what cannot be taken off lies on a cycle, or behind one.
void Reading::check_acyclic() {
  std::map<LogFacts::Named, std::size_t> sources_left;
  std::map<LogFacts::Named, std::vector<LogFacts::Named>> made_from;
  for (const auto& edge : facts.edges) {
    ++sources_left[{edge.tenant, edge.derived}];
    sources_left.try_emplace({edge.tenant, edge.source}, 0);
    made_from[{edge.tenant, edge.source}].emplace_back(edge.tenant, edge.derived);
  }
  std::vector<LogFacts::Named> free;
  for (const auto& [reference, left] : sources_left) {
    if (left == 0) free.push_back(reference);
  }
  std::size_t taken = 0;
  for (; !free.empty(); ++taken) {
    const LogFacts::Named source = free.back();
    free.pop_back();
    for (const auto& derived : made_from[source]) {
      if (--sources_left[derived] == 0) free.push_back(derived);
    }
  }
  if (taken != sources_left.size()) {
    broken("I12",
           fmt::format("{} references of the lineage lie on a cycle or behind one", sources_left.size() - taken));
  }
}

}  // namespace

LogFacts read_log(const public_works::EventLog& log, std::uint64_t until, std::vector<Violation>& violations) {
  Reading reading(log.identity().store, violations);
  const auto read =
      log.read_batches(1, [&](const LogBatch& batch) { return batch.last_position() <= until && reading.read(batch); });
  if (!read) violations.push_back({"I10", "the log cannot be read: " + read.error().message});
  reading.check_acyclic();
  return std::move(reading.facts);
}

}  // namespace symphainy::tests
