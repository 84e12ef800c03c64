// SPDX-License-Identifier: Apache-2.0
// contract: event_log adapters: segment_log, memory
// What every EventLog does: batches become durable in order, whole and once, and are there when it is opened again.
#include <atomic>
#include <condition_variable>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "log_recorder.h"
#include "log_threads.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/memory/memory_event_log.h"
#include "public_works/adapters/memory/memory_file_system.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "public_works/adapters/segment_log/segment_log.h"
#include "temporary_directory.h"

namespace symphainy::public_works {
namespace {

using base::LogBatch;
using base::LogRecord;
using base::RecordDraft;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::int64_t kNoonUs = 1'700'000'000'000'000;

RecordDraft draft(std::string tenant, std::string payload, std::uint64_t epoch = 1) {
  return {.tenant = std::move(tenant),
          .partition = 0,
          .partition_epoch = epoch,
          .type = 7,
          .type_version = 1,
          .flags = 0,
          .execution = {},
          .attempt = 0,
          .payload = std::move(payload)};
}

std::vector<RecordDraft> drafts(std::size_t count, const std::string& payload = "{}") {
  return std::vector<RecordDraft>(count, draft("acme", payload));
}

class EventLogContract : public ::testing::TestWithParam<const char*> {
 protected:
  EventLogContract() { reopen(); }
  ~EventLogContract() override { log_.reset(); }

  // Closes the log that is open and opens it again, with a listener that has heard nothing yet.
  void reopen() {
    log_.reset();
    recorder_ = std::make_unique<LogRecorder>();
    if (GetParam() == std::string_view("memory")) {
      log_ = std::make_unique<MemoryEventLog>(clock_, random_, contents_);
    } else {
      const bool is_posix = GetParam() == std::string_view("segment_log_posix");
      FileSystem& files = is_posix ? static_cast<FileSystem&>(posix_) : memory_;
      auto opened = SegmentLog::open(
          files, clock_, random_,
          with_threads({.directory = is_posix ? directory_ / "wal" : "/wal", .segment_bytes = 16 * 1024}));
      ASSERT_TRUE(opened) << opened.error().message;
      log_ = *std::move(opened);
    }
    log_->start(*recorder_);
  }

  AppendReceipt append(std::vector<RecordDraft> records) {
    const auto receipt = log_->append(std::move(records));
    EXPECT_TRUE(receipt) << receipt.error().message;
    return receipt.value_or(AppendReceipt{});
  }

  void append_durably(std::vector<RecordDraft> records) {
    recorder_->wait_for(append(std::move(records)).last_position);
  }

  std::vector<LogBatch> read(std::uint64_t from = 1) {
    std::vector<LogBatch> out;
    const auto done = log_->read_batches(from, [&](const LogBatch& batch) {
      out.push_back(batch);
      return true;
    });
    EXPECT_TRUE(done) << done.error().message;
    return out;
  }

  std::vector<std::uint64_t> first_positions(std::uint64_t from) {
    std::vector<std::uint64_t> out;
    for (const LogBatch& batch : read(from)) out.push_back(batch.first_position());
    return out;
  }

  LogClock clock_{kNoonUs};
  SeededRandom random_{7};
  tests::TemporaryDirectory directory_;
  PosixFileSystem posix_;
  MemoryFileSystem memory_;
  std::shared_ptr<MemoryLogContents> contents_ = std::make_shared<MemoryLogContents>();
  std::unique_ptr<LogRecorder> recorder_;
  std::unique_ptr<EventLog> log_;
};

void expect_equal(const std::vector<LogBatch>& left, const std::vector<LogBatch>& right) {
  ASSERT_EQ(left.size(), right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i].records, right[i].records) << "batch " << i;
    EXPECT_EQ(left[i].store_hash, right[i].store_hash) << "batch " << i;
  }
}

