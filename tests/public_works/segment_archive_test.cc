// SPDX-License-Identifier: Apache-2.0
// What goes into the archive comes out again, byte for byte, and nothing else is taken for it.
#include "public_works/adapters/segment_log/segment_archive.h"

#include "public_works/adapters/segment_log/archived_beginning.h"
#include "public_works/adapters/segment_log/log_copy.h"
#include "public_works/adapters/segment_log/zstd_stream.h"
#include "segment_log_fixture.h"

namespace symphainy::public_works {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kArchive = "/archive";

struct Stored {
  MemoryFileSystem files;
  Content content;
  LogIdentity log;
  std::vector<std::string> names;

  Stored() {
    {
      Writer writer(files, 2048);
      log = writer.log().identity();
      for (int i = 0; i < 16; ++i)
        CHECK(writer.append({draft(std::string(300, static_cast<char>('a' + i))), draft("{}")}));
      CHECK(writer.log().close());
    }
    content = content_of(files);
    names = segments_of(content);
    CHECK(names.size() >= 4);
  }
  SegmentArchive archive() { return {files, kArchive, log}; }
  [[nodiscard]] std::string path(std::size_t i) const { return kDirectory + "/" + names[i]; }
};

void overwrite(FileSystem& files, const std::string& path, const std::string& bytes) {
  const auto file = files.open(path, OpenMode::create).value();
  CHECK(file->truncate(0) && file->write_at(0, bytes));
}

TEST(SegmentArchive, GivesBackWhatWentInAndMayBeAskedAgain) {
  Stored stored;
  SegmentArchive archive = stored.archive();
  EXPECT_THAT(archive.names().value(), IsEmpty());
  for (const bool again : {false, true}) {
    for (std::size_t i = 0; i < 3; ++i) {
      const auto added = archive.add(stored.path(i));
      ASSERT_TRUE(added) << added.error().message;
      EXPECT_EQ(added->was_there, again);
      EXPECT_EQ(added->bytes, stored.content.at(stored.names[i]).size());
      EXPECT_LT(added->archived_bytes, added->bytes / 4) << "zeros and repetitions";
      EXPECT_THAT(added->path, EndsWith(stored.log.timeline.text() + "/" + stored.names[i] + ".zst"));
    }
  }
  EXPECT_THAT(archive.names().value(), ElementsAre(stored.names[0], stored.names[1], stored.names[2]));
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(archive.read(stored.names[i]).value(), stored.content.at(stored.names[i]));
  EXPECT_EQ(archive.read(stored.names[3]).error().code, ErrorCode::not_found);
  EXPECT_TRUE(content_of(stored.files) == stored.content);
}

TEST(SegmentArchive, LeavesNothingThatLooksFinishedWhenItFails) {
  Stored stored;
  ASSERT_TRUE(stored.archive().add(stored.path(0)));
  const std::string directory = stored.archive().directory();
  const std::string whole = read_file(stored.files, directory + "/" + stored.names[0] + ".zst");
  // As a crash leaves it: some bytes under the unfinished name.
  overwrite(stored.files, directory + "/" + stored.names[1] + ".zst.unfinished", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(stored.archive().names().value(), SizeIs(1));
  ASSERT_TRUE(stored.archive().add(stored.path(1)));
  EXPECT_EQ(stored.archive().read(stored.names[1]).value(), stored.content.at(stored.names[1]));
}

TEST(SegmentArchive, ADamagedOneIsFoundAndNeitherUsedNorWrittenOver) {
  Stored stored;
  ASSERT_TRUE(stored.archive().add(stored.path(0)));
  const std::string path = stored.archive().directory() + "/" + stored.names[0] + ".zst";
  const std::string good = read_file(stored.files, path);
  std::vector<std::string> bad{"", good.substr(0, good.size() - 1), good + "x", good + good, "no zstd at all"};
  for (std::size_t size = 1; size < good.size(); size += 7) bad.push_back(good.substr(0, size));
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    bad.push_back(good);
    bad.back()[bit / 8] = static_cast<char>(bad.back()[bit / 8] ^ 1 << bit % 8);
  }
  std::size_t harmless = 0;
  for (const std::string& bytes : bad) {
    overwrite(stored.files, path, bytes);
    const auto read = stored.archive().read(stored.names[0]);
    const auto added = stored.archive().add(stored.path(0));
    // A bit that zstd does not use changes nothing of the content.
    if (read && *read == stored.content.at(stored.names[0])) {
      EXPECT_TRUE(added);
      ++harmless;
      continue;
    }
    ASSERT_FALSE(read) << "the checksum of the content does not let it pass";
    EXPECT_EQ(read.error().code, ErrorCode::corrupt);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, ErrorCode::corrupt);
    EXPECT_EQ(added.error().reason, "archive_damaged");
    EXPECT_THAT(added.error().message, HasSubstr(path));
    EXPECT_EQ(read_file(stored.files, path), bytes);
  }
  EXPECT_LE(harmless, bad.size() / 100) << "of " << bad.size();
}

