// SPDX-License-Identifier: Apache-2.0
// Random bytes that a seed decides, so that a failing test can be run again. Equal seeds and equal asks give equal
// bytes.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>

#include "public_works/abstractions/random.h"

namespace symphainy::public_works {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);

  void fill(std::span<char> out) override;

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;  // guarded by mutex_; the standard fixes its numbers for every platform
};

}  // namespace symphainy::public_works
