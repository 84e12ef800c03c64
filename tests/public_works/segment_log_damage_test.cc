// SPDX-License-Identifier: Apache-2.0
// Nothing damaged is opened: files are cut at every length, flipped at every bit, exchanged and lost; and a torn tail,
// which is no damage, is cut.
#include "base/bytes.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/chain_file.h"
#include "segment_log_fixture.h"
#include "temporary_directory.h"

namespace symphainy::public_works {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

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
      if (length % 11 == 0) ASSERT_NO_FATAL_FAILURE(expect_same_in_parallel(files));
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

// In a segment every bit counts, the zeros between and behind what is used included: a closed log has no torn tail.
TEST(SegmentLogDamage, EveryFlippedBitOfAClosedLogIsRefusedAndInTheHeadFileHarmless) {
  const ClosedLog log = closed_log(4, 30, 1024);
  ASSERT_THAT(segments_of(log.content), SizeIs(2));
  MemoryFileSystem files;
  for (const auto& [name, bytes] : log.content) {
    const bool is_segment = parse_segment_name(name).has_value();
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      const bool in_zeros = bytes.compare(at - std::min<std::size_t>(at, 8), 17, std::string(17, '\0')) == 0;
      if (in_zeros) at += 36;  // one in so many bytes of a stretch of zeros is enough
      for (int bit = 0; bit < 8 && at < bytes.size(); ++bit) {
        Content flipped = log.content;
        flipped[name][at] = static_cast<char>(bytes[at] ^ (1 << bit));
        const auto error = refusal(files, flipped);
        if (at % 7 == 0 && bit == 3) ASSERT_NO_FATAL_FAILURE(expect_same_in_parallel(files));
        if (error) {
          ASSERT_EQ(error->code, ErrorCode::corrupt);
          if (is_segment) ASSERT_THAT(error->message, HasSubstr(name));
          continue;
        }
        ASSERT_FALSE(is_segment) << name << ": byte " << at << ", bit " << bit << " went unnoticed";
        ASSERT_TRUE(same(open_well(files).batches, log.batches)) << name << ": byte " << at << ", bit " << bit;
      }
    }
  }
}

// What an open log may have, a closed one may not: every byte of it was synced before it said that it is closed.
TEST(SegmentLogDamage, ATornTailBehindAClosedHeadIsRefused) {
  const CrashedLog log = crashed_log(1);
  Content content = log.content;
  for (const std::size_t length : {log.tail_ends, log.tail_ends - 1, log.tail_begins + 1}) {
    std::string& segment = content[segment_name(1)];
    segment.resize(length);
    MemoryFileSystem files;
    put(files, content);
    EXPECT_TRUE(same(open_well(files).batches, length == log.tail_ends ? log.whole : log.kept)) << length;
    Content closed = content;
    close_head(closed);
    expect_damage(closed, segment_name(1));
  }
}

// The head is in four places at most. The log must pass through every point that any of them tells.
TEST(SegmentLogDamage, AnyHeadThatTheLogContradictsIsRefused) {
  MemoryFileSystem files;
  Writer writer(files);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(writer.append(std::to_string(i)));
  ASSERT_TRUE(writer.log().close());
  const Content content = content_of(files);
  std::size_t checked = 0;
  for (const auto& [name, offsets] : {std::pair{kHead, std::array<std::uint64_t, 2>{0, kSlotSpacing}},
                                      std::pair{segment_name(1), kSegmentHeadOffsets}}) {
    for (const std::uint64_t at : offsets) {
      SCOPED_TRACE(name + " at " + std::to_string(at));
      Content other = content;
      auto slot = decode_head_slot(std::string_view(other[name]).substr(at, kHeadSlotBytes));
      ASSERT_TRUE(slot);
      if (slot->position == 0) continue;
      slot->store_hash.bytes[0] ^= 1;
      other[name].replace(at, kHeadSlotBytes, encode_head_slot(*slot));
      expect_damage(other, segment_name(1));
      ++checked;
    }
  }
  EXPECT_EQ(checked, 4U);
}

