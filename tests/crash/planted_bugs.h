// SPDX-License-Identifier: Apache-2.0
// Mistakes that a test gives to the program, to see that the checkers catch them. Not while other threads run.
#pragma once

#include <string_view>

namespace symphainy::tests {

/// From now on PLANTED_BUG(name) is true. SYMPHAINY_PLANTED_BUG in the environment does the same from the start.
void plant_bug(std::string_view name);
void remove_planted_bugs();

}  // namespace symphainy::tests
