// SPDX-License-Identifier: Apache-2.0
// Nothing reported durable is lost: a disk fails or loses its unsynced bytes at every sync.
#include <chrono>
#include <thread>

#include "segment_log_fixture.h"
#include "unreliable_file_system.h"

namespace symphainy::public_works {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Twelve rounds of one to three batches, each round waited for: some rotate, some share a group.
void work(Writer& writer) {
  for (std::size_t round = 0; round < 12; ++round) {
    std::uint64_t last = 0;
    for (std::size_t i = 0; i <= round % 3; ++i) {
      std::vector<RecordDraft> drafts(1 + (round + i) % 2, draft(std::string(40 * round + i, 'x')));
      const auto receipt = writer.log().append(std::move(drafts));
      if (!receipt) return;
      last = receipt->last_position;
    }
    if (!writer.recorder().wait_for(last)) return;
  }
}

struct Reference {
  std::vector<LogBatch> batches;
  int syncs = 0;
};

Reference uninterrupted() {
  MemoryFileSystem memory;
  UnreliableFileSystem files(memory);
  Reference out;
  {
    Writer writer(files, 2048);
    work(writer);
    CHECK(writer.log().close());
    out.batches = writer.recorder().batches();
  }
  out.syncs = files.syncs();
  return out;
}

void expect_usable(FileSystem& files, std::size_t batches_there) {
  {
    Writer writer(files, 2048);
    ASSERT_TRUE(writer.is_open()) << writer.error().message;
    ASSERT_TRUE(writer.append("more"));
    ASSERT_TRUE(writer.log().close());
  }
  const Opening opening = open_well(files);
  ASSERT_THAT(opening.batches, SizeIs(batches_there + 1));
  ASSERT_EQ(opening.recovery.cut_bytes, 0U);
}

TEST(SegmentLogCrash, AtEverySyncKeepsAllThatWasReportedDurable) {
  using Survival = UnreliableFileSystem::Survival;
  const Reference reference = uninterrupted();
  ASSERT_GT(reference.syncs, 30);
  for (int n = 1; n <= reference.syncs; ++n) {
    MemoryFileSystem memory;
    UnreliableFileSystem files(memory);
    files.crash_at_sync(n);
    std::vector<LogBatch> reported;
    {
      Writer writer(files, 2048);
      if (writer.is_open()) {
        work(writer);
        (void)writer.log().close();
        reported = writer.recorder().batches();
        ASSERT_LE(writer.recorder().stops(), 1);
        ASSERT_EQ(writer.recorder().reports_after_stop(), 0);
      }
    }
    ASSERT_TRUE(begins_with(reference.batches, reported));
    for (const Survival survival : {Survival::synced, Survival::synced_bytes, Survival::everything, Survival::torn}) {
      SCOPED_TRACE("sync " + std::to_string(n) + ", survival " + std::to_string(static_cast<int>(survival)));
      MemoryFileSystem disk;
      put(disk, files.after_crash(survival, static_cast<std::uint64_t>(n)));
      const Opening opening = open_well(disk);
      ASSERT_FALSE(::testing::Test::HasFailure());
      ASSERT_TRUE(begins_with(reference.batches, opening.batches));
      ASSERT_GE(opening.batches.size(), reported.size());
      ASSERT_NO_FATAL_FAILURE(expect_usable(disk, opening.batches.size()));
    }
  }
}

TEST(SegmentLogCrash, DuringRecoveryLeavesALogThatRecovers) {
  const CrashedLog log = crashed_log(2);
  Content torn = log.content;
  torn[segment_name(1)][log.tail_begins + 70] ^= 1;
  for (int n = 1; n <= 3; ++n) {
    MemoryFileSystem memory;
    put(memory, torn);
    UnreliableFileSystem files(memory);
    files.crash_at_sync(n);
    {
      const Writer writer(files);
    }
    MemoryFileSystem disk;
    put(disk, files.after_crash(UnreliableFileSystem::Survival::everything));
    EXPECT_TRUE(same(open_well(disk).batches, log.kept));
    // Half of the zeros reached the disk.
    for (const std::size_t zeroed : {std::size_t{1}, std::size_t{60}, std::size_t{300}}) {
      Content half = torn;
      std::fill_n(half[segment_name(1)].begin() + static_cast<std::ptrdiff_t>(log.tail_begins), zeroed, '\0');
      put(disk, half);
      EXPECT_TRUE(same(open_well(disk).batches, log.kept));
    }
  }
}

TEST(SegmentLogFailure, OfAnySyncStopsTheLogOnceAndLosesNothingReported) {
  const Reference reference = uninterrupted();
  for (int n = 1; n <= reference.syncs; ++n) {
    SCOPED_TRACE(n);
    MemoryFileSystem memory;
    UnreliableFileSystem files(memory);
    files.fail_syncs_from(n);
    std::vector<LogBatch> reported;
    {
      Writer writer(files, 2048);
      if (!writer.is_open()) continue;
      work(writer);
      const auto closed = writer.log().close();
      reported = writer.recorder().batches();
      ASSERT_EQ(writer.recorder().stops(), closed ? 0 : 1);
      ASSERT_EQ(writer.recorder().reports_after_stop(), 0);
      if (!closed) ASSERT_LT(n, reference.syncs);
      const auto refused = writer.log().append({draft("late")});
      ASSERT_FALSE(refused);
      ASSERT_EQ(refused.error().code, ErrorCode::stopped);
      ASSERT_EQ(writer.log().durable_position(), reported.empty() ? 0 : reported.back().last_position());
      ASSERT_TRUE(same(read_all(writer.log()), reported)) << "readers see what was reported, no more";
    }
    for (const auto survival : {UnreliableFileSystem::Survival::synced, UnreliableFileSystem::Survival::everything}) {
      MemoryFileSystem disk;
      put(disk, files.after_crash(survival));
      const Opening opening = open_well(disk);
      ASSERT_TRUE(begins_with(reference.batches, opening.batches));
      ASSERT_GE(opening.batches.size(), reported.size());
    }
  }
}

// Room comes back; a disk that failed is not built on, although nobody waits for the segment it failed for.
TEST(SegmentLogFailure, WhilePreparingTheNextSegmentStopsTheLog) {
  constexpr std::uint64_t kSegmentRoom = 16 * 1024;
  MemoryFileSystem memory;
  {
    Writer writer(memory, kSegmentRoom);
    ASSERT_TRUE(writer.append("first"));
    ASSERT_TRUE(writer.log().close());
  }
  UnreliableFileSystem files(memory);
  files.fail_syncs_of("next.prepared");
  std::size_t reported = 0;
  {
    Writer writer(files, kSegmentRoom);
    while (writer.append(std::string(400, 'x'))) continue;
    ASSERT_TRUE(writer.log().room()) << "it is not room that is missing";
    const auto closed = writer.log().close();
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().message, "the sync failed");
    EXPECT_EQ(writer.recorder().stops(), 1);
    reported = writer.recorder().batches().size();
  }
  EXPECT_GE(reported, 1U);
  EXPECT_GE(open_well(memory).batches.size(), 1 + reported);
}