// What a checkpoint speaks of lies in the middle of the log.
TEST(SegmentLogDamage, TheChainAtAnEarlierPositionIsFoundHoweverManyThreadsLook) {
  const ClosedLog log = closed_log(12, 200, 1024);
  MemoryFileSystem files;
  put(files, log.content);
  expect_same_in_parallel(files);
  auto head = read_durable_head(files, kDirectory).value();
  const auto wanted = log.batches[5].last_position();
  for (const std::size_t threads : {1U, 3U}) {
    const auto scan = scan_log(files, kDirectory, head, {.threads = threads, .chain_at = wanted, .visit = {}}).value();
    ASSERT_TRUE(scan.chain_at);
    EXPECT_EQ(scan.chain_at->position(), wanted);
    EXPECT_EQ(scan.chain_at->store_hash(), log.batches[5].store_hash);
    EXPECT_EQ(scan.chain_at->tenants().begin()->second.chain, log.batches[5].records.back().chain);
    EXPECT_FALSE(
        scan_log(files, kDirectory, head, {.threads = threads, .chain_at = wanted - 1, .visit = {}})->chain_at);
  }
}

// The first segment's header tells where the rest begins: what it says is believed, what follows is not.
TEST(SegmentLogDamage, AScanFromTheMiddleFindsTheSameEndAndTheSameDamage) {
  const ClosedLog log = closed_log(12, 200, 1024);
  MemoryFileSystem files;
  put(files, log.content);
  auto head = read_durable_head(files, kDirectory).value();
  const LogScan whole = scan_log(files, kDirectory, head).value();
  ASSERT_GE(whole.segments.size(), 5U);
  for (const std::size_t threads : {1U, 3U}) {
    for (std::uint64_t from = 1; from <= whole.chain.position(); ++from) {
      const LogScan part =
          scan_log(files, kDirectory, head, {.threads = threads, .chain_at = 0, .from = from, .visit = {}}).value();
      ASSERT_FALSE(part.damage) << part.damage->reason;
      EXPECT_EQ(part.chain.position(), whole.chain.position());
      EXPECT_EQ(part.chain.store_hash(), whole.chain.store_hash());
      EXPECT_LE(part.segments.front().first_position, from);
    }
  }
}

// An empty segment holds nothing that could contradict it, but its header says what it continues.
TEST(SegmentLogDamage, ALastSegmentThatContinuesSomethingElseIsRefusedThoughItIsEmpty) {
  ClosedLog log = closed_log(12, 200, 1024);
  reopen_head(log.content);
  const std::string last = segments_of(log.content).back();
  std::string& bytes = log.content[last];
  auto header = SegmentHeader::decode(std::string_view(bytes).substr(0, kSegmentHeaderBytes)).value();
  // As after a crash right behind the rotation: the last segment is empty, and the head reaches the one before.
  MemoryFileSystem files;
  put(files, log.content);
  auto known = read_durable_head(files, kDirectory).value();
  HeadSlot slot = known.newest;
  slot.position = header.first_position - 1;
  slot.store_hash = header.previous_hash;
  for (const std::size_t at : {std::size_t{0}, kSlotSpacing})
    log.content[kHead].replace(at, kHeadSlotBytes, encode_head_slot(slot));
  bytes = header.encode() + std::string(bytes.size() - kSegmentHeaderBytes, '\0');
  put(files, log.content);
  EXPECT_EQ(open_well(files).recovery.last_position, header.first_position - 1);
  header.previous_hash.bytes[0] ^= 1;
  bytes.replace(0, kSegmentHeaderBytes, header.encode());
  expect_damage(log.content, last);
}

TEST(SegmentLogDamage, ASlotOfAnotherStoreIsRefusedWhereverItStands) {
  const ClosedLog log = closed_log(3, 30, 4096, 7);
  const ClosedLog other = closed_log(2, 30, 4096, 9);
  for (const std::size_t at : {std::size_t{0}, kSlotSpacing}) {
    Content mixed = log.content;
    mixed[kHead].replace(at, kHeadSlotBytes, other.content.at(kHead).substr(at, kHeadSlotBytes));
    EXPECT_TRUE(refusal(mixed)) << at;
  }
  Content exchanged = log.content;
  exchanged[kHead] = other.content.at(kHead);
  EXPECT_TRUE(refusal(exchanged));
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
  LogClock clock(kNoonUs);
  SeededRandom random(7);
  const SegmentLogOptions options =
      with_threads({.directory = directory / "wal", .segment_bytes = kSegmentBatchesOffset + kRoom});
  {
    LogRecorder recorder;
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
  EXPECT_THAT(refused.error().message, HasSubstr(path + ": damaged at offset 12288 (position 1)"));
}

// --- the chain file: what opening need not read
// ----------------------------------------------------------------------------------------------------------

/// A closed log of several segments with its chain file.
Content log_with_chain_file(std::uint64_t seed = 7) {
  MemoryFileSystem files;
  Writer writer(files, 1024, seed);
  for (int i = 0; i < 12; ++i) CHECK(writer.append({draft(std::string(200, 'x')), draft("{}")}));
  CHECK(writer.log().close());
  Content content = content_of(files);
  CHECK(content.contains("chain"));
  return content;
}

TEST(SegmentLogChainFile, SparesOpeningTheEarlierSegmentsWhichAreCheckedWhenTheyAreRead) {
  Content content = log_with_chain_file();
  const std::string first = segments_of(content).front();
  MemoryFileSystem files;
  put(files, content);
  const auto whole = open_well(files);
  content[first][end_of_batches(content[first]) - 5] ^= 1;
  put(files, content);
  LogClock clock(kNoonUs);
  SeededRandom random(8);
  const auto opened = SegmentLog::open(files, clock, random, {.directory = kDirectory, .read_only = true});
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ((*opened)->durable_position(), whole.recovery.last_position);
  EXPECT_EQ((*opened)->recovery().last_epoch, whole.recovery.last_epoch);
  const auto read = (*opened)->read_batches(1, [](const LogBatch&) { return true; });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::corrupt);
  auto head = read_durable_head(files, kDirectory).value();
  const auto verified = scan_log(files, kDirectory, head).value();
  ASSERT_TRUE(verified.damage);
  EXPECT_THAT(verified.damage->segment, HasSubstr(first));
  content.erase("chain");
  expect_damage(content, first);
}

