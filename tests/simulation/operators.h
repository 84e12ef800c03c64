// SPDX-License-Identifier: Apache-2.0
// Those who cancel, terminate and resume executions in a simulation: any of those that ran, at any time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "symphainy/runtime.h"

#include "crash/history_checker.h"
#include "simulation/simulator.h"

namespace symphainy::simulation {

class Operators {
 public:
  /// `executor` is where they act. While the process is dead, what it still seems to answer does not count.
  Operators(Simulator& simulator, public_works::Executor& executor, std::function<bool()> is_dead)
      : simulator_(simulator), executor_(executor), is_dead_(std::move(is_dead)) {}

  void go_on(Runtime& runtime);
  void runtime_is_gone();
  /// An execution runs; perhaps somebody will act on it.
  void hear_of(const std::string& tenant, const std::string& execution_id);
  [[nodiscard]] static bool is_waiting(ExecutionStatus status) {
    return status == ExecutionStatus::parked || status == ExecutionStatus::compensation_stuck;
  }
  /// One is parked, or its undoing is stuck; more likely so.
  void hear_of_waiting(const std::string& tenant, const std::string& execution_id);

  /// Somebody sends that one for certain, some time, perhaps more than once; its id is its value.
  void send_signal(const std::string& tenant, const std::string& execution_id, std::string name, std::string signal_id);

  /// What they were told was done.
  [[nodiscard]] const std::vector<tests::ActSeen>& acts() const noexcept { return acts_; }

 private:
  struct Known {
    std::string tenant;
    std::string execution_id;
  };
  void act_later(Known known);
  void send_later(const ExecutionCommand& command);
  void send(const ExecutionCommand& command, std::uint64_t generation);
  [[nodiscard]] SignalDraft any_signal();
  void act(const Known& known, std::uint64_t generation);
  void heard(const ExecutionCommand& command, std::uint64_t generation, const Result<ExecutionResult>& result);

  Simulator& simulator_;
  public_works::Executor& executor_;
  const std::function<bool()> is_dead_;
  Runtime* runtime_ = nullptr;
  std::uint64_t generation_ = 0;  // of the runtime
  std::vector<Known> known_;
  std::map<std::string, ExecutionCommand> to_send_;  // signals, by id, that nobody knows to have come
  std::set<std::string> sent_;
  std::vector<tests::ActSeen> acts_;
};

}  // namespace symphainy::simulation
