// SPDX-License-Identifier: Apache-2.0
// A log made by hand that holds every record type once at least, and everything a store answers about it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/log_record.h"
#include "public_works/abstractions/lineage_store.h"
#include "public_works/abstractions/state_store.h"
#include "public_works/adapters/memory/memory_event_log.h"
#include "runtime/commit.h"
#include "runtime/intent_registry.h"
#include "runtime/json_schema.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {

inline base::Uuid execution_id(char which) {
  return base::make_uuid_v7(1'000'000, std::string(16, which));
}
inline std::string id_text(char which) {
  return execution_id(which).text();
}

// Batches as the log would hold them.
class HandMadeLog {
 public:
  void append(std::vector<base::RecordDraft> drafts, std::uint64_t epoch) {
    for (base::RecordDraft& draft : drafts) draft.partition_epoch = epoch;
    const std::string salts(drafts.size() * 16, 's');
    base::LogBatch batch = stamper_.stamp(std::move(drafts), 1'000'000 * static_cast<std::int64_t>(++clock_), salts);
    std::string bytes;
    chain_.seal(batch, bytes);
    batches_.push_back(std::move(batch));
  }
  [[nodiscard]] const std::vector<base::LogBatch>& batches() const { return batches_; }
  /// For a log in memory that begins with all of this.
  [[nodiscard]] std::shared_ptr<public_works::MemoryLogContents> contents() const {
    auto contents = std::make_shared<public_works::MemoryLogContents>();
    contents->identity.store = kStore;
    contents->chain = chain_;
    for (const base::LogBatch& batch : batches_) {
      contents->batches.push_back(std::make_shared<const base::LogBatch>(batch));
    }
    return contents;
  }

 private:
  inline static const base::Uuid kStore = base::Uuid::from_bytes("sixteen bytes id");
  base::LogChain chain_;
  base::RecordStamper stamper_{kStore, chain_};
  std::vector<base::LogBatch> batches_;
  std::uint64_t clock_ = 0;
};

inline Intent intent_of(const std::string& tenant, const std::string& id) {
  Intent intent = Intent::create("ingest_file", tenant, "session", "solution", {"user", "maria"});
  intent.intent_id = id;
  intent.created_at_us = 5;
  return intent;
}

inline std::vector<base::RecordDraft> accepted(const Intent& intent, char which) {
  const base::Uuid id = execution_id(which);
  RegisteredIntent handler{
      "ingest_file", 1, "content", "ingest", "digest", Effects::external, JsonSchema::compile(Json(true)).value(), {}};
  return {
      draft_record(RecordType::intent_accepted, intent.tenant_id, accepted_payload(intent, intent.fingerprint()), id),
      draft_record(RecordType::execution_created, intent.tenant_id, created_payload(handler, "seed"), id),
      draft_record(RecordType::execution_started, intent.tenant_id, started_payload(1, 1), id, 1)};
}

inline PendingCommit everything() {
  PendingCommit commit;
  commit.observations = {{"time", "", "2026-11-23T10:07:00.000000Z"}};
  commit.artifacts = {{{"a", "text/plain", "d1", 1, "execution:x/a"}, "x"},
                      {{"b", "text/plain", "d2", 9, "artifact:d2"}, {}}};
  Reference file{"ref-1", "acme", "file", "n", "d1", 1, "text/plain", "artifact:d1", Json::object({{"k", 1}}), "", 0};
  Reference table = file;
  table.reference_id = "ref-2";
  table.type = "table";
  commit.references = {file, table};
  commit.edges = {{"ref-2", "ref-1", Relation::was_derived_from}, {"ref-2", "ref-0", Relation::was_revision_of}};
  commit.state = {{"kept", Json::object({{"n", 18446744073709551615U}}), {}, 1}, {"gone", std::nullopt, {}, 2}};
  commit.events = {{"event-1", {"content.file.ingested", Json(1), "ref-1", "content"}, 1},
                   {"event-2", {"content.file.ingested", Json(2), "", "content"}, 2},
                   {"event-3", {"audit.done", Json(), "", "audit"}, 1}};
  return commit;
}

inline std::vector<base::RecordDraft> completed(char which) {
  std::vector<base::RecordDraft> drafts;
  const RecordOwner owner{"acme", execution_id(which), 1};
  PendingCommit commit = everything();
  append_observation_record(commit, owner, drafts);
  append_artifact_records(commit, owner, drafts);
  append_event_records(everything(), owner, drafts);
  drafts.push_back(draft_record(RecordType::execution_completed, "acme", completed_payload(77, Json("done")),
                                execution_id(which), 1));
  return drafts;
}

