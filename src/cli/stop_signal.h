// SPDX-License-Identifier: Apache-2.0
// SIGINT and SIGTERM while intents are taken in: the first asks to stop taking more, the second ends the process at
// once.
#pragma once

#include <array>
#include <csignal>

namespace symphainy::cli {

/// One at a time; the handlers before it come back when it is destroyed.
class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  ~StopSignal();

  [[nodiscard]] bool raised() const noexcept;
  /// Waits until the descriptor can be read (true) or a signal came (false).
  [[nodiscard]] bool wait_readable(int descriptor) const noexcept;

 private:
  struct sigaction before_interrupt_{};
  struct sigaction before_terminate_{};
};

}  // namespace symphainy::cli
