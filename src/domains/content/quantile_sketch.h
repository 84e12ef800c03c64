// SPDX-License-Identifier: Apache-2.0
// Quantiles of a stream of numbers: exact while the numbers fit, afterwards from a sorted sample
// whose rank error has a hard bound. No randomness: the same stream gives the same answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace symphainy::domains::content {

/// Once `exact_limit` is passed: the cascade of sorted buffers of Munro and Paterson, "Selection
/// and sorting with limited storage", 1980, whose halvings alternate between odd and even ranks.
/// With buffers of k = max(256, exact_limit / 16) numbers and n numbers seen, the rank of an answer
/// is off by less than n * log2(n / k) / k: below 0.7 % for 10^12 numbers and the default limit,
/// far less as a rule. Memory: 8 bytes * max(exact_limit, k * log2(n / k)). Not synchronized.
class QuantileSketch {
 public:
  explicit QuantileSketch(std::size_t exact_limit = 65'536);

  void add(double value);

  [[nodiscard]] bool exact() const noexcept { return exact_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// The smallest number such that at least `percent` % of all numbers are not greater (the nearest
  /// rank, so always a number that was seen). Requires count() > 0 and 0 < percent <= 100.
  [[nodiscard]] std::vector<double> percentiles(const std::vector<unsigned>& percents) const;

 private:
  // Sorts a full buffer and hands every second number to the buffer above, which stands for twice
  // as many.
  void halve(std::size_t level);

  std::size_t exact_limit_;
  std::size_t buffer_size_;
  bool exact_ = true;
  std::uint64_t count_ = 0;
  std::vector<std::vector<double>> levels_;  // a number of level i stands for 2^i
  std::vector<bool> take_odd_;               // per level, flips with every halving
};

}  // namespace symphainy::domains::content
