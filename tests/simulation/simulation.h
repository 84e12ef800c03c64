// SPDX-License-Identifier: Apache-2.0
// One simulated life of a store: clients work with a node while it crashes, its disk fails and fills up, and what it
// depends on comes and goes, until the faults stop and everything that was asked for is answered. Then the history
// checker says whether anything was lost, doubled or left open.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "crash/history_checker.h"

namespace symphainy::simulation {

struct SimulationReport {
  std::uint64_t trace_hash = 0;  ///< of everything that happened: the same for the same seed
  std::uint64_t steps = 0;
  std::int64_t simulated_us = 0;
  std::map<std::string, std::uint64_t> counts;  ///< operations, acknowledged, and every fault that fired, by name
  std::vector<tests::Violation> violations;
};

/// The seed decides everything.
[[nodiscard]] SimulationReport simulate(std::uint64_t seed, bool verbose = false);

}  // namespace symphainy::simulation
