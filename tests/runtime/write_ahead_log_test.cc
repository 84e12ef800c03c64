// SPDX-License-Identifier: Apache-2.0
// Appending and waiting: nobody goes on before the batch is durable, and a log that stopped says "unknown", not
// "failed".
#include "runtime/write_ahead_log.h"

#include <cstddef>
#include <cstdint>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/memory/manual_executor.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "runtime/held_event_log.h"
#include "runtime/spawn.h"

namespace symphainy::runtime {
namespace {

using public_works::ManualClock;
using public_works::ManualExecutor;
using public_works::MemoryLogContents;
using public_works::SeededRandom;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A log, the partition's executor, and in order what was heard of it.
struct Opened {
  explicit Opened(std::shared_ptr<MemoryLogContents> log_contents, std::uint64_t epoch)
      : contents(std::move(log_contents)),
        log(clock, random, contents),
        wal(log, partition, epoch, [this](const DurableBatches& batches) {
          for (const auto& batch : batches) heard.push_back("batch " + std::to_string(batch->last_position()));
        }) {
    log.start(wal);
  }
  ~Opened() {
    log.release();  // a coroutine that waits for ever would be leaked
    partition.run_until_idle();
  }

  Result<public_works::AppendReceipt> try_append(std::size_t records = 1) {
    std::vector<base::RecordDraft> drafts;
    for (std::size_t i = 0; i < records; ++i) {
      drafts.push_back(draft_record(RecordType::partition_opened, "_system", R"({"n":1})"));
    }
    return wal.append(std::move(drafts));
  }
  std::uint64_t append(std::size_t records = 1) { return try_append(records).value().last_position; }
  /// Somebody waits for the position; what they hear is kept under their name.
  void wait_for(std::uint64_t position, const std::string& who) { spawn(wait(position, who)); }
  Task<void> wait(std::uint64_t position, std::string who) {
    const Result<void> durable = co_await wal.durable(position);
    heard.push_back(who + " " + (durable ? "durable" : std::string(durable.error().name())));
    if (!durable) last_error = durable.error();
  }
  std::vector<std::string> heard_by_now() {
    partition.run_until_idle();
    return std::exchange(heard, {});
  }

