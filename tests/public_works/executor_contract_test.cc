// SPDX-License-Identifier: Apache-2.0
// What every Executor does: work runs once, in order on a strand, timers no earlier than asked, nothing after the stop.
// contract: executor adapters: thread, manual
#include <atomic>
#include <chrono>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "public_works/adapters/memory/manual_clock.h"
#include "public_works/adapters/memory/manual_executor.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/thread_executor.h"
#include "sanitized.h"

namespace symphainy::public_works {
namespace {

using ::testing::ElementsAre;

// Only how long a broken executor is waited for; nothing takes this long.
constexpr std::chrono::seconds kPatience{60};

// A strand together with what makes its work run.
class Strand {
 public:
  virtual ~Strand() = default;
  virtual Executor& executor() = 0;
  virtual const Clock& clock() = 0;
  // Returns once `done` is ready, letting time pass where the clock is ours.
  virtual void wait_for(std::future<void>& done) = 0;
  virtual void stop() = 0;

  // Everything posted before has run on return.
  void settle() {
    std::promise<void> promise;
    std::future<void> done = promise.get_future();
    executor().post([&] { promise.set_value(); });
    wait_for(done);
  }
};

class ThreadStrand final : public Strand {
 public:
  Executor& executor() override { return executor_; }
  const Clock& clock() override { return clock_; }
  void wait_for(std::future<void>& done) override { ASSERT_EQ(done.wait_for(kPatience), std::future_status::ready); }
  void stop() override { executor_.stop(); }

 private:
  SystemClock clock_;
  ThreadExecutor executor_{clock_, 1, "strand"};
};

class ManualStrand final : public Strand {
 public:
  Executor& executor() override { return executor_; }
  const Clock& clock() override { return clock_; }
  void wait_for(std::future<void>& done) override {
    executor_.run_until_idle();
    while (done.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      const auto next_us = executor_.next_timer_us();
      ASSERT_TRUE(next_us) << "nothing left that could make it ready";
      executor_.advance_us(*next_us - clock_.steady_us());
    }
  }
  void stop() override { executor_.stop(); }

 private:
  ManualClock clock_;
  ManualExecutor executor_{clock_};
};

class ExecutorContract : public ::testing::TestWithParam<const char*> {
 protected:
  ExecutorContract() {
    if (GetParam() == std::string_view("thread")) {
      strand_ = std::make_unique<ThreadStrand>();
    } else {
      strand_ = std::make_unique<ManualStrand>();
    }
  }

  Executor& executor() { return strand_->executor(); }

  std::vector<int> order_;  // before the strand: work refers to it
  std::unique_ptr<Strand> strand_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, ExecutorContract, ::testing::Values("thread", "manual"),
                         [](const auto& adapter) { return std::string(adapter.param); });

TEST_P(ExecutorContract, WorkRunsInTheOrderPosted) {
  for (int i = 0; i < 10'000; ++i) executor().post([this, i] { order_.push_back(i); });
  strand_->settle();
  ASSERT_EQ(order_.size(), 10'000U);
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(order_[static_cast<std::size_t>(i)], i);
}

TEST_P(ExecutorContract, WorkMayPostMoreWorkWhichRunsAfterwards) {
  // The first work begins only once the second is posted: otherwise its own may rightly come before that.
  std::promise<void> both_posted;
  executor().post([this, posted = both_posted.get_future()] {
    posted.wait();
    executor().post([this] { order_.push_back(3); });
    order_.push_back(1);
  });
  executor().post([this] { order_.push_back(2); });
  both_posted.set_value();
  strand_->settle();
  strand_->settle();
  EXPECT_THAT(order_, ElementsAre(1, 2, 3));
}

TEST_P(ExecutorContract, EachThreadsWorkStaysInItsOrder) {
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  std::vector<std::vector<int>> seen(kThreads);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) executor().post([&seen, t, i] { seen[t].push_back(i); });
    });
  }
  for (std::thread& thread : threads) thread.join();
  strand_->settle();
  for (const std::vector<int>& one : seen) {
    EXPECT_EQ(one.size(), static_cast<std::size_t>(kEach));
    EXPECT_TRUE(std::ranges::is_sorted(one));
  }
}

TEST_P(ExecutorContract, WorkIsDestroyedOnceItRan) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  executor().post([held = std::move(held)] {});
  strand_->settle();
  EXPECT_TRUE(watch.expired());
}

