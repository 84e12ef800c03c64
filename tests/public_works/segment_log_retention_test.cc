// SPDX-License-Identifier: Apache-2.0
// Retiring the beginning of a log: what is kept stays whole and provable, whatever goes wrong meanwhile.
#include <atomic>
#include <thread>

#include "public_works/adapters/segment_log/log_base.h"
#include "segment_log_fixture.h"
#include "unreliable_file_system.h"

namespace symphainy::public_works {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t kSmallRoom = 2048;
const std::string kBase = "base";

struct Written {
  Content content;
  std::vector<LogBatch> batches;
  std::vector<std::uint64_t> begins;  // of the segments
};

void append_some(Writer& writer, int batches) {
  for (int i = 0; i < batches; ++i)
    CHECK(writer.append({draft(std::string(300, static_cast<char>('a' + i % 26))), draft("{}")}));
}

// A closed log of several segments, two tenants.
Written several_segments(FileSystem& files) {
  Written out;
  {
    Writer writer(files, kSmallRoom);
    RecordDraft other = draft("{}");
    other.tenant = "other";  // in the first segment only
    CHECK(writer.append({other}));
    append_some(writer, 16);
    CHECK(writer.log().close());
    out.batches = writer.recorder().batches();
  }
  out.content = content_of(files);
  for (const std::string& name : segments_of(out.content)) out.begins.push_back(*parse_segment_name(name));
  CHECK(out.begins.size() >= 5);
  return out;
}

std::vector<LogBatch> from_position(const std::vector<LogBatch>& batches, std::uint64_t position) {
  std::vector<LogBatch> out;
  std::ranges::copy_if(batches, std::back_inserter(out),
                       [&](const LogBatch& batch) { return batch.first_position() >= position; });
  return out;
}

LogScan scan(FileSystem& files, std::size_t threads = 1, bool from_chain_file = false) {
  ScanOptions how;
  how.threads = threads;
  how.from_chain_file = from_chain_file;
  KnownHead head = read_durable_head(files, kDirectory).value();
  return scan_log(files, kDirectory, head, how).value();
}

std::string saved(const base::LogChain& chain) {
  std::string out;
  chain.save(out);
  return out;
}

void expect_begins_at(MemoryFileSystem& files, std::uint64_t first, const std::vector<LogBatch>& whole) {
  {
    Writer writer(files, kSmallRoom);
    ASSERT_TRUE(writer.is_open()) << writer.error().message;
    ASSERT_EQ(writer.log().first_position(), first);
    ASSERT_TRUE(same(read_all(writer.log(), first), from_position(whole, first)));
  }
  for (const bool chain_file : {true, false}) {
    if (!chain_file) ASSERT_TRUE(files.remove(kDirectory + "/chain"));
    const LogScan found = scan(files, 1, true);
    ASSERT_FALSE(found.damage) << found.damage->reason;
  }
  const LogScan verified = scan(files, 3);
  ASSERT_FALSE(verified.damage) << verified.damage->reason;
  ASSERT_EQ(verified.chain.position(), whole.back().last_position());
  expect_same_in_parallel(files);
}

TEST(SegmentLogRetention, RemovesWholeSegmentsAndProvesTheRest) {
  MemoryFileSystem files;
  const Written before = several_segments(files);
  const std::string chain = saved(scan(files).chain);
  {
    Writer writer(files, kSmallRoom);
    EXPECT_EQ(writer.log().first_position(), 1U);
    const auto retired = writer.log().retire(before.begins[3] - 1);  // one short of the third segment's end
    ASSERT_TRUE(retired) << retired.error().message;
    ASSERT_THAT(*retired, SizeIs(2));
    EXPECT_EQ((*retired)[1].last_position + 1, before.begins[2]);
    EXPECT_EQ(writer.log().first_position(), before.begins[2]);
    EXPECT_THAT(writer.log().retire(before.begins[3] - 1).value(), IsEmpty()) << "what is gone is not retired again";
    ASSERT_THAT(writer.log().retire(before.begins[3]).value(), SizeIs(1));
    append_some(writer, 3);  // writing goes on
    ASSERT_TRUE(writer.log().close());
    EXPECT_TRUE(same(read_all(writer.log(), before.begins[3]), from_position(
                                                                   [&] {
                                                                     auto all = before.batches;
                                                                     std::ranges::copy(writer.recorder().batches(),
                                                                                       std::back_inserter(all));
                                                                     return all;
                                                                   }(),
                                                                   before.begins[3])));
  }
  const Content after = content_of(files);
  EXPECT_FALSE(after.contains(segment_name(before.begins[2])));
  EXPECT_TRUE(after.contains(segment_name(before.begins[3])));
  const LogScan found = scan(files);
  ASSERT_FALSE(found.damage) << found.damage->reason;
  EXPECT_EQ(found.chain.tenants().size(), 2U) << "a tenant whose records are all retired keeps its chain";
  put(files, before.content);
  EXPECT_EQ(saved(scan(files).chain), chain);
}

TEST(SegmentLogRetention, AnswersForWhatIsRetiredWithWhereTheLogBegins) {
  MemoryFileSystem files;
  const Written before = several_segments(files);
  Writer writer(files, kSmallRoom);
  ASSERT_TRUE(writer.log().retire(before.begins[1]));
  for (const std::uint64_t wanted : {std::uint64_t{0}, std::uint64_t{1}, before.begins[1] - 1}) {
    const auto read = writer.log().read_batches(wanted, [](const LogBatch&) { return true; });
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, ErrorCode::not_found);
    EXPECT_EQ(read.error().reason, kHistoryRetired);
    EXPECT_EQ(read.error().details.find("first_position")->as_uint64(), before.begins[1]);
  }
}

