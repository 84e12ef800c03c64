// SPDX-License-Identifier: Apache-2.0
// How many handlers run. One that outlives its deadline outlives its execution, but must not outlive the runtime, which
// its context refers to.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "public_works/abstractions/executor.h"

namespace symphainy::runtime {

/// Any thread.
class RunningHandlers {
 public:
  void begun() {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  void ended() {
    const std::lock_guard lock(mutex_);
    if (--count_ == 0) none_.notify_all();
  }
  /// `handlers` is where they run.
  void wait_until_none(public_works::Executor& handlers) {
    std::unique_lock lock(mutex_);
    public_works::wait_for_work(handlers, lock, none_, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  std::size_t count_ = 0;  // guarded by mutex_
};

}  // namespace symphainy::runtime