TEST_P(EventLogContract, AFreshLogIsEmptyAndHasAnIdentity) {
  EXPECT_EQ(log_->durable_position(), 0U);
  EXPECT_FALSE(log_->identity().store.is_nil());
  EXPECT_FALSE(log_->identity().timeline.is_nil());
  EXPECT_NE(log_->identity().store, log_->identity().timeline);
  EXPECT_EQ(log_->recovery().last_position, 0U);
  EXPECT_EQ(log_->recovery().last_epoch, 0U);
  EXPECT_EQ(log_->recovery().cut_bytes, 0U);
  EXPECT_THAT(read(), IsEmpty());
}

TEST_P(EventLogContract, PositionsCountFromOneWithoutGaps) {
  std::uint64_t expected = 1;
  for (std::size_t count = 1; count <= 5; ++count) {
    const AppendReceipt receipt = append(drafts(count));
    EXPECT_EQ(receipt.first_position, expected);
    EXPECT_EQ(receipt.last_position, expected + count - 1);
    expected += count;
  }
  recorder_->wait_for(expected - 1);
  const std::vector<LogRecord> records = recorder_->records();
  ASSERT_EQ(records.size(), expected - 1);
  for (std::size_t i = 0; i < records.size(); ++i) EXPECT_EQ(records[i].position, i + 1);
  EXPECT_EQ(log_->durable_position(), expected - 1);
}

TEST_P(EventLogContract, BatchesReachTheListenerInOrderWholeAndOnce) {
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < 60; ++i) {
    sizes.push_back(i % 4 + 1);
    append(drafts(sizes.back(), std::to_string(i)));
  }
  ASSERT_TRUE(log_->close());
  const std::vector<LogBatch> batches = recorder_->batches();
  ASSERT_EQ(batches.size(), sizes.size());
  std::uint64_t next = 1;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    EXPECT_EQ(batches[i].first_position(), next);
    ASSERT_EQ(batches[i].records.size(), sizes[i]);
    for (const LogRecord& record : batches[i].records) EXPECT_EQ(record.payload, std::to_string(i));
    next += sizes[i];
  }
  EXPECT_EQ(recorder_->stops(), 0);
}

TEST_P(EventLogContract, ARecordCarriesWhatWasDraftedAndWhatTheLogAdds) {
  RecordDraft full = draft("acme", R"({"a":1})", 4);
  full.partition = 9;
  full.type = 300;
  full.type_version = 2;
  full.flags = base::kMustUnderstand;
  full.attempt = 3;
  full.execution = *base::Uuid::parse("018bcfe5-6800-7000-8000-0000000000e1");
  const AppendReceipt receipt = append({full});
  recorder_->wait_for(1);
  const LogRecord record = recorder_->records().at(0);
  EXPECT_EQ(record.tenant, "acme");
  EXPECT_EQ(record.partition, 9);
  EXPECT_EQ(record.partition_epoch, 4U);
  EXPECT_EQ(record.type, 300);
  EXPECT_EQ(record.type_version, 2);
  EXPECT_EQ(record.flags, base::kMustUnderstand);
  EXPECT_EQ(record.attempt, 3U);
  EXPECT_EQ(record.execution, full.execution);
  EXPECT_EQ(record.payload, R"({"a":1})");
  EXPECT_EQ(record.store, log_->identity().store);
  EXPECT_EQ(record.time_us, kNoonUs);
  EXPECT_EQ(record.time_us, receipt.time_us);
  EXPECT_NE(record.salt, (std::array<char, 16>{}));
}

TEST_P(EventLogContract, ReadingBeginsAtTheBatchThatHoldsThePosition) {
  for (int i = 0; i < 4; ++i) append(drafts(3));
  recorder_->wait_for(12);
  EXPECT_THAT(first_positions(0), ElementsAre(1, 4, 7, 10));
  EXPECT_THAT(first_positions(1), ElementsAre(1, 4, 7, 10));
  EXPECT_THAT(first_positions(3), ElementsAre(1, 4, 7, 10));
  EXPECT_THAT(first_positions(4), ElementsAre(4, 7, 10));
  EXPECT_THAT(first_positions(8), ElementsAre(7, 10));
  EXPECT_THAT(first_positions(12), ElementsAre(10));
  EXPECT_THAT(first_positions(13), IsEmpty());
  EXPECT_THAT(first_positions(1'000'000), IsEmpty());
  expect_equal(read(), recorder_->batches());
}

