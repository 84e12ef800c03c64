// SPDX-License-Identifier: Apache-2.0
#include "runtime/wake_queue.h"

#include <algorithm>

namespace symphainy::runtime {
namespace {

// How late the wall clock's being set may be noticed.
constexpr std::int64_t kLookAtWallUs = 1'000'000;

}  // namespace

void WakeQueue::add(const Due& due, const std::string& tenant, const base::Uuid& execution) {
  asleep(due.by).emplace(std::pair(due.us, execution), &*tenants_.insert(tenant).first);
  arm();
}

void WakeQueue::rest() {
  --awake_;
  arm();
}

// On the steady clock.
std::int64_t WakeQueue::next_us() const {
  const auto at = [&](const Sleepers& sleepers, DueBy by) {
    if (sleepers.empty()) return kNotArmed;
    return clock_.steady_us() + std::max<std::int64_t>(0, due_clock_.left_us({sleepers.begin()->first.first, by}));
  };
  std::int64_t by_wall = at(by_wall_, DueBy::wall);
  if (by_wall != kNotArmed) by_wall = std::min(by_wall, clock_.steady_us() + kLookAtWallUs);
  return std::min(at(by_duration_, DueBy::duration), by_wall);
}

// A timer of the executor cannot be taken back: one that comes too early finds nothing due and arms the next.
void WakeQueue::arm() {
  if (awake_ >= kMaxAwake) return;
  const std::int64_t next = next_us();
  if (next >= armed_for_) return;
  armed_for_ = next;
  executor_.post_at(next, [alive = std::weak_ptr(alive_), this, next] {
    if (alive.expired()) return;
    if (armed_for_ == next) armed_for_ = kNotArmed;
    wake_due();
  });
}

void WakeQueue::wake_due() {
  while (awake_ < kMaxAwake && (wake_first(DueBy::duration) || wake_first(DueBy::wall))) {
  }
  arm();
}

bool WakeQueue::wake_first(DueBy by) {
  Sleepers& sleepers = asleep(by);
  if (sleepers.empty() || !due_clock_.is_reached({sleepers.begin()->first.first, by})) return false;
  const auto [key, tenant] = *sleepers.begin();
  sleepers.erase(sleepers.begin());
  ++awake_;
  wake_(*tenant, key.second);
  return true;
}

}  // namespace symphainy::runtime
