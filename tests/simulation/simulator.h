// SPDX-License-Identifier: Apache-2.0
// One thread that plays all others: a seed decides who works next, time passes only when nobody can work, and every
// step goes into a hash, so that equal seeds give equal runs.
//
// Work can be interrupted: pause() lets others work in the middle of a step (a sync that takes its time), as threads
// do.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "public_works/abstractions/executor.h"
#include "public_works/adapters/memory/manual_clock.h"

namespace symphainy::simulation {

class Simulator {
 public:
  explicit Simulator(std::uint64_t seed);
  ~Simulator();

  /// A number below `n`, which is at least 1. What decides faults and the workload asks here too.
  [[nodiscard]] std::uint64_t below(std::uint64_t n) { return dice_() % n; }
  [[nodiscard]] bool one_in(std::uint64_t n) { return below(n) == 0; }

  /// Threads that serve one queue; with one it is a strand. Owned by the simulator.
  [[nodiscard]] public_works::Executor& add_executor(std::string name, std::size_t threads);
  /// Nothing of what was posted is done any more, nor what is still posted: the process has died.
  void drop_all_work();

  /// Somebody does a piece of work, when nobody can, time passes until somebody can; false when nobody ever will.
  bool step();
  /// Steps until the condition holds; false when there is nothing left to do before it does.
  template <typename Condition>
  bool run_until(const Condition& condition) {
    while (!condition()) {
      if (!step()) return condition();
    }
    return true;
  }
  /// Steps until only timers beyond this moment (simulated microseconds) are left, and that moment has come.
  void run_until_time(std::int64_t steady_us);
  /// Others work for a little, in the middle of a step.
  void pause();
  /// One of the executors does nothing for so long: its threads are not scheduled, its disk is slow.
  void stall_one(std::int64_t duration_us);

  [[nodiscard]] public_works::ManualClock& clock() noexcept { return clock_; }
  /// Adds to the hash of everything that happened.
  void trace(std::string_view what);
  [[nodiscard]] std::uint64_t trace_hash() const noexcept { return hash_; }
  [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }
  /// Prints what is traced.
  void be_verbose() { verbose_ = true; }

 private:
  class SimulatedExecutor;

  bool work_now();
  bool let_time_pass(std::int64_t until_us);

  std::mt19937_64 dice_;
  public_works::ManualClock clock_;
  std::vector<std::unique_ptr<SimulatedExecutor>> executors_;
  std::uint64_t hash_ = 14695981039346656037U;  // FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
  std::uint64_t steps_ = 0;
  bool verbose_ = false;
};

}  // namespace symphainy::simulation
