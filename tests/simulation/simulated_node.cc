// SPDX-License-Identifier: Apache-2.0
#include "simulation/simulated_node.h"

#include <fmt/format.h>

#include "base/try.h"

namespace symphainy::simulation {

using public_works::StateChanges;

void ProjectionHistory::fall_back(Simulator& simulator, bool machine_failed) {
  if (!machine_failed) return;
  // Mostly the last few transactions; now and then the file is gone.
  const std::size_t lost =
      simulator.one_in(8) ? applied.size() : simulator.below(std::min<std::size_t>(applied.size(), 6) + 1);
  applied.resize(applied.size() - lost);
}

Result<bool> ProjectionHistory::go_on_with(const public_works::EventLog& log, const ProjectionSnapshots& snapshots) {
  const std::uint64_t reached = applied.empty() ? 0 : applied.back().position;
  if (!applied.empty() && reached + 1 >= log.first_position()) return false;
  TRY(const auto known, snapshots.good());
  if (known.empty() && log.first_position() > 1) {
    return fail(ErrorCode::conflict,
                fmt::format("the log begins at {}, the projections end at {}, and there is no snapshot",
                            log.first_position(), reached));
  }
  if (known.empty()) return false;
  applied = snapshots.content(known.front());
  return true;
}

class SimulatedNode::FallibleStateStore final : public public_works::MemoryStateStore {
 public:
  FallibleStateStore(SimulatedFileSystem& files, ProjectionHistory& history, Outages outages)
      : files_(files), history_(history), outages_(std::move(outages)) {
    for (const StateChanges& changes : history.applied) CHECK(MemoryStateStore::apply(changes));
  }

  Result<void> apply(const StateChanges& changes) override {
    if (files_.is_off()) return fail(ErrorCode::io_error, "the machine is off");
    if (outages_.state_store()) return fail(ErrorCode::unavailable, "the database is busy");
    if (outages_.disk_is_full()) return fail(ErrorCode::unavailable, "the disk is full", "no_space");
    TRY(MemoryStateStore::apply(changes));
    history_.applied.push_back(changes);
    return {};
  }

 private:
  SimulatedFileSystem& files_;
  ProjectionHistory& history_;
  const Outages outages_;
};

class SimulatedNode::FalliblePublisher final : public public_works::EventPublisher {
 public:
  FalliblePublisher(SimulatedFileSystem& files, std::function<bool()> is_out)
      : inner_(files, kEvents), is_out_(std::move(is_out)) {}

  Result<std::optional<public_works::HighWaterMark>> high_water_mark(const public_works::StreamName& stream) override {
    if (is_out_()) return fail(ErrorCode::unavailable, "the broker does not answer");
    return inner_.high_water_mark(stream);
  }
  // The answer may be lost although the events were taken.
  Result<void> publish(const public_works::StreamName& stream,
                       std::span<const public_works::OutgoingEvent> events) override {
    if (is_out_()) return fail(ErrorCode::unavailable, "the broker does not answer");
    TRY(inner_.publish(stream, events));
    if (is_out_()) return fail(ErrorCode::unavailable, "the broker's answer was lost");
    return {};
  }

 private:
  public_works::NdjsonEventPublisher inner_;
  const std::function<bool()> is_out_;
};

SimulatedNode::SimulatedNode() = default;

public_works::MemoryStateStore& SimulatedNode::state() noexcept {
  return *state_;
}

// The runtime first: it waits for what it has begun, on everything below it.
SimulatedNode::~SimulatedNode() {
  node_.reset();
  log_.reset();
}

Result<std::unique_ptr<SimulatedNode>> SimulatedNode::open(Simulator& simulator, SimulatedFileSystem& files,
                                                           const Executors& executors, ProjectionHistory& projections,
                                                           const ProjectionSnapshots& snapshots, const Outages& outages,
                                                           const RuntimeOptions& options) {
  std::unique_ptr<SimulatedNode> node(new SimulatedNode());
  node->random_ = std::make_unique<public_works::SeededRandom>(simulator.below(UINT64_MAX));
  TRY(node->log_, public_works::SegmentLog::open(files, simulator.clock(), *node->random_,
                                                 {.directory = kWal,
                                                  .segment_bytes = options.segment_bytes,
                                                  .writer = &executors.log_writer,
                                                  .background = &executors.log_background}));
  TRY(node->began_with_a_snapshot_, projections.go_on_with(*node->log_, snapshots));
  node->state_ = std::make_unique<FallibleStateStore>(files, projections, outages);
  TRY(node->artifacts_,
      public_works::FilesystemArtifactStore::open(files, kArtifacts, public_works::ArtifactAccess::read_write));
  node->publisher_ = std::make_unique<FalliblePublisher>(files, outages.publisher);
  runtime::NodeAdapters adapters{.owner = nullptr,
                                 .log = *node->log_,
                                 .state = *node->state_,
                                 .lineage = *node->state_,
                                 .artifacts = *node->artifacts_,
                                 .publisher = node->publisher_.get(),
                                 .publisher_name = kPublisher,
                                 .partition = executors.partition,
                                 .fold = executors.fold,
                                 .relay = executors.relay,
                                 .handlers = executors.handlers,
                                 .clock = simulator.clock(),
                                 .random = *node->random_,
                                 .log_sink = [](auto&&...) {}};
  TRY(node->node_, runtime::RuntimeNode::open(std::move(adapters), options));
  return node;
}

}  // namespace symphainy::simulation