TEST(SegmentLogChainFile, IsDispensableAndMayBeDamagedAtAnyBit) {
  const Content content = log_with_chain_file();
  MemoryFileSystem files;
  put(files, content);
  const auto whole = open_well(files);
  for (std::size_t at = 0; at < content.at("chain").size(); ++at) {
    for (const int bit : {0, 6}) {
      Content damaged = content;
      damaged["chain"][at] = static_cast<char>(damaged["chain"][at] ^ (1 << bit));
      put(files, damaged);
      const auto opening = open_well(files);
      ASSERT_TRUE(same(opening.batches, whole.batches)) << at;
    }
  }
  Content none = content;
  none.erase("chain");
  put(files, none);
  EXPECT_TRUE(same(open_well(files).batches, whole.batches));
  EXPECT_TRUE(content_of(files).contains("chain")) << "opening for writing leaves one for the next time";
}

TEST(SegmentLogChainFile, OfAnEarlierSegmentOrAnotherStoreDoesNoHarm) {
  const Content content = log_with_chain_file();
  Content other = content;
  other["chain"] = log_with_chain_file(9).at("chain");
  MemoryFileSystem files;
  put(files, content);
  const auto whole = open_well(files);
  put(files, other);
  EXPECT_TRUE(same(open_well(files).batches, whole.batches));
  // As it was at an earlier rotation: more is read.
  MemoryFileSystem growing;
  std::vector<std::string> earlier;
  {
    Writer writer(growing, 1024);
    for (int i = 0; i < 12; ++i) {
      ASSERT_TRUE(writer.append({draft(std::string(200, 'x')), draft("{}")}));
      const Content now = content_of(growing);
      if (now.contains("chain")) earlier.push_back(now.at("chain"));
    }
    ASSERT_TRUE(writer.log().close());
  }
  Content grown = content_of(growing);
  const auto expected = open_well(growing).batches;
  for (const std::string& chain : earlier) {
    grown["chain"] = chain;
    put(files, grown);
    EXPECT_TRUE(same(open_well(files).batches, expected));
  }
}

TEST(SegmentLogChainFile, ThatTheLogDoesNotReachIsRefused) {
  Content content = log_with_chain_file();
  const std::vector<std::string> names = segments_of(content);
  // Everything of the log is older, but for the chain file.
  MemoryFileSystem files;
  Writer writer(files, 1024);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer.append({draft(std::string(200, 'x')), draft("{}")}));
  ASSERT_TRUE(writer.log().close());
  Content older = content_of(files);
  older["chain"] = content.at("chain");
  const auto error = refusal(older);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::corrupt);
  EXPECT_THAT(error->message, HasSubstr("the chain file says it reached position"));
}

TEST(SegmentLogChainFile, WhoseChainsAreOthersIsToldByAFullScan) {
  Content content = log_with_chain_file();
  MemoryFileSystem files;
  put(files, content);
  auto chain_file = read_chain_file(files, kDirectory).value().value();
  std::string bytes;
  chain_file.chain.save(bytes);
  bytes[bytes.size() - 1] ^= 1;  // the last tenant's chain
  base::ByteReader reader(bytes);
  chain_file.chain = base::LogChain::restored(reader);
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(write_chain_file(files, kDirectory, chain_file));
  const auto error = refusal(content_of(files));
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message, HasSubstr("/wal/chain: damaged at offset 0"));
}

