// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/memory/manual_clock.h"

#include "base/try.h"

namespace symphainy::public_works {

ManualClock::ManualClock(std::int64_t wall_us, std::int64_t steady_us) noexcept
    : wall_us_(wall_us), steady_us_(steady_us) {}

std::int64_t ManualClock::wall_us() const {
  return wall_us_.load();
}
std::int64_t ManualClock::steady_us() const {
  return steady_us_.load();
}

void ManualClock::set_wall_us(std::int64_t wall_us) noexcept {
  wall_us_.store(wall_us);
}

void ManualClock::advance_us(std::int64_t duration_us) {
  advance_steady_us(duration_us);
  wall_us_.fetch_add(duration_us);
}

void ManualClock::advance_steady_us(std::int64_t duration_us) {
  CHECK(duration_us >= 0);
  steady_us_.fetch_add(duration_us);
}

}  // namespace symphainy::public_works
