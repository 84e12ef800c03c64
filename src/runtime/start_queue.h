// SPDX-License-Identifier: Apache-2.0
// Children that are accepted and not started yet: started as others make room, the tenants in turn, and of a tenant the
// most urgent first. So a parent may spawn as many as it likes, and none of them holds back another tenant's.
//
// Used on the partition's executor only.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "runtime/decision_state.h"

namespace symphainy::runtime {

class StartQueue {
 public:
  /// So many run at a time; one that waits does not count.
  static constexpr std::size_t kMaxRunning = 1024;
  static constexpr int kUsualPriority = 5;

  [[nodiscard]] bool has_room() const noexcept { return running_ < kMaxRunning; }
  void begun() noexcept { ++running_; }
  void ended() noexcept { --running_; }

  void add(TrackedPtr execution, int priority) {
    waiting_[execution->row.tenant][priority].push_back(std::move(execution));
  }
  /// The next one to start; nullptr when none waits.
  [[nodiscard]] TrackedPtr next() {
    if (waiting_.empty()) return nullptr;
    auto tenant = waiting_.upper_bound(last_tenant_);
    if (tenant == waiting_.end()) tenant = waiting_.begin();
    last_tenant_ = tenant->first;
    auto& by_priority = tenant->second;
    auto& urgent = by_priority.begin()->second;
    TrackedPtr execution = std::move(urgent.front());
    urgent.pop_front();
    if (urgent.empty()) by_priority.erase(by_priority.begin());
    if (by_priority.empty()) waiting_.erase(tenant);
    return execution;
  }

 private:
  std::map<std::string, std::map<int, std::deque<TrackedPtr>>> waiting_;  // by tenant and priority, oldest first
  std::string last_tenant_;
  std::size_t running_ = 0;
};

}  // namespace symphainy::runtime
