// SPDX-License-Identifier: Apache-2.0
// How many handlers run. One that outlives its deadline outlives its execution, but must not outlive the runtime, which
// its context refers to.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

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
  void wait_until_none() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  std::size_t count_ = 0;  // guarded by mutex_
};

}  // namespace symphainy::runtime
