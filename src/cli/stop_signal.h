// SPDX-License-Identifier: Apache-2.0
// SIGINT and SIGTERM while intents are taken in: the first asks to stop taking more, the second ends the process at
// once.
//
// A thread of its own waits for them (sigwait), so that no other is interrupted in the middle of a write. Threads
// inherit what is blocked: make this before any other thread that shall not be ended by these signals.
#pragma once

#include <atomic>
#include <csignal>
#include <thread>

namespace symphainy::cli {

class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  /// What was blocked before is blocked again.
  ~StopSignal();

  [[nodiscard]] bool raised() const noexcept { return raised_; }
  /// Waits until the descriptor can be read (true) or a signal came (false). A negative one never can.
  [[nodiscard]] bool wait_readable(int descriptor) const noexcept;

 private:
  void wait_for_signals();

  sigset_t signals_{};
  sigset_t blocked_before_{};
  int wake_read_ = -1;  // a pipe that wakes whoever waits for input
  int wake_write_ = -1;
  std::atomic<bool> raised_ = false;
  std::atomic<bool> closing_ = false;
  std::thread waiter_;
};

}  // namespace symphainy::cli
