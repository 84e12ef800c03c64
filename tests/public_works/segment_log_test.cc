// SPDX-License-Identifier: Apache-2.0
// What the segment log promises beyond the contract: nothing damaged is opened, nothing reported durable is lost. Files
// are cut at every length, flipped at every bit, and a disk fails or loses its unsynced bytes at every sync.
#include "public_works/adapters/segment_log/segment_log.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/memory/memory_file_system.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "public_works/adapters/segment_log/segment.h"
#include "temporary_directory.h"

namespace symphainy::public_works {
namespace {

using base::LogBatch;
using base::LogRecord;
using base::RecordDraft;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::int64_t kNoonUs = 1'700'000'000'000'000;
constexpr std::size_t kSlotSpacing = 4096;
// A batch of one record of tenant "acme", without its payload.
constexpr std::size_t kBatchOverheadBytes = 56 + 4 + 88 + 4 + 16 + 4 + 32 + 32;
const std::string kDirectory = "/wal";
const std::string kHead = "head";

RecordDraft draft(std::string payload) {
  return {.tenant = "acme",
          .partition = 0,
          .partition_epoch = 1,
          .type = 7,
          .type_version = 1,
          .flags = 0,
          .execution = {},
          .attempt = 0,
          .payload = std::move(payload)};
}

class Recorder final : public EventLogListener {
 public:
  void on_durable(std::vector<std::shared_ptr<const LogBatch>> group) override {
    const std::lock_guard lock(mutex_);
    if (stops_ > 0) ++reports_after_stop_;
    for (const auto& batch : group) batches_.push_back(*batch);
    changed_.notify_all();
  }
  void on_stopped(const Error& error) override {
    const std::lock_guard lock(mutex_);
    ++stops_;
    error_ = error;
    changed_.notify_all();
  }
  /// False when the log stopped instead.
  bool wait_for(std::uint64_t position) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [&] { return stops_ > 0 || (!batches_.empty() && batches_.back().last_position() >= position); });
    return stops_ == 0;
  }
  void wait_for_stop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stops_ > 0; });
  }
  // Read these after close() only.
  [[nodiscard]] const std::vector<LogBatch>& batches() const { return batches_; }
  [[nodiscard]] int stops() const { return stops_; }
  [[nodiscard]] int reports_after_stop() const { return reports_after_stop_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<LogBatch> batches_;
  Error error_;
  int stops_ = 0;
  int reports_after_stop_ = 0;
};

/// The log's files by name.
using Content = std::map<std::string, std::string>;

std::string read_file(FileSystem& files, const std::string& path) {
  std::string bytes;
  const auto file = files.open(path, OpenMode::read);
  CHECK(file && (*file)->read_at(0, 1 << 30, bytes));
  return bytes;
}

Content content_of(FileSystem& files) {
  Content content;
  const auto names = files.list(kDirectory);
  for (const std::string& name : names.value_or(std::vector<std::string>{})) {
    content[name] = read_file(files, kDirectory + "/" + name);
  }
  return content;
}

// Makes the directory hold exactly these files.
void put(FileSystem& files, const Content& content) {
  CHECK(files.create_directories(kDirectory));
  for (const std::string& name : *files.list(kDirectory)) {
    if (!content.contains(name)) CHECK(files.remove(kDirectory + "/" + name));
  }
  for (const auto& [name, bytes] : content) {
    const auto file = files.open(kDirectory + "/" + name, OpenMode::create);
    CHECK(file && (*file)->truncate(0) && (*file)->write_at(0, bytes) && (*file)->truncate(bytes.size()));
  }
}

std::vector<std::string> segments_of(const Content& content) {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : content) {
    if (parse_segment_name(name)) names.push_back(name);
  }
  return names;
}

/// Where the batches of a segment end and its unused zeros begin.
std::size_t end_of_batches(const std::string& segment) {
  std::size_t offset = kSegmentHeaderBytes;
  while (const auto header = base::peek_batch(std::string_view(segment).substr(offset, base::kBatchHeaderBytes))) {
    offset += header->length;
  }
  return offset;
}