inline Task<Result<HandlerResult>> no_answer(const Intent&, ExecutionContext&) {
  co_return HandlerResult{};
}

// Every record type; executions that complete, fail, are rejected, and one that is still under way at the end.
inline HandMadeLog whole_life() {
  HandMadeLog log;
  log.append({draft_record(RecordType::store_created, "_system", R"({"feature_level":1,"release":"0.1.0"})"),
              draft_record(RecordType::partition_opened, "_system", R"({"epoch":1,"release":"0.1.0"})")},
             1);
  IntentRegistry registry;
  log.append(
      {registry.register_intent({"ingest_file", Json::object(), 2, Effects::external}, "content", "ingest", no_answer)
           .value()
           .value()},
      1);
  Intent keyed = intent_of("acme", "intent-a");
  keyed.idempotency_key = "key-a";
  log.append(accepted(keyed, 'a'), 1);
  log.append({draft_record(RecordType::intent_rejected, "acme",
                           rejected_payload(intent_of("acme", "intent-r"),
                                            Error{ErrorCode::invalid_argument, "no", "invalid_intent", {}}),
                           execution_id('r'))},
             1);
  auto both = accepted(intent_of("other", "intent-b"), 'b');
  for (base::RecordDraft& draft : accepted(intent_of("acme", "intent-c"), 'c')) both.push_back(std::move(draft));
  log.append(std::move(both), 1);
  log.append(completed('a'), 1);
  base::RecordDraft unknown = draft_record(RecordType{999}, "acme", "not even JSON");
  unknown.flags = 0;
  log.append({unknown}, 1);
  log.append({draft_record(RecordType::partition_opened, "_system", R"({"epoch":2,"release":"0.1.0"})")}, 2);
  log.append({draft_record(RecordType::execution_started, "other", started_payload(2, 2), execution_id('b'), 2)}, 2);
  log.append({draft_record(RecordType::execution_failed, "other",
                           failed_payload(5, Error{ErrorCode::failed, "broke", "no_luck", {}}), execution_id('b'), 2)},
             2);
  log.append({draft_record(RecordType::events_published, "_system", R"({"position":18,"publisher":"ndjson"})")}, 2);
  log.append(accepted(intent_of("acme", "intent-d"), 'd'), 2);
  return log;
}

// Everything a store answers.
struct Rows {
  std::uint64_t position = 0;
  std::uint64_t epoch = 0;
  std::vector<public_works::ExecutionRow> executions;
  std::vector<public_works::ExecutionRow> live;
  std::vector<public_works::SessionRow> sessions;
  std::vector<public_works::StateRow> state;
  std::vector<public_works::ReferenceRow> references;
  std::vector<public_works::ProvenanceRow> provenance;
  std::vector<public_works::EventRow> events;
  std::map<std::pair<std::string, std::string>, std::uint64_t> sequences;
  std::map<std::string, std::uint64_t> cursors;
  std::vector<public_works::RegistrationRow> registrations;

  friend bool operator==(const Rows&, const Rows&) = default;
};

/// `store` is a state store and a lineage store at once.
template <typename Store>
Rows rows_of(Store& store) {
  const auto all = public_works::TenantScope::every_tenant();
  Rows rows;
  rows.position = store.position().value();
  rows.epoch = store.epoch().value();
  rows.executions = store.list_executions(public_works::ExecutionFilter()).value();
  rows.live = store.live_executions().value();
  rows.sessions = store.list_sessions(all, {}, 100).value();
  for (const char* key : {"kept", "gone"}) {
    if (const auto row = store.state("acme", key).value()) rows.state.push_back(*row);
  }
  rows.references = store.list_references(public_works::ReferenceFilter()).value();
  for (const public_works::ReferenceRow& reference : rows.references) {
    for (const public_works::ProvenanceRow& edge : store.sources_of(all, reference.reference_id).value())
      rows.provenance.push_back(edge);
  }
  rows.events = store.list_events(public_works::EventFilter()).value();
  rows.sequences = store.stream_sequences().value();
  rows.cursors = store.cursors().value();
  rows.registrations = store.registrations().value();
  return rows;
}

}  // namespace symphainy::runtime
