// SPDX-License-Identifier: Apache-2.0
// The executions that sleep, by when they are due. Of each there is nothing here but when and who, so that a million of
// them are cheap; and not more than some are woken at once, so that a million that are due are not all here together.
//
// Used on the executor's thread only, which must be one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/ids.h"
#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/executor.h"
#include "runtime/due_clock.h"

namespace symphainy::runtime {

class WakeQueue {
 public:
  static constexpr std::size_t kMaxAwake = 1024;

  /// Called when an execution is due; rest() says that it needs nothing more.
  using Wake = std::function<void(const std::string& tenant, const base::Uuid& execution)>;

  /// All of it outlives this object.
  WakeQueue(public_works::Executor& executor, public_works::Clock& clock, const DueClock& due_clock, Wake wake)
      : executor_(executor), clock_(clock), due_clock_(due_clock), wake_(std::move(wake)) {}

  void add(const Due& due, const std::string& tenant, const base::Uuid& execution);
  void take_back(const Due& due, const base::Uuid& execution) { asleep(due.by).erase({due.us, execution}); }
  /// One that was woken is asleep again, or at its end.
  void rest();
  [[nodiscard]] std::size_t size() const noexcept { return by_duration_.size() + by_wall_.size(); }

 private:
  using Sleepers = std::map<std::pair<std::int64_t, base::Uuid>, const std::string*>;  // → tenant
  static constexpr std::int64_t kNotArmed = std::numeric_limits<std::int64_t>::max();

  [[nodiscard]] Sleepers& asleep(DueBy by) noexcept { return by == DueBy::wall ? by_wall_ : by_duration_; }
  [[nodiscard]] std::int64_t next_us() const;
  void arm();
  void wake_due();
  [[nodiscard]] bool wake_first(DueBy by);

  public_works::Executor& executor_;
  public_works::Clock& clock_;
  const DueClock& due_clock_;
  const Wake wake_;
  Sleepers by_duration_;
  Sleepers by_wall_;
  std::set<std::string> tenants_;
  std::size_t awake_ = 0;
  std::int64_t armed_for_ = kNotArmed;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace symphainy::runtime