std::vector<LogBatch> read_all(const EventLog& log, std::uint64_t from = 1) {
  std::vector<LogBatch> out;
  const auto read = log.read_batches(from, [&](const LogBatch& batch) {
    out.push_back(batch);
    return true;
  });
  EXPECT_TRUE(read) << read.error().message;
  return out;
}

bool same(const std::vector<LogBatch>& left, const std::vector<LogBatch>& right) {
  return std::ranges::equal(left, right, [](const LogBatch& a, const LogBatch& b) {
    return a.records == b.records && a.store_hash == b.store_hash;
  });
}

bool begins_with(const std::vector<LogBatch>& whole, const std::vector<LogBatch>& start) {
  return start.size() <= whole.size() &&
         same({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(start.size())}, start);
}

/// Time and randomness start over with each writer, so that two runs of the same appends write the same bytes.
class Writer {
 public:
  explicit Writer(FileSystem& files, std::uint64_t segment_bytes = 4096, std::uint64_t seed = 7)
      : random_(seed),
        opened_(SegmentLog::open(files, clock_, random_, {.directory = kDirectory, .segment_bytes = segment_bytes})) {
    if (opened_) (*opened_)->start(recorder_);
  }
  [[nodiscard]] bool is_open() const { return opened_.has_value(); }
  [[nodiscard]] const Error& error() const { return opened_.error(); }
  [[nodiscard]] SegmentLog& log() { return **opened_; }
  [[nodiscard]] Recorder& recorder() { return recorder_; }
  /// Appends and waits until it is durable; false when the log stopped.
  bool append(std::vector<RecordDraft> drafts) {
    const auto receipt = log().append(std::move(drafts));
    return receipt && recorder_.wait_for(receipt->last_position);
  }
  bool append(std::string payload) { return append(std::vector<RecordDraft>{draft(std::move(payload))}); }

 private:
  ManualClock clock_{kNoonUs};
  SeededRandom random_;
  Recorder recorder_;
  Result<std::unique_ptr<SegmentLog>> opened_;
};

/// A closed log in memory, to be damaged.
struct ClosedLog {
  Content content;
  std::vector<LogBatch> batches;
};

ClosedLog closed_log(int batch_count, std::size_t payload_bytes, std::uint64_t segment_bytes, std::uint64_t seed = 7) {
  MemoryFileSystem files;
  {
    Writer writer(files, segment_bytes, seed);
    for (int i = 0; i < batch_count; ++i) {
      CHECK(writer.append({draft(std::string(payload_bytes, static_cast<char>('a' + i % 26))), draft("{}")}));
    }
    CHECK(writer.log().close());
  }
  ClosedLog out{content_of(files), {}};
  out.batches = read_all(Writer(files, segment_bytes).log());
  out.content.erase("next.prepared");
  return out;
}

/// The error that opening gives; records an expectation that opening changed nothing.
std::optional<Error> refusal(MemoryFileSystem& files, const Content& content) {
  put(files, content);
  ManualClock clock(kNoonUs);
  SeededRandom random(8);
  const auto opened = SegmentLog::open(files, clock, random, {.directory = kDirectory, .segment_bytes = 4096});
  if (opened) return std::nullopt;
  EXPECT_TRUE(content_of(files) == content) << "a refused opening changed a file";
  return opened.error();
}

std::optional<Error> refusal(const Content& content) {
  MemoryFileSystem files;
  return refusal(files, content);
}

void expect_damage(const Content& content, const std::string& segment) {
  const auto error = refusal(content);
  ASSERT_TRUE(error) << "it opened";
  EXPECT_EQ(error->code, ErrorCode::corrupt);
  EXPECT_EQ(error->reason, "log_damaged");
  EXPECT_THAT(error->message, HasSubstr(kDirectory + "/" + segment + ": damaged at offset "));
}

struct Opening {
  std::vector<LogBatch> batches;
  LogRecovery recovery;
};