TEST_P(EventLogContract, ReadingStopsWhenTold) {
  for (int i = 0; i < 4; ++i) append(drafts(3));
  recorder_->wait_for(12);
  int visits = 0;
  EXPECT_TRUE(log_->read_batches(1, [&](const LogBatch&) { return ++visits < 2; }));
  EXPECT_EQ(visits, 2);
}

TEST_P(EventLogContract, ReopeningGivesTheSameRecordsAndGoesOnBehindThem) {
  for (int i = 0; i < 50; ++i) {
    const std::uint64_t epoch = i < 20 ? 2 : 5;
    append({draft("acme", std::string(400, 'x'), epoch), draft("beta", "{}", epoch)});
  }
  ASSERT_TRUE(log_->close());
  const std::vector<LogBatch> written = recorder_->batches();
  const LogIdentity identity = log_->identity();
  for (int round = 0; round < 2; ++round) {
    reopen();
    EXPECT_EQ(log_->identity().store, identity.store);
    EXPECT_EQ(log_->identity().timeline, identity.timeline);
    EXPECT_EQ(log_->recovery().last_position, 100U);
    EXPECT_EQ(log_->recovery().head_position, 100U);
    EXPECT_EQ(log_->recovery().last_epoch, 5U);
    EXPECT_EQ(log_->recovery().cut_bytes, 0U);
    EXPECT_EQ(log_->durable_position(), 100U);
    expect_equal(read(), written);
  }
  const AppendReceipt receipt = append({draft("beta", "{}", 6)});
  EXPECT_EQ(receipt.first_position, 101U);
  recorder_->wait_for(101);
  EXPECT_THAT(recorder_->batches(), ::testing::SizeIs(1)) << "what was durable before is not reported again";
  EXPECT_EQ(recorder_->records().at(0).tenant_seq, 51U);
  reopen();
  EXPECT_EQ(log_->recovery().last_position, 101U);
  EXPECT_EQ(log_->recovery().last_epoch, 6U);
}

TEST_P(EventLogContract, TimesStrictlyIncreaseEvenWhenTheWallClockGoesBack) {
  append(drafts(3));
  clock_.set_wall_us(kNoonUs - 1'000'000);
  append(drafts(2));
  clock_.set_wall_us(kNoonUs + 1'000'000);
  const AppendReceipt later = append(drafts(1));
  EXPECT_EQ(later.time_us, kNoonUs + 1'000'000);
  clock_.set_wall_us(0);
  recorder_->wait_for(6);
  std::vector<LogRecord> records = recorder_->records();
  reopen();
  append_durably(drafts(2));
  for (const LogRecord& record : recorder_->records()) records.push_back(record);
  ASSERT_EQ(records.size(), 8U);
  EXPECT_EQ(records[4].time_us, kNoonUs + 4);
  EXPECT_EQ(records[7].time_us, kNoonUs + 1'000'002);
  for (std::size_t i = 1; i < records.size(); ++i) EXPECT_GT(records[i].time_us, records[i - 1].time_us) << i;
}

TEST_P(EventLogContract, TenantSequencesCountPerTenantAndPartition) {
  RecordDraft elsewhere = draft("acme", "{}");
  elsewhere.partition = 1;
  append({draft("acme", "{}"), draft("beta", "{}"), draft("acme", "{}"), elsewhere});
  append({draft("beta", "{}"), elsewhere, draft("acme", "{}")});
  recorder_->wait_for(7);
  std::vector<std::uint64_t> sequences;
  for (const LogRecord& record : recorder_->records()) sequences.push_back(record.tenant_seq);
  EXPECT_THAT(sequences, ElementsAre(1, 1, 2, 1, 2, 2, 3));
}