TEST(SegmentArchive, OfAnotherSegmentIsRefused) {
  Stored stored;
  ASSERT_TRUE(stored.archive().add(stored.path(0)));
  const std::string directory = stored.archive().directory() + "/";
  ASSERT_TRUE(stored.files.rename(directory + stored.names[0] + ".zst", directory + stored.names[1] + ".zst"));
  const auto added = stored.archive().add(stored.path(1));
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().reason, "archive_damaged");
}

TEST(SegmentArchive, JoinedToTheLogGivesTheProofFromItsFirstPosition) {
  Stored stored;
  SegmentArchive archive = stored.archive();
  KnownHead head = read_durable_head(stored.files, kDirectory).value();
  const LogScan whole = scan_log(stored.files, kDirectory, head).value();
  std::uint64_t base = 0;
  {
    Writer writer(stored.files, 2048);
    for (std::size_t i = 0; i < 2; ++i) ASSERT_TRUE(archive.add(stored.path(i)));
    ASSERT_THAT(writer.log().retire(*parse_segment_name(stored.names[2])).value(), SizeIs(2));
    base = writer.log().first_position() - 1;
    ASSERT_TRUE(writer.log().close());
  }
  const auto beginning = ArchivedBeginning::find(stored.files, kArchive, stored.log, {}, base).value();
  ArchivedLogFiles joined(stored.files, kDirectory, beginning, base);
  head = read_durable_head(stored.files, kDirectory).value();
  for (const std::size_t threads : {1, 3}) {
    ScanOptions how;
    how.threads = threads;
    const LogScan scan = scan_log(joined, kDirectory, head, how).value();
    ASSERT_FALSE(scan.damage) << scan.damage->reason;
    EXPECT_FALSE(scan.base);
    EXPECT_EQ(scan.segments.front().first_position, 1U);
    EXPECT_EQ(scan.chain.store_hash(), whole.chain.store_hash());
  }
  ASSERT_TRUE(stored.files.remove(archive.directory() + "/" + stored.names[1] + ".zst"));
  const auto with_gap = ArchivedBeginning::find(stored.files, kArchive, stored.log, {}, base).value();
  ArchivedLogFiles joined_with_gap(stored.files, kDirectory, with_gap, base);
  const LogScan gap = scan_log(joined_with_gap, kDirectory, head).value();
  ASSERT_TRUE(gap.damage);
  EXPECT_THAT(gap.damage->segment, EndsWith(stored.names[2]));
}

/// A copy of the stored log's records behind a batch in the middle of its second segment, on a timeline of its own.
struct Forked : Stored {
  const std::string copy = "/copy";
  LogIdentity own = log;
  LogBase base;

  Forked() {
    for (const std::string& name : names) CHECK(archive().add(kDirectory + "/" + name));
    const std::uint64_t first = *parse_segment_name(names[1]);
    const std::uint64_t end = *parse_segment_name(names[2]) - 1;
    base.log = log;
    FollowOptions how;
    how.store = log.store;
    for (const std::string& name : {names[0], names[1]})
      CHECK(move_behind(files, kDirectory + "/" + name, base, first + (end - first) / 2));
    CHECK(base.chain.position() > first && base.chain.position() < end);
    own.timeline.bytes[0] ^= 1;
    LogCopier copier(files, copy, own);
    CHECK(copier.begin_behind(base));
    how.begin = base.chain;
    CHECK(follow_log(files, kDirectory, how, [&](const FollowedBatch& next) { return copier.add(next); }));
    CHECK(copier.finish());
  }
  LogScan joined(const std::vector<SharedTimeline>& earlier) {
    const std::uint64_t position = base.chain.position();
    const auto beginning = ArchivedBeginning::find(files, kArchive, own, earlier, position).value();
    ArchivedLogFiles all(files, copy, beginning, position);
    KnownHead head = read_durable_head(files, copy).value();
    return scan_log(all, copy, head).value();
  }
};