/// Opens what must be openable.
Opening open_well(FileSystem& files) {
  ManualClock clock(kNoonUs);
  SeededRandom random(8);
  const auto opened = SegmentLog::open(files, clock, random, {.directory = kDirectory, .segment_bytes = 4096});
  if (!opened) {
    ADD_FAILURE() << opened.error().message;
    return {};
  }
  return {read_all(**opened), (*opened)->recovery()};
}

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
    if (content.at(name).size() > 4096) {
      ++larger;
    } else {
      EXPECT_EQ(content.at(name).size(), 4096U) << name;
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
    ASSERT_TRUE(writer.append(std::string(1024 - kSegmentHeaderBytes - kBatchOverheadBytes - left, 'x')));
    EXPECT_THAT(read_all(writer.log()), SizeIs(1));
    ASSERT_TRUE(writer.append("{}"));
    EXPECT_THAT(read_all(writer.log()), SizeIs(2));
    ASSERT_TRUE(writer.log().close());
    const Content content = content_of(files);
    ASSERT_THAT(segments_of(content), SizeIs(2));
    ASSERT_EQ(end_of_batches(content.at(segment_name(1))), 1024 - left);
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

// --- damage
// -----------------------------------------------------------------------------------------------------------

TEST(SegmentLogDamage, EveryCutOfAClosedLogIsRefused) {
  const ClosedLog log = closed_log(6, 30, 2048);
  const std::vector<std::string> names = segments_of(log.content);
  ASSERT_THAT(names, SizeIs(2));
  MemoryFileSystem files;
  for (const std::string& name : names) {
    const std::string& bytes = log.content.at(name);
    const std::size_t end = end_of_batches(bytes);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      Content cut = log.content;
      cut[name].resize(length);
      const auto error = refusal(files, cut);
      if (length >= end) {  // only zeros that were never used are gone
        ASSERT_FALSE(error) << name << " cut to " << length << ": " << error->message;
        ASSERT_TRUE(same(open_well(files).batches, log.batches)) << length;
        continue;
      }
      ASSERT_TRUE(error) << name << " cut to " << length;
      ASSERT_EQ(error->code, ErrorCode::corrupt);
      ASSERT_EQ(error->reason, "log_damaged");
      // A segment cut between two batches looks whole: then it is the next one that does not continue.
      const bool is_last = name == names.back();
      ASSERT_TRUE(error->message.contains(name) || (!is_last && error->message.contains(names.back())))
          << error->message;
      ASSERT_THAT(error->message, HasSubstr("damaged at offset "));
    }
  }
}

TEST(SegmentLogDamage, EveryFlippedBitOfAClosedLogIsRefusedOrHarmless) {
  const ClosedLog log = closed_log(4, 30, 1024);
  ASSERT_THAT(segments_of(log.content), SizeIs(2));
  MemoryFileSystem files;
  for (const auto& [name, bytes] : log.content) {
    const bool is_segment = parse_segment_name(name).has_value();
    const std::size_t end = is_segment ? end_of_batches(bytes) : 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        Content flipped = log.content;
        flipped[name][at] = static_cast<char>(bytes[at] ^ (1 << bit));
        const auto error = refusal(files, flipped);
        if (error) {
          ASSERT_EQ(error->code, ErrorCode::corrupt);
          if (is_segment) ASSERT_THAT(error->message, HasSubstr(name));
          continue;
        }
        ASSERT_TRUE(!is_segment || at >= end) << name << ": byte " << at << ", bit " << bit << " went unnoticed";
        ASSERT_TRUE(same(open_well(files).batches, log.batches)) << name << ": byte " << at << ", bit " << bit;
      }
    }
  }
}

TEST(SegmentLogDamage, AMissingHeadIsRefusedWhenThereAreSegments) {
  Content content = closed_log(3, 30, 4096).content;
  content.erase(kHead);
  const auto error = refusal(content);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::corrupt);
  EXPECT_THAT(error->message, HasSubstr("head is missing"));
}

TEST(SegmentLogDamage, OneInvalidHeadSlotFallsBackToTheOtherAndTwoAreRefused) {
  const ClosedLog log = closed_log(3, 30, 4096);
  Content both = log.content;
  for (const std::size_t slot : {std::size_t{0}, kSlotSpacing}) {
    Content one = log.content;
    for (Content* content : {&one, &both}) (*content)[kHead][slot + 20] ^= 1;
    MemoryFileSystem files;
    put(files, one);
    EXPECT_TRUE(same(open_well(files).batches, log.batches));
    Writer writer(files);
    ASSERT_TRUE(writer.is_open());
    EXPECT_TRUE(writer.append("more"));
    ASSERT_TRUE(writer.log().close());
    EXPECT_EQ(open_well(files).recovery.head_position, 7U) << "the head goes on from the slot that was valid";
  }
  const auto error = refusal(both);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::corrupt);
  EXPECT_THAT(error->message, HasSubstr("neither slot"));
  both[kHead].clear();
  EXPECT_TRUE(refusal(both));
}