TEST_P(EventLogContract, TheBatchesReportedContinueBothChains) {
  for (int i = 0; i < 20; ++i) append({draft("acme", "{}"), draft("beta", "{}"), draft("acme", "{}")});
  recorder_->wait_for(60);
  base::LogChain chain;
  for (const LogBatch& batch : read()) {
    const auto followed = chain.follow(batch, log_->identity().store);
    ASSERT_TRUE(followed) << followed.error().message;
  }
  EXPECT_EQ(chain.position(), 60U);
}

TEST_P(EventLogContract, AppendingAfterCloseAnswersStopped) {
  append_durably(drafts(1));
  EXPECT_TRUE(log_->close());
  (void)log_->close();
  const auto refused = log_->append(drafts(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::stopped);
  EXPECT_THAT(read(), ::testing::SizeIs(1)) << "a closed log is still readable";
}

TEST_P(EventLogContract, ClosingWaitsForWhatWasAppended) {
  for (int i = 0; i < 30; ++i) append(drafts(2));
  ASSERT_TRUE(log_->close());
  EXPECT_EQ(recorder_->records().size(), 60U);
  EXPECT_EQ(log_->durable_position(), 60U);
}

TEST_P(EventLogContract, ABatchMayBeLargeAndHoldAnyBytes) {
  std::string large(100'000, '\0');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31);
  append({draft("acme", large), draft("acme", ""), draft("", "{}")});
  append(drafts(1));
  recorder_->wait_for(4);
  reopen();
  const std::vector<LogBatch> batches = read();
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[0].records[0].payload, large);
  EXPECT_EQ(batches[0].records[1].payload, "");
}

// Readers run beside the writer, through several segments, and see a gap-free prefix that never exceeds what is
// durable.
TEST_P(EventLogContract, ManyReadersSeeOnlyDurableBatchesWhileOneAppends) {
  constexpr std::uint64_t kBatches = 400;
  std::atomic<bool> done = false;
  std::atomic<int> failures = 0;
  const auto read_on = [&](std::uint64_t start) {
    bool last = false;
    while (!last) {
      last = done.load();
      const std::uint64_t durable_before = log_->durable_position();
      const std::uint64_t from = start == 0 ? std::max<std::uint64_t>(durable_before, 1) : start;
      std::uint64_t reached = 0;
      std::uint64_t next = 0;
      const auto read = log_->read_batches(from, [&](const LogBatch& batch) {
        if (next != 0 && batch.first_position() != next) ++failures;
        if (next == 0 && (batch.first_position() > from || batch.last_position() < from)) ++failures;
        reached = batch.last_position();
        next = reached + 1;
        return true;
      });
      if (!read || reached > log_->durable_position()) ++failures;
      if (durable_before >= from && reached < durable_before) ++failures;
    }
  };
  std::vector<std::thread> readers;
  for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{1}, kBatches}) readers.emplace_back(read_on, start);
  for (std::uint64_t i = 0; i < kBatches; ++i) {
    const AppendReceipt receipt = append(drafts(2, std::string(i % 200, 'x')));
    if (i % 8 == 0) recorder_->wait_for(receipt.last_position);
  }
  recorder_->wait_for(2 * kBatches);
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(failures.load(), 0);
  expect_equal(read(), recorder_->batches());
}

TEST_P(EventLogContract, ManySmallAppendsMayShareGroupsAndAllArrive) {
  constexpr std::uint64_t kAppends = 2'000;
  std::uint64_t last = 0;
  for (std::uint64_t i = 0; i < kAppends; ++i) last = append(drafts(1)).last_position;
  EXPECT_EQ(last, kAppends);
  recorder_->wait_for(last);
  EXPECT_EQ(recorder_->batches().size(), kAppends);
  EXPECT_LE(recorder_->groups(), static_cast<int>(kAppends));
  reopen();
  EXPECT_EQ(log_->recovery().last_position, kAppends);
}

INSTANTIATE_TEST_SUITE_P(Adapters, EventLogContract,
                         ::testing::Values("segment_log_posix", "segment_log_in_memory", "memory"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace symphainy::public_works
