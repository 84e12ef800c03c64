// SPDX-License-Identifier: Apache-2.0
// What an intent id or an idempotency key stands for is found in whichever generation it was sealed, whatever the
// hashes and the filters do.
#include "public_works/adapters/sqlite/sqlite_key_generations.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "public_works/adapters/sqlite/key_filter.h"
#include "public_works/adapters/sqlite/sqlite_comparison.h"
#include "public_works/adapters/sqlite/sqlite_database.h"
#include "public_works/adapters/sqlite/sqlite_snapshot.h"
#include "public_works/adapters/sqlite/sqlite_state_store.h"
#include "temporary_directory.h"

// Rows are named by the members that a test is about.
#pragma clang diagnostic ignored "-Wmissing-designated-field-initializers"

namespace symphainy::public_works {
namespace {

using ::testing::HasSubstr;
using Mode = SqliteStateStore::Mode;

constexpr KeyGenerationOptions kSmall{.keys_per_generation = 7};
// More than a store answers before it begins to load filters, and one more for each generation.
constexpr std::uint64_t kManyQuestions = 200;

ExecutionRow execution_at(std::uint64_t position) {
  ExecutionRow row;
  row.accepted_position = position;
  row.tenant = position % 2 == 0 ? "a" : "b";
  row.execution_id = "x" + std::to_string(position);
  row.intent_id = "i" + std::to_string(position);
  row.status = "completed";
  row.ended_position = position;
  if (position % 3 != 0) row.idempotency_key = "k" + std::to_string(position);
  return row;
}

class KeyGenerationsTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqliteStateStore> open(const KeyGenerationOptions& keys = kSmall, Mode mode = Mode::read_write) {
    return open(path_, keys, mode);
  }
  std::unique_ptr<SqliteStateStore> open(const std::string& path, const KeyGenerationOptions& keys = kSmall,
                                         Mode mode = Mode::read_write) {
    auto opened = SqliteStateStore::open(path, mode, {}, keys);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(opened).value();
  }

  /// Executions `first` to `last`, so many in a transaction.
  void fold(SqliteStateStore& store, std::uint64_t first, std::uint64_t last, std::uint64_t together) {
    while (first <= last) {
      StateChanges changes;
      for (; first <= last && changes.executions.size() < together; ++first) {
        changes.executions.push_back(execution_at(first));
        changes.position = first;
      }
      const auto applied = store.apply(changes);
      ASSERT_TRUE(applied) << applied.error().message;
    }
  }

  void expect_all_found(SqliteStateStore& store, std::uint64_t last) {
    for (std::uint64_t position = 1; position <= last; ++position) {
      const ExecutionRow row = execution_at(position);
      const std::string other = row.tenant == "a" ? "b" : "a";
      EXPECT_EQ(store.execution_by_intent(row.tenant, row.intent_id).value(), row);
      EXPECT_FALSE(store.execution_by_intent(other, row.intent_id).value()) << "another tenant's";
      EXPECT_FALSE(store.execution_by_key(row.tenant, row.intent_id).value()) << "it is no key";
      if (row.idempotency_key) EXPECT_EQ(store.execution_by_key(row.tenant, *row.idempotency_key).value(), row);
    }
    EXPECT_FALSE(store.execution_by_intent("a", "i" + std::to_string(last + 1)).value());
    EXPECT_FALSE(store.execution_by_key("a", "").value());
  }

  std::int64_t number(const std::string& sql) {
    const auto database = SqliteDatabase::open(path_, SqliteMode::read_only).value();
    auto statement = database->prepare(sql).value();
    EXPECT_TRUE(statement.step().value());
    return statement.integer(0);
  }
  void change(const std::string& sql) {
    const auto database = SqliteDatabase::open(path_, SqliteMode::read_write).value();
    const auto done = database->run(sql);
    ASSERT_TRUE(done) << done.error().message;
  }