TEST(SegmentLogDamage, AMissingSegmentIsRefusedWhereverItStood) {
  const ClosedLog log = closed_log(12, 200, 1024);
  const std::vector<std::string> names = segments_of(log.content);
  ASSERT_GE(names.size(), 5U);
  for (std::size_t i = 0; i < names.size(); ++i) {
    SCOPED_TRACE(names[i]);
    Content content = log.content;
    content.erase(names[i]);
    expect_damage(content, i + 1 < names.size() ? names[i + 1] : names[i - 1]);
  }
  Content none = {{kHead, log.content.at(kHead)}};
  const auto error = refusal(none);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::corrupt);
}

TEST(SegmentLogDamage, AnOlderSegmentCopiedBackIsRefused) {
  MemoryFileSystem files;
  Content earlier;
  for (const bool later : {false, true}) {
    Writer writer(files);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer.append("{}"));
    ASSERT_TRUE(writer.log().close());
    if (!later) earlier = content_of(files);
  }
  Content mixed = content_of(files);
  mixed[segment_name(1)] = earlier.at(segment_name(1));
  expect_damage(mixed, segment_name(1));
}

TEST(SegmentLogDamage, ASegmentOfAnotherStoreOrUnderAnotherNameIsRefused) {
  const ClosedLog log = closed_log(12, 200, 1024, 7);
  const ClosedLog other = closed_log(12, 200, 1024, 9);
  const std::vector<std::string> names = segments_of(log.content);
  ASSERT_EQ(names, segments_of(other.content));
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    Content mixed = log.content;
    mixed[name] = other.content.at(name);
    expect_damage(mixed, name);
  }
  Content renamed = log.content;
  auto node = renamed.extract(names.back());
  node.key() = segment_name(*parse_segment_name(names.back()) + 1'000);
  const std::string new_name = node.key();
  renamed.insert(std::move(node));
  expect_damage(renamed, new_name);
  Content repeated = log.content;
  repeated[new_name] = repeated.at(names.back());
  expect_damage(repeated, new_name);
}

// Two copies of one store went different ways: each log is valid by itself, but not the one this head was written for.
TEST(SegmentLogDamage, ALogThatIsNotTheOneTheHeadKnowsIsRefused) {
  const Content common = closed_log(2, 30, 4096).content;
  const auto go_on = [&](const std::vector<std::vector<std::string>>& batches) {
    MemoryFileSystem files;
    put(files, common);
    Writer writer(files);
    for (const std::vector<std::string>& payloads : batches) {
      std::vector<RecordDraft> drafts;
      for (const std::string& payload : payloads) drafts.push_back(draft(payload));
      CHECK(writer.append(std::move(drafts)));
    }
    CHECK(writer.log().close());
    return content_of(files);
  };
  const Content one_record = go_on({{"mine"}});
  for (const Content& theirs : {go_on({{"theirs"}}), go_on({{"theirs"}, {"more"}}), go_on({{"mine", "and more"}})}) {
    Content mixed = theirs;
    mixed[kHead] = one_record.at(kHead);
    expect_damage(mixed, segment_name(1));
  }
}

TEST(SegmentLogDamage, DamageIsRefusedOnARealDiskToo) {
  const tests::TemporaryDirectory directory;
  PosixFileSystem files;
  ManualClock clock(kNoonUs);
  SeededRandom random(7);
  const SegmentLogOptions options{.directory = directory / "wal", .segment_bytes = 4096};
  {
    Recorder recorder;
    auto log = *SegmentLog::open(files, clock, random, options);
    log->start(recorder);
    ASSERT_TRUE(log->append({draft("{}")}));
    ASSERT_TRUE(log->close());
  }
  const std::string path = options.directory + "/" + segment_name(1);
  const std::string bytes = read_file(files, path);
  {
    const auto file = *files.open(path, OpenMode::read_write);
    ASSERT_TRUE(file->truncate(end_of_batches(bytes) - 1));
  }
  const auto refused = SegmentLog::open(files, clock, random, options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(path + ": damaged at offset 128 (position 1)"));
}

