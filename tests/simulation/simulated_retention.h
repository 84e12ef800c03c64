// SPDX-License-Identifier: Apache-2.0
// Retention on the simulated disk, in the order of src/app/retention.cc: snapshot, archive, retire, each durable before
// the next. What is needed is asked of the product itself (needs_of_history); only the snapshots are simulated, because
// the simulated projections are in memory: each is a file that a failure leaves, tears or takes like any other.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/state_store.h"
#include "public_works/adapters/segment_log/segment_log.h"
#include "simulation/simulated_file_system.h"
#include "simulation/simulator.h"

namespace symphainy::simulation {

inline const std::string kSnapshots = "/data/snapshots";
inline const std::string kArchive = "/archive";

/// Folds of the log. Their files say which of them there are; what is in them is remembered here.
class ProjectionSnapshots {
 public:
  static constexpr std::size_t kKept = 2;

  explicit ProjectionSnapshots(SimulatedFileSystem& files) : files_(files) {}

  /// The positions of those that are whole, the newest first.
  [[nodiscard]] Result<std::vector<std::uint64_t>> good() const;
  [[nodiscard]] const std::vector<public_works::StateChanges>& content(std::uint64_t position) const {
    return contents_.at(position);
  }
  /// Up to the batch that holds `until`, from the newest good one on; durable, and all but the last two removed, when
  /// it succeeds. False when there is one of that position.
  [[nodiscard]] Result<bool> take(const public_works::EventLog& log, std::uint64_t until);
  /// What keeping two is for. False when there are fewer.
  [[nodiscard]] Result<bool> damage_newest();

 private:
  [[nodiscard]] Result<void> write(std::uint64_t position);
  [[nodiscard]] Result<void> remove_others(const std::vector<std::uint64_t>& kept);

  SimulatedFileSystem& files_;
  std::map<std::uint64_t, std::vector<public_works::StateChanges>> contents_;
};

/// Rounds of retention beside a node, from time to time.
class SimulatedRetention {
 public:
  using Count = std::function<void(const std::string& name, std::uint64_t)>;
  SimulatedRetention(Simulator& simulator, SimulatedFileSystem& files, ProjectionSnapshots& snapshots,
                     public_works::Executor& executor, Count count)
      : simulator_(simulator), files_(files), snapshots_(snapshots), executor_(executor), count_(std::move(count)) {}

  void start(public_works::SegmentLog& log, public_works::StateStore& state);
  /// Before the log and the state go.
  void stop() { ++generation_; }
  /// In the middle of a round; others may work meanwhile.
  [[nodiscard]] bool is_at_work() const noexcept { return is_at_work_; }

 private:
  static constexpr std::uint64_t kOftenUs = 60'000;
  static constexpr std::uint64_t kSeldomUs = 2'000'000;  // while it fails

  void come_back_later(public_works::SegmentLog& log, public_works::StateStore& state);
  [[nodiscard]] Result<void> round(public_works::SegmentLog& log, public_works::StateStore& state);
  [[nodiscard]] Result<void> take_snapshot_when_due(const public_works::EventLog& log, public_works::StateStore& state,
                                                    std::uint64_t last_position);
  [[nodiscard]] Result<std::uint64_t> needed_from(const public_works::EventLog& log, public_works::StateStore& state);

  Simulator& simulator_;
  SimulatedFileSystem& files_;
  ProjectionSnapshots& snapshots_;
  public_works::Executor& executor_;
  const Count count_;
  std::uint64_t generation_ = 0;
  bool is_at_work_ = false;
  std::uint64_t longest_wait_us_ = kOftenUs;
};

}  // namespace symphainy::simulation
