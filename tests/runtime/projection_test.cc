// SPDX-License-Identifier: Apache-2.0
// The fold: which rows records become, that it may be cut anywhere, and what it refuses.
#include "runtime/projection.h"

#include <cstdint>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/log_record.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "runtime/wal_record.h"
#include "runtime/whole_life.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {
namespace {

using public_works::ExecutionRow;
using public_works::MemoryStateStore;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

base::RecordDraft completed_by(char which, std::uint32_t attempt) {
  return draft_record(RecordType::execution_completed, "acme", completed_payload(1, Json()), execution_id(which),
                      attempt);
}

TEST(ProjectionRefusals, NameAnUnknownTypeThatMustBeUnderstood) {
  const auto refused = Projection({}).fold(one_record(draft_record(RecordType{777}, "acme", "{}")), 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
  EXPECT_EQ(refused.error().reason, "unknown_record_type");
  EXPECT_THAT(refused.error().message, HasSubstr("777"));
  EXPECT_THAT(refused.error().message, HasSubstr("position 7"));
}

base::RecordDraft created_with(std::uint64_t level) {
  const Json payload = Json::object({{"feature_level", level}, {"release", "9.1.0"}});
  return draft_record(RecordType::store_created, "_system", payload.dump());
}

TEST(ProjectionRefusals, NameTheReleaseThatAFeatureLevelAboveOursNeeds) {
  EXPECT_TRUE(Projection({}).fold(one_record(created_with(kKnownFeatureLevel), 1), 1));
  for (const std::uint64_t level : {kKnownFeatureLevel + 1, std::uint64_t{99}}) {
    const auto refused = Projection({}).fold(one_record(created_with(level), 1), 1);
    ASSERT_FALSE(refused) << level;
    EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
    EXPECT_EQ(refused.error().reason, "unknown_feature_level");
    EXPECT_THAT(refused.error().message, HasSubstr(fmt::format("feature level {}", level)));
    EXPECT_THAT(refused.error().message, HasSubstr("release 9.1.0"));
  }
}

TEST(ProjectionRefusals, NameTheReleaseThatOpenedTheStoreLastWhenARecordIsUnknown) {
  base::RecordDraft newer = draft_record(RecordType::execution_started, "acme", "{}", execution_id('a'), 1);
  newer.type_version = 2;
  for (const base::RecordDraft& unknown : {draft_record(RecordType{777}, "acme", "{}"), newer}) {
    Projection projection({});
    ASSERT_TRUE(projection.fold(one_record(created_with(1), 1), 1));
    EXPECT_THAT(projection.fold(one_record(unknown, 2), 2).error().message, HasSubstr("release 9.1.0 or a later one"));
    ASSERT_TRUE(projection.fold(
        one_record(draft_record(RecordType::partition_opened, "_system", R"({"epoch":2,"release":"9.2.0"})"), 3), 3));
    EXPECT_THAT(projection.fold(one_record(unknown, 4), 4).error().message, HasSubstr("release 9.2.0 or a later one"));
  }
}

// The fence: what an attempt writes after a later one was granted does not count.
TEST(ProjectionRefusals, NameAnAttemptThatWasSuperseded) {
  const auto started = [](std::uint32_t attempt) {
    return draft_record(RecordType::execution_started, "acme", "{}", execution_id('a'), attempt);
  };
  const auto late = [](std::uint32_t attempt) { return completed_by('a', attempt); };
  for (const bool reloaded : {false, true}) {
    Projection projection({});
    for (const base::RecordDraft& draft : accepted(intent_of("acme", "intent"), 'a')) {
      ASSERT_TRUE(projection.fold(one_record(draft, 1), 1));
    }
    ASSERT_TRUE(projection.fold(one_record(started(3), 4), 4));
    if (reloaded) projection = Projection(projection.take().executions);
    for (const base::RecordDraft& stale : {started(2), late(2), late(1)}) {
      const auto refused = projection.fold(one_record(stale, 5), 5);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
      EXPECT_EQ(refused.error().reason, "stale_attempt");
      EXPECT_THAT(refused.error().message, HasSubstr("position 5"));
      EXPECT_THAT(refused.error().message, HasSubstr("behind the grant of attempt 3"));
    }
    EXPECT_TRUE(projection.fold(one_record(late(3), 6), 6));
  }
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
      {RecordType::store_created, {"{}", R"({"feature_level":1})", R"({"feature_level":"1","release":"r"})"}},
      {RecordType::partition_opened, {"{}", R"({"release":1})"}},
      {RecordType::intent_type_registered, {"{}", R"({"intent_type":"a","version":"1"})"}},
      {RecordType::store_restored,
       {"{}", R"({"actor":{"id":"a","type":"user"},"earlier":[],"kind":"restore","timeline":"t"})",
        R"({"actor":{"id":"a","type":"user"},"earlier":[{"position":5,"timeline":"t"}],"kind":"restore","timeline":"t"})",
        R"({"actor":"a","earlier":[{"position":6,"timeline":"t"}],"kind":"restore","timeline":"t"})"}},
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
