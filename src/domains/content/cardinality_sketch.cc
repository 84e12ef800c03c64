// SPDX-License-Identifier: Apache-2.0
// Ertl's estimator needs neither bias tables nor a switch to linear counting for small sets.
#include "domains/content/cardinality_sketch.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

namespace symphainy::domains::content {
namespace {

constexpr int kIndexBits = 14;
constexpr int kRankBits = 64 - kIndexBits;
constexpr std::size_t kRegisters = std::size_t{1} << kIndexBits;

double sigma(double x) {
  if (x == 1.0) return std::numeric_limits<double>::infinity();
  double y = 1;
  double z = x;
  for (double before = -1; z != before; y += y) {
    x *= x;
    before = z;
    z += x * y;
  }
  return z;
}

double tau(double x) {
  if (x == 0.0 || x == 1.0) return 0;
  double y = 1;
  double z = 1 - x;
  for (double before = -1; z != before;) {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

}  // namespace

std::uint64_t stable_hash(std::string_view bytes) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : bytes) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdU;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53U;
  return hash ^ (hash >> 33);
}

CardinalitySketch::CardinalitySketch() : registers_(kRegisters) {}

void CardinalitySketch::add(std::uint64_t hash) noexcept {
  const auto index = static_cast<std::size_t>(hash >> kRankBits);
  const std::uint64_t rest = hash << kIndexBits;
  const int rank = std::min(std::countl_zero(rest), kRankBits) + 1;
  registers_[index] = std::max(registers_[index], static_cast<std::uint8_t>(rank));
}

std::uint64_t CardinalitySketch::estimate() const {
  std::array<double, kRankBits + 2> histogram{};
  for (const std::uint8_t rank : registers_) histogram[rank] += 1;
  constexpr auto kCount = static_cast<double>(kRegisters);
  double z = kCount * tau(1 - histogram[kRankBits + 1] / kCount);
  for (std::size_t rank = kRankBits; rank >= 1; --rank) z = 0.5 * (z + histogram[rank]);
  z += kCount * sigma(histogram[0] / kCount);
  return static_cast<std::uint64_t>(std::llround(kCount * kCount / (2 * std::numbers::ln2 * z)));
}

}  // namespace symphainy::domains::content
