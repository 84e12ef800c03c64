// SPDX-License-Identifier: Apache-2.0
// One run of a handler that nothing comes of: on a thread of its own, until it has answered, is left where it stands,
// or its time is up.
#pragma once

#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "runtime/intent_registry.h"
#include "runtime/replay_context.h"

namespace symphainy::runtime {

class ReplayRun {
 public:
  /// `stores`: what the context answers from, kept for as long as the handler may ask.
  ReplayRun(std::shared_ptr<void> stores, RegisteredPtr handler, std::unique_ptr<ReplayContext> context);
  ReplayRun(const ReplayRun&) = delete;
  ReplayRun& operator=(const ReplayRun&) = delete;

  /// Once. False: it took longer. A handler cannot be stopped, so its thread and all it uses are then given up for the
  /// rest of the process; its context answers nothing more.
  [[nodiscard]] static bool run(const std::shared_ptr<ReplayRun>& run, std::chrono::milliseconds time_limit);

  [[nodiscard]] ReplayContext& context() noexcept { return *context_; }
  /// Nothing: it was left where it stood.
  [[nodiscard]] const std::optional<Result<HandlerResult>>& answer() const noexcept { return answer_; }

 private:
  /// The outermost coroutine; suspended at its end, too, so that whoever holds it destroys it with all it awaits.
  class Root {
   public:
    struct promise_type {
      Root get_return_object() noexcept { return Root(std::coroutine_handle<promise_type>::from_promise(*this)); }
      std::suspend_always initial_suspend() const noexcept { return {}; }
      std::suspend_always final_suspend() const noexcept { return {}; }
      void return_void() const noexcept {}
      void unhandled_exception() const noexcept { std::terminate(); }
    };
    explicit Root(std::coroutine_handle<> handle) noexcept : handle_(handle) {}
    Root(Root&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;
    ~Root() {
      if (handle_) handle_.destroy();
    }
    void resume() const { handle_.resume(); }

   private:
    std::coroutine_handle<> handle_;
  };
  struct Over;
  static Root drive(ReplayRun& run);
  void end();
  [[nodiscard]] bool wait(std::chrono::milliseconds time_limit);

  const std::shared_ptr<void> stores_;
  const RegisteredPtr handler_;
  const std::unique_ptr<ReplayContext> context_;
  std::optional<Result<HandlerResult>> answer_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;  // guarded by mutex_
  Root root_;          // last: what it holds uses everything above
};

}  // namespace symphainy::runtime
