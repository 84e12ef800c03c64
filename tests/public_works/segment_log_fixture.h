// SPDX-License-Identifier: Apache-2.0
// A segment log in memory whose files tests can take, damage and put back.
#pragma once

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/try.h"
#include "log_recorder.h"
#include "log_threads.h"
#include "public_works/adapters/memory/memory_file_system.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "public_works/adapters/segment_log/segment.h"
#include "public_works/adapters/segment_log/segment_log.h"

namespace symphainy::public_works {

using base::LogBatch;
using base::RecordDraft;

inline constexpr std::int64_t kNoonUs = 1'700'000'000'000'000;
// A batch of one record of tenant "acme", without its payload.
inline constexpr std::size_t kBatchOverheadBytes = 56 + 4 + 88 + 4 + 16 + 4 + 32 + 32;
/// Room for batches in a segment of the tests, unless they say another.
inline constexpr std::uint64_t kRoom = 4096;
inline constexpr std::size_t kSlotSpacing = 4096;  // of the head file's two slots
inline const std::string kDirectory = "/wal";
inline const std::string kHead = "head";

inline RecordDraft draft(std::string payload) {
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

/// The log's files by name.
using Content = std::map<std::string, std::string>;

inline std::string read_file(FileSystem& files, const std::string& path) {
  std::string bytes;
  const auto file = files.open(path, OpenMode::read);
  CHECK(file && (*file)->read_at(0, 1 << 30, bytes));
  return bytes;
}

inline Content content_of(FileSystem& files) {
  Content content;
  const auto names = files.list(kDirectory);
  for (const std::string& name : names.value_or(std::vector<std::string>{})) {
    content[name] = read_file(files, kDirectory + "/" + name);
  }
  return content;
}

// Makes the directory hold exactly these files.
inline void put(FileSystem& files, const Content& content) {
  CHECK(files.create_directories(kDirectory));
  for (const std::string& name : *files.list(kDirectory)) {
    if (!content.contains(name)) CHECK(files.remove(kDirectory + "/" + name));
  }
  for (const auto& [name, bytes] : content) {
    const auto file = files.open(kDirectory + "/" + name, OpenMode::create);
    CHECK(file && (*file)->truncate(0) && (*file)->write_at(0, bytes) && (*file)->truncate(bytes.size()));
  }
}

inline std::vector<std::string> segments_of(const Content& content) {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : content) {
    if (parse_segment_name(name)) names.push_back(name);
  }
  return names;
}

/// Where the batches of a segment end and its unused zeros begin.
inline std::size_t end_of_batches(const std::string& segment) {
  std::size_t offset = kSegmentBatchesOffset;
  while (const auto header = base::peek_batch(std::string_view(segment).substr(offset, base::kBatchHeaderBytes))) {
    offset += header->length;
  }
  return offset;
}

inline std::vector<LogBatch> read_all(const EventLog& log, std::uint64_t from = 1) {
  std::vector<LogBatch> out;
  const auto read = log.read_batches(from, [&](const LogBatch& batch) {
    out.push_back(batch);
    return true;
  });
  EXPECT_TRUE(read) << read.error().message;
  return out;
}

inline bool same(const std::vector<LogBatch>& left, const std::vector<LogBatch>& right) {
  return std::ranges::equal(left, right, [](const LogBatch& a, const LogBatch& b) {
    return a.records == b.records && a.store_hash == b.store_hash;
  });
}

inline bool begins_with(const std::vector<LogBatch>& whole, const std::vector<LogBatch>& start) {
  return start.size() <= whole.size() &&
         same({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(start.size())}, start);
}

/// Time and randomness start over with each writer, so that two runs of the same appends write the same bytes.
class Writer {
 public:
  explicit Writer(FileSystem& files, std::uint64_t room = kRoom, std::uint64_t seed = 7)
      : random_(seed),
        opened_(
            SegmentLog::open(files, clock_, random_,
                             with_threads({.directory = kDirectory, .segment_bytes = kSegmentBatchesOffset + room}))) {
    if (opened_) (*opened_)->start(recorder_);
  }
  [[nodiscard]] bool is_open() const { return opened_.has_value(); }
  [[nodiscard]] const Error& error() const { return opened_.error(); }
  [[nodiscard]] SegmentLog& log() { return **opened_; }
  [[nodiscard]] LogRecorder& recorder() { return recorder_; }
  /// Appends and waits until it is durable; false when the log stopped.
  bool append(std::vector<RecordDraft> drafts) {
    const auto receipt = log().append(std::move(drafts));
    return receipt && recorder_.wait_for(receipt->last_position);
  }
  bool append(std::string payload) { return append(std::vector<RecordDraft>{draft(std::move(payload))}); }

