// SPDX-License-Identifier: Apache-2.0
// contract: state_store adapters: sqlite, memory
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "public_works/abstractions/state_store.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"
#include "temporary_directory.h"

// Rows and filters are named by the members that a test is about.
#pragma clang diagnostic ignored "-Wmissing-designated-field-initializers"

namespace symphainy::public_works {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

ExecutionRow execution_at(std::uint64_t position, const std::string& tenant) {
  ExecutionRow row;
  row.accepted_position = position;
  row.tenant_seq = position;
  row.tenant = tenant;
  row.execution_id = tenant + "-x" + std::to_string(position);
  row.intent_id = "i" + std::to_string(position);
  row.intent_type = position % 2 == 0 ? "even" : "odd";
  row.session = "s" + std::to_string(position % 3);
  row.solution = position % 5 == 0 ? "five" : "other";
  row.actor = "user:u";
  row.status = "completed";
  row.attempt = 1;
  row.accepted_us = static_cast<std::int64_t>(position) * 10;
  row.ended_us = row.accepted_us + 7;
  row.ended_position = position + 3;
  row.batches = {position, position + 2};
  row.idempotency_key = "k" + std::to_string(position);
  row.fingerprint = "f" + std::to_string(position);
  row.artifacts = 2;
  row.events = 3;
  row.references = 4;
  return row;
}

// It has not ended.
void make_live(ExecutionRow& row, const std::string& status = "running") {
  row.status = status;
  row.ended_us = 0;
  row.ended_position = 0;
}

EventRow event_at(std::uint64_t position, std::uint32_t ordinal, const std::string& tenant, const std::string& topic,
                  std::uint64_t sequence) {
  EventRow row;
  row.position = position;
  row.ordinal = ordinal;
  row.tenant = tenant;
  row.topic = topic;
  row.sequence = sequence;
  row.event_id = tenant + std::to_string(position) + "." + std::to_string(ordinal);
  row.type = "t";
  row.subject = "subject";
  row.execution_id = "e";
  row.queued_us = static_cast<std::int64_t>(position);
  return row;
}

std::vector<std::uint64_t> positions(const std::vector<ExecutionRow>& rows) {
  std::vector<std::uint64_t> found;
  for (const ExecutionRow& row : rows) found.push_back(row.accepted_position);
  return found;
}

std::vector<std::string> ids(const std::vector<EventRow>& rows) {
  std::vector<std::string> found;
  for (const EventRow& row : rows) found.push_back(row.event_id);
  return found;
}

std::vector<std::string> keys(const std::vector<StateRow>& rows) {
  std::vector<std::string> found;
  for (const StateRow& row : rows) found.push_back(row.tenant + "/" + row.key);
  return found;
}

class StateStoreContract : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<StateStore> make(const std::string& name) {
    if (GetParam() == "memory") return std::make_unique<MemoryStateStore>();
    return SqliteStateStore::open(directory_ / name, SqliteStateStore::Mode::read_write).value();
  }
  void apply(const StateChanges& changes) {
    const Result<void> applied = store_->apply(changes);
    ASSERT_TRUE(applied) << applied.error().message;
  }

  tests::TemporaryDirectory directory_;
  std::unique_ptr<StateStore> store_ = make("state.db");
};

INSTANTIATE_TEST_SUITE_P(Adapters, StateStoreContract, ::testing::Values("sqlite", "memory"),
                         [](const auto& tested) { return tested.param; });

TEST_P(StateStoreContract, AnEmptyStoreIsAtPositionZeroAndKnowsNothing) {
  EXPECT_EQ(store_->position().value(), 0U);
  EXPECT_EQ(store_->epoch().value(), 0U);
  EXPECT_FALSE(store_->execution(TenantScope::every_tenant(), "x").value());
  EXPECT_THAT(store_->list_executions({}).value(), IsEmpty());
  EXPECT_THAT(store_->list_executions({.since_us = 5, .until_us = 9}).value(), IsEmpty());
  EXPECT_THAT(store_->list_events({.after_position = 3}).value(), IsEmpty());
  EXPECT_THAT(store_->stream_sequences().value(), IsEmpty());
}

TEST_P(StateStoreContract, ThePositionAndTheHighestEpochAreKept) {
  apply({.position = 5, .epoch = 2});
  apply({.position = 9, .epoch = 0});
  EXPECT_EQ(store_->position().value(), 9U);
  EXPECT_EQ(store_->epoch().value(), 2U);
}

