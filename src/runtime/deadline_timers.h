// SPDX-License-Identifier: Apache-2.0
// The deadlines of what is under way: one timer of the executor for all of them. What ends before its deadline takes it
// back and leaves nothing behind, however far away the deadline was.
//
// Used on the executor's thread only, which must be one.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/executor.h"

namespace symphainy::runtime {

class DeadlineTimers {
 public:
  using Expired = std::move_only_function<void()>;
  using Key = std::pair<std::int64_t, std::uint64_t>;  ///< when it is due, and a number of its own

  /// Both outlive this object.
  DeadlineTimers(public_works::Executor& executor, public_works::Clock& clock) : executor_(executor), clock_(clock) {}

  /// Calls `expired` once, at `steady_us` (Clock::steady_us) or later, unless it is taken back before.
  Key add(std::int64_t steady_us, Expired expired) {
    const Key key{steady_us, ++numbers_};
    waiting_.emplace(key, std::move(expired));
    arm();
    return key;
  }
  void take_back(const Key& key) { waiting_.erase(key); }
  [[nodiscard]] std::size_t size() const noexcept { return waiting_.size(); }

 private:
  static constexpr std::int64_t kNotArmed = std::numeric_limits<std::int64_t>::max();

  // A timer of the executor cannot be taken back: one that comes too early finds nothing due and arms the next.
  void arm() {
    if (waiting_.empty() || waiting_.begin()->first.first >= armed_for_) return;
    armed_for_ = waiting_.begin()->first.first;
    executor_.post_at(armed_for_, [alive = std::weak_ptr(alive_), this] {
      if (!alive.expired()) fire();
    });
  }
  void fire() {
    armed_for_ = kNotArmed;
    const std::int64_t now_us = clock_.steady_us();
    while (!waiting_.empty() && waiting_.begin()->first.first <= now_us) {
      Expired expired = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      expired();  // may add and take back others
    }
    arm();
  }

  public_works::Executor& executor_;
  public_works::Clock& clock_;
  std::map<Key, Expired> waiting_;
  std::uint64_t numbers_ = 0;
  std::int64_t armed_for_ = kNotArmed;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace symphainy::runtime