// --- the torn tail
// ----------------------------------------------------------------------------------------------------

/// A log whose head is older than its end, as after a crash between a group's acknowledgement and the next head.
struct CrashedLog {
  Content content;
  std::vector<LogBatch> kept;  ///< up to the head
  std::vector<LogBatch> whole;
  std::size_t tail_begins = 0;
  std::size_t tail_ends = 0;
};

CrashedLog crashed_log(int batches_beyond_head) {
  MemoryFileSystem files;
  CrashedLog out;
  std::string old_head;
  for (const int count : {3, batches_beyond_head}) {
    Writer writer(files);
    for (int i = 0; i < count; ++i) CHECK(writer.append({draft("{}"), draft(std::string(20, 'x'))}));
    CHECK(writer.log().close());
    const Content content = content_of(files);
    (old_head.empty() ? out.tail_begins : out.tail_ends) = end_of_batches(content.at(segment_name(1)));
    if (old_head.empty()) {
      out.kept = read_all(writer.log());
      old_head = content.at(kHead);
    }
    out.whole = read_all(writer.log());
  }
  out.content = content_of(files);
  out.content[kHead] = old_head;
  return out;
}

TEST(SegmentLogRecovery, KeepsEveryWholeBatchBeyondTheHead) {
  const CrashedLog log = crashed_log(3);
  MemoryFileSystem files;
  put(files, log.content);
  const Opening opening = open_well(files);
  EXPECT_EQ(opening.recovery.head_position, 6U);
  EXPECT_EQ(opening.recovery.last_position, 12U);
  EXPECT_EQ(opening.recovery.cut_bytes, 0U);
  EXPECT_TRUE(same(opening.batches, log.whole));
}

// Opens with the kept batches, reports the cut, and is clean and writable afterwards.
void expect_cut(const Content& content, const std::vector<LogBatch>& kept, std::size_t end, std::size_t cut_bytes) {
  MemoryFileSystem files;
  put(files, content);
  const Opening opening = open_well(files);
  ASSERT_TRUE(same(opening.batches, kept));
  ASSERT_EQ(opening.recovery.cut_bytes, cut_bytes);
  ASSERT_EQ(opening.recovery.last_position, kept.back().last_position());
  const std::string segment = read_file(files, kDirectory + "/" + segment_name(1));
  if (segment.size() > end) ASSERT_EQ(segment.find_first_not_of('\0', end), std::string::npos);
  const Opening again = open_well(files);
  ASSERT_TRUE(same(again.batches, kept));
  ASSERT_EQ(again.recovery.cut_bytes, 0U);
  Writer writer(files);
  ASSERT_TRUE(writer.append("more"));
  ASSERT_TRUE(writer.log().close());
  ASSERT_EQ(writer.recorder().batches().at(0).first_position(), kept.back().last_position() + 1);
  ASSERT_THAT(open_well(files).batches, SizeIs(kept.size() + 1));
}

std::size_t used_bytes(const std::string& segment, std::size_t begin) {
  const std::size_t last = segment.find_last_not_of('\0');
  return last == std::string::npos || last < begin ? 0 : last + 1 - begin;
}

TEST(SegmentLogRecovery, CutsATailTornAtAnyByte) {
  const CrashedLog log = crashed_log(1);
  for (std::size_t length = log.tail_begins; length < log.tail_ends; ++length) {
    SCOPED_TRACE(length);
    Content short_file = log.content;
    std::string& segment = short_file[segment_name(1)];
    segment.resize(length);
    const std::size_t cut = used_bytes(segment, log.tail_begins);
    expect_cut(short_file, log.kept, log.tail_begins, cut);
    segment.resize(4096);  // the tail was never written, the zeros prepared for it were
    expect_cut(short_file, log.kept, log.tail_begins, cut);
  }
}