// Half a segment is kept for ending what has begun.
TEST(SegmentLogRoom, IsRefusedToNewWorkBeforeTheDiskIsFullAndComesBackByItself) {
  constexpr std::uint64_t kSegmentRoom = 64 * 1024;
  MemoryFileSystem memory;
  UnreliableFileSystem files(memory);
  Writer writer(files, kSegmentRoom);
  ASSERT_TRUE(writer.append("first"));
  EXPECT_TRUE(writer.log().room());
  files.limit_growth(10'000);  // not enough for another segment
  std::size_t appended = 1;
  while (writer.log().room()) {
    ASSERT_TRUE(writer.append(std::string(400, 'x')));
    ++appended;
    // Beyond half: let it be noticed, however long that takes on a busy machine.
    while (appended > 60 && writer.log().room()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto refused = writer.log().room();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
  EXPECT_EQ(refused.error().reason, "no_space");
  EXPECT_THAT(refused.error().message, HasSubstr("no space left on device"));
  EXPECT_LT(appended, 100U) << "it is told while there is room for what has begun";
  // The piece that could be written is given back; it is there for a moment whenever it is tried again.
  while (content_of(memory).contains("next.prepared")) std::this_thread::yield();
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(writer.append(std::string(400, 'y'))) << "what has begun goes on";
  EXPECT_FALSE(writer.log().room());
  files.lift_limit();
  while (!writer.log().room()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(writer.append(std::string(400, 'z')));
  ASSERT_TRUE(writer.log().close());
  EXPECT_EQ(writer.recorder().stops(), 0);
  EXPECT_THAT(open_well(memory).batches, SizeIs(appended + 230));
}

TEST(SegmentLogRoom, WhatHasBegunWaitsForItWhenEvenTheReserveIsUsedUp) {
  MemoryFileSystem memory;
  UnreliableFileSystem files(memory);
  Writer writer(files, 4096);
  ASSERT_TRUE(writer.append("first"));
  files.limit_growth(0);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(writer.log().append({draft(std::string(400, 'x'))}));
  while (writer.log().room()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(writer.recorder().stops(), 0) << "nothing is unknown";
  files.lift_limit();
  ASSERT_TRUE(writer.recorder().wait_for(41));
  ASSERT_TRUE(writer.log().close());
  EXPECT_THAT(open_well(memory).batches, SizeIs(41));
}

TEST(SegmentLogRoom, IsNotWaitedForByAnybodyWhoWantsToEnd) {
  constexpr std::uint64_t kSegmentRoom = 16 * 1024;
  MemoryFileSystem memory;
  UnreliableFileSystem files(memory);
  Writer writer(files, kSegmentRoom);
  ASSERT_TRUE(writer.append("first"));
  files.limit_growth(1'000);
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(writer.log().append({draft(std::string(400, 'x'))}));
  while (writer.log().room()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(writer.recorder().stops(), 0) << "it waits";
  writer.log().end_waiting_for_room();
  writer.recorder().wait_for_stop();
  const auto closed = writer.log().close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().reason, "no_space");
  const std::size_t reported = writer.recorder().batches().size();
  EXPECT_LT(reported, 61U);
  files.lift_limit();
  EXPECT_GE(open_well(memory).batches.size(), reported) << "and what was reported is there";
}

// A receipt means that it will be heard of: durable, or that the log has stopped.
TEST(SegmentLogClosing, RefusesOrWritesWhatIsAppendedMeanwhile) {
  for (int round = 0; round < 100; ++round) {
    MemoryFileSystem files;
    Writer writer(files);
    ASSERT_TRUE(writer.append("first"));
    std::atomic<std::uint64_t> last = 0;
    std::atomic<bool> appending = false;
    std::thread appender([&] {
      while (const auto receipt = writer.log().append({draft("{}")})) {
        last = receipt->last_position;
        appending = true;
      }
    });
    while (!appending) std::this_thread::yield();
    ASSERT_TRUE(writer.log().close());
    appender.join();
    ASSERT_LE(last, writer.log().durable_position()) << "round " << round;
  }
}

TEST(SegmentLogFailure, IsToldOnceAndEveryLaterAppendAnswersStopped) {
  MemoryFileSystem memory;
  UnreliableFileSystem files(memory);
  files.fail_syncs_from(6);
  Writer writer(files, 1024 * 1024);
  ASSERT_TRUE(writer.is_open());
  while (writer.append("{}")) {
  }
  writer.recorder().wait_for_stop();
  for (int i = 0; i < 3; ++i) {
    const auto refused = writer.log().append({draft("{}")});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::stopped);
    EXPECT_THAT(refused.error().message, HasSubstr("the sync failed"));
  }
  EXPECT_FALSE(writer.log().close());
  EXPECT_FALSE(writer.log().close());
  EXPECT_EQ(writer.recorder().stops(), 1);
  EXPECT_EQ(writer.recorder().reports_after_stop(), 0);
}

}  // namespace
}  // namespace symphainy::public_works
