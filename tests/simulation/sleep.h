// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <coroutine>
#include <cstdint>

#include "public_works/abstractions/executor.h"

namespace symphainy::simulation {

/// co_await sleep: the handler goes on later.
struct Sleep {
  public_works::Executor& executor;
  std::int64_t until_us;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) const {
    executor.post_at(until_us, [waiting] { waiting.resume(); });
  }
  void await_resume() const noexcept {}
};

}  // namespace symphainy::simulation
