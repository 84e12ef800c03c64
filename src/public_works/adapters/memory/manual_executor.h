// SPDX-License-Identifier: Apache-2.0
// A strand that runs only when it is told to, on the caller's thread: the same posts give the same order every time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>

#include "public_works/abstractions/executor.h"
#include "public_works/adapters/memory/manual_clock.h"

namespace symphainy::public_works {

class ManualExecutor final : public Executor {
 public:
  /// The clock must outlive the executor.
  explicit ManualExecutor(ManualClock& clock) noexcept;

  void post(Work work) override;
  void post_at(std::int64_t steady_us, Work work) override;
  bool lend_thread() override { return run_one(); }

  /// Runs the next piece of work, a due timer's included; false when there was none.
  bool run_one();
  /// Runs until nothing is left to do at this time; how many pieces ran.
  std::size_t run_until_idle();
  /// Lets time pass on both clocks, stopping at each timer on the way to run what is due there; how many pieces ran.
  std::size_t advance_us(std::int64_t duration_us);
  /// When the earliest timer is due.
  [[nodiscard]] std::optional<std::int64_t> next_timer_us() const;
  /// Drops what waits and what comes.
  void stop();

 private:
  ManualClock& clock_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::deque<Work> queue_;
  std::multimap<std::int64_t, Work> timers_;  // equal times stay in the order posted
  bool stopped_ = false;
};

}  // namespace symphainy::public_works
