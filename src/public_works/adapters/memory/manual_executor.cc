// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/memory/manual_executor.h"

#include <utility>

#include "base/try.h"

namespace symphainy::public_works {

ManualExecutor::ManualExecutor(ManualClock& clock) noexcept : clock_(clock) {}

void ManualExecutor::post(Work work) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) queue_.push_back(std::move(work));
}

void ManualExecutor::post_at(std::int64_t steady_us, Work work) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) timers_.emplace(steady_us, std::move(work));
}

bool ManualExecutor::run_one() {
  Work work;
  {
    const std::lock_guard lock(mutex_);
    while (!timers_.empty() && timers_.begin()->first <= clock_.steady_us()) {
      queue_.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
    }
    if (queue_.empty()) return false;
    work = std::move(queue_.front());
    queue_.pop_front();
  }
  work();
  return true;
}

std::size_t ManualExecutor::run_until_idle() {
  std::size_t count = 0;
  while (run_one()) ++count;
  return count;
}

std::size_t ManualExecutor::advance_us(std::int64_t duration_us) {
  CHECK(duration_us >= 0);
  const std::int64_t until_us = clock_.steady_us() + duration_us;
  std::size_t count = run_until_idle();
  for (auto next = next_timer_us(); next && *next <= until_us; next = next_timer_us()) {
    clock_.advance_us(*next - clock_.steady_us());
    count += run_until_idle();
  }
  clock_.advance_us(until_us - clock_.steady_us());
  return count + run_until_idle();
}

std::optional<std::int64_t> ManualExecutor::next_timer_us() const {
  const std::lock_guard lock(mutex_);
  return timers_.empty() ? std::nullopt : std::optional(timers_.begin()->first);
}

void ManualExecutor::stop() {
  std::deque<Work> dropped;
  std::multimap<std::int64_t, Work> dropped_timers;
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  dropped.swap(queue_);
  dropped_timers.swap(timers_);
}

}  // namespace symphainy::public_works
