// SPDX-License-Identifier: Apache-2.0
// Threads of our own behind one queue. With one thread it is a strand: work runs in the order posted, and the thread
// takes the whole queue at a time, so that posting costs a short lock and wakes nobody who is awake. Work is never run
// or destroyed under the lock, so it may post.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/executor.h"

namespace symphainy::public_works {

class ThreadExecutor final : public Executor {
 public:
  /// Starts `threads` threads (at least 1), named `name`, with their number when there are several. The clock must
  /// outlive the executor.
  ThreadExecutor(const Clock& clock, std::size_t threads, std::string_view name);
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;
  ~ThreadExecutor() override;

  void post(Work work) override;
  void post_at(std::int64_t steady_us, Work work) override;

  /// Lets running work end, drops the rest and joins. Not from one of its own threads.
  void stop();
  /// Whether the calling thread is one of this executor's.
  [[nodiscard]] bool runs_here() const noexcept;

 private:
  struct Timer {
    std::int64_t due_us;
    std::uint64_t number;  // equal times fire in the order posted
    Work work;
  };

  void serve();
  void run(std::vector<Work>& batch);
  void take(std::vector<Work>& batch);
  void wait(std::unique_lock<std::mutex>& lock);
  [[nodiscard]] bool claim_wake();
  void move_due_timers();

  const Clock& clock_;
  const bool is_strand_;

  std::mutex mutex_;
  std::condition_variable wake_;
  // Guarded by mutex_.
  std::vector<Work> queue_;
  std::size_t head_ = 0;       // work before it has been taken; always 0 for a strand
  std::vector<Timer> timers_;  // a heap, the earliest in front
  std::uint64_t next_timer_ = 0;
  std::size_t idle_ = 0;     // threads that wait
  std::size_t claimed_ = 0;  // of these, those already being woken

  std::atomic<bool> stopping_ = false;  // written under mutex_

  std::mutex join_mutex_;
  std::vector<std::thread> threads_;  // guarded by join_mutex_ once built
};

}  // namespace symphainy::public_works