TEST(SegmentLogRetention, KeepsTheLastSegmentAlways) {
  MemoryFileSystem files;
  const Written before = several_segments(files);
  {
    Writer writer(files, kSmallRoom);
    ASSERT_TRUE(writer.log().retire(UINT64_MAX));
    EXPECT_EQ(writer.log().first_position(), before.begins.back());
    EXPECT_THAT(writer.log().sealed_segments(), IsEmpty());
  }
  expect_begins_at(files, before.begins.back(), before.batches);
}

TEST(SegmentLogRetention, ACrashAtEverySyncLeavesALogThatOpensWithAllThatIsKept) {
  using Survival = UnreliableFileSystem::Survival;
  for (int n = 1; n <= 4; ++n) {
    for (const Survival survival : {Survival::synced, Survival::synced_bytes, Survival::everything}) {
      MemoryFileSystem memory;
      UnreliableFileSystem files(memory);
      const Written before = several_segments(files);
      const std::uint64_t cut = before.begins[3];
      int syncs = 0;
      bool retired = false;
      {
        Writer writer(files, kSmallRoom);
        syncs = files.syncs();
        files.crash_at_sync(syncs + n);
        retired = writer.log().retire(cut).has_value();
      }
      ASSERT_EQ(retired, n == 4) << "it syncs the base, its name, and the removals";
      MemoryFileSystem disk;
      put(disk, files.after_crash(survival));
      SCOPED_TRACE("sync " + std::to_string(n) + ", survival " + std::to_string(static_cast<int>(survival)));
      // Three syncs: the base's bytes, its name, the removals. The second may or may not have reached the disk.
      const bool begun = content_of(disk).contains(kBase);
      ASSERT_TRUE(begun || n < 3);
      ASSERT_NO_FATAL_FAILURE(expect_begins_at(disk, begun ? cut : 1, before.batches));
      ASSERT_EQ(content_of(disk).contains(segment_name(1)), !begun) << "opening removes what was being removed";
    }
  }
}

