// SPDX-License-Identifier: Apache-2.0
// What the segment log promises beyond the contract: rotation over segments, and reading beside a writer.
#include <atomic>
#include <thread>

#include "segment_log_fixture.h"
#include "unreliable_file_system.h"

namespace symphainy::public_works {
namespace {

using ::testing::SizeIs;

// --- segments
// ---------------------------------------------------------------------------------------------------------

TEST(SegmentLog, RotatesOverManySegmentsAndReadsAcrossThem) {
  MemoryFileSystem files;
  Writer writer(files, 4096);
  ASSERT_TRUE(writer.is_open());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(writer.append({draft(std::string(i == 40 ? 10'000 : 500, 'x')), draft(std::to_string(i))}));
  }
  ASSERT_TRUE(writer.log().close());
  const Content content = content_of(files);
  const std::vector<std::string> names = segments_of(content);
  EXPECT_GT(names.size(), 10U);
  std::size_t larger = 0;
  for (const std::string& name : names) {
    if (content.at(name).size() > kSegmentBatchesOffset + 4096) {
      ++larger;
    } else {
      EXPECT_EQ(content.at(name).size(), kSegmentBatchesOffset + 4096) << name;
    }
    const auto header = SegmentHeader::decode(std::string_view(content.at(name)).substr(0, kSegmentHeaderBytes));
    ASSERT_TRUE(header);
    EXPECT_EQ(segment_name(header->first_position), name);
  }
  EXPECT_EQ(larger, 1U) << "the batch larger than a segment has one to itself";
  EXPECT_TRUE(same(read_all(writer.log()), writer.recorder().batches()));
  for (std::uint64_t from = 1; from <= 200; ++from) {
    const std::vector<LogBatch> read = read_all(writer.log(), from);
    ASSERT_EQ(read.front().first_position(), from - (from + 1) % 2);
    ASSERT_EQ(read.size(), 100 - (from - 1) / 2);
  }
  EXPECT_TRUE(same(open_well(files).batches, writer.recorder().batches()));
}

TEST(SegmentLog, OneGroupMayFillSeveralSegments) {
  MemoryFileSystem files;
  Writer writer(files, 1024);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(writer.log().append({draft(std::string(300, 'x'))}));
  ASSERT_TRUE(writer.log().close());
  EXPECT_GE(segments_of(content_of(files)).size(), 100U);
  EXPECT_THAT(writer.recorder().batches(), SizeIs(200));
  EXPECT_TRUE(same(open_well(files).batches, writer.recorder().batches()));
}

// A remainder shorter than a batch header is no damaged batch.
TEST(SegmentLog, ASegmentMayBeFullToAnyByte) {
  for (std::size_t left = 0; left <= 60; ++left) {
    SCOPED_TRACE(left);
    MemoryFileSystem files;
    Writer writer(files, 1024);
    ASSERT_TRUE(writer.append(std::string(1024 - kBatchOverheadBytes - left, 'x')));
    EXPECT_THAT(read_all(writer.log()), SizeIs(1));
    ASSERT_TRUE(writer.append("{}"));
    EXPECT_THAT(read_all(writer.log()), SizeIs(2));
    ASSERT_TRUE(writer.log().close());
    const Content content = content_of(files);
    ASSERT_THAT(segments_of(content), SizeIs(2));
    ASSERT_EQ(end_of_batches(content.at(segment_name(1))), kSegmentBatchesOffset + 1024 - left);
    const Opening opening = open_well(files);
    EXPECT_EQ(opening.recovery.cut_bytes, 0U);
    EXPECT_THAT(opening.batches, SizeIs(2));
  }
}

TEST(SegmentLog, SegmentNamesSortLikePositions) {
  EXPECT_EQ(segment_name(1), "00000000000000000001.seg");
  EXPECT_EQ(parse_segment_name(segment_name(UINT64_MAX)), UINT64_MAX);
  EXPECT_LT(segment_name(99), segment_name(100));
  for (const char* name :
       {"head", "next.prepared", "1.seg", "0000000000000000000x.seg", "00000000000000000001.seg.bak"}) {
    EXPECT_FALSE(parse_segment_name(name)) << name;
  }
}

// --- reading beside a writer
// ------------------------------------------------------------------------------------------

Result<std::unique_ptr<SegmentLog>> open_read_only(FileSystem& files, Clock& clock, Random& random) {
  return SegmentLog::open(files, clock, random,
                          {.directory = kDirectory, .segment_bytes = kSegmentBatchesOffset + kRoom, .read_only = true});
}

TEST(SegmentLogReadOnly, TakesNoLockAndChangesNothing) {
  const CrashedLog log = crashed_log(2);
  Content torn = log.content;
  torn[segment_name(1)][log.tail_ends - 1] ^= 1;
  MemoryFileSystem memory;
  put(memory, torn);
  UnreliableFileSystem files(memory);
  LogClock clock(kNoonUs);
  SeededRandom random(7);
  const auto opened = open_read_only(files, clock, random);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(same(read_all(**opened), {log.whole.begin(), log.whole.end() - 1})) << "the torn batch is passed over";
  EXPECT_GT((*opened)->recovery().cut_bytes, 0U);
  EXPECT_TRUE((*opened)->close());
  EXPECT_EQ(files.changes(), 0);
  EXPECT_EQ(files.locks(), 0);
  EXPECT_TRUE(content_of(memory) == torn);
}

// Opening reads the last segment only, so an earlier one is not known yet.
TEST(SegmentLogReadOnly, PassesOverASegmentOnceHoweverManyPositionsInItAreLookedFor) {
  constexpr std::uint64_t kSegment = 1024 * 1024;
  MemoryFileSystem memory;
  Writer writer(memory, kSegment);
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(writer.append(std::string(kSegment / 20, 'x')));
  ASSERT_TRUE(writer.log().close());
  const std::uint64_t late = parse_segment_name(segments_of(content_of(memory)).at(1)).value() - 1;
  UnreliableFileSystem files(memory);
  LogClock clock(kNoonUs);
  SeededRandom random(7);
  const auto opened = open_read_only(files, clock, random);
  ASSERT_TRUE(opened) << opened.error().message;
  const std::uint64_t before = files.bytes_read();
  for (int i = 0; i < 100; ++i) {
    std::uint64_t first = 0;
    ASSERT_TRUE((*opened)->read_batches(late, [&](const LogBatch& batch) {
      first = batch.first_position();
      return false;
    }));
    ASSERT_EQ(first, late);
  }
  EXPECT_LT(files.bytes_read() - before, 30 * kSegment);
}

TEST(SegmentLogReadOnly, OfNoLogIsNotFoundAndMakesNone) {
  MemoryFileSystem files;
  LogClock clock(kNoonUs);
  SeededRandom random(7);
  const auto opened = open_read_only(files, clock, random);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::not_found);
  EXPECT_FALSE(files.stat(kDirectory)->has_value());
}

TEST(SegmentLogReadOnly, WorksWhileAWriterAppends) {
  MemoryFileSystem files;
  Writer writer(files, 2048);
  ASSERT_TRUE(writer.append("first"));
  std::atomic<bool> done = false;
  int openings = 0;
  std::vector<std::string> failures;
  std::vector<LogBatch> last_read;
  std::thread reader([&] {
    LogClock clock(kNoonUs);
    SeededRandom random(8);
    bool last = false;
    while (!last) {
      last = done.load();
      const std::uint64_t durable = writer.log().durable_position();
      const auto opened = open_read_only(files, clock, random);
      ++openings;
      if (!opened) {
        failures.push_back(opened.error().message);
        continue;
      }
      last_read = read_all(**opened);
      if (last_read.empty() || last_read.back().last_position() < durable)
        failures.emplace_back("a durable batch is missing");
    }
  });
  for (int i = 0; i < 200; ++i) EXPECT_TRUE(writer.append(std::string(static_cast<std::size_t>(i), 'x')));
  done = true;
  reader.join();
  ASSERT_TRUE(writer.log().close());
  EXPECT_THAT(failures, ::testing::IsEmpty());
  EXPECT_GE(openings, 1);
  EXPECT_TRUE(same(last_read, writer.recorder().batches()));
}

}  // namespace
}  // namespace symphainy::public_works
