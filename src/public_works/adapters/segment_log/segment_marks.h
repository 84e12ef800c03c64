// SPDX-License-Identifier: Apache-2.0
// Where some of a segment's batches are, so that a read need not pass over the segment from its beginning: learned by
// whoever comes by, the opening, the writer and every read. Any thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "public_works/adapters/segment_log/log_scan.h"
#include "public_works/adapters/segment_log/segment.h"

namespace symphainy::public_works {

class SegmentMarks {
 public:
  SegmentMarks() = default;
  explicit SegmentMarks(std::vector<PositionMark> marks) : marks_(std::move(marks)) {}

  /// A batch begins there; remembered when no mark is near.
  void note(const PositionMark& mark) {
    const std::lock_guard lock(mutex_);
    const auto next = std::ranges::upper_bound(marks_, mark.position, {}, &PositionMark::position);
    if (next != marks_.begin() && mark.offset - std::prev(next)->offset < kMarkSpacing) return;
    if (next != marks_.end() && next->offset - mark.offset < kMarkSpacing) return;
    marks_.insert(next, mark);
  }
  /// Of a batch at the position or before it.
  [[nodiscard]] std::uint64_t offset_before(std::uint64_t position) const {
    const std::lock_guard lock(mutex_);
    const auto next = std::ranges::upper_bound(marks_, position, {}, &PositionMark::position);
    return next == marks_.begin() ? kSegmentBatchesOffset : std::prev(next)->offset;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<PositionMark> marks_;  // ascending, guarded by mutex_
};

}  // namespace symphainy::public_works
