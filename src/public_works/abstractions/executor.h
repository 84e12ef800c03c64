// SPDX-License-Identifier: Apache-2.0
// Where code runs: a queue of work served by one thread (a strand: the partition) or several (handler threads).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace symphainy::public_works {

using Work = std::move_only_function<void()>;

/// post and post_at may be called from any thread. Work posted by one thread runs in the order posted when the executor
/// is a strand. Work must not throw. Once stopped, an executor drops what it is given.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(Work work) = 0;
  /// Runs work no earlier than `steady_us` (Clock::steady_us of the executor's clock).
  virtual void post_at(std::int64_t steady_us, Work work) = 0;
  /// For a thread that can only go on when work posted here is done. An executor that has no threads of its own does
  /// some work on this one and answers true; the others answer false: just wait.
  virtual bool lend_thread() { return false; }
};

/// Blocks until `reached` (asked under the lock) holds; who makes it hold notifies `changed`. `executor` is where the
/// work is done that is waited for.
template <typename Reached>
void wait_for_work(Executor& executor, std::unique_lock<std::mutex>& lock, std::condition_variable& changed,
                   const Reached& reached) {
  while (!reached()) {
    lock.unlock();
    const bool worked = executor.lend_thread();
    lock.lock();
    if (!worked) return changed.wait(lock, reached);
  }
}

}  // namespace symphainy::public_works
