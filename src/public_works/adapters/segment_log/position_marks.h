// SPDX-License-Identifier: Apache-2.0
// Where in a segment to start looking for a position. Whoever passes over a part of it leaves marks there, so that a
// segment that nobody has read yet is passed over once, however many positions in it are looked for.
//
// Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "public_works/adapters/segment_log/log_scan.h"

namespace symphainy::public_works {

class PositionMarks {
 public:
  explicit PositionMarks(std::vector<PositionMark> marks) : marks_(std::move(marks)) {}

  /// The last mark at or before the position; nothing: at the segment's beginning.
  [[nodiscard]] std::optional<PositionMark> before(std::uint64_t position) const;
  /// A batch with this first position begins at the offset. Kept when no other mark is near.
  void add(const PositionMark& mark);

 private:
  mutable std::mutex mutex_;
  std::vector<PositionMark> marks_;  // guarded by mutex_; ascending
};

}  // namespace symphainy::public_works
