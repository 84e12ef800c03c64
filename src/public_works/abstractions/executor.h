// SPDX-License-Identifier: Apache-2.0
// Where code runs: a queue of work served by one thread (a strand: the partition) or several (handler threads).
#pragma once

#include <cstdint>
#include <functional>

namespace symphainy::public_works {

using Work = std::move_only_function<void()>;

/// post and post_at may be called from any thread. Work posted by one thread runs in the order posted when the executor
/// is a strand. Work must not throw. Once stopped, an executor drops what it is given.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(Work work) = 0;
  /// Runs work no earlier than `steady_us` (Clock::steady_us of the executor's clock).
  virtual void post_at(std::int64_t steady_us, Work work) = 0;
};

}  // namespace symphainy::public_works