  ManualClock clock{1'700'000'000'000'000};
  SeededRandom random{1};
  std::shared_ptr<MemoryLogContents> contents;
  ManualExecutor partition{clock};
  tests::HeldEventLog log;
  std::vector<std::string> heard;
  std::optional<Error> last_error;
  WriteAheadLog wal;
};

class WalOfEpochThree : public ::testing::Test, protected Opened {
 protected:
  WalOfEpochThree() : Opened(std::make_shared<MemoryLogContents>(), 3) {}
};

TEST_F(WalOfEpochThree, StampsItsEpochOnEveryRecord) {
  base::RecordDraft pretender = draft_record(RecordType::execution_started, "acme", "{}", base::fresh_uuid_v7(), 2);
  pretender.partition_epoch = 99;
  ASSERT_TRUE(wal.append({pretender, draft_record(RecordType::partition_opened, "_system", "{}")}));
  append(2);
  ASSERT_EQ(contents->batches.size(), 2U);
  for (const auto& batch : contents->batches) {
    for (const base::LogRecord& record : batch->records) {
      EXPECT_EQ(record.partition_epoch, 3U);
      EXPECT_TRUE((record.flags & base::kMustUnderstand) != 0);
    }
  }
  EXPECT_EQ(wal.epoch(), 3U);
}

TEST_F(WalOfEpochThree, LetsNobodyGoOnBeforeTheirBatchIsDurable) {
  log.hold();
  const std::uint64_t one = append(3);
  wait_for(one, "first");
  const std::uint64_t two = append(2);
  wait_for(two, "second");
  EXPECT_THAT(heard_by_now(), IsEmpty());
  log.release_one();
  EXPECT_THAT(heard_by_now(), ElementsAre("batch 3", "first durable"));
  log.release_one();
  EXPECT_THAT(heard_by_now(), ElementsAre("batch 5", "second durable"));
}

TEST_F(WalOfEpochThree, ResumesThoseWhoShareAGroupInTheOrderTheyAppended) {
  log.hold();
  for (const char* who : {"a", "b", "c"}) wait_for(append(), who);
  wait_for(3, "c again");
  log.release();
  EXPECT_THAT(heard_by_now(),
              ElementsAre("batch 1", "batch 2", "batch 3", "a durable", "b durable", "c durable", "c again durable"));
}

TEST_F(WalOfEpochThree, ResumesOnThePartitionsExecutorAndAfterTheBatchesWereHandedOver) {
  log.hold();
  wait_for(append(), "waiter");
  log.release();
  EXPECT_THAT(heard, ElementsAre("batch 1")) << "the log's thread hands over, the partition's goes on";
  EXPECT_THAT(heard_by_now(), ElementsAre("batch 1", "waiter durable"));
}

TEST_F(WalOfEpochThree, ResumesInItsPlaceWhoeverAskedLateForAnEarlierPosition) {
  log.hold();
  const std::uint64_t early = append();
  wait_for(append(), "later");
  wait_for(early, "early");
  log.release_one();
  EXPECT_THAT(heard_by_now(), ElementsAre("batch 1", "early durable"));
  log.release_one();
  EXPECT_THAT(heard_by_now(), ElementsAre("batch 2", "later durable"));
}

TEST_F(WalOfEpochThree, DoesNotSuspendForWhatIsDurableAlready) {
  const std::uint64_t position = append();
  EXPECT_THAT(heard_by_now(), ElementsAre("batch 1"));
  wait_for(position, "late");
  EXPECT_THAT(heard, ElementsAre("late durable"));
}

TEST_F(WalOfEpochThree, KnowsWhatAnEarlierOpeningMadeDurable) {
  const std::uint64_t position = append(4);
  Opened again(contents, 4);
  again.wait_for(position, "reader");
  EXPECT_THAT(again.heard, ElementsAre("reader durable"));
}

TEST_F(WalOfEpochThree, AnswersUnknownWhenTheLogStopsBeforeItCanTell) {
  log.hold();
  wait_for(append(), "first");
  wait_for(append(), "second");
  wait_for(append(), "third");
  log.release_one();
  log.stop();
  EXPECT_THAT(heard_by_now(),
              ElementsAre("batch 1", "first durable", "second outcome_unknown", "third outcome_unknown"));
  ASSERT_TRUE(last_error);
  EXPECT_EQ(last_error->code, ErrorCode::unknown);
  EXPECT_EQ(last_error->reason, "outcome_unknown");
  EXPECT_THAT(last_error->message, HasSubstr("idempotency key"));
  EXPECT_THAT(last_error->message, HasSubstr("the sync failed"));
}

TEST_F(WalOfEpochThree, AnswersThoseWhoAskAfterItStopped) {
  log.hold();
  const std::uint64_t durable = append();
  const std::uint64_t unknown = append();
  log.release_one();
  log.stop();
  EXPECT_THAT(heard_by_now(), ElementsAre("batch 1"));
  wait_for(durable, "one");
  wait_for(unknown, "two");
  EXPECT_THAT(heard, ElementsAre("one durable", "two outcome_unknown"));
}

TEST_F(WalOfEpochThree, RefusesAppendsOnceItHasStopped) {
  EXPECT_FALSE(wal.stopped());
  append();
  log.stop();
  partition.run_until_idle();
  ASSERT_TRUE(wal.stopped());
  EXPECT_EQ(wal.stopped()->reason, "sync_failed");
  const auto refused = try_append();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::stopped);
  EXPECT_THAT(refused.error().message, HasSubstr("the sync failed"));
  EXPECT_THAT(refused.error().message, HasSubstr("the runtime has stopped")) << "by itself, not only by the log";
  EXPECT_EQ(contents->batches.size(), 1U);
}

TEST_F(WalOfEpochThree, LetsAResumedWaiterAppendAndWaitAgain) {
  log.hold();
  const auto twice = [](Opened& opened) -> Task<void> {
    co_await opened.wait(opened.append(), "once");
    co_await opened.wait(opened.append(), "twice");
  };
  spawn(twice(*this));
  wait_for(append(), "other");
  log.release_one();
  EXPECT_THAT(heard_by_now(), ElementsAre("batch 1", "once durable"));
  EXPECT_EQ(contents->batches.size(), 3U);
  log.release();
  EXPECT_THAT(heard_by_now(), ElementsAre("batch 2", "batch 3", "other durable", "twice durable"));
}

}  // namespace
}  // namespace symphainy::runtime
