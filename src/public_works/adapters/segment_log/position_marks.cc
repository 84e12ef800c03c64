// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/segment_log/position_marks.h"

#include <algorithm>

namespace symphainy::public_works {

std::optional<PositionMark> PositionMarks::before(std::uint64_t position) const {
  const std::lock_guard lock(mutex_);
  const auto behind = std::ranges::upper_bound(marks_, position, {}, &PositionMark::position);
  if (behind == marks_.begin()) return std::nullopt;
  return *std::prev(behind);
}

void PositionMarks::add(const PositionMark& mark) {
  const std::lock_guard lock(mutex_);
  const auto behind = std::ranges::upper_bound(marks_, mark.offset, {}, &PositionMark::offset);
  if (behind != marks_.begin() && mark.offset - std::prev(behind)->offset < kMarkSpacing) return;
  if (behind != marks_.end() && behind->offset - mark.offset < kMarkSpacing) return;
  marks_.insert(behind, mark);
}

}  // namespace symphainy::public_works