  tests::TemporaryDirectory directory_;
  const std::string path_ = directory_ / "state.db";
};

TEST_F(KeyGenerationsTest, KeysOfEveryGenerationAreFoundAndAfterReopeningInTheMiddleOfOne) {
  std::uint64_t folded = 0;
  for (const std::uint64_t together : {1U, 3U, 40U}) {
    const auto store = open();
    fold(*store, folded + 1, folded + 50, together);
    folded += 50;
    expect_all_found(*store, folded);
  }
  EXPECT_EQ(number("SELECT value FROM meta WHERE name = 'key_generations'"), 250 / 7);
  EXPECT_EQ(number("SELECT count(*) FROM recent_keys"), 250 % 7) << "this was not the middle of a generation";
  expect_all_found(*open(kSmall, Mode::read_only), folded);
}

TEST_F(KeyGenerationsTest, KeysOfOneHashAreToldApartByTheirRows) {
  const KeyGenerationOptions one_hash{
      .keys_per_generation = 500,  // several pages in each
      .hash = [](KeyKind, std::string_view, std::string_view) { return ~std::uint64_t{0}; }};
  {
    const auto store = open(one_hash);
    fold(*store, 1, 700, 90);
    expect_all_found(*store, 700);
  }
  EXPECT_GT(number("SELECT count(*) FROM sealed_keys WHERE generation = 1"), 3);
  expect_all_found(*open(one_hash), 700);
}

TEST_F(KeyGenerationsTest, KeysOfAFewHashesAreToldApartByTheirRows) {
  const KeyGenerationOptions few_hashes{.keys_per_generation = 400,
                                        .hash = [](KeyKind kind, std::string_view tenant, std::string_view key) {
                                          return hash_key(kind, tenant, key) & 0x8000'0000'0000'0003U;  // of both signs
                                        }};
  const auto store = open(few_hashes);
  fold(*store, 1, 600, 100);
  expect_all_found(*store, 600);
}

TEST_F(KeyGenerationsTest, TheNewestOfAKeysExecutionsIsAnsweredAndRejectedOnesAreNot) {
  const auto store = open();
  const auto put = [&](std::uint64_t position, const std::string& status) {
    ExecutionRow row = execution_at(position);
    row.tenant = "a";
    row.intent_id = "same";
    row.idempotency_key = "again";
    row.status = status;
    ASSERT_TRUE(store->apply({.position = position, .executions = {row}}));
  };
  put(1, "rejected");
  EXPECT_FALSE(store->execution_by_intent("a", "same").value());
  put(2, "completed");
  fold(*store, 3, 40, 5);
  put(41, "completed");
  fold(*store, 42, 80, 5);
  put(81, "rejected");
  EXPECT_EQ(store->execution_by_intent("a", "same").value()->accepted_position, 41U);
  EXPECT_EQ(store->execution_by_key("a", "again").value()->accepted_position, 41U);
}

TEST_F(KeyGenerationsTest, WhatARowBecomesLaterIsFoundToo) {
  const auto store = open();
  ExecutionRow rejected = execution_at(1);
  rejected.status = "rejected";
  ExecutionRow without_key = execution_at(2);
  without_key.idempotency_key.reset();
  ASSERT_TRUE(store->apply({.position = 2, .executions = {rejected, without_key}}));
  fold(*store, 3, 30, 10);
  EXPECT_FALSE(store->execution_by_intent("b", "i1").value());
  EXPECT_FALSE(store->execution_by_key("a", "k2").value());
  ASSERT_TRUE(store->apply({.position = 31, .executions = {execution_at(1), execution_at(2)}}));
  expect_all_found(*store, 30);
}

TEST_F(KeyGenerationsTest, ARowThatIsOnlyReplacedBindsNothingAgain) {
  const auto store = open();
  fold(*store, 1, 30, 10);
  const auto keys = number("SELECT value FROM meta WHERE name = 'unsealed_keys'");
  const auto generations = number("SELECT value FROM meta WHERE name = 'key_generations'");
  StateChanges changes{.position = 31};
  for (std::uint64_t position = 1; position <= 30; ++position) changes.executions.push_back(execution_at(position));
  ASSERT_TRUE(store->apply(changes));
  EXPECT_EQ(number("SELECT value FROM meta WHERE name = 'unsealed_keys'"), keys);
  EXPECT_EQ(number("SELECT value FROM meta WHERE name = 'key_generations'"), generations);
}

TEST_F(KeyGenerationsTest, AnExecutionIdIsStillOneExecutionsAndARefusedApplyBindsNothing) {
  const auto store = open();
  fold(*store, 1, 10, 10);
  ExecutionRow twin = execution_at(11);
  twin.execution_id = "x4";
  ASSERT_FALSE(store->apply({.position = 12, .executions = {execution_at(12), twin}}));
  EXPECT_EQ(store->position().value(), 10U);
  EXPECT_FALSE(store->execution_by_intent("a", "i12").value());
  fold(*store, 11, 30, 4);
  expect_all_found(*store, 30);
}

TEST_F(KeyGenerationsTest, AFilterThatIsMissingOrDamagedDeniesNoKey) {
  fold(*open(), 1, 100, 10);
  for (const std::string damage : {"UPDATE key_filters SET filter = zeroblob(length(filter))",
                                   "UPDATE key_filters SET filter = zeroblob(63)", "DELETE FROM key_filters"}) {
    change(damage);
    const auto store = open(kSmall, Mode::read_only);
    for (std::uint64_t i = 0; i < kManyQuestions; ++i) EXPECT_FALSE(store->execution_by_intent("a", "none").value());
    expect_all_found(*store, 100);
  }
}

// That filters are asked at all shows where they are wrong and say that they are right.
TEST_F(KeyGenerationsTest, AfterTheFirstQuestionsTheFiltersAreAsked) {
  fold(*open(), 1, 100, 10);
  const KeyFilter empty(7);
  change("UPDATE key_filters SET filter = zeroblob(" + std::to_string(empty.bytes().size()) +
         "), checksum = " + std::to_string(empty.checksum()));
  const auto store = open(kSmall, Mode::read_only);
  EXPECT_TRUE(store->execution_by_intent("b", "i1").value()) << "the first questions need none";
  for (std::uint64_t i = 0; i < kManyQuestions; ++i) EXPECT_FALSE(store->execution_by_intent("a", "none").value());
  EXPECT_FALSE(store->execution_by_intent("b", "i1").value());
}

TEST_F(KeyGenerationsTest, WhoAddsTheKeysTellsFromMemoryThatOneIsNew) {
  fold(*open(), 1, 50, 10);
  const auto database = SqliteDatabase::open(path_, SqliteMode::read_write).value();
  KeyGenerations keys(kSmall);
  const auto add = [&](std::uint64_t position, const char* end) {
    ASSERT_TRUE(database->run("BEGIN"));
    ASSERT_TRUE(keys.add(*database, {keys.bound(KeyKind::intent, "a", "n" + std::to_string(position), position)}));
    ASSERT_TRUE(database->run(end));
  };
  const auto ask_often = [&] {
    for (std::uint64_t i = 0; i < kManyQuestions; ++i) {
      ASSERT_TRUE(keys.find(*database, KeyKind::intent, "a", "none"));
    }
  };
  EXPECT_FALSE(keys.surely_unbound(KeyKind::intent, "a", "none")) << "nothing is loaded";
  ask_often();
  EXPECT_FALSE(keys.surely_unbound(KeyKind::intent, "a", "none")) << "the newest keys are not";
  add(51, "COMMIT");
  int new_ones = 0;
  for (int i = 0; i < 100; ++i) {
    if (keys.surely_unbound(KeyKind::intent, "a", "none" + std::to_string(i))) ++new_ones;
  }
  EXPECT_GT(new_ones, 80);
  for (std::uint64_t position = 52; position < 80; ++position) add(position, "COMMIT");
  for (std::uint64_t position = 1; position < 80; ++position) {
    const std::string id = (position <= 50 ? "i" : "n") + std::to_string(position);
    EXPECT_FALSE(keys.surely_unbound(KeyKind::intent, position <= 50 && position % 2 == 1 ? "b" : "a", id)) << id;
  }
  add(80, "ROLLBACK");
  keys.rolled_back();
  EXPECT_FALSE(keys.surely_unbound(KeyKind::intent, "a", "none")) << "it holds what was taken back";
  add(81, "COMMIT");
  ask_often();
  EXPECT_FALSE(keys.surely_unbound(KeyKind::intent, "a", "n79"));
  EXPECT_EQ(keys.find(*database, KeyKind::intent, "a", "n79").value(), std::vector<std::uint64_t>{79});
}

TEST_F(KeyGenerationsTest, ATransactionThatIsTakenBackLeavesNoTraceInTheFilters) {
  const std::string other = directory_ / "other.db";
  {
    const auto store = open();
    fold(*store, 1, 20, 5);
    {
      SqliteDatabase::open(path_, SqliteMode::read_write)
          .value()
          ->run(
              "CREATE TRIGGER no BEFORE UPDATE ON meta WHEN old.name = 'position' BEGIN SELECT raise(ABORT, 'no'); END")
          .value();
    }
    StateChanges changes{.position = 60};
    for (std::uint64_t position = 41; position <= 60; ++position) changes.executions.push_back(execution_at(position));
    ASSERT_FALSE(store->apply(changes));
    change("DROP TRIGGER no");
    fold(*store, 21, 100, 5);
    expect_all_found(*store, 100);
    fold(*open(other), 1, 100, 7);
  }
  const auto compared = ProjectionSnapshot::open(path_, other).value().compare(10, {});
  ASSERT_TRUE(compared) << compared.error().message;
  EXPECT_TRUE(compared->equal());
}

TEST_F(KeyGenerationsTest, AKeyPageThatIsCutIsTold) {
  fold(*open(), 1, 100, 10);
  change("UPDATE sealed_keys SET keys = substr(keys, 1, length(keys) - 3)");
  const auto found = open()->execution_by_intent("b", "i1");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::corrupt);
  EXPECT_THAT(found.error().message, HasSubstr(path_));
  EXPECT_THAT(found.error().message, HasSubstr("sealed_keys"));
}

