// SPDX-License-Identifier: Apache-2.0
// How coroutines and executors meet: starting a Task that nobody awaits, and moving a coroutine to another executor.
//
// A spawned task takes values, not references to what may go away before it ends; it must not throw.
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "symphainy/task.h"

#include "public_works/abstractions/executor.h"

namespace symphainy::runtime {

namespace detail {
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};
}  // namespace detail

/// Runs the task here until it first suspends; its frame lives until it ends.
inline detail::Detached spawn(Task<void> task) {
  co_await std::move(task);
}

/// co_await move_to(executor): the rest of the coroutine runs there.
class [[nodiscard]] MoveTo {
 public:
  explicit MoveTo(public_works::Executor& executor) noexcept : executor_(executor) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) const {
    executor_.post([waiting] { waiting.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  public_works::Executor& executor_;
};
inline MoveTo move_to(public_works::Executor& executor) noexcept {
  return MoveTo(executor);
}

/// One value that one coroutine waits for. set() and the wait happen on the same executor; the first set() counts.
template <typename T>
class Promised {
 public:
  [[nodiscard]] bool is_set() const noexcept { return value_.has_value(); }
  void set(T value) {
    if (value_) return;
    value_ = std::move(value);
    if (waiting_) std::exchange(waiting_, nullptr).resume();
  }
  [[nodiscard]] bool await_ready() const noexcept { return is_set(); }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
  T await_resume() { return std::move(*value_); }

 private:
  std::optional<T> value_;
  std::coroutine_handle<> waiting_;
};

}  // namespace symphainy::runtime
