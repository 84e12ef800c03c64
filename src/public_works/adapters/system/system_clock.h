// SPDX-License-Identifier: Apache-2.0
// The machine's clocks: CLOCK_REALTIME for what is recorded, CLOCK_BOOTTIME for durations that go on while it sleeps.
#pragma once

#include "public_works/abstractions/clock.h"

namespace symphainy::public_works {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_us() const override;
  [[nodiscard]] std::int64_t steady_us() const override;
};

}  // namespace symphainy::public_works
