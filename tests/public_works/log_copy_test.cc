// SPDX-License-Identifier: Apache-2.0
// A copy of a log holds exactly the batches that follow each other from its beginning, opens on the timeline it was
// given, and appears whole or not at all.
#include "public_works/adapters/segment_log/log_copy.h"

#include <set>

#include "public_works/adapters/segment_log/log_scan.h"
#include "segment_log_fixture.h"
#include "unreliable_file_system.h"

namespace symphainy::public_works {
namespace {

using ::testing::HasSubstr;

const std::string kDamaged = "/damaged";

// Puts the log's files where copies are made from.
void put_damaged(MemoryFileSystem& files, const Content& content) {
  ASSERT_TRUE(files.create_directories(kDamaged));
  for (const auto& [name, bytes] : content) {
    const auto file = files.open(kDamaged + "/" + name, OpenMode::create);
    ASSERT_TRUE(file && (*file)->truncate(0) && (*file)->write_at(0, bytes));
  }
}

LogIdentity identity_of(MemoryFileSystem& files) {
  const auto identity = read_identity(files, kDamaged);
  EXPECT_TRUE(identity) << identity.error().message;
  return identity.value_or(LogIdentity{});
}

base::Uuid other_timeline() {
  return base::Uuid::from_bytes("another timeline");
}

// Copies /damaged to /wal, and appends one batch.
Result<FollowedLog> copy_log(MemoryFileSystem& original, FileSystem& files, FollowOptions how = {}) {
  const LogIdentity identity = identity_of(original);
  how.store = identity.store;
  LogCopier copier(files, kDirectory, {identity.store, other_timeline()});
  TRY(FollowedLog followed,
      follow_log(original, kDamaged, how, [&](const FollowedBatch& next) { return copier.add(next); }));
  if (followed.chain.position() == 0) return followed;
  SeededRandom random(9);
  RecordDraft last = draft("the copy's own");
  last.partition_epoch = followed.chain.epoch() + 1;
  TRY(copier.append(followed.chain, {std::move(last)}, kNoonUs, random));
  TRY(copier.finish());
  return followed;
}

// What a copy of this must be: its batches in front of `expected`, and the copy's own one.
void expect_copy(const Content& content, const std::vector<LogBatch>& expected, const FollowOptions& how = {}) {
  MemoryFileSystem files;
  put_damaged(files, content);
  const auto followed = copy_log(files, files, how);
  ASSERT_TRUE(followed) << followed.error().message;
  if (expected.empty()) {
    EXPECT_EQ(followed->chain.position(), 0U);
    EXPECT_FALSE(files.stat(kDirectory)->has_value()) << "nothing was to be copied, and something was made";
    return;
  }
  for (const auto& [name, bytes] : content) EXPECT_EQ(read_file(files, kDamaged + "/" + name), bytes) << name;
  auto head = read_durable_head(files, kDirectory);
  ASSERT_TRUE(head);
  EXPECT_TRUE(head->newest.closed);
  EXPECT_EQ(head->newest.timeline, other_timeline());
  const LogScan scan = scan_log(files, kDirectory, *head).value();
  ASSERT_FALSE(scan.damage) << scan.damage->to_error().message;
  EXPECT_EQ(scan.torn_bytes, 0U);
  const Opening opened = open_well(files);
  ASSERT_EQ(opened.batches.size(), expected.size() + 1);
  EXPECT_TRUE(begins_with(opened.batches, expected));
  EXPECT_EQ(opened.batches.back().records.front().payload, "the copy's own");
  // It goes on as any log does.
  Writer writer(files);
  RecordDraft later = draft("later");
  later.partition_epoch = opened.recovery.last_epoch + 1;
  EXPECT_TRUE(writer.append({std::move(later)}));
  EXPECT_TRUE(writer.log().close());
}

std::vector<LogBatch> first_of(const std::vector<LogBatch>& batches, std::size_t count) {
  return {batches.begin(), batches.begin() + static_cast<std::ptrdiff_t>(count)};
}

ClosedLog several_segments() {
  ClosedLog log = closed_log(12, 900, kRoom);
  CHECK(segments_of(log.content).size() > 2);
  return log;
}

// Where each batch begins: segment and offset.
std::vector<std::pair<std::string, std::size_t>> places_of(const ClosedLog& log) {
  std::vector<std::pair<std::string, std::size_t>> places;
  for (const std::string& name : segments_of(log.content)) {
    const std::string& bytes = log.content.at(name);
    std::size_t offset = kSegmentBatchesOffset;
    while (const auto header = base::peek_batch(std::string_view(bytes).substr(offset, base::kBatchHeaderBytes))) {
      places.emplace_back(name, offset);
      offset += header->length;
    }
  }
  CHECK(places.size() == log.batches.size());
  return places;
}

TEST(LogCopy, HoldsEverythingOfASoundLog) {
  const ClosedLog log = several_segments();
  expect_copy(log.content, log.batches);
  const ClosedLog one = closed_log(3, 20, kRoom);
  expect_copy(one.content, one.batches);
}

TEST(LogCopy, EndsBeforeTheDamagedBatchWhichever) {
  const ClosedLog log = several_segments();
  const auto places = places_of(log);
  for (std::size_t i = 0; i < places.size(); ++i) {
    SCOPED_TRACE(i);
    for (const std::size_t inside :
         {std::size_t{0}, std::size_t{5}, std::size_t{13}, std::size_t{30}, std::size_t{200}}) {
      Content content = log.content;
      content[places[i].first][places[i].second + inside] ^= 1;
      expect_copy(content, first_of(log.batches, i));
    }
  }
}

TEST(LogCopy, LosesNothingForWhatStandsBesideTheBatches) {
  const ClosedLog log = several_segments();
  for (const std::string& name : segments_of(log.content)) {
    SCOPED_TRACE(name);
    const std::size_t end = end_of_batches(log.content.at(name));
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{60}, std::size_t{124}, std::size_t{4096}, std::size_t{9000}, end}) {
      Content content = log.content;
      if (at >= content[name].size()) continue;
      content[name][at] ^= 1;
      expect_copy(content, log.batches);
    }
  }
  Content headless = log.content;
  headless[kHead] = std::string(headless[kHead].size(), '\0');
  expect_copy(headless, log.batches);
}