TEST(SegmentLogRetention, SegmentsThatWereBeingRemovedAreNoPartOfTheLog) {
  MemoryFileSystem files;
  const Written before = several_segments(files);
  const std::uint64_t cut = before.begins[3];
  {
    Writer writer(files, kSmallRoom);
    ASSERT_TRUE(writer.log().retire(cut));
  }
  const Content after = content_of(files);
  for (unsigned some = 0; some < 8; ++some) {
    Content left = after;
    for (unsigned i = 0; i < 3; ++i) {
      const std::string name = segment_name(before.begins[i]);
      if ((some >> i & 1) != 0) left[name] = i == 1 ? "torn" : before.content.at(name);
    }
    put(files, left);
    const LogScan found = scan(files);
    EXPECT_FALSE(found.damage);
    EXPECT_THAT(found.leftovers, SizeIs(static_cast<std::size_t>(std::popcount(some))));
    EXPECT_TRUE(content_of(files) == left) << "reading removes nothing";
    ASSERT_NO_FATAL_FAILURE(expect_begins_at(files, cut, before.batches));
    EXPECT_EQ(segments_of(content_of(files)), segments_of(after));
  }
}

TEST(SegmentLogRetention, ABaseThatDoesNotFitIsRefused) {
  MemoryFileSystem files;
  const Written before = several_segments(files);
  Content first;
  {
    Writer writer(files, kSmallRoom);
    ASSERT_TRUE(writer.log().retire(before.begins[1]));
    first = content_of(files);
    ASSERT_TRUE(writer.log().retire(before.begins[3]));
    ASSERT_TRUE(writer.log().close());
  }
  const Content good = content_of(files);
  Content bad = good;
  bad.erase(kBase);
  expect_damage(bad, segment_name(before.begins[3]));
  bad.erase("chain");
  expect_damage(bad, segment_name(before.begins[3]));
  bad = good;
  bad[kBase] = first.at(kBase);
  expect_damage(bad, kBase);
  bad = good;
  bad.erase(segment_name(before.begins[3]));
  expect_damage(bad, kBase);
  for (std::size_t bit = 0; bit < good.at(kBase).size() * 8; ++bit) {
    bad = good;
    bad[kBase][bit / 8] = static_cast<char>(bad[kBase][bit / 8] ^ 1 << bit % 8);
    expect_damage(bad, kBase);
  }
  for (std::size_t size = 0; size < good.at(kBase).size(); ++size) {
    bad = good;
    bad[kBase].resize(size);
    expect_damage(bad, kBase);
  }
  MemoryFileSystem elsewhere;
  const Written other = several_segments(elsewhere);
  {
    Writer writer(elsewhere, kSmallRoom, 99);
    ASSERT_TRUE(writer.log().retire(other.begins[3]));
  }
  LogBase foreign = *read_log_base(elsewhere, kDirectory).value();
  foreign.log.timeline = foreign.log.store;
  ASSERT_TRUE(write_log_base(elsewhere, kDirectory, foreign));
  bad = good;
  bad[kBase] = content_of(elsewhere).at(kBase);
  expect_damage(bad, kBase);
}

// What its CRC does not tell, verifying does: the records behind it are linked to it.
TEST(SegmentLogRetention, AnEditedBaseIsFoundByVerifying) {
  MemoryFileSystem files;
  const Written before = several_segments(files);
  {
    Writer writer(files, kSmallRoom);
    ASSERT_TRUE(writer.log().retire(before.begins[2]));
  }
  LogBase base = *read_log_base(files, kDirectory).value();
  std::string chain = saved(base.chain);
  const std::size_t acme = chain.find("acme");
  ASSERT_NE(acme, std::string::npos);
  for (const std::size_t at :
       {acme + 4 + 2, acme + 4 + 2 + 8, std::size_t{24}}) {  // its sequence, its chain, the store's
    std::string edited = chain;
    edited[at] = static_cast<char>(edited[at] ^ 1);
    base::ByteReader reader(edited);
    base.chain = base::LogChain::restored(reader);
    ASSERT_TRUE(write_log_base(files, kDirectory, base));
    EXPECT_TRUE(scan(files).damage);
    EXPECT_TRUE(scan(files, 3).damage);
  }
}

TEST(SegmentLogRetention, ADamagedSegmentIsNotRetired) {
  MemoryFileSystem files;
  const Written before = several_segments(files);
  Content bad = before.content;
  const std::string damaged = segment_name(before.begins[1]);
  bad[damaged][kSegmentBatchesOffset + 200] ^= 1;
  put(files, bad);
  Writer writer(files, kSmallRoom);
  ASSERT_TRUE(writer.is_open());
  const auto retired = writer.log().retire(before.begins[3]);
  ASSERT_FALSE(retired);
  EXPECT_EQ(retired.error().code, ErrorCode::corrupt);
  EXPECT_THAT(retired.error().message, HasSubstr(damaged));
  EXPECT_EQ(writer.log().first_position(), 1U);
  EXPECT_EQ(segments_of(content_of(files)), segments_of(bad));
}

