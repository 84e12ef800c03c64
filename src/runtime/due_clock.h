// SPDX-License-Identifier: Apache-2.0
// When what waits is due. A due time is UTC. One that is so far from a beginning counts on the clock that nobody sets,
// as long as the process lives; only one that was named as a time of day follows the wall clock when that is set.
#pragma once

#include <cstdint>
#include <optional>

#include "public_works/abstractions/clock.h"

namespace symphainy::runtime {

enum class DueBy { duration, wall };

struct Due {
  std::int64_t us = 0;  ///< UTC microseconds
  DueBy by = DueBy::duration;

  friend bool operator==(const Due&, const Due&) = default;
};

/// Any thread.
class DueClock {
 public:
  /// `clock` outlives this object.
  explicit DueClock(const public_works::Clock& clock)
      : clock_(clock), offset_us_(clock.wall_us() - clock.steady_us()) {}

  [[nodiscard]] std::int64_t now_us(DueBy by) const {
    return by == DueBy::wall ? clock_.wall_us() : clock_.steady_us() + offset_us_;
  }
  [[nodiscard]] std::int64_t left_us(const Due& due) const { return due.us - now_us(due.by); }
  [[nodiscard]] bool is_reached(const Due& due) const { return left_us(due) <= 0; }
  [[nodiscard]] Due after(std::int64_t duration_us) const {
    return {now_us(DueBy::duration) + duration_us, DueBy::duration};
  }
  /// The one that is reached first, as far as can be told now.
  [[nodiscard]] std::optional<Due> earlier(const std::optional<Due>& a, const std::optional<Due>& b) const {
    if (!a || !b) return a ? a : b;
    return left_us(*a) <= left_us(*b) ? a : b;
  }

 private:
  const public_works::Clock& clock_;
  const std::int64_t offset_us_;
};

}  // namespace symphainy::runtime