TEST(LogCopy, EndsBeforeAMissingSegment) {
  const ClosedLog log = several_segments();
  const auto places = places_of(log);
  for (const std::string& name : segments_of(log.content)) {
    Content content = log.content;
    content.erase(name);
    std::size_t kept = 0;
    while (places[kept].first != name) ++kept;
    if (kept > 0) expect_copy(content, first_of(log.batches, kept));
  }
}

TEST(LogCopy, EndsAtAWholeBatchUpToAPositionOrATime) {
  const ClosedLog log = several_segments();
  for (std::size_t i = 0; i < log.batches.size(); ++i) {
    FollowOptions how;
    how.until = log.batches[i].last_position();
    expect_copy(log.content, first_of(log.batches, i + 1), how);
    how.until = log.batches[i].last_position() - 1;  // inside the batch of two
    expect_copy(log.content, first_of(log.batches, i), how);
    FollowOptions by_time;
    by_time.until_us = log.batches[i].records.back().time_us;
    expect_copy(log.content, first_of(log.batches, i + 1), by_time);
    --by_time.until_us;
    expect_copy(log.content, first_of(log.batches, i), by_time);
  }
}

TEST(LogCopy, FollowsALogFromItsBase) {
  const ClosedLog log = several_segments();
  const auto places = places_of(log);
  std::size_t kept_from = 0;  // the second segment's first batch
  while (places[kept_from].first == places[0].first) ++kept_from;
  MemoryFileSystem files;
  put_damaged(files, log.content);
  FollowOptions how;
  how.store = identity_of(files).store;
  how.until = log.batches[kept_from - 1].last_position();
  const auto nothing = [](const FollowedBatch&) -> Result<void> { return {}; };
  how.begin = follow_log(files, kDamaged, how, nothing).value().chain;
  how.until = UINT64_MAX;
  ASSERT_TRUE(files.remove(kDamaged + "/" + places[0].first));
  std::vector<std::uint64_t> seen;
  const auto followed = follow_log(files, kDamaged, how, [&](const FollowedBatch& next) -> Result<void> {
    seen.push_back(next.batch.first_position());
    return {};
  });
  ASSERT_TRUE(followed);
  ASSERT_EQ(seen.size(), log.batches.size() - kept_from);
  EXPECT_EQ(seen.front(), log.batches[kept_from].first_position());
  EXPECT_EQ(followed->chain.store_hash(), log.batches.back().store_hash);
}

TEST(LogCopy, EndsBeforeABatchThatTheHeadContradicts) {
  const ClosedLog log = several_segments();
  HeadSlot known;
  known.position = log.batches[4].last_position();
  known.store_hash = log.batches[4].store_hash;
  FollowOptions how;
  how.known = {known};
  expect_copy(log.content, log.batches, how);
  how.known.front().store_hash = log.batches[3].store_hash;
  expect_copy(log.content, first_of(log.batches, 4), how);
  how.known = {known};
  how.known.front().position -= 1;
  expect_copy(log.content, first_of(log.batches, 4), how);
}

