// SPDX-License-Identifier: Apache-2.0
// Whatever a store went through, the handlers that made it do the same again: every execution in its log is replayed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "crash/violation.h"
#include "public_works/abstractions/event_log.h"
#include "simulation/workload.h"

namespace symphainy::simulation {

/// A violation for each that diverges, or ends otherwise than its log lets it. Counts what was replayed.
[[nodiscard]] std::vector<tests::Violation> replay_every_execution(const public_works::EventLog& log,
                                                                   Workload& workload,
                                                                   std::map<std::string, std::uint64_t>& counts);

}  // namespace symphainy::simulation
