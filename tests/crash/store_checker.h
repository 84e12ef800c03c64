// SPDX-License-Identifier: Apache-2.0
// The stores' part of the history check: projections and lineage are the fold of the log (I11), stored content is there
// (I4).
#pragma once

#include <vector>

#include "crash/history_checker.h"
#include "crash/log_facts.h"

namespace symphainy::tests {

void check_stores(const Evidence& evidence, const LogFacts& facts, std::vector<Violation>& violations);

}  // namespace symphainy::tests
