// SPDX-License-Identifier: Apache-2.0
#include "cli/stop_signal.h"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace symphainy::cli {
namespace {

// What was under way when the second signal came may or may not have happened.
constexpr int kUnknownOutcome = 4;

std::atomic<bool> stop_raised{false};
// A signal may reach any thread; the pipe wakes the one that waits for input.
std::atomic<int> wake_read{-1};
std::atomic<int> wake_write{-1};

void on_signal(int) {
  if (stop_raised.exchange(true)) ::_exit(kUnknownOutcome);
  const int before = errno;
  [[maybe_unused]] const auto written = ::write(wake_write.load(), "x", 1);
  errno = before;
}

}  // namespace

StopSignal::StopSignal() {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
    wake_read = ends[0];
    wake_write = ends[1];
  }
  stop_raised = false;
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, &before_interrupt_);
  ::sigaction(SIGTERM, &action, &before_terminate_);
}

StopSignal::~StopSignal() {
  ::sigaction(SIGINT, &before_interrupt_, nullptr);
  ::sigaction(SIGTERM, &before_terminate_, nullptr);
  ::close(wake_read.exchange(-1));
  ::close(wake_write.exchange(-1));
}

bool StopSignal::raised() const noexcept {
  return stop_raised;
}

bool StopSignal::wait_readable(int descriptor) const noexcept {
  while (!raised()) {
    std::array<pollfd, 2> waits{pollfd{descriptor, POLLIN, 0}, pollfd{wake_read, POLLIN, 0}};
    const int ready = ::poll(waits.data(), waits.size(), -1);
    if (ready < 0 && errno != EINTR) return !raised();
    if (ready > 0 && waits[0].revents != 0) return !raised();
  }
  return false;
}

}  // namespace symphainy::cli