TEST_P(ExecutorContract, TimersFireNoEarlierThanAskedInTheOrderOfTheirTimes) {
  const std::int64_t start_us = strand_->clock().steady_us();
  std::vector<std::int64_t> fired_us;
  std::promise<void> promise;
  std::future<void> done = promise.get_future();
  const auto at = [&](int number, std::int64_t after_us) {
    executor().post_at(start_us + after_us, [&, number] {
      order_.push_back(number);
      fired_us.push_back(strand_->clock().steady_us() - start_us);
      if (number == 4) promise.set_value();
    });
  };
  at(3, 9'000);
  at(1, 3'000);
  at(4, 12'000);
  at(2, 6'000);
  strand_->wait_for(done);
  EXPECT_THAT(order_, ElementsAre(1, 2, 3, 4));
  for (std::size_t i = 0; i < fired_us.size(); ++i) EXPECT_GE(fired_us[i], 3'000 * static_cast<std::int64_t>(i + 1));
}

TEST_P(ExecutorContract, TimersOfOneTimeFireInTheOrderPosted) {
  const std::int64_t due_us = strand_->clock().steady_us() + 2'000;
  std::promise<void> promise;
  std::future<void> done = promise.get_future();
  for (int i = 0; i < 100; ++i) executor().post_at(due_us, [this, i] { order_.push_back(i); });
  executor().post_at(due_us, [&] { promise.set_value(); });
  strand_->wait_for(done);
  ASSERT_EQ(order_.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(order_));
}

TEST_P(ExecutorContract, ATimerInThePastFiresAtOnce) {
  std::promise<void> promise;
  std::future<void> done = promise.get_future();
  executor().post_at(strand_->clock().steady_us() - 1, [&] { promise.set_value(); });
  strand_->wait_for(done);
}

TEST_P(ExecutorContract, AnEarlierTimerOvertakesOneThatIsWaitedFor) {
  const std::int64_t now_us = strand_->clock().steady_us();
  executor().post_at(now_us + 3'600'000'000, [this] { order_.push_back(2); });
  strand_->settle();
  std::promise<void> promise;
  std::future<void> done = promise.get_future();
  executor().post_at(now_us + 1'000, [&] {
    order_.push_back(1);
    promise.set_value();
  });
  strand_->wait_for(done);
  EXPECT_THAT(order_, ElementsAre(1));
}

TEST_P(ExecutorContract, AStoppedExecutorDropsWhatItIsGiven) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  executor().post_at(strand_->clock().steady_us() + 3'600'000'000, [this, held] { order_.push_back(1); });
  strand_->stop();
  strand_->stop();
  executor().post([this, held] { order_.push_back(2); });
  executor().post_at(0, [this, held = std::move(held)] { order_.push_back(3); });
  EXPECT_TRUE(watch.expired());
  EXPECT_TRUE(order_.empty());
}

TEST(ThreadExecutor, StopLetsRunningWorkEndAndDropsTheRest) {
  SystemClock clock;
  std::atomic<int> ran = 0;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  std::latch started(1);
  std::promise<void> release;
  ThreadExecutor executor(clock, 1, "strand");
  executor.post([&] {
    started.count_down();
    release.get_future().wait();
    ++ran;
  });
  executor.post([&, held = std::move(held)] { ++ran; });
  started.wait();
  std::thread stopper([&] { executor.stop(); });
  release.set_value();
  stopper.join();
  EXPECT_GE(ran.load(), 1);
  EXPECT_TRUE(watch.expired());
}

TEST(ThreadExecutor, DroppedWorkMayPostWhenItIsDestroyed) {
  SystemClock clock;
  struct PostsAtItsEnd {
    explicit PostsAtItsEnd(Executor& to) : executor(to) {}
    ~PostsAtItsEnd() {
      executor.post([] {});
    }
    Executor& executor;
  };
  ThreadExecutor executor(clock, 1, "strand");
  executor.post_at(clock.steady_us() + 3'600'000'000, [last = std::make_unique<PostsAtItsEnd>(executor)] {});
  executor.post([last = std::make_unique<PostsAtItsEnd>(executor)] {});
  executor.stop();
}

// The poster may still be inside post() when the work has run. ThreadSanitizer sees it if post() then touches anything.
TEST(ThreadExecutor, MayBeDestroyedAsSoonAsTheLastWorkRan) {
  SystemClock clock;
  for (int i = 0; i < 200; ++i) {
    auto executor = std::make_unique<ThreadExecutor>(clock, 1, "strand");
    std::promise<void> ran;
    std::thread poster([&ran, to = executor.get()] { to->post([&ran] { ran.set_value(); }); });
    ran.get_future().wait();
    executor.reset();
    poster.join();
  }
}

TEST(ThreadExecutor, KnowsItsOwnThreads) {
  SystemClock clock;
  ThreadExecutor one(clock, 1, "one");
  ThreadExecutor other(clock, 2, "other");
  EXPECT_FALSE(one.runs_here());
  std::promise<std::pair<bool, bool>> answer;
  one.post([&] { answer.set_value({one.runs_here(), other.runs_here()}); });
  EXPECT_EQ(answer.get_future().get(), std::pair(true, false));
}

TEST(ThreadExecutor, NamesItsThreads) {
  SystemClock clock;
  const auto name_in = [](ThreadExecutor& executor) {
    std::promise<std::string> name;
    executor.post([&] {
      char text[16] = {};
      ::pthread_getname_np(::pthread_self(), text, sizeof text);
      name.set_value(text);
    });
    return name.get_future().get();
  };
  ThreadExecutor strand(clock, 1, "a name that is too long");
  EXPECT_EQ(name_in(strand), "a name that is ");
  ThreadExecutor several(clock, 2, "handler");
  EXPECT_THAT(name_in(several), ::testing::AnyOf("handler0", "handler1"));
}

TEST(ThreadExecutor, SeveralThreadsWorkAtTheSameTime) {
  SystemClock clock;
  constexpr int kThreads = 4;
  std::latch all_here(kThreads);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  std::latch done(kThreads);
  ThreadExecutor executor(clock, kThreads, "handler");
  for (int i = 0; i < kThreads; ++i) {
    executor.post([&] {
      // Passes only when every thread has taken one piece.
      all_here.arrive_and_wait();
      {
        const std::lock_guard lock(mutex);
        seen.insert(std::this_thread::get_id());
      }
      done.count_down();
    });
  }
  done.wait();
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kThreads));
}

TEST(ThreadExecutor, TimersDueTogetherReachEveryThread) {
  SystemClock clock;
  constexpr int kThreads = 3;
  std::latch all_here(kThreads);
  std::latch done(kThreads);
  ThreadExecutor executor(clock, kThreads, "handler");
  const std::int64_t due_us = clock.steady_us() + 2'000;
  for (int i = 0; i < kThreads; ++i) {
    executor.post_at(due_us, [&] {
      all_here.arrive_and_wait();
      done.count_down();
    });
  }
  done.wait();
}

TEST(ThreadExecutor, EveryPieceRunsOnceHoweverManyThreadsPostAndWork) {
  SystemClock clock;
  constexpr int kPieces = 20'000;
  std::vector<std::atomic<int>> runs(kPieces);
  std::latch done(kPieces);
  ThreadExecutor executor(clock, 3, "handler");
  std::vector<std::thread> posters;
  for (int t = 0; t < 2; ++t) {
    posters.emplace_back([&, t] {
      for (int i = t; i < kPieces; i += 2) {
        auto work = [&, i] {
          ++runs[static_cast<std::size_t>(i)];
          done.count_down();
        };
        if (i % 10 == t) {
          executor.post_at(clock.steady_us() + i % 300, work);
        } else {
          executor.post(work);
        }
      }
    });
  }
  for (std::thread& poster : posters) poster.join();
  done.wait();
  for (const std::atomic<int>& count : runs) EXPECT_EQ(count.load(), 1);
}

TEST(ThreadExecutor, AnIdleStrandWakesForEachPiece) {
  SystemClock clock;
  ThreadExecutor executor(clock, 1, "strand");
  for (int i = 0; i < 2'000; ++i) {
    std::promise<void> promise;
    std::future<void> done = promise.get_future();
    executor.post([&] { promise.set_value(); });
    ASSERT_EQ(done.wait_for(kPatience), std::future_status::ready);
  }
}

// A sanitizer keeps shadow memory of every stack.

TEST(ThreadExecutor, ThrowsAndLeavesNoThreadBehindWhenOneCannotBeStarted) {
  if (tests::kSanitized) GTEST_SKIP() << "not with sanitizers";
  // Two such stacks do not fit into the address space.
  constexpr std::size_t kHugeStack = std::size_t{80} << 40;
  pthread_attr_t before;
  pthread_attr_t huge;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(pthread_getattr_default_np(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, kHugeStack), 0);
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  const SystemClock clock;
  EXPECT_THROW(ThreadExecutor(clock, 8, "handler"), std::system_error);
  EXPECT_EQ(pthread_setattr_default_np(&before), 0);
  pthread_attr_destroy(&huge);
  pthread_attr_destroy(&before);
}

TEST(ManualExecutor, RunsOnlyWhenTold) {
  ManualClock clock;
  ManualExecutor executor(clock);
  std::vector<int> order;
  executor.post([&] { order.push_back(1); });
  executor.post([&] { order.push_back(2); });
  EXPECT_TRUE(order.empty());
  EXPECT_TRUE(executor.run_one());
  EXPECT_THAT(order, ElementsAre(1));
  EXPECT_EQ(executor.run_until_idle(), 1U);
  EXPECT_FALSE(executor.run_one());
  EXPECT_THAT(order, ElementsAre(1, 2));
}

TEST(ManualExecutor, AdvancingStopsAtEachTimerOnTheWay) {
  ManualClock clock(1'000'000, 100);
  ManualExecutor executor(clock);
  std::vector<std::int64_t> fired_us;
  const auto note = [&] { fired_us.push_back(clock.steady_us()); };
  executor.post_at(150, [&] {
    note();
    executor.post_at(170, note);
    executor.post_at(500, note);
  });
  EXPECT_EQ(executor.next_timer_us(), 150);
  EXPECT_EQ(executor.advance_us(100), 2U);
  EXPECT_THAT(fired_us, ElementsAre(150, 170));
  EXPECT_EQ(clock.steady_us(), 200);
  EXPECT_EQ(clock.wall_us(), 1'000'100);
  EXPECT_EQ(executor.next_timer_us(), 500);
  EXPECT_EQ(executor.advance_us(300), 1U);
  EXPECT_EQ(executor.next_timer_us(), std::nullopt);
}

}  // namespace
}  // namespace symphainy::public_works
