// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/log_recovery.h"

#include <algorithm>

#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::public_works {
namespace {

constexpr std::size_t kPieceBytes = 1024 * 1024;

Result<void> write_zeros(File& file, std::uint64_t from, std::uint64_t to) {
  const std::string zeros(std::min<std::uint64_t>(kPieceBytes, to - from), '\0');
  for (std::uint64_t offset = from; offset < to; offset += zeros.size())
    TRY(file.write_at(offset, std::string_view(zeros).substr(0, std::min<std::uint64_t>(zeros.size(), to - offset))));
  return {};
}

// Overwrites what a crash left torn (head slots, and what lies behind the log's end) with zeros, so that it can never
// be taken for damage or for a continuation.
Result<void> clear_what_is_torn(FileSystem& files, const LogScan& scan) {
  const ScannedSegment& last = scan.segments.back();
  TRY(const auto file, files.open(last.path, OpenMode::read_write));
  for (const std::uint64_t offset : scan.torn_head_slots)
    TRY(file->write_at(offset, std::string(kHeadSlotBytes, '\0')));
  TRY(write_zeros(*file, last.end_offset, last.end_offset + scan.torn_bytes));
  CRASH_POINT("recovery-clear-before-sync");
  TRY(file->sync_data());
  CRASH_POINT("recovery-clear-after-sync");
  return {};
}

Result<void> write_again(File& file, std::uint64_t from, std::uint64_t to) {
  std::string piece;
  for (std::uint64_t offset = from; offset < to; offset += piece.size()) {
    TRY(file.read_at(offset, static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, to - offset)), piece));
    TRY(file.write_at(offset, piece));
  }
  return {};
}

// Makes sure that what was read beyond the head is on the disk before anything builds on it. The process before may
// have died between write and sync, or after a sync that failed: then it is read although it never reached the disk,
// and only what is written again is synced. The head's slots too, and the zeros up to the file's end: they may have
// been written over something torn.
Result<void> write_again(File& file, const ScannedSegment& segment, std::uint64_t head_position) {
  const auto behind = std::ranges::upper_bound(segment.marks, head_position + 1, {}, &PositionMark::position);
  const std::uint64_t from = behind == segment.marks.begin() ? kSegmentBatchesOffset : std::prev(behind)->offset;
  TRY(write_again(file, kSegmentHeadOffsets.front(), kSegmentBatchesOffset));
  TRY(write_again(file, from, segment.end_offset));
  TRY(write_zeros(file, segment.end_offset, std::max(segment.size, segment.end_offset)));
  CRASH_POINT("recovery-write-again-before-sync");
  TRY(file.sync_data());
  CRASH_POINT("recovery-write-again-after-sync");
  return {};
}

}  // namespace

Result<std::unique_ptr<File>> recover_last_segment(FileSystem& files, const std::string& directory, const LogScan& scan,
                                                   const HeadSlot& head) {
  const ScannedSegment& last = scan.segments.back();
  if (scan.torn_bytes > 0 || !scan.torn_head_slots.empty()) TRY(clear_what_is_torn(files, scan));
  TRY(auto file, files.open(last.path, OpenMode::read_write));
  // A log that was closed has nothing beyond its head.
  if (!head.closed) TRY(write_again(*file, last, head.position));
  // Nor may its name have been synced.
  TRY(files.sync_directory(directory));
  CRASH_POINT("recovery-after-directory-sync");
  if (!scan.leftovers.empty()) TRY(remove_segments(files, directory, scan.leftovers));
  TRY(remove_unfinished_segments(files, directory));
  return file;
}

Result<void> remove_segments(FileSystem& files, const std::string& directory, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    CRASH_POINT("retire-before-removal");
    TRY(files.remove(path));
  }
  CRASH_POINT("retire-before-directory-sync");
  TRY(files.sync_directory(directory));
  CRASH_POINT("retire-after-directory-sync");
  return {};
}

// Not synced: what comes back is removed again.
Result<void> remove_unfinished_segments(FileSystem& files, const std::string& directory) {
  constexpr std::string_view kUnfinished = ".new";
  TRY(const auto names, files.list(directory));
  for (const std::string& name : names) {
    if (!name.ends_with(kUnfinished)) continue;
    if (!parse_segment_name(std::string_view(name).substr(0, name.size() - kUnfinished.size()))) continue;
    TRY(files.remove(directory + "/" + name));
  }
  return {};
}

}  // namespace symphainy::public_works