TEST(SegmentLogRecovery, CutsFromTheFirstInvalidBatchOn) {
  const CrashedLog log = crashed_log(3);
  const std::string& whole = log.content.at(segment_name(1));
  for (std::size_t at = log.tail_begins; at < log.tail_ends; at += 13) {
    SCOPED_TRACE(at);
    Content garbled = log.content;
    garbled[segment_name(1)][at] ^= 0x10;
    std::vector<LogBatch> kept = log.kept;
    std::size_t end = log.tail_begins;
    while (true) {
      const auto header = base::peek_batch(std::string_view(whole).substr(end, base::kBatchHeaderBytes));
      if (end + header->length > at) break;
      kept.push_back(log.whole[kept.size()]);
      end += header->length;
    }
    expect_cut(garbled, kept, end, log.tail_ends - end);
  }
}

TEST(SegmentLogRecovery, CutsABatchBehindOneThatWasNeverWritten) {
  const CrashedLog log = crashed_log(3);
  Content holes = log.content;
  std::string& segment = holes[segment_name(1)];
  const auto first = base::peek_batch(std::string_view(segment).substr(log.tail_begins, base::kBatchHeaderBytes));
  std::fill_n(segment.begin() + static_cast<std::ptrdiff_t>(log.tail_begins), first->length, '\0');
  expect_cut(holes, log.kept, log.tail_begins, log.tail_ends - log.tail_begins);
}

TEST(SegmentLogRecovery, OnlyTheLastSegmentMayBeTorn) {
  ClosedLog log = closed_log(12, 200, 1024);
  const std::vector<std::string> names = segments_of(log.content);
  MemoryFileSystem fresh;
  {
    const Writer writer(fresh, 1024);
  }
  Content content = log.content;
  // A head that knows nothing yet: the store's first slot, generation 0, with the other one empty.
  std::string& head = content[kHead];
  head = read_file(fresh, kDirectory + "/" + kHead);
  content[names[1]][end_of_batches(content[names[1]]) - 1] ^= 1;
  expect_damage(content, names[1]);
}

// --- reading beside a writer
// ------------------------------------------------------------------------------------------

/// Forwards to a file system in memory that outlives it, counts, and fails or stops as a disk would.
///
/// Only sync_data makes bytes survive a crash; only sync_directory makes names survive it.
class UnreliableFileSystem final : public FileSystem {
 public:
  explicit UnreliableFileSystem(MemoryFileSystem& live) : live_(live) {}

  /// The Nth sync (from 1) does nothing and nothing works any more.
  void crash_at_sync(int n) { crash_at_ = n; }
  /// The Nth sync_data (from 1) and every later one fail; writing goes on.
  void fail_syncs_from(int n) { fail_from_ = n; }
  [[nodiscard]] int syncs() const { return syncs_; }
  [[nodiscard]] int changes() const { return changes_; }
  [[nodiscard]] int locks() const { return locks_; }

