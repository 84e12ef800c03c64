// SPDX-License-Identifier: Apache-2.0
// A whole node on the simulator: the runtime's own rooms over the segment log, the artifact store and the NDJSON
// publisher on the simulated disk, and projections in memory that may fall back, as a database without a sync does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "public_works/adapters/filesystem/filesystem_artifact_store.h"
#include "public_works/adapters/filesystem/ndjson_event_publisher.h"
#include "public_works/adapters/memory/memory_state_store.h"
#include "public_works/adapters/memory/seeded_random.h"
#include "public_works/adapters/segment_log/segment_log.h"
#include "runtime/runtime_node.h"
#include "simulation/simulated_file_system.h"
#include "simulation/simulated_retention.h"
#include "simulation/simulator.h"

namespace symphainy::simulation {

inline const std::string kWal = "/data/wal";
inline const std::string kArtifacts = "/data/artifacts";
inline const std::string kEvents = "/data/events";
inline constexpr const char* kPublisher = "ndjson";

/// Outages of what the node depends on beside the disk; asked before each use.
struct Outages {
  std::function<bool()> state_store;
  std::function<bool()> disk_is_full;  ///< which the state store's files are on too
  std::function<bool()> publisher;
};

/// Projections with a history, to fall back in.
class ProjectionHistory {
 public:
  /// What is there when a process starts: everything, or (a machine failed) only what was applied before some moment.
  void fall_back(Simulator& simulator, bool machine_failed);
  /// As src/app/local_store.cc does: those that are gone, or end before the log begins, go on from the newest good
  /// snapshot. True when they do. conflict when there is none and the log's beginning is retired.
  [[nodiscard]] Result<bool> go_on_with(const public_works::EventLog& log, const ProjectionSnapshots& snapshots);
  std::vector<public_works::StateChanges> applied;
};

class SimulatedNode {
 public:
  struct Executors {
    public_works::Executor& partition;
    public_works::Executor& fold;
    public_works::Executor& relay;
    public_works::Executor& handlers;
    public_works::Executor& log_writer;
    public_works::Executor& log_background;
  };

  [[nodiscard]] static Result<std::unique_ptr<SimulatedNode>> open(
      Simulator& simulator, SimulatedFileSystem& files, const Executors& executors, ProjectionHistory& projections,
      const ProjectionSnapshots& snapshots, const Outages& outages, const RuntimeOptions& options);
  ~SimulatedNode();

  [[nodiscard]] runtime::RuntimeNode& runtime() noexcept { return *node_; }
  [[nodiscard]] public_works::SegmentLog& log() noexcept { return *log_; }
  [[nodiscard]] public_works::MemoryStateStore& state() noexcept;
  /// The projections were lost, and came back from one.
  [[nodiscard]] bool began_with_a_snapshot() const noexcept { return began_with_a_snapshot_; }
  [[nodiscard]] public_works::ArtifactStore& artifacts() noexcept { return *artifacts_; }

 private:
  class FallibleStateStore;
  class FalliblePublisher;
  SimulatedNode();

  bool began_with_a_snapshot_ = false;
  std::unique_ptr<public_works::SeededRandom> random_;
  std::unique_ptr<FallibleStateStore> state_;
  std::unique_ptr<public_works::FilesystemArtifactStore> artifacts_;
  std::unique_ptr<FalliblePublisher> publisher_;
  std::unique_ptr<public_works::SegmentLog> log_;
  std::unique_ptr<runtime::RuntimeNode> node_;
};

}  // namespace symphainy::simulation
