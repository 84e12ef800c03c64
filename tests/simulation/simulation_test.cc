// SPDX-License-Identifier: Apache-2.0
// Two hundred simulated lives of a store keep every invariant; `make simulate SEEDS=N` runs more.
#include "simulation/simulation.h"

#include <gtest/gtest.h>

namespace symphainy::simulation {
namespace {

constexpr std::uint64_t kSeeds = 200;

TEST(Simulation, TwoHundredSeedsKeepEveryInvariantAndMeetEveryFault) {
  std::map<std::string, std::uint64_t> counts;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const SimulationReport report = simulate(seed);
    for (const auto& [name, count] : report.counts) counts[name] += count;
    for (const auto& violation : report.violations) {
      ADD_FAILURE() << "seed " << seed << ": " << violation.invariant << ": " << violation.what
                    << "; repeat with: symphainy_simulate --seed " << seed << " --verbose";
    }
  }
  EXPECT_GT(counts["completed"], kSeeds * 10) << "too little was done to say anything";
  EXPECT_GT(counts["events"], kSeeds * 10);
  for (const char* fault :
       {"clock_jumped", "disk_full", "handler_missing", "machine_failed", "machine_failed_closed", "name_error",
        "no_space", "not_opened", "power_off_in_operation", "power_off_in_retention", "process_killed",
        "publisher_down", "retention_error", "stalled", "state_store_busy", "sync_error", "write_error"}) {
    EXPECT_GE(counts[fault], 5U) << fault;
  }
  EXPECT_GT(counts["replayed_same"], kSeeds * 20);
  EXPECT_GT(counts["replayed_history_ended"], kSeeds);
  EXPECT_GE(counts["resumed"], 20U) << "executions that an earlier process left";
  for (const char* done : {"retried", "resumed", "cancelled", "terminated", "parked"}) {
    EXPECT_GE(counts[std::string("executions_") + done], kSeeds / 2) << done;
  }
  for (const char* undone : {"compensated", "stuck", "undone_of_cancelled", "undone_of_unknown"}) {
    EXPECT_GE(counts[std::string("executions_") + undone], kSeeds / 10) << undone;
  }
  for (const char* waited : {"ended_by_time", "ended_by_signal", "taken_up"}) {
    EXPECT_GE(counts[std::string("executions_") + waited], kSeeds) << waited;
  }
  EXPECT_GE(counts["executions_cut_short"], kSeeds / 20) << "hardly anybody was cancelled in a wait";
  EXPECT_GE(counts["segments_retired"], kSeeds) << "the log's beginning was hardly ever given up";
  for (const char* kept :
       {"answer_retired", "began_with_a_snapshot", "segments_archived", "snapshot_damaged", "snapshots"}) {
    EXPECT_GE(counts[kept], 10U) << kept;
  }
}

TEST(Simulation, TheSameSeedGivesTheSameTrace) {
  for (std::uint64_t seed = 1; seed <= kSeeds; seed += 20) {
    EXPECT_EQ(simulate(seed).trace_hash, simulate(seed).trace_hash) << "seed " << seed;
  }
  EXPECT_NE(simulate(1).trace_hash, simulate(2).trace_hash);
}

}  // namespace
}  // namespace symphainy::simulation
