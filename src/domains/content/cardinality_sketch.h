// SPDX-License-Identifier: Apache-2.0
// Estimates how many distinct values went by in 16 KiB, however many they were. The estimate
// depends only on the set of hashes, not on their order.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace symphainy::domains::content {

/// A 64-bit hash that is the same on every machine and in every release: FNV-1a (Fowler, Noll, Vo)
/// followed by MurmurHash3's finalizer (Appleby), since FNV alone mixes its high bits badly.
/// Not for secrets: collisions can be made on purpose.
[[nodiscard]] std::uint64_t stable_hash(std::string_view bytes) noexcept;

/// HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007) with 2^14 registers and the estimator of
/// Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017, algorithm 6.
/// Standard error 0.81 %. Not synchronized.
class CardinalitySketch {
 public:
  CardinalitySketch();
  void add(std::uint64_t hash) noexcept;
  [[nodiscard]] std::uint64_t estimate() const;

 private:
  std::vector<std::uint8_t> registers_;
};

}  // namespace symphainy::domains::content
