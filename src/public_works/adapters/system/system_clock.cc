// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/system/system_clock.h"

#include <ctime>

#include "base/try.h"

namespace symphainy::public_works {
namespace {

std::int64_t read_us(clockid_t id) {
  timespec now{};
  CHECK(::clock_gettime(id, &now) == 0);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

std::int64_t SystemClock::wall_us() const {
  return read_us(CLOCK_REALTIME);
}
std::int64_t SystemClock::steady_us() const {
  return read_us(CLOCK_BOOTTIME);
}

}  // namespace symphainy::public_works
