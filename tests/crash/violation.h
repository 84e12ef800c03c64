// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace symphainy::tests {

/// An invariant of ARCHITECTURE.md that does not hold, and where that shows.
struct Violation {
  std::string invariant;  ///< "I1"
  std::string what;
};

}  // namespace symphainy::tests