TEST_F(KeyGenerationsTest, FoldsOfOneLogAreEqualHoweverItWasCutAndACopyGoesOnLikeTheOriginal) {
  const std::string other = directory_ / "other.db";
  const std::string copy = directory_ / "copy.db";
  {
    const auto store = open();
    fold(*store, 1, 46, 9);
    ASSERT_TRUE(copy_state(path_, copy));
    fold(*store, 47, 100, 11);
    fold(*open(other), 1, 100, 100);
    fold(*open(copy), 47, 100, 1);
  }
  expect_all_found(*open(copy), 100);
  for (const std::string& rebuilt : {other, copy}) {
    const auto compared = ProjectionSnapshot::open(path_, rebuilt).value().compare(10, {});
    ASSERT_TRUE(compared) << compared.error().message;
    EXPECT_TRUE(compared->equal());
  }
  change("DELETE FROM recent_keys WHERE hash = (SELECT min(hash) FROM recent_keys)");
  const auto lacking = ProjectionSnapshot::open(path_, other).value().compare(10, {}).value();
  ASSERT_EQ(lacking.differences.size(), 1U);
  EXPECT_EQ(lacking.differences.front().table, "recent_keys");
  change("UPDATE sealed_keys SET keys = zeroblob(length(keys)) WHERE generation = 3");
  const auto compared = ProjectionSnapshot::open(path_, other).value().compare(10, {}).value();
  EXPECT_FALSE(compared.equal()) << "a damaged page of keys goes unnoticed";
  ASSERT_EQ(compared.differences.size(), 2U);
  EXPECT_EQ(compared.differences.back().table, "sealed_keys");
  EXPECT_EQ(compared.differences.back().column, "keys");
}

