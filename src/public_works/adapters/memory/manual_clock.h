// SPDX-License-Identifier: Apache-2.0
// A clock that moves only when it is told to, so that a test decides what time it is.
#pragma once

#include <atomic>

#include "public_works/abstractions/clock.h"

namespace symphainy::public_works {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t wall_us = 0, std::int64_t steady_us = 0) noexcept;

  [[nodiscard]] std::int64_t wall_us() const override;
  [[nodiscard]] std::int64_t steady_us() const override;

  /// Somebody set the wall clock; no time passes.
  void set_wall_us(std::int64_t wall_us) noexcept;
  /// Time passes on both clocks; not backwards.
  void advance_us(std::int64_t duration_us);
  /// Time passes on the steady clock only; not backwards.
  void advance_steady_us(std::int64_t duration_us);

 private:
  std::atomic<std::int64_t> wall_us_;
  std::atomic<std::int64_t> steady_us_;
};

}  // namespace symphainy::public_works
