// SPDX-License-Identifier: Apache-2.0
// While exact, level 0 simply grows; the first halving turns it into one buffer among others.
#include "domains/content/quantile_sketch.h"

#include <algorithm>
#include <utility>

namespace symphainy::domains::content {
namespace {

constexpr std::size_t kMinBuffer = 256;
constexpr std::size_t kExactToBuffer = 16;

}  // namespace

QuantileSketch::QuantileSketch(std::size_t exact_limit)
    : exact_limit_(std::max(exact_limit & ~std::size_t{1}, kMinBuffer)),
      buffer_size_(std::max(kMinBuffer, (exact_limit_ / kExactToBuffer) & ~std::size_t{1})),
      levels_(1),
      take_odd_(1) {}

void QuantileSketch::add(double value) {
  if (levels_[0].size() == (exact_ ? exact_limit_ : buffer_size_)) {
    exact_ = false;
    halve(0);
  }
  levels_[0].push_back(value);
  ++count_;
}

void QuantileSketch::halve(std::size_t level) {
  if (level + 1 == levels_.size()) {
    levels_.emplace_back();
    take_odd_.push_back(false);
  }
  std::vector<double> sorted = std::exchange(levels_[level], {});
  std::ranges::sort(sorted);
  for (std::size_t i = take_odd_[level] ? 1 : 0; i < sorted.size(); i += 2) {
    if (levels_[level + 1].size() == buffer_size_) halve(level + 1);
    levels_[level + 1].push_back(sorted[i]);
  }
  take_odd_[level] = !take_odd_[level];
}

std::vector<double> QuantileSketch::percentiles(const std::vector<unsigned>& percents) const {
  std::vector<std::pair<double, std::uint64_t>> weighted;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    for (const double value : levels_[level]) {
      weighted.emplace_back(value, std::uint64_t{1} << level);
    }
  }
  std::ranges::sort(weighted);
  std::vector<double> answers;
  for (const unsigned percent : percents) {
    // Rounded up without overflow: count_ * percent may exceed 64 bits.
    const std::uint64_t rank = count_ / 100 * percent + (count_ % 100 * percent + 99) / 100;
    std::uint64_t seen = 0;
    double answer = weighted.back().first;
    for (const auto& [value, weight] : weighted) {
      seen += weight;
      if (seen >= rank) {
        answer = value;
        break;
      }
    }
    answers.push_back(answer);
  }
  return answers;
}

}  // namespace symphainy::domains::content
