// SPDX-License-Identifier: Apache-2.0
// What a segment log does with what is written: reading it, and retiring its beginning.
#include <algorithm>
#include <fmt/format.h>

#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/adapters/segment_log/log_recovery.h"
#include "public_works/adapters/segment_log/segment.h"
#include "public_works/adapters/segment_log/segment_log.h"

namespace symphainy::public_works {
namespace {

constexpr std::size_t kReadWindowBytes = 64 * 1024;  // most reads want one execution's few records

}  // namespace

// --- retiring
// ---------------------------------------------------------------------------------------------------------

std::vector<SegmentLog::SealedSegment> SegmentLog::sealed_segments() const {
  std::vector<SealedSegment> sealed;
  const std::lock_guard lock(segments_mutex_);
  for (std::size_t i = 0; i + 1 < segments_.size(); ++i) {
    sealed.push_back({segments_[i].path, segments_[i].first_position, segments_[i + 1].first_position - 1});
  }
  return sealed;
}

Result<std::vector<SegmentLog::SealedSegment>> SegmentLog::retire(std::uint64_t before) {
  CHECK(!options_.read_only);
  const std::lock_guard one_at_a_time(base_mutex_);
  std::vector<SealedSegment> retired = sealed_segments();
  const bool one_too_many = PLANTED_BUG("retire-one-too-many");
  std::erase_if(retired, [&](const SealedSegment& segment) {
    return (one_too_many ? segment.first_position - 1 : segment.last_position) >= before;
  });
  if (retired.empty()) return retired;
  LogBase base = base_;
  for (const SealedSegment& segment : retired) {
    TRY(move_behind(files_, segment.path, base));
    if (base.chain.position() == segment.last_position) continue;
    return fail(ErrorCode::corrupt,
                fmt::format("{}: the segment ends at position {}, not at {}; nothing was retired, see `symphainy wal "
                            "verify`",
                            segment.path, base.chain.position(), segment.last_position),
                "log_damaged");
  }
  std::vector<std::string> paths;
  for (const SealedSegment& segment : retired) paths.push_back(segment.path);
  if (PLANTED_BUG("retire-before-base")) TRY(remove_segments(files_, options_.directory, paths));
  TRY(write_log_base(files_, options_.directory, base));
  base_ = std::move(base);
  first_position_ = base_.chain.position() + 1;
  {
    const std::lock_guard lock(segments_mutex_);
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(retired.size()));
  }
  TRY(remove_segments(files_, options_.directory, paths));
  return retired;
}

std::string SegmentLog::restored_before() const {
  const std::lock_guard lock(base_mutex_);
  return base_.restored;
}

// --- reading
// ----------------------------------------------------------------------------------------------------------

std::vector<SegmentLog::Segment> SegmentLog::segments_from(std::uint64_t position) const {
  const std::lock_guard lock(segments_mutex_);
  auto first = std::ranges::upper_bound(segments_, position, {}, &Segment::first_position);
  if (first != segments_.begin()) --first;
  return {first, segments_.end()};
}

Result<void> SegmentLog::read_batches(std::uint64_t from,
                                      const std::function<bool(const base::LogBatch&)>& visit) const {
  const std::uint64_t end = durable_position();
  if (from > end) return {};
  std::uint64_t next = std::max<std::uint64_t>(from, 1);
  const std::vector<Segment> segments = segments_from(next);
  const std::uint64_t first = std::max(first_position(), segments.front().first_position);
  if (next < first) return std::unexpected(history_retired(options_.directory, next, first));
  for (const Segment& segment : segments) {
    TRY(const bool more, read_segment(segment, next, end, visit));
    if (!more || next > end) return {};
  }
  return fail(ErrorCode::corrupt,
              fmt::format("{}: position {} is missing although the log reaches {}", options_.directory, next, end));
}

// A segment is passed over once, however many of its batches are wanted.
Result<void> SegmentLog::read_batches_at(std::span<const std::uint64_t> positions,
                                         const std::function<bool(const base::LogBatch&)>& visit) const {
  if (positions.empty() || positions.front() > durable_position()) return {};
  const std::vector<Segment> segments = segments_from(positions.front());
  const std::uint64_t first = std::max(first_position(), segments.front().first_position);
  if (positions.front() < first) {
    return std::unexpected(history_retired(options_.directory, positions.front(), first));
  }
  std::optional<Passage> passage;
  for (const std::uint64_t position : positions) {
    if (position > durable_position()) return {};
    const auto behind = std::ranges::upper_bound(segments, position, {}, &Segment::first_position);
    const Segment& segment = *std::prev(behind);
    if (!passage || passage->segment.first_position != segment.first_position) {
      TRY(passage, enter(segment, position));
    }
    passage->offset = std::max(passage->offset, segment.marks->offset_before(position));
    TRY(const auto batch, advance(*passage, position));
    if (!batch) {
      return fail(ErrorCode::corrupt, fmt::format("{}: position {} is missing although the log reaches {}",
                                                  options_.directory, position, durable_position()));
    }
    if (!visit(*batch)) return {};
  }
  return {};
}

// False when `visit` has seen enough.
Result<bool> SegmentLog::read_segment(const Segment& segment, std::uint64_t& next, std::uint64_t end,
                                      const std::function<bool(const base::LogBatch&)>& visit) const {
  TRY(Passage passage, enter(segment, next));
  while (next <= end) {
    TRY(const auto batch, advance(passage, next));
    if (!batch) break;
    if (!visit(*batch)) return false;
    next = batch->last_position() + 1;
  }
  return true;
}

Result<SegmentLog::Passage> SegmentLog::enter(const Segment& segment, std::uint64_t wanted) const {
  auto file = files_.open(segment.path, OpenMode::read);
  if (!file) return std::unexpected(unopened(segment, wanted, file.error()));
  Passage passage{segment, *std::move(file), nullptr, segment.marks->offset_before(wanted)};
  passage.reader = std::make_unique<SequentialReader>(*passage.file, kReadWindowBytes);
  return passage;
}

// The batch that holds the position, or else the first one behind it; nothing when the segment ends before.
Result<std::optional<base::LogBatch>> SegmentLog::advance(Passage& passage, std::uint64_t position) {
  const auto damaged = [&](const Error& error) {
    return fail(ErrorCode::corrupt,
                fmt::format("{}: offset {}: {}", passage.segment.path, passage.offset, error.message));
  };
  std::size_t length = 0;
  while (length == 0) {
    TRY(const std::string_view first, passage.reader->at(passage.offset, base::kBatchHeaderBytes));
    if (first.empty()) return std::nullopt;
    const auto header = base::peek_batch(first);
    if (!header && header.error().code == ErrorCode::not_found) return std::nullopt;
    if (!header) return damaged(header.error());
    passage.segment.marks->note({header->first_position, passage.offset});
    if (header->first_position + header->count > position) {
      length = header->length;
    } else {
      passage.offset += header->length;
    }
  }
  TRY(const std::string_view bytes, passage.reader->at(passage.offset, length));
  auto batch = base::decode_batch(bytes);
  if (!batch) return damaged(batch.error());
  passage.offset += length;
  return *std::move(batch);
}

// The process that owns the log may have retired the segment since this one listed it.
Error SegmentLog::unopened(const Segment& segment, std::uint64_t wanted, const Error& error) const {
  if (error.code != ErrorCode::not_found) return error;
  const auto base = read_log_base(files_, options_.directory);
  if (!base || !*base || (*base)->chain.position() < segment.first_position) return error;
  first_position_ = (*base)->chain.position() + 1;
  return history_retired(options_.directory, wanted, first_position_);
}

}  // namespace symphainy::public_works