  enum class Survival {
    synced,        ///< what was synced, under the names that were synced
    synced_bytes,  ///< what was synced, under the latest names
    everything,    ///< the process died, the machine did not
    torn,          ///< some blocks of what was not synced
  };
  [[nodiscard]] Content after_crash(Survival survival, std::uint64_t seed = 0) {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::uint64_t> names = synced_names_;
    if (survival != Survival::synced) names = live_names();
    Content content;
    for (const auto& [name, inode] : names) {
      const std::string& synced = synced_bytes_[inode];
      std::string& bytes = content[name];
      bytes = synced;
      if (survival == Survival::synced || survival == Survival::synced_bytes) continue;
      const std::string latest = read_file(live_, kDirectory + "/" + name);
      bytes = latest;
      if (survival == Survival::everything) continue;
      std::mt19937_64 dice(seed);
      for (std::size_t at = 0; at < bytes.size(); at += 64) {
        if (dice() % 2 == 0) continue;
        for (std::size_t i = at; i < std::min(at + 64, bytes.size()); ++i)
          bytes[i] = i < synced.size() ? synced[i] : '\0';
      }
    }
    return content;
  }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const std::lock_guard lock(mutex_);
    TRY(check());
    const bool existed = live_.stat(path)->has_value();
    TRY(auto file, live_.open(path, mode));
    if (!existed) ++changes_;
    TRY(const FileStat stat, file->stat());
    return std::make_unique<OpenFile>(*this, std::move(file), stat.inode);
  }
  Result<std::optional<FileStat>> stat(const std::string& path) override { return live_.stat(path); }
  Result<std::string> canonical(const std::string& path) override { return live_.canonical(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override { return live_.list(directory); }
  Result<void> create_directories(const std::string& path) override {
    return change([&] { return live_.create_directories(path); });
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return change([&] { return live_.rename(from, to); });
  }
  Result<void> remove(const std::string& path) override {
    return change([&] { return live_.remove(path); });
  }
  Result<void> sync_directory(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    TRY(begin_sync());
    synced_names_ = live_names();
    return live_.sync_directory(path);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    ++locks_;
    return live_.lock(path);
  }

 private:
  class OpenFile final : public File {
   public:
    OpenFile(UnreliableFileSystem& files, std::unique_ptr<File> file, std::uint64_t inode)
        : files_(files), file_(std::move(file)), inode_(inode) {}
    Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
      return file_->read_at(offset, length, out);
    }
    Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
      return files_.change([&] { return file_->write_at(offset, bytes); });
    }
    Result<void> sync_data() override {
      const std::lock_guard lock(files_.mutex_);
      TRY(files_.begin_sync());
      if (files_.fail_from_ > 0 && ++files_.data_syncs_ >= files_.fail_from_)
        return fail(ErrorCode::io_error, "the sync failed");
      return file_->read_at(0, 1 << 30, files_.synced_bytes_[inode_]);
    }
    Result<void> truncate(std::uint64_t size) override {
      return files_.change([&] { return file_->truncate(size); });
    }
    Result<FileStat> stat() const override { return file_->stat(); }

   private:
    UnreliableFileSystem& files_;
    std::unique_ptr<File> file_;
    std::uint64_t inode_;
  };

  [[nodiscard]] Result<void> check() const {
    if (crashed_) return fail(ErrorCode::io_error, "the machine is off");
    return {};
  }
  [[nodiscard]] Result<void> begin_sync() {
    ++syncs_;
    ++changes_;
    if (crash_at_ > 0 && syncs_ >= crash_at_) crashed_ = true;
    return check();
  }
  template <typename Act>
  [[nodiscard]] Result<void> change(const Act& act) {
    const std::lock_guard lock(mutex_);
    TRY(check());
    ++changes_;
    return act();
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> live_names() {
    std::map<std::string, std::uint64_t> names;
    for (const std::string& name : live_.list(kDirectory).value_or(std::vector<std::string>{})) {
      names[name] = (*live_.stat(kDirectory + "/" + name))->inode;
    }
    return names;
  }

  MemoryFileSystem& live_;
  std::mutex mutex_;  // guards all below; the settings are made before the first use
  int crash_at_ = 0;
  int fail_from_ = 0;
  int syncs_ = 0;
  int data_syncs_ = 0;
  int changes_ = 0;
  int locks_ = 0;
  bool crashed_ = false;
  std::map<std::uint64_t, std::string> synced_bytes_;
  std::map<std::string, std::uint64_t> synced_names_;
};

Result<std::unique_ptr<SegmentLog>> open_read_only(FileSystem& files, Clock& clock, Random& random) {
  return SegmentLog::open(files, clock, random, {.directory = kDirectory, .segment_bytes = 4096, .read_only = true});
}

TEST(SegmentLogReadOnly, TakesNoLockAndChangesNothing) {
  const CrashedLog log = crashed_log(2);
  Content torn = log.content;
  torn[segment_name(1)][log.tail_ends - 1] ^= 1;
  MemoryFileSystem memory;
  put(memory, torn);
  UnreliableFileSystem files(memory);
  ManualClock clock(kNoonUs);
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

TEST(SegmentLogReadOnly, OfNoLogIsNotFoundAndMakesNone) {
  MemoryFileSystem files;
  ManualClock clock(kNoonUs);
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
    ManualClock clock(kNoonUs);
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

// --- disks that fail, machines that go dark
// ---------------------------------------------------------------------------

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