TEST_F(KeyGenerationsTest, ManyAskWhileGenerationsAreSealed) {
  const auto store = open({.keys_per_generation = 64});
  const auto outside = open({.keys_per_generation = 64}, Mode::read_only);
  fold(*store, 1, 20, 20);
  std::atomic<std::uint64_t> folded = 20;
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i](const std::stop_token& enough) {
      SqliteStateStore& asked = i == 0 ? *outside : *store;
      for (std::uint64_t turn = 0; !enough.stop_requested(); ++turn) {
        const std::uint64_t last = folded;
        const ExecutionRow row = execution_at(turn % 4 == 0 ? 1 + turn % last : last);
        EXPECT_EQ(asked.execution_by_intent(row.tenant, row.intent_id).value(), row);
        EXPECT_FALSE(asked.execution_by_key(row.tenant, row.intent_id).value());
      }
    });
  }
  for (std::uint64_t first = 21; first < 4'000; first += 13) {
    fold(*store, first, first + 12, 13);
    folded = first + 12;
  }
}

TEST(KeyFilterTest, HoldsWhatWasAddedAndLittleElse) {
  constexpr std::uint64_t kKeys = 100'000;
  const auto hash = [](std::uint64_t number) { return hash_key(KeyKind::intent, "a", std::to_string(number)); };
  KeyFilter filter(kKeys);
  for (std::uint64_t i = 0; i < kKeys; ++i) filter.add(hash(i));
  const auto loaded = KeyFilter::from_bytes(filter.bytes(), filter.checksum());
  ASSERT_TRUE(loaded);
  std::uint64_t wrongly = 0;
  for (std::uint64_t i = 0; i < kKeys; ++i) {
    ASSERT_TRUE(loaded->may_hold(hash(i)));
    if (loaded->may_hold(hash(kKeys + i))) ++wrongly;
  }
  EXPECT_LT(wrongly, kKeys / 100);
  EXPECT_LE(filter.bytes().size(), kKeys * KeyFilter::kBitsPerKey / 8 + 64);
  std::string damaged(filter.bytes());
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  EXPECT_FALSE(KeyFilter::from_bytes(damaged, filter.checksum()));
  EXPECT_FALSE(KeyFilter::from_bytes("", 0));
}

TEST(KeyHashTest, KindTenantAndKeyAreAllInIt) {
  EXPECT_EQ(hash_key(KeyKind::intent, "a", "key"), hash_key(KeyKind::intent, "a", "key"));
  EXPECT_NE(hash_key(KeyKind::intent, "a", "key"), hash_key(KeyKind::idempotency_key, "a", "key"));
  EXPECT_NE(hash_key(KeyKind::intent, "a", "bc"), hash_key(KeyKind::intent, "ab", "c"));
}

}  // namespace
}  // namespace symphainy::public_works