 private:
  LogClock clock_{kNoonUs};
  SeededRandom random_;
  LogRecorder recorder_;
  Result<std::unique_ptr<SegmentLog>> opened_;
};

/// A closed log in memory, to be damaged.
struct ClosedLog {
  Content content;
  std::vector<LogBatch> batches;
};

inline ClosedLog closed_log(int batch_count, std::size_t payload_bytes, std::uint64_t room, std::uint64_t seed = 7) {
  MemoryFileSystem files;
  {
    Writer writer(files, room, seed);
    for (int i = 0; i < batch_count; ++i) {
      CHECK(writer.append({draft(std::string(payload_bytes, static_cast<char>('a' + i % 26))), draft("{}")}));
    }
    CHECK(writer.log().close());
  }
  ClosedLog out{content_of(files), {}};
  out.batches = read_all(Writer(files, room).log());
  out.content.erase("next.prepared");
  out.content.erase("chain");  // so that opening reads everything
  return out;
}

/// The error that opening gives; records an expectation that opening changed nothing.
inline std::optional<Error> refusal(MemoryFileSystem& files, const Content& content) {
  put(files, content);
  LogClock clock(kNoonUs);
  SeededRandom random(8);
  const auto opened = SegmentLog::open(
      files, clock, random, with_threads({.directory = kDirectory, .segment_bytes = kSegmentBatchesOffset + kRoom}));
  if (opened) return std::nullopt;
  EXPECT_TRUE(content_of(files) == content) << "a refused opening changed a file";
  return opened.error();
}

inline std::optional<Error> refusal(const Content& content) {
  MemoryFileSystem files;
  return refusal(files, content);
}

/// Checking several segments at the same time finds what checking one after the other finds.
inline void expect_same_in_parallel(MemoryFileSystem& files) {
  auto head = read_durable_head(files, kDirectory);
  if (!head) return;
  const LogScan one = scan_log(files, kDirectory, *head).value();
  const LogScan several = scan_log(files, kDirectory, *head, {.threads = 3, .chain_at = 0, .visit = {}}).value();
  const auto told = [](const LogScan& scan) {
    const LogDamage damage = scan.damage.value_or(LogDamage{});
    return std::tuple(damage.segment, damage.offset, damage.position, damage.reason, scan.chain.position(),
                      scan.chain.store_hash().hex(), scan.segments.size(), scan.torn_bytes, scan.last_epoch);
  };
  ASSERT_EQ(told(several), told(one));
}

inline void expect_damage(const Content& content, const std::string& segment) {
  MemoryFileSystem files;
  const auto error = refusal(files, content);
  ASSERT_TRUE(error) << "it opened";
  EXPECT_EQ(error->code, ErrorCode::corrupt);
  EXPECT_EQ(error->reason, "log_damaged");
  expect_same_in_parallel(files);
  EXPECT_THAT(error->message, ::testing::HasSubstr(kDirectory + "/" + segment + ": damaged at offset "));
}

struct Opening {
  std::vector<LogBatch> batches;
  LogRecovery recovery;
};

/// Opens what must be openable.
inline Opening open_well(FileSystem& files) {
  LogClock clock(kNoonUs);
  SeededRandom random(8);
  const auto opened = SegmentLog::open(
      files, clock, random, with_threads({.directory = kDirectory, .segment_bytes = kSegmentBatchesOffset + kRoom}));
  if (!opened) {
    ADD_FAILURE() << opened.error().message;
    return {};
  }
  return {read_all(**opened), (*opened)->recovery()};
}

inline void mark_head(Content& content, bool closed) {
  std::string& head = content.at(kHead);
  for (const std::size_t at : {std::size_t{0}, kSlotSpacing}) {
    auto slot = decode_head_slot(std::string_view(head).substr(at, kHeadSlotBytes));
    if (!slot) continue;
    slot->closed = closed;
    head.replace(at, kHeadSlotBytes, encode_head_slot(*slot));
  }
}

inline void close_head(Content& content) {
  mark_head(content, true);
}

/// Leaves the head as it was when the log was open: the head file says so, and the segments' slots say nothing.
inline void reopen_head(Content& content) {
  mark_head(content, false);
  for (const std::string& name : segments_of(content)) {
    for (const std::size_t at : kSegmentHeadOffsets) {
      content[name].replace(at, kHeadSlotBytes, std::string(kHeadSlotBytes, '\0'));
    }
  }
}

/// A log whose head is older than its end, as after a crash between a group's acknowledgement and the next head.
struct CrashedLog {
  Content content;
  std::vector<LogBatch> kept;  ///< up to the head
  std::vector<LogBatch> whole;
  std::size_t tail_begins = 0;
  std::size_t tail_ends = 0;
};

inline CrashedLog crashed_log(int batches_beyond_head) {
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
  out.content.erase("chain");
  out.content[kHead] = old_head;
  reopen_head(out.content);
  return out;
}

}  // namespace symphainy::public_works
