// SPDX-License-Identifier: Apache-2.0
// Unpredictable bytes, for ids and salts.
#pragma once

#include <span>

namespace symphainy::public_works {

/// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<char> out) = 0;
};

}  // namespace symphainy::public_works
