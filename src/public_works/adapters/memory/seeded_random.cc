// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/memory/seeded_random.h"

#include <algorithm>
#include <cstring>

namespace symphainy::public_works {

SeededRandom::SeededRandom(std::uint64_t seed) : engine_(seed) {}

void SeededRandom::fill(std::span<char> out) {
  const std::lock_guard lock(mutex_);
  while (!out.empty()) {
    const std::uint64_t number = engine_();
    const std::size_t count = std::min(out.size(), sizeof number);
    std::memcpy(out.data(), &number, count);
    out = out.subspan(count);
  }
}

}  // namespace symphainy::public_works
