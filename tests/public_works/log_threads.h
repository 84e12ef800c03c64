// SPDX-License-Identifier: Apache-2.0
// What a segment log in a test writes with: real threads, and a wall clock that a test sets.
#pragma once

#include "public_works/adapters/segment_log/segment_log.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/thread_executor.h"

namespace symphainy::public_works {

/// Its wall clock stands still; the steady one is real, as the threads' is.
class LogClock final : public Clock {
 public:
  explicit LogClock(std::int64_t wall_us) : wall_us_(wall_us) {}
  [[nodiscard]] std::int64_t wall_us() const override { return wall_us_; }
  [[nodiscard]] std::int64_t steady_us() const override { return system_.steady_us(); }
  void set_wall_us(std::int64_t wall_us) { wall_us_ = wall_us; }

 private:
  std::atomic<std::int64_t> wall_us_;
  SystemClock system_;
};

/// The options with threads, which all logs of the process share.
inline SegmentLogOptions with_threads(SegmentLogOptions options) {
  static const SystemClock clock;
  static ThreadExecutor background(clock, 1, "log-background");
  static ThreadExecutor writer(clock, 1, "log-writer");
  options.writer = &writer;
  options.background = &background;
  return options;
}

}  // namespace symphainy::public_works
