// SPDX-License-Identifier: Apache-2.0
// The fold: which rows records become, that it may be cut anywhere, and what it refuses.
#include "runtime/projection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/log_record.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "runtime/commit.h"
#include "runtime/intent_registry.h"
#include "runtime/lifecycle_payloads.h"
#include "runtime/wal_record.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {
namespace {

using public_works::EventFilter;
using public_works::EventRow;
using public_works::ExecutionFilter;
using public_works::ExecutionRow;
using public_works::MemoryStateStore;
using public_works::ProvenanceRow;
using public_works::ReferenceFilter;
using public_works::ReferenceRow;
using public_works::RegistrationRow;
using public_works::SessionRow;
using public_works::StateRow;
using public_works::TenantScope;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

base::Uuid execution_id(char which) {
  return base::make_uuid_v7(1'000'000, std::string(16, which));
}
std::string id_text(char which) {
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

 private:
  base::LogChain chain_;
  base::RecordStamper stamper_{base::Uuid::from_bytes("sixteen bytes id"), chain_};
  std::vector<base::LogBatch> batches_;
  std::uint64_t clock_ = 0;
};

Intent intent_of(const std::string& tenant, const std::string& id) {
  Intent intent = Intent::create("ingest_file", tenant, "session", "solution", {"user", "maria"});
  intent.intent_id = id;
  intent.created_at_us = 5;
  return intent;
}

std::vector<base::RecordDraft> accepted(const Intent& intent, char which) {
  const base::Uuid id = execution_id(which);
  RegisteredIntent handler{
      "ingest_file", 1, "content", "ingest", "digest", Effects::external, JsonSchema::compile(Json(true)).value(), {}};
  return {
      draft_record(RecordType::intent_accepted, intent.tenant_id, accepted_payload(intent, intent.fingerprint()), id),
      draft_record(RecordType::execution_created, intent.tenant_id, created_payload(handler, "seed"), id),
      draft_record(RecordType::execution_started, intent.tenant_id, started_payload(1, 1), id, 1)};
}

PendingCommit everything() {
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

std::vector<base::RecordDraft> completed(char which) {
  std::vector<base::RecordDraft> drafts;
  const RecordOwner owner{"acme", execution_id(which), 1};
  append_artifact_records(everything(), owner, drafts);
  append_event_records(everything(), owner, drafts);
  drafts.push_back(draft_record(RecordType::execution_completed, "acme", completed_payload(77, Json("done")),
                                execution_id(which), 1));
  return drafts;
}

Task<Result<HandlerResult>> no_answer(const Intent&, ExecutionContext&) {
  co_return HandlerResult{};
}

// Every record type; executions that complete, fail, are rejected, and one that is still under way at the end.
HandMadeLog whole_life() {
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
  std::vector<ExecutionRow> executions;
  std::vector<ExecutionRow> live;
  std::vector<SessionRow> sessions;
  std::vector<StateRow> state;
  std::vector<ReferenceRow> references;
  std::vector<ProvenanceRow> provenance;
  std::vector<EventRow> events;
  std::map<std::pair<std::string, std::string>, std::uint64_t> sequences;
  std::map<std::string, std::uint64_t> cursors;
  std::vector<RegistrationRow> registrations;

  friend bool operator==(const Rows&, const Rows&) = default;
};

Rows rows_of(MemoryStateStore& store) {
  const TenantScope all = TenantScope::every_tenant();
  Rows rows;
  rows.position = store.position().value();
  rows.epoch = store.epoch().value();
  rows.executions = store.list_executions(ExecutionFilter()).value();
  rows.live = store.live_executions().value();
  rows.sessions = store.list_sessions(all, 100).value();
  for (const char* key : {"kept", "gone"}) {
    if (const auto row = store.state("acme", key).value()) rows.state.push_back(*row);
  }
  rows.references = store.list_references(ReferenceFilter()).value();
  for (const ReferenceRow& reference : rows.references) {
    for (const ProvenanceRow& edge : store.sources_of(all, reference.reference_id).value())
      rows.provenance.push_back(edge);
  }
  rows.events = store.list_events(EventFilter()).value();
  rows.sequences = store.stream_sequences().value();
  rows.cursors = store.cursors().value();
  rows.registrations = store.registrations().value();
  return rows;
}

// Folds with take() wherever `cut` says so after a record; `fresh` goes on as a new process would, from the live rows.
template <typename Cut>
Rows folded(const HandMadeLog& log, Cut cut, bool fresh) {
  MemoryStateStore store;
  Projection projection({});
  const auto flush = [&] {
    if (projection.records() == 0) return;
    const auto applied = store.apply(projection.take());
    ASSERT_TRUE(applied) << applied.error().message;
    if (fresh) projection = Projection(store.live_executions().value());
  };
  for (const base::LogBatch& batch : log.batches()) {
    for (const base::LogRecord& record : batch.records) {
      const auto done = projection.fold(record, batch.first_position());
      EXPECT_TRUE(done) << done.error().message;
      if (cut(record.position)) flush();
    }
  }
  flush();
  return rows_of(store);
}

Rows folded_in_one_go(const HandMadeLog& log) {
  return folded(log, [](std::uint64_t) { return false; }, false);
}

ExecutionRow find(const Rows& rows, char which) {
  for (const ExecutionRow& row : rows.executions) {
    if (row.execution_id == id_text(which)) return row;
  }
  ADD_FAILURE() << "no execution " << which;
  return {};
}

TEST(Projection, GivesOneRowForEveryExecution) {
  const HandMadeLog log = whole_life();
  const Rows rows = folded_in_one_go(log);
  ASSERT_EQ(rows.executions.size(), 5U);
  const ExecutionRow done = find(rows, 'a');
  EXPECT_EQ(done.status, "completed");
  EXPECT_EQ(done.accepted_position, 4U);
  EXPECT_EQ(done.tenant_seq, 1U);
  EXPECT_EQ(done.tenant + done.intent_id + done.intent_type, "acmeintent-aingest_file");
  EXPECT_EQ(done.session + done.solution + done.actor, "sessionsolutionuser:maria");
  EXPECT_EQ(done.idempotency_key, "key-a");
  EXPECT_EQ(done.fingerprint, intent_of("acme", "x").fingerprint());
  EXPECT_THAT(done.batches, ElementsAre(4U, 14U));
  EXPECT_EQ(done.attempt, 1U);
  EXPECT_EQ(done.artifacts, 2U);
  EXPECT_EQ(done.references, 2U);
  EXPECT_EQ(done.events, 3U);
  EXPECT_EQ(done.ended_position, 20U);
  EXPECT_LT(done.accepted_us, done.ended_us);
  const ExecutionRow failed = find(rows, 'b');
  EXPECT_EQ(failed.status, "failed");
  EXPECT_EQ(failed.tenant, "other");
  EXPECT_EQ(failed.error_code, "no_luck");
  EXPECT_EQ(failed.error_message, "broke");
  EXPECT_EQ(failed.attempt, 2U);
  EXPECT_THAT(failed.batches, ElementsAre(8U, 23U, 24U));
  const ExecutionRow rejected = find(rows, 'r');
  EXPECT_EQ(rejected.status, "rejected");
  EXPECT_EQ(rejected.error_code, "invalid_intent");
  EXPECT_EQ(rejected.fingerprint, "");
  EXPECT_FALSE(rejected.idempotency_key);
  EXPECT_EQ(rejected.accepted_position, rejected.ended_position);
  EXPECT_EQ(find(rows, 'c').status, "running");
  EXPECT_EQ(rows.live.size(), 2U);
  EXPECT_EQ(rows.live.front().ended_position, 0U);
}

TEST(Projection, GivesTheRowsOfACommit) {
  const Rows rows = folded_in_one_go(whole_life());
  EXPECT_EQ(rows.position, 28U);
  EXPECT_EQ(rows.epoch, 2U);
  EXPECT_EQ(rows.cursors, (std::map<std::string, std::uint64_t>{{"ndjson", 18}}));
  ASSERT_EQ(rows.registrations.size(), 1U);
  EXPECT_EQ(rows.registrations[0].version, 2U);
  EXPECT_EQ(rows.registrations[0].schema, "{}");
  EXPECT_EQ(rows.registrations[0].position, 3U);
  ASSERT_EQ(rows.references.size(), 2U);
  EXPECT_EQ(rows.references[0].reference_id, "ref-2");
  EXPECT_EQ(rows.references[0].ordinal, 1U);
  EXPECT_EQ(rows.references[0].metadata, R"({"k":1})");
  EXPECT_EQ(rows.references[0].execution_id, id_text('a'));
  ASSERT_EQ(rows.provenance.size(), 2U);
  EXPECT_EQ(rows.provenance[0].relation, "wasDerivedFrom");
  EXPECT_EQ(rows.provenance[1].relation, "wasRevisionOf");
  ASSERT_EQ(rows.state.size(), 2U);
  EXPECT_EQ(rows.state[0].value, R"({"n":18446744073709551615})");
  EXPECT_EQ(rows.state[1].value, std::nullopt);
  EXPECT_EQ(rows.state[1].version, 2U);
  ASSERT_EQ(rows.events.size(), 3U);
  EXPECT_EQ(rows.events[0].subject, "ref-1");
  EXPECT_EQ(rows.events[2].topic, "audit");
  EXPECT_EQ(rows.sequences.at({"acme", "content"}), 2U);
}

TEST(Projection, CountsTheAcceptedExecutionsOfASession) {
  const Rows rows = folded_in_one_go(whole_life());
  ASSERT_EQ(rows.sessions.size(), 2U);
  EXPECT_EQ(rows.sessions[0].tenant, "acme");
  EXPECT_EQ(rows.sessions[0].executions, 3U);
  EXPECT_LT(rows.sessions[0].first_us, rows.sessions[0].last_us);
  EXPECT_EQ(rows.sessions[1].tenant, "other");
}

TEST(Projection, GivesTheSameRowsWhereverItIsCut) {
  const HandMadeLog log = whole_life();
  const Rows whole = folded_in_one_go(log);
  for (const bool fresh : {false, true}) {
    EXPECT_EQ(folded(log, [](std::uint64_t) { return true; }, fresh), whole) << "record by record";
    for (std::uint64_t first = 1; first <= whole.position; ++first) {
      EXPECT_EQ(folded(log, [&](std::uint64_t at) { return at == first; }, fresh), whole) << "cut after " << first;
      for (std::uint64_t second = first + 1; second <= whole.position; ++second) {
        EXPECT_EQ(folded(
                      log, [&](std::uint64_t at) { return at == first || at == second; }, fresh),
                  whole)
            << "cut after " << first << " and " << second;
      }
    }
  }
}

TEST(Projection, TakesNothingTwice) {
  const HandMadeLog log = whole_life();
  Projection projection({});
  for (const base::LogBatch& batch : log.batches()) {
    for (const base::LogRecord& record : batch.records) ASSERT_TRUE(projection.fold(record, batch.first_position()));
  }
  EXPECT_EQ(projection.records(), 28U);
  EXPECT_EQ(projection.take().executions.size(), 5U);
  EXPECT_EQ(projection.records(), 0U);
  const auto empty = projection.take();
  EXPECT_TRUE(empty.executions.empty() && empty.events.empty() && empty.sessions.empty() && empty.cursors.empty());
}

// --- what is refused

base::LogRecord one_record(const base::RecordDraft& draft, std::uint64_t position = 7) {
  HandMadeLog log;
  log.append(std::vector<base::RecordDraft>(position, draft), 1);
  return log.batches().front().records.back();
}

TEST(ProjectionRefusals, NameAnUnknownTypeThatMustBeUnderstood) {
  const auto refused = Projection({}).fold(one_record(draft_record(RecordType{777}, "acme", "{}")), 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
  EXPECT_EQ(refused.error().reason, "unknown_record_type");
  EXPECT_THAT(refused.error().message, HasSubstr("777"));
  EXPECT_THAT(refused.error().message, HasSubstr("position 7"));
}

TEST(ProjectionRefusals, PassOverAnUnknownTypeThatNeedNotBeUnderstood) {
  base::RecordDraft draft = draft_record(RecordType{777}, "acme", "\xff");
  draft.flags = 0;
  draft.type_version = 9;
  Projection projection({});
  ASSERT_TRUE(projection.fold(one_record(draft), 1));
  EXPECT_EQ(projection.take().position, 7U);
}

TEST(ProjectionRefusals, NameANewerVersionOfAKnownType) {
  base::RecordDraft draft = draft_record(RecordType::execution_started, "acme", "{}", execution_id('a'), 1);
  draft.type_version = 2;
  const auto refused = Projection({}).fold(one_record(draft), 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, "unknown_record_type");
  EXPECT_THAT(refused.error().message, HasSubstr("ExecutionStarted version 2"));
}

TEST(ProjectionRefusals, NameThePositionOfAMalformedPayload) {
  const std::vector<std::pair<RecordType, std::vector<std::string>>> malformed = {
      {RecordType::intent_type_registered, {"{}", R"({"intent_type":"a","version":"1"})"}},
      {RecordType::intent_accepted, {"{}", R"({"fingerprint":"f","intent":{}})", R"({"fingerprint":"f","intent":[]})"}},
      {RecordType::intent_rejected, {"{}", R"({"error":{},"intent":{}})"}},
      {RecordType::artifacts_handled, {"{}", R"({"artifacts":{}})"}},
      {RecordType::references_registered,
       {"{}", R"({"references":{}})", R"({"references":[{}]})", R"({"references":[1]})",
        R"({"references":[{"digest":"","location":"","media_type":"","metadata":[],"name":"","reference_id":"r","size":1,"type":"t"}]})"}},
      {RecordType::provenance_tracked, {"{}", R"({"edges":null})", R"({"edges":[{"derived":"a"}]})"}},
      {RecordType::state_changed, {"{}", R"({"changes":7})", R"({"changes":[{"key":"a","version":-1}]})"}},
      {RecordType::events_queued, {"{}", R"({"events":"x"})", R"({"events":[{"event_id":"e"}]})"}},
      {RecordType::execution_failed, {"{}", R"({"error":{"code":"c"}})"}},
      {RecordType::events_published, {"{}", R"({"position":"1","publisher":"p"})"}},
  };
  for (const auto& [type, payloads] : malformed) {
    std::vector<std::string> all = payloads;
    all.insert(all.end(), {"", "{", "[]", "7", "{\"a\":\"\xff\"}"});
    for (const std::string& payload : all) {
      const auto refused =
          Projection({}).fold(one_record(draft_record(type, "acme", payload, execution_id('a'), 1)), 1);
      ASSERT_FALSE(refused) << record_name(static_cast<std::uint16_t>(type)) << " " << payload;
      EXPECT_EQ(refused.error().code, ErrorCode::corrupt) << payload;
      EXPECT_THAT(refused.error().message, HasSubstr("position 7")) << payload;
    }
  }
}

}  // namespace
}  // namespace symphainy::runtime