TEST(ArchivedBeginning, IsThatOfTheTimelinesThatALogComesFromAsFarAsItSharesThem) {
  Forked forked;
  KnownHead head = read_durable_head(forked.files, kDirectory).value();
  const LogScan whole = scan_log(forked.files, kDirectory, head).value();
  const LogScan joined = forked.joined({{forked.log.timeline, whole.chain.position()}});
  ASSERT_FALSE(joined.damage) << joined.damage->reason;
  EXPECT_EQ(joined.segments.front().first_position, 1U);
  EXPECT_EQ(joined.chain.store_hash(), whole.chain.store_hash());
  EXPECT_EQ(joined.chain.tenants().size(), whole.chain.tenants().size());

  base::Uuid unknown = forked.own.timeline;
  unknown.bytes[1] ^= 1;
  const LogScan again = forked.joined({{forked.log.timeline, whole.chain.position()}, {unknown, 1}});
  EXPECT_FALSE(again.damage) << "a timeline in between of which nothing was archived";
  EXPECT_TRUE(forked.joined({}).damage) << "of a timeline that it does not come from nothing is taken";
  const LogScan less = forked.joined({{forked.log.timeline, forked.base.chain.position() - 1}});
  ASSERT_TRUE(less.damage) << "nor what it does not share";
  EXPECT_EQ(less.damage->segment, forked.copy + "/" + segment_name(forked.base.chain.position() + 1));
}

TEST(ArchivedBeginning, OfAnotherTimelineThanItsPlaceSaysIsRefused) {
  Forked forked;
  LogIdentity misplaced = forked.log;
  misplaced.timeline.bytes[2] ^= 1;
  const std::string place = kArchive + "/" + misplaced.timeline.text();
  ASSERT_TRUE(forked.files.create_directories(place));
  const std::string name = forked.names[0] + ".zst";
  ASSERT_TRUE(forked.files.rename(kArchive + "/" + forked.log.timeline.text() + "/" + name, place + "/" + name));
  const auto beginning =
      ArchivedBeginning::find(forked.files, kArchive, forked.own, {{misplaced.timeline, 1'000}}, 1'000).value();
  ASSERT_THAT(beginning.names(), ElementsAre(forked.names[0]));
  const auto read = beginning.read(forked.names[0]);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().reason, "archive_damaged");
  EXPECT_THAT(read.error().message, HasSubstr(place + "/" + name));
}

TEST(ZstdStream, KeepsEverySizeOfContent) {
  for (const std::size_t size : {0, 1, 131'071, 131'072, 131'073, 1'000'000}) {
    std::string content(size, '\0');
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * i >> 7);
    for (const std::size_t piece : {std::size_t{7'001}, std::size_t{1} << 20}) {
      const auto in_pieces = [piece](const std::string& bytes) {
        return [&bytes, piece, at = std::size_t{0}]() mutable -> Result<std::string_view> {
          const std::string_view next = std::string_view(bytes).substr(std::min(at, bytes.size()), piece);
          at += next.size();
          return next;
        };
      };
      std::string packed;
      std::string unpacked;
      const auto into = [](std::string& out) {
        return [&out](std::string_view bytes) -> Result<void> {
          out.append(bytes);
          return {};
        };
      };
      ASSERT_TRUE(compress(in_pieces(content), into(packed)));
      const auto done = decompress(in_pieces(packed), into(unpacked));
      ASSERT_TRUE(done) << done.error().message;
      ASSERT_TRUE(unpacked == content) << size;
    }
  }
}

}  // namespace
}  // namespace symphainy::public_works
