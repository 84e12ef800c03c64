// SPDX-License-Identifier: Apache-2.0
#include "cli/stop_signal.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace symphainy::cli {
namespace {

// What was under way when the second signal came may or may not have happened.
constexpr int kUnknownOutcome = 4;
// Wakes the waiting thread when nobody waits for signals any more.
constexpr int kWake = SIGUSR2;

}  // namespace

StopSignal::StopSignal() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
    wake_read_ = ends[0];
    wake_write_ = ends[1];
  }
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, kWake);
  ::pthread_sigmask(SIG_BLOCK, &signals_, &blocked_before_);
  waiter_ = std::thread([this] { wait_for_signals(); });
}

StopSignal::~StopSignal() {
  closing_ = true;
  ::pthread_kill(waiter_.native_handle(), kWake);
  waiter_.join();
  ::pthread_sigmask(SIG_SETMASK, &blocked_before_, nullptr);
  ::close(wake_read_);
  ::close(wake_write_);
}

void StopSignal::wait_for_signals() {
  while (true) {
    int signal = 0;
    if (::sigwait(&signals_, &signal) != 0 || closing_) return;
    if (signal == kWake) continue;  // from somebody else
    // At once: stdout may be held by a write that nobody ends, and nothing else may run either.
    if (raised_.exchange(true)) std::_Exit(kUnknownOutcome);
    [[maybe_unused]] const auto written = ::write(wake_write_, "x", 1);
  }
}

bool StopSignal::wait_readable(int descriptor) const noexcept {
  while (!raised()) {
    std::array<pollfd, 2> waits{pollfd{descriptor, POLLIN, 0}, pollfd{wake_read_, POLLIN, 0}};
    const int ready = ::poll(waits.data(), waits.size(), -1);
    if (ready < 0 && errno != EINTR) return !raised();
    if (ready > 0 && waits[0].revents != 0) return !raised();
  }
  return false;
}

}  // namespace symphainy::cli