TEST(SegmentLogRetention, AReaderThatOpenedBeforeSaysWhatWasRetiredSince) {
  MemoryFileSystem files;
  const Written before = several_segments(files);
  LogClock clock(kNoonUs);
  SeededRandom random(8);
  const auto reader = SegmentLog::open(files, clock, random, {.directory = kDirectory, .read_only = true}).value();
  Writer writer(files, kSmallRoom);
  ASSERT_TRUE(writer.log().retire(before.begins[3]));
  EXPECT_EQ(reader->first_position(), 1U);
  const auto read = reader->read_batches(1, [](const LogBatch&) { return true; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason, kHistoryRetired);
  EXPECT_EQ(reader->first_position(), before.begins[3]);
  EXPECT_TRUE(same(read_all(*reader, before.begins[3]), from_position(before.batches, before.begins[3])));
}

TEST(SegmentLogRetention, BesideAWriterThatRetiresReadersFindAWholeLog) {
  MemoryFileSystem files;
  {
    several_segments(files);
  }
  Writer writer(files, kSmallRoom);
  std::atomic<bool> done = false;
  std::atomic<int> opened = 0;
  std::thread reading([&] {
    LogClock clock(kNoonUs);
    SeededRandom random(8);
    while (!done) {
      const auto log = SegmentLog::open(files, clock, random, {.directory = kDirectory, .read_only = true});
      ASSERT_TRUE(log) << log.error().message;
      const auto read = (*log)->read_batches((*log)->first_position(), [](const LogBatch&) { return true; });
      ASSERT_TRUE(read || read.error().reason == kHistoryRetired) << read.error().message;
      const LogScan found = scan(files, 2);
      ASSERT_FALSE(found.damage) << found.damage->reason;
      ++opened;
    }
  });
  for (int round = 0; round < 40 || opened < 5; ++round) {
    append_some(writer, 4);
    const auto sealed = writer.log().sealed_segments();
    if (sealed.size() > 2) ASSERT_TRUE(writer.log().retire(sealed[sealed.size() - 2].first_position));
  }
  done = true;
  reading.join();
  ASSERT_TRUE(writer.log().close());
}

TEST(SegmentLogRetention, TheBaseKeepsWhatTheLastRestoreTold) {
  MemoryFileSystem files;
  std::vector<LogBatch> batches;
  {
    Writer writer(files, kSmallRoom);
    for (const char* payload : {R"({"n":1})", R"({"n":2})"}) {
      RecordDraft restored = draft(payload);
      restored.tenant = "_system";
      restored.type = 4;
      ASSERT_TRUE(writer.append({restored}));
      append_some(writer, 8);
    }
    const auto sealed = writer.log().sealed_segments();
    EXPECT_EQ(writer.log().restored_before(), "");
    ASSERT_TRUE(writer.log().retire(sealed[1].first_position));
    EXPECT_EQ(writer.log().restored_before(), R"({"n":1})");
    ASSERT_TRUE(writer.log().retire(UINT64_MAX));
    EXPECT_EQ(writer.log().restored_before(), R"({"n":2})");
  }
  EXPECT_EQ(Writer(files, kSmallRoom).log().restored_before(), R"({"n":2})");
}

TEST(SegmentLogRetention, AChainFileFromBeforeTheBaseIsPassedOver) {
  MemoryFileSystem files;
  const Written before = several_segments(files);
  {
    Writer writer(files, kSmallRoom);
    append_some(writer, 12);
    ASSERT_TRUE(writer.log().retire(UINT64_MAX));
  }
  Content content = content_of(files);
  content["chain"] = before.content.at("chain");
  put(files, content);
  EXPECT_FALSE(scan(files, 1, true).damage);
  EXPECT_FALSE(scan(files).damage);
}

}  // namespace
}  // namespace symphainy::public_works
