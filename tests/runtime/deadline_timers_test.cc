// SPDX-License-Identifier: Apache-2.0
// Timers come when they are due, and leave nothing behind when they are taken back.
#include "runtime/deadline_timers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <vector>

#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/memory/manual_executor.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DeadlineTimersTest : public ::testing::Test {
 protected:
  DeadlineTimers::Key add(int name, std::int64_t in_us) {
    return timers_.add(clock_.steady_us() + in_us, [this, name] { expired_.push_back(name); });
  }

  public_works::ManualClock clock_{1'000'000, 1'000'000};
  public_works::ManualExecutor executor_{clock_};
  DeadlineTimers timers_{executor_, clock_};
  std::vector<int> expired_;
};

TEST_F(DeadlineTimersTest, ExpireInTheirOrderWhateverTheOrderTheyCameIn) {
  add(3, 300);
  add(1, 100);
  add(2, 200);
  add(4, 300);
  executor_.advance_us(99);
  EXPECT_THAT(expired_, IsEmpty());
  executor_.advance_us(101);
  EXPECT_THAT(expired_, ElementsAre(1, 2));
  executor_.advance_us(100);
  EXPECT_THAT(expired_, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(timers_.size(), 0U);
}

TEST_F(DeadlineTimersTest, TakenBackNeverComeAndLeaveNothing) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  const auto key = timers_.add(clock_.steady_us() + 1'000'000'000'000, [held = std::move(held)] {});
  add(1, 100);
  timers_.take_back(key);
  EXPECT_TRUE(watch.expired());
  executor_.advance_us(200);
  EXPECT_THAT(expired_, ElementsAre(1));
  EXPECT_EQ(timers_.size(), 0U);
}

TEST_F(DeadlineTimersTest, OneOfTheExecutorsTimersServesManyFarAway) {
  for (int i = 0; i < 1'000; ++i) timers_.take_back(add(i, 1'000'000 + i));
  add(1'000, 2'000'000);
  EXPECT_EQ(executor_.advance_us(1'500'000), 1U) << "the first one's timer, which found nothing due";
  executor_.advance_us(500'000);
  EXPECT_THAT(expired_, ElementsAre(1'000));
}

TEST_F(DeadlineTimersTest, MayAddAndTakeBackOthersWhenTheyExpire) {
  const auto second = add(2, 100);
  DeadlineTimers::Key doomed = add(3, 150);
  timers_.take_back(second);
  timers_.add(clock_.steady_us() + 100, [&] {
    expired_.push_back(1);
    timers_.take_back(doomed);
    add(4, 50);
  });
  executor_.advance_us(1'000);
  EXPECT_THAT(expired_, ElementsAre(1, 4));
}

}  // namespace
}  // namespace symphainy::runtime
