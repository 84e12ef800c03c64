// SPDX-License-Identifier: Apache-2.0
// What every Clock does; a manual one moves only when told.
// contract: clock adapters: system, manual
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <string_view>

#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/system/system_clock.h"

namespace symphainy::public_works {
namespace {

constexpr std::int64_t kYear2020Us = 1'577'836'800'000'000;

class ClockContract : public ::testing::TestWithParam<const char*> {
 protected:
  ClockContract() {
    if (GetParam() == std::string_view("system")) {
      clock_ = std::make_unique<SystemClock>();
    } else {
      clock_ = std::make_unique<ManualClock>(kYear2020Us + 1, 5);
    }
  }

  std::unique_ptr<Clock> clock_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, ClockContract, ::testing::Values("system", "manual"),
                         [](const auto& adapter) { return std::string(adapter.param); });

TEST_P(ClockContract, SteadyTimeNeverGoesBack) {
  std::int64_t before = clock_->steady_us();
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t now = clock_->steady_us();
    ASSERT_GE(now, before);
    before = now;
  }
}

TEST_P(ClockContract, WallTimeCountsMicrosecondsSince1970) {
  EXPECT_GT(clock_->wall_us(), kYear2020Us);
  EXPECT_LT(clock_->wall_us(), kYear2020Us * 3);
}

TEST(SystemClock, WallTimeIsTheMachinesTime) {
  using namespace std::chrono;
  const auto now = [] { return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count(); };
  const std::int64_t before = now();
  const std::int64_t wall_us = SystemClock().wall_us();
  EXPECT_LE(before, wall_us);
  EXPECT_LE(wall_us, now());
}

TEST(ManualClock, MovesOnlyWhenTold) {
  ManualClock clock(1000, 10);
  EXPECT_EQ(clock.wall_us(), 1000);
  EXPECT_EQ(clock.steady_us(), 10);
  clock.advance_us(5);
  EXPECT_EQ(clock.wall_us(), 1005);
  EXPECT_EQ(clock.steady_us(), 15);
}

TEST(ManualClock, WallAndSteadyMoveSeparately) {
  ManualClock clock(1000, 10);
  clock.set_wall_us(3);
  EXPECT_EQ(clock.steady_us(), 10);
  clock.advance_steady_us(7);
  EXPECT_EQ(clock.wall_us(), 3);
  EXPECT_EQ(clock.steady_us(), 17);
}

TEST(ManualClockDeathTest, DoesNotGoBack) {
  EXPECT_DEATH(ManualClock().advance_us(-1), "CHECK failed");
}

}  // namespace
}  // namespace symphainy::public_works