TEST(LogCopy, TellsWhatCanStillBeReadBehindTheDamage) {
  const ClosedLog log = several_segments();
  const auto places = places_of(log);
  for (std::size_t i = 0; i < places.size(); ++i) {
    SCOPED_TRACE(i);
    MemoryFileSystem files;
    Content content = log.content;
    content[places[i].first][places[i].second + 40] ^= 1;
    put_damaged(files, content);
    const auto followed = copy_log(files, files);
    ASSERT_TRUE(followed);
    std::set<std::uint64_t> found;
    const auto bytes = find_stray_batches(files, *followed, [&](const LogBatch& batch) -> Result<void> {
      for (const base::LogRecord& record : batch.records) found.insert(record.position);
      return {};
    });
    std::set<std::uint64_t> expected;
    std::uint64_t expected_bytes = 0;
    for (std::size_t j = i; j < places.size(); ++j) {
      expected_bytes += base::encoded_size(log.batches[j]);
      if (j == i) continue;
      for (const base::LogRecord& record : log.batches[j].records) expected.insert(record.position);
    }
    ASSERT_TRUE(bytes);
    EXPECT_EQ(found, expected);
    EXPECT_EQ(*bytes, expected_bytes);
  }
}

TEST(LogCopy, FindsABatchBehindOneThatLostItsBeginning) {
  const ClosedLog log = closed_log(4, 5000, 1 << 20);
  const auto places = places_of(log);
  MemoryFileSystem files;
  Content content = log.content;
  std::string& segment = content[places[1].first];
  segment.erase(places[1].second, 1001);  // what follows is shifted, too
  put_damaged(files, content);
  const auto followed = copy_log(files, files);
  ASSERT_TRUE(followed);
  std::vector<std::uint64_t> found;
  ASSERT_TRUE(find_stray_batches(files, *followed, [&](const LogBatch& batch) -> Result<void> {
    found.push_back(batch.first_position());
    return {};
  }));
  EXPECT_EQ(found, (std::vector<std::uint64_t>{5, 7}));
}

TEST(LogCopy, RefusesToCutWhatANewerReleaseWrote) {
  const ClosedLog log = several_segments();
  MemoryFileSystem files;
  Content content = log.content;
  std::string& segment = content[segments_of(content)[1]];
  base::store_integer<std::uint16_t>(segment.data() + 8, 2);  // the segment's format
  base::store_integer(segment.data() + 124, base::crc32c(std::string_view(segment).substr(0, 124)));
  put_damaged(files, content);
  const auto refused = copy_log(files, files);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, base::kUnknownFormat);
  EXPECT_THAT(refused.error().message, HasSubstr("open it with the release that wrote it"));
  EXPECT_THAT(refused.error().message, HasSubstr(segments_of(content)[1]));
}

TEST(LogCopy, IsWholeOrHasNoHeadWhereverTheMachineStops) {
  const ClosedLog log = several_segments();
  MemoryFileSystem whole;
  put_damaged(whole, log.content);
  UnreliableFileSystem counting(whole);
  ASSERT_TRUE(copy_log(whole, counting));
  int opened = 0;
  for (int sync = 1; sync <= counting.syncs(); ++sync) {
    for (const auto survival : {UnreliableFileSystem::Survival::synced, UnreliableFileSystem::Survival::synced_bytes,
                                UnreliableFileSystem::Survival::everything, UnreliableFileSystem::Survival::torn}) {
      SCOPED_TRACE(sync);
      MemoryFileSystem live;
      put_damaged(live, log.content);
      UnreliableFileSystem dying(live);
      dying.crash_at_sync(sync);
      EXPECT_FALSE(copy_log(live, dying));
      const Content left = dying.after_crash(survival, static_cast<std::uint64_t>(sync));
      MemoryFileSystem after;
      put(after, left);
      if (!left.contains(kHead)) {
        // What a crash leaves of the segments is no log.
        if (!segments_of(left).empty()) EXPECT_TRUE(refusal(left));
        continue;
      }
      ++opened;
      const Opening opening = open_well(after);
      EXPECT_EQ(opening.batches.size(), log.batches.size() + 1);
      EXPECT_TRUE(begins_with(opening.batches, log.batches));
    }
  }
  EXPECT_GT(opened, 0);
}

TEST(LogCopy, KnowsWhoseLogItIsByTheFirstSegmentOrTheHead) {
  const ClosedLog log = several_segments();
  MemoryFileSystem files;
  put_damaged(files, log.content);
  const LogIdentity identity = identity_of(files);
  for (const std::string& damaged : {kHead, segments_of(log.content)[0]}) {
    Content content = log.content;
    for (std::size_t i = 0; i < 128; ++i) content[damaged][i] = 'x';
    for (std::size_t i = 4096; damaged == kHead && i < 4200; ++i) content[damaged][i] = 'x';
    MemoryFileSystem other;
    put_damaged(other, content);
    const auto read = read_identity(other, kDamaged);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->store, identity.store);
    EXPECT_EQ(read->timeline, identity.timeline);
  }
  MemoryFileSystem empty;
  ASSERT_TRUE(empty.create_directories(kDamaged));
  EXPECT_EQ(read_identity(empty, kDamaged).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace symphainy::public_works