// --- the torn tail
// ----------------------------------------------------------------------------------------------------

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
    segment.resize(kSegmentBatchesOffset + kRoom);  // the tail was never written, the zeros prepared for it were
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

// --- what was written whole, and is refused
// ------------------------------------------------------------------------------------------------

// Makes the CRC of the batch at the offset fit again.
void mend_crc(std::string& segment, std::size_t at) {
  const auto length = base::load_integer<std::uint32_t>(segment.data() + at + 4);
  base::store_integer(segment.data() + at + 12, std::uint32_t{0});
  base::store_integer(segment.data() + at + 12, base::crc32c(std::string_view(segment).substr(at, length)));
}

void expect_refused_as(const Content& content, std::string_view reason, const std::string& said) {
  MemoryFileSystem files;
  const auto error = refusal(files, content);  // which expects that no file was changed
  ASSERT_TRUE(error) << "it opened";
  EXPECT_EQ(error->code, ErrorCode::corrupt);
  EXPECT_EQ(error->reason, reason);
  EXPECT_THAT(error->message, HasSubstr(said));
  EXPECT_THAT(error->message, HasSubstr("nothing was changed"));
  expect_same_in_parallel(files);
  LogClock clock(kNoonUs);
  SeededRandom random(8);
  const auto reader = SegmentLog::open(files, clock, random, {.directory = kDirectory, .read_only = true});
  ASSERT_FALSE(reader) << "it opened for reading";
  EXPECT_EQ(reader.error().reason, reason);
}

TEST(SegmentLogRefusal, ARecordFormatOfALaterReleaseIsNoTornTailWhereverItStands) {
  const CrashedLog log = crashed_log(2);
  constexpr std::size_t kFormatAt = base::kBatchHeaderBytes + 4;
  for (const bool behind_head : {false, true}) {
    SCOPED_TRACE(behind_head);
    const std::size_t at = behind_head ? log.tail_begins : kSegmentBatchesOffset;
    Content content = log.content;
    std::string& segment = content[segment_name(1)];
    segment[at + kFormatAt] = 2;
    mend_crc(segment, at);
    expect_refused_as(content, "unknown_format", "record format 2 is not known to this release");
    segment[at + kFormatAt + 100] ^= 1;  // now the CRC does not match: behind the head this is torn like anything else
    MemoryFileSystem files;
    EXPECT_EQ(refusal(files, content).has_value(), !behind_head);
  }
}

TEST(SegmentLogRefusal, ASegmentFormatOfALaterReleaseIsNamed) {
  const ClosedLog log = closed_log(12, 200, 1024);
  for (const std::string& name : segments_of(log.content)) {
    SCOPED_TRACE(name);
    Content content = log.content;
    std::string& segment = content[name];
    segment[8] = 2;
    base::store_integer(segment.data() + kSegmentHeaderBytes - 4,
                        base::crc32c(std::string_view(segment).substr(0, kSegmentHeaderBytes - 4)));
    expect_refused_as(content, "unknown_format", name + ": not readable at offset 0");
  }
}

TEST(SegmentLogRefusal, AnEpochThatFallsIsNoTornTailAndFoundInEverySegment) {
  for (const std::uint64_t room : {kRoom, std::uint64_t{1024}}) {
    SCOPED_TRACE(room);
    MemoryFileSystem files;
    std::string old_head;
    std::vector<LogBatch> batches;
    for (int i = 0; i < 2; ++i) {
      Writer writer(files, room);
      ASSERT_TRUE(writer.append(std::string(700, 'x')));
      ASSERT_TRUE(writer.log().close());
      if (i == 0) old_head = read_file(files, kDirectory + "/" + kHead);
      batches = read_all(writer.log());
    }
    Content content = content_of(files);
    content[kHead] = old_head;
    reopen_head(content);
    // The last batch, as a process would have written it that was superseded and did not notice.
    base::LogChain chain;
    ASSERT_TRUE(chain.follow(batches[0], batches[0].records[0].store));
    batches[1].records[0].partition_epoch = 0;
    std::string bytes;
    chain.seal(batches[1], bytes);
    std::string& segment = content[segments_of(content).back()];
    ASSERT_EQ(segments_of(content).size(), room == kRoom ? 1U : 2U);
    segment.replace(end_of_batches(segment) - bytes.size(), bytes.size(), bytes);
    expect_refused_as(content, "stale_epoch", "position 2: written in epoch 0 behind epoch 1");
  }
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

}  // namespace
}  // namespace symphainy::public_works
