// SPDX-License-Identifier: Apache-2.0
// Holds the undo functions that ran against what a log says was undone (I9); a part of the history checker.
#pragma once

#include <vector>

#include "crash/history_checker.h"

namespace symphainy::tests {

void check_undone(const Evidence& evidence, const LogFacts& facts, std::vector<Violation>& violations);

}  // namespace symphainy::tests
