// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/system/thread_executor.h"

#include <algorithm>
#include <chrono>
#include <pthread.h>
#include <utility>

#include "base/try.h"

namespace symphainy::public_works {
namespace {

// Condition variables count CLOCK_MONOTONIC, which stands still while the machine sleeps; looking again this often
// fires timers soon after it wakes.
constexpr std::int64_t kLongestWaitUs = 1'000'000;
constexpr std::size_t kThreadNameBytes = 15;

thread_local const ThreadExecutor* serving = nullptr;

struct Later {
  bool operator()(const auto& left, const auto& right) const noexcept {
    return std::pair(left.due_us, left.number) > std::pair(right.due_us, right.number);
  }
};

}  // namespace

ThreadExecutor::ThreadExecutor(const Clock& clock, std::size_t threads, std::string_view name)
    : clock_(clock), is_strand_(threads == 1) {
  CHECK(threads > 0);
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    const std::string number = is_strand_ ? std::string() : std::to_string(i);
    const std::string full = std::string(name.substr(0, kThreadNameBytes - number.size())) + number;
    try {
      threads_.emplace_back([this] { serve(); });
    } catch (...) {
      stop();  // no destructor runs, and those that were started use what is about to go
      throw;
    }
    // A name is for people; a thread without one works as well.
    static_cast<void>(::pthread_setname_np(threads_.back().native_handle(), full.c_str()));
  }
}

ThreadExecutor::~ThreadExecutor() {
  stop();
}

void ThreadExecutor::post(Work work) {
  const std::lock_guard lock(mutex_);
  if (stopping_.load(std::memory_order_relaxed)) return;
  queue_.push_back(std::move(work));
  // Under the lock: the work may end with the executor's destruction, and nothing here may be touched after that.
  if (claim_wake()) wake_.notify_one();
}

void ThreadExecutor::post_at(std::int64_t steady_us, Work work) {
  const std::lock_guard lock(mutex_);
  if (stopping_.load(std::memory_order_relaxed)) return;
  timers_.push_back({.due_us = steady_us, .number = next_timer_++, .work = std::move(work)});
  std::ranges::push_heap(timers_, Later{});
  // Only a new earliest timer shortens a wait.
  if (timers_.front().number == next_timer_ - 1 && claim_wake()) wake_.notify_one();
}

void ThreadExecutor::stop() {
  CHECK(!runs_here());
  std::vector<Work> dropped;
  std::vector<Timer> dropped_timers;
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true);
    dropped.swap(queue_);
    dropped_timers.swap(timers_);
    head_ = 0;
  }
  wake_.notify_all();
  const std::lock_guard lock(join_mutex_);
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

bool ThreadExecutor::runs_here() const noexcept {
  return serving == this;
}

void ThreadExecutor::serve() {
  serving = this;
  std::vector<Work> batch;
  std::unique_lock lock(mutex_);
  while (!stopping_.load(std::memory_order_relaxed)) {
    move_due_timers();
    if (head_ == queue_.size()) {
      wait(lock);
      continue;
    }
    take(batch);
    const bool wakes = head_ < queue_.size() && claim_wake();
    lock.unlock();
    if (wakes) wake_.notify_one();
    run(batch);
    lock.lock();
  }
}

void ThreadExecutor::run(std::vector<Work>& batch) {
  for (Work& work : batch) {
    if (stopping_.load(std::memory_order_relaxed)) break;
    work();
    // Destroyed as soon as it ran, so that what it holds does not wait for the batch's end.
    work = nullptr;
  }
  batch.clear();
}

void ThreadExecutor::take(std::vector<Work>& batch) {
  if (is_strand_) return batch.swap(queue_);
  batch.push_back(std::move(queue_[head_++]));
  if (head_ * 2 < queue_.size()) return;
  queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
}

void ThreadExecutor::wait(std::unique_lock<std::mutex>& lock) {
  ++idle_;
  if (timers_.empty()) {
    wake_.wait(lock);
  } else {
    const std::int64_t rest_us = timers_.front().due_us - clock_.steady_us();
    wake_.wait_for(lock, std::chrono::microseconds(std::clamp<std::int64_t>(rest_us, 0, kLongestWaitUs)));
  }
  --idle_;
  if (claimed_ > 0) --claimed_;
}

// Whether the caller must notify a thread: one waits that nobody is waking already.
bool ThreadExecutor::claim_wake() {
  if (idle_ <= claimed_) return false;
  ++claimed_;
  return true;
}

void ThreadExecutor::move_due_timers() {
  if (timers_.empty()) return;
  const std::int64_t now_us = clock_.steady_us();
  while (!timers_.empty() && timers_.front().due_us <= now_us) {
    std::ranges::pop_heap(timers_, Later{});
    queue_.push_back(std::move(timers_.back().work));
    timers_.pop_back();
  }
}

}  // namespace symphainy::public_works
