// SPDX-License-Identifier: Apache-2.0
// Time as the runtime sees it: the wall clock for what is recorded, a steady clock for how long things take.
#pragma once

#include <cstdint>

namespace symphainy::public_works {

/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Microseconds since 1970-01-01T00:00:00Z; may jump when the wall clock is set.
  [[nodiscard]] virtual std::int64_t wall_us() const = 0;
  /// Microseconds since some moment; never goes back, counts while the machine sleeps (CLOCK_BOOTTIME).
  [[nodiscard]] virtual std::int64_t steady_us() const = 0;
};

}  // namespace symphainy::public_works