TEST_P(StateStoreContract, ChangesAtOrBelowThePositionAreRefusedAndChangeNothing) {
  apply({.position = 5, .executions = {execution_at(1, "a")}});
  for (const std::uint64_t position : {0U, 4U, 5U}) {
    const auto refused = store_->apply(
        {.position = position, .epoch = 9, .executions = {execution_at(2, "a")}, .sessions = {{"a", "s", 1, 1, 1}}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  }
  EXPECT_EQ(store_->position().value(), 5U);
  EXPECT_EQ(store_->epoch().value(), 0U);
  EXPECT_THAT(positions(store_->list_executions({}).value()), ElementsAre(1));
  EXPECT_THAT(store_->list_sessions(TenantScope::every_tenant(), {}, 9).value(), IsEmpty());
}

TEST_P(StateStoreContract, RowsOfAnotherStretchAreRefusedAndChangeNothing) {
  apply({.position = 5});
  for (const std::uint64_t position : {5U, 11U}) {
    const auto refused = store_->apply(
        {.position = 10, .executions = {execution_at(6, "a")}, .events = {event_at(position, 0, "a", "t", 1)}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_EQ(store_->position().value(), 5U);
  EXPECT_THAT(store_->list_executions({}).value(), IsEmpty());
  apply({.position = 10});
}

TEST_P(StateStoreContract, AnExecutionComesBackAsItWasWritten) {
  ExecutionRow full = execution_at(1, "a");
  full.error_code = "boom";
  full.error_message = "it broke: \"é\"";
  full.batches = {1, 2, 18446744073709551615U};
  ExecutionRow bare = execution_at(2, "a");
  bare.status = "running";
  bare.ended_us = 0;
  bare.ended_position = 0;
  bare.batches = {};
  bare.idempotency_key.reset();
  apply({.position = 5, .executions = {full, bare}});
  EXPECT_EQ(store_->execution(TenantScope::only("a"), full.execution_id).value(), full);
  EXPECT_EQ(store_->execution(TenantScope::every_tenant(), bare.execution_id).value(), bare);
  EXPECT_EQ(store_->execution_by_intent("a", "i1").value(), full);
  EXPECT_EQ(store_->execution_by_key("a", "k1").value(), full);
  EXPECT_FALSE(store_->execution_by_key("a", "").value());
}

TEST_P(StateStoreContract, AnExecutionThatEndsIsReplacedAndNoLongerLive) {
  ExecutionRow first = execution_at(1, "a");
  ExecutionRow second = execution_at(2, "b");
  make_live(first);
  make_live(second, "parked");
  apply({.position = 5, .executions = {second, first}});
  EXPECT_THAT(positions(store_->live_executions().value()), ElementsAre(1, 2));
  EXPECT_THAT(positions(store_->list_executions({.status = "running"}).value()), ElementsAre(1));
  EXPECT_THAT(positions(store_->list_executions({.status = "parked"}).value()), ElementsAre(2));
  first = execution_at(1, "a");
  first.attempt = 2;
  apply({.position = 6, .executions = {second, first}});
  EXPECT_THAT(positions(store_->live_executions().value()), ElementsAre(2));
  EXPECT_EQ(store_->execution(TenantScope::only("a"), first.execution_id).value(), first);
}

TEST_P(StateStoreContract, ASuccessorIsAddedToARowWhereverItStands) {
  ExecutionRow before = execution_at(1, "a");
  ExecutionRow together = execution_at(6, "a");
  apply({.position = 5, .executions = {before}});
  apply({.position = 9,
         .executions = {together},
         .successors = {{"a", before.execution_id, "next", 7}, {"a", together.execution_id, "other", 9}}});
  before.successor = "next";
  before.batches.push_back(7);
  together.successor = "other";
  together.batches.push_back(9);
  ExecutionRow next = execution_at(10, "a");
  next.rerun_of = before.execution_id;
  apply({.position = 10, .executions = {next}, .successors = {{"b", next.execution_id, "of another tenant", 10}}});
  for (const ExecutionRow& row : {before, together, next})
    EXPECT_EQ(store_->execution(TenantScope::only("a"), row.execution_id).value(), row);
}

TEST_P(StateStoreContract, OfRowsWithTheSameKeyTheLastOneCounts) {
  ExecutionRow running = execution_at(1, "a");
  make_live(running);
  EventRow early = event_at(2, 0, "a", "t", 1);
  EventRow late = early;
  late.subject = "late";
  apply({.position = 5,
         .executions = {running, execution_at(1, "a")},
         .state = {{"a", "key", 1, 1, "1"}, {"a", "key", 2, 2, "2"}},
         .events = {early, late},
         .registrations = {{"t", 1, "d", "h", "{}", "0", 1}, {"t", 1, "d", "h2", "{}", "0", 2}}});
  EXPECT_THAT(store_->live_executions().value(), IsEmpty());
  EXPECT_EQ(store_->state("a", "key").value()->version, 2U);
  EXPECT_THAT(store_->list_events({}).value(), ElementsAre(late));
  ASSERT_EQ(store_->registrations().value().size(), 1U);
  EXPECT_EQ(store_->registrations().value()[0].handler, "h2");
}

TEST_P(StateStoreContract, AKeyUsedAgainNamesTheNewestExecution) {
  ExecutionRow again = execution_at(4, "a");
  again.idempotency_key = "k1";
  again.intent_id = "i1";
  apply({.position = 9, .executions = {execution_at(1, "a"), again}});
  EXPECT_EQ(store_->execution_by_key("a", "k1").value(), again);
  EXPECT_EQ(store_->execution_by_intent("a", "i1").value(), again);
}

TEST_P(StateStoreContract, EveryFilterNarrowsAndTheNewestComesFirst) {
  StateChanges changes{.position = 100};
  std::vector<ExecutionRow> all;
  for (std::uint64_t at = 1; at <= 60; ++at) {
    all.push_back(execution_at(at, at % 4 == 0 ? "b" : "a"));
    if (at % 14 == 0) make_live(all.back());
    if (at % 14 == 7) all.back().status = "failed";
  }
  changes.executions = all;
  apply(changes);
  std::vector<ExecutionFilter> filters;
  for (const TenantScope& scope : {TenantScope::every_tenant(), TenantScope::only("a"), TenantScope::only("c")}) {
    filters.push_back({.scope = scope});
    filters.push_back({.scope = scope, .session = "s1"});
    filters.push_back({.scope = scope, .solution = "five"});
    filters.push_back({.scope = scope, .intent_type = "odd"});
    filters.push_back({.scope = scope, .status = "failed"});
    filters.push_back({.scope = scope, .session = "s0", .status = "running"});
    filters.push_back({.scope = scope, .since_us = 200});
    filters.push_back({.scope = scope, .until_us = 200});
    filters.push_back({.scope = scope, .since_us = 201, .until_us = 399, .before_position = 30});
    filters.push_back({.scope = scope, .since_us = 900});
    filters.push_back({.scope = scope, .session = "s2", .limit = 3});
    filters.push_back({.scope = scope, .limit = 0});
  }
  for (std::size_t index = 0; index < filters.size(); ++index) {
    const ExecutionFilter& filter = filters[index];
    std::vector<ExecutionRow> expected;
    for (const ExecutionRow& row : all) {
      if (filter.scope.covers(row.tenant) && (!filter.session || row.session == *filter.session) &&
          (!filter.solution || row.solution == *filter.solution) &&
          (!filter.intent_type || row.intent_type == *filter.intent_type) &&
          (!filter.status || row.status == *filter.status) &&
          (!filter.since_us || row.accepted_us >= *filter.since_us) &&
          (!filter.until_us || row.accepted_us <= *filter.until_us) &&
          (filter.before_position == 0 || row.accepted_position < filter.before_position)) {
        expected.push_back(row);
      }
    }
    std::ranges::reverse(expected);
    expected.resize(std::min(expected.size(), filter.limit));
    EXPECT_EQ(store_->list_executions(filter).value(), expected) << "filter " << index;
  }
}

TEST_P(StateStoreContract, PagesOfExecutionsAreCompleteAndWithoutDuplicates) {
  StateChanges changes{.position = 100};
  for (std::uint64_t at = 1; at <= 50; ++at) {
    changes.executions.push_back(execution_at(at, at % 3 == 0 ? "b" : "a"));
  }
  apply(changes);
  ExecutionFilter filter{.scope = TenantScope::only("a"), .limit = 7};
  std::vector<std::uint64_t> seen;
  while (true) {
    const auto page = positions(store_->list_executions(filter).value());
    if (page.empty()) break;
    seen.insert(seen.end(), page.begin(), page.end());
    filter.before_position = page.back();
  }
  filter.before_position = 0;
  filter.limit = 1000;
  EXPECT_EQ(seen.size(), 34U);
  EXPECT_EQ(seen, positions(store_->list_executions(filter).value()));
}

TEST_P(StateStoreContract, SessionCountsAccumulateAndTimesWiden) {
  apply({.position = 1, .sessions = {{"a", "s", 50, 60, 2}, {"a", "t", 10, 20, 1}}});
  apply({.position = 2, .sessions = {{"a", "s", 55, 90, 3}, {"a", "s", 40, 41, 1}}});
  EXPECT_THAT(store_->list_sessions(TenantScope::only("a"), {}, 10).value(),
              ElementsAre(SessionRow{"a", "s", 40, 90, 6}, SessionRow{"a", "t", 10, 20, 1}));
  EXPECT_EQ(store_->list_sessions(TenantScope::only("a"), {}, 1).value().size(), 1U);
}

TEST_P(StateStoreContract, ADeletedKeyKeepsItsVersionAndLeavesTheList) {
  const StateRow deleted{"a", "gone", 3, 2, std::nullopt};
  const StateRow empty{"a", "here", 1, 2, ""};
  apply({.position = 2, .state = {deleted, empty}});
  EXPECT_EQ(store_->state("a", "gone").value(), deleted);
  EXPECT_EQ(store_->state("a", "here").value(), empty);
  EXPECT_FALSE(store_->state("a", "never").value());
  EXPECT_THAT(store_->list_state(TenantScope::only("a"), "", {}, 9).value(), ElementsAre(empty));
}

TEST_P(StateStoreContract, StateIsListedByPrefixInByteOrderAfterTheCursor) {
  StateChanges changes{.position = 1};
  for (const std::string key : {"a", "b", "b\x7f", "b\xc3\xa9", "ba", "bb", "B", "c", "b%"}) {
    changes.state.push_back({"t", key, 1, 1, "1"});
  }
  changes.state.push_back({"s", "bz", 1, 1, "1"});
  apply(changes);
  const TenantScope scope = TenantScope::only("t");
  EXPECT_THAT(keys(store_->list_state(scope, "b", {}, 99).value()),
              ElementsAre("t/b", "t/b%", "t/ba", "t/bb", "t/b\x7f", "t/b\xc3\xa9"));
  EXPECT_THAT(keys(store_->list_state(scope, "b", {"t", "ba"}, 2).value()), ElementsAre("t/bb", "t/b\x7f"));
  EXPECT_THAT(keys(store_->list_state(scope, "b", {"t", "a"}, 1).value()), ElementsAre("t/b"));
  EXPECT_THAT(keys(store_->list_state(scope, "b", {"t", "c"}, 9).value()), IsEmpty());
  EXPECT_THAT(keys(store_->list_state(TenantScope::every_tenant(), "b", {}, 2).value()), ElementsAre("s/bz", "t/b"));
  EXPECT_THAT(keys(store_->list_state(scope, "b", {"s", "z"}, 1).value()), ElementsAre("t/b"));
  EXPECT_THAT(keys(store_->list_state(scope, "b", {"u", "a"}, 9).value()), IsEmpty());
}

TEST_P(StateStoreContract, PagesOfStateAreCompleteAndWithoutDuplicatesOverEveryTenant) {
  StateChanges changes{.position = 1};
  for (const std::string tenant : {"a", "ab", "b", "c"}) {
    for (const std::string key : {"k", "k/1", "k/2", "l", "a", "z"}) {
      if (tenant == "b" && key != "l") continue;
      changes.state.push_back({tenant, key, 1, 1, "1"});
    }
  }
  changes.state.push_back({"ab", "k/1", 2, 1, std::nullopt});
  apply(changes);
  for (const TenantScope& scope : {TenantScope::every_tenant(), TenantScope::only("ab")}) {
    for (const std::string prefix : {"", "k", "k/", "m"}) {
      const auto all = keys(store_->list_state(scope, prefix, {}, 1000).value());
      for (const std::size_t limit : {1U, 2U, 5U, 1000U}) {
        StateCursor cursor;
        std::vector<std::string> seen;
        while (true) {
          const auto page = store_->list_state(scope, prefix, cursor, limit).value();
          if (page.empty()) break;
          EXPECT_LE(page.size(), limit);
          for (const std::string& key : keys(page)) seen.push_back(key);
          cursor = {page.back().tenant, page.back().key};
        }
        EXPECT_EQ(seen, all) << "prefix '" << prefix << "', pages of " << limit;
      }
    }
  }
  EXPECT_THAT(keys(store_->list_state(TenantScope::every_tenant(), "k", {"a", "k/1"}, 3).value()),
              ElementsAre("a/k/2", "ab/k", "ab/k/2"));
  EXPECT_THAT(keys(store_->list_state(TenantScope::every_tenant(), "k", {"ab", "z"}, 3).value()),
              ElementsAre("c/k", "c/k/1", "c/k/2"));
}

TEST_P(StateStoreContract, PagesOfSessionsAreCompleteWhereManyWereActiveAtOnce) {
  StateChanges changes{.position = 1};
  for (int i = 0; i < 24; ++i) {
    changes.sessions.push_back({i % 3 == 0 ? "a" : "ab", "s" + std::to_string(i), 1, i % 4, 1});
  }
  apply(changes);
  const auto named = [](const std::vector<SessionRow>& rows) {
    std::vector<std::string> out;
    for (const SessionRow& row : rows) out.push_back(std::to_string(row.last_us) + row.tenant + "/" + row.session);
    return out;
  };
  for (const TenantScope& scope : {TenantScope::every_tenant(), TenantScope::only("a")}) {
    const auto all = named(store_->list_sessions(scope, {}, 1000).value());
    EXPECT_EQ(all.size(), scope.tenant() ? 8U : 24U);
    for (const std::size_t limit : {1U, 2U, 5U, 1000U}) {
      std::optional<SessionCursor> cursor;
      std::vector<std::string> seen;
      while (true) {
        const auto page = store_->list_sessions(scope, cursor, limit).value();
        if (page.empty()) break;
        EXPECT_LE(page.size(), limit);
        for (const std::string& name : named(page)) seen.push_back(name);
        cursor = {page.back().last_us, page.back().tenant, page.back().session};
      }
      EXPECT_EQ(seen, all) << "pages of " << limit;
    }
  }
  // The cursor's own session has become active meanwhile: the list goes on all the same.
  apply({.position = 2, .sessions = {{"a", "s9", 9, 9, 1}}});
  const auto behind = store_->list_sessions(TenantScope::only("a"), SessionCursor{1, "a", "s9"}, 9).value();
  EXPECT_THAT(named(behind), ElementsAre("0a/s0", "0a/s12"));
}

TEST_P(StateStoreContract, PagesOfEventsAreCompleteEvenWhereARecordQueuedSeveral) {
  StateChanges changes{.position = 100};
  for (std::uint64_t at = 1; at <= 30; ++at) {
    for (std::uint32_t ordinal = 0; ordinal < 1 + at % 4; ++ordinal) {
      changes.events.push_back(event_at(at, ordinal, "a", ordinal % 2 == 0 ? "t" : "u", at));
    }
  }
  const auto all = ids(changes.events);
  std::ranges::reverse(changes.events);
  apply(changes);
  for (const std::size_t limit : {1U, 2U, 7U, 1000U}) {
    EventFilter filter{.scope = TenantScope::only("a"), .limit = limit};
    std::vector<std::string> seen;
    while (true) {
      const auto page = store_->list_events(filter).value();
      if (page.empty()) break;
      EXPECT_LE(page.size(), limit + 3);
      const auto found = ids(page);
      seen.insert(seen.end(), found.begin(), found.end());
      filter.after_position = page.back().position;
    }
    EXPECT_EQ(seen, all) << "pages of " << limit;
  }
  EXPECT_THAT(ids(store_->list_events({.topic = "u", .after_position = 28}).value()), ElementsAre("a29.1", "a30.1"));
  EXPECT_THAT(store_->list_events({.after_position = 30}).value(), IsEmpty());
}

TEST_P(StateStoreContract, StreamsCursorsAndRegistrationsAreKept) {
  apply({.position = 5,
         .events = {event_at(1, 0, "a", "t", 1), event_at(2, 0, "a", "t", 2), event_at(3, 0, "b", "t", 1)},
         .registrations = {{"two", 1, "d", "h", "{}", "0", 1}, {"one", 2, "d", "h", "{}", "0", 1}},
         .cursors = {{"ndjson", 4}}});
  apply({.position = 9,
         .events = {event_at(6, 0, "a", "t", 3)},
         .registrations = {{"one", 1, "d", "h", "{}", "0", 7}},
         .cursors = {{"ndjson", 8}, {"redis", 2}}});
  EXPECT_THAT(store_->stream_sequences().value(),
              UnorderedElementsAre(Pair(Pair("a", "t"), 3), Pair(Pair("b", "t"), 1)));
  EXPECT_THAT(store_->cursors().value(), UnorderedElementsAre(Pair("ndjson", 8), Pair("redis", 2)));
  std::vector<std::string> found;
  for (const auto& row : store_->registrations().value()) {
    found.push_back(row.intent_type + std::to_string(row.version));
  }
  EXPECT_THAT(found, ElementsAre("one1", "one2", "two1"));
}

TEST_P(StateStoreContract, ATenantsAnswersAreTheSameWhetherAnotherTenantExistsOrNot) {
  const auto alone = make("alone.db");
  StateChanges of_a{.position = 100};
  StateChanges of_both{.position = 100};
  for (std::uint64_t at = 1; at <= 40; ++at) {
    const std::string tenant = at % 2 == 0 ? "b" : "a";
    ExecutionRow row = execution_at(at, tenant);
    row.intent_id = "same-intent-" + std::to_string(at / 2);
    row.idempotency_key = "same-key-" + std::to_string(at / 2);
    row.session = "shared";
    if (at % 5 == 0) make_live(row);
    for (StateChanges* changes : {&of_both, &of_a}) {
      if (changes == &of_a && tenant == "b") continue;
      changes->executions.push_back(row);
      changes->sessions.push_back({tenant, "shared", row.accepted_us, row.ended_us, 1});
      changes->state.push_back({tenant, "key" + std::to_string(at / 2), at, at, "\"" + tenant + "\""});
      changes->events.push_back(event_at(at, 0, tenant, "topic", at));
    }
  }
  apply(of_both);
  ASSERT_TRUE(alone->apply(of_a));
  const TenantScope a = TenantScope::only("a");
  for (const auto& filter : std::vector<ExecutionFilter>{{.scope = a},
                                                         {.scope = a, .session = "shared"},
                                                         {.scope = a, .status = "running"},
                                                         {.scope = a, .since_us = 55, .limit = 4},
                                                         {.scope = a, .before_position = 12}}) {
    const auto answer = store_->list_executions(filter).value();
    EXPECT_FALSE(answer.empty());
    EXPECT_TRUE(std::ranges::all_of(answer, [](const auto& row) { return row.tenant == "a"; }));
    EXPECT_EQ(answer, alone->list_executions(filter).value());
  }
  for (int i = 0; i <= 21; ++i) {
    const std::string number = std::to_string(i);
    EXPECT_EQ(store_->execution(a, "b-x" + number).value(), std::nullopt);
    EXPECT_EQ(store_->execution(a, "a-x" + number).value(), alone->execution(a, "a-x" + number).value());
    EXPECT_EQ(store_->execution_by_intent("a", "same-intent-" + number).value(),
              alone->execution_by_intent("a", "same-intent-" + number).value());
    EXPECT_EQ(store_->execution_by_key("a", "same-key-" + number).value(),
              alone->execution_by_key("a", "same-key-" + number).value());
    EXPECT_EQ(store_->state("a", "key" + number).value(), alone->state("a", "key" + number).value());
  }
  EXPECT_EQ(store_->list_sessions(a, {}, 9).value(), alone->list_sessions(a, {}, 9).value());
  EXPECT_EQ(store_->list_state(a, "key", {}, 9).value(), alone->list_state(a, "key", {}, 9).value());
  EXPECT_EQ(store_->list_events({.scope = a, .limit = 9}).value(),
            alone->list_events({.scope = a, .limit = 9}).value());
  EXPECT_EQ(store_->list_events({.scope = a, .topic = "topic", .after_position = 7}).value(),
            alone->list_events({.scope = a, .topic = "topic", .after_position = 7}).value());
  EXPECT_THAT(store_->list_executions({.scope = TenantScope::only("nobody")}).value(), IsEmpty());
}

}  // namespace
}  // namespace symphainy::public_works
