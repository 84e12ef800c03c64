// SPDX-License-Identifier: Apache-2.0
// The sketches are exact up to their bounds, and beyond them no further off than they say.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

#include "domains/content/cardinality_sketch.h"
#include "domains/content/quantile_sketch.h"
#include "domains/content/value_counts.h"

namespace symphainy::domains::content {
namespace {

TEST(CardinalitySketch, EstimatesWithinThreePercentFromTensToMillions) {
  CardinalitySketch sketch;
  EXPECT_EQ(sketch.estimate(), 0U);
  std::uint64_t added = 0;
  for (const std::uint64_t size : {10U, 1'000U, 40'000U, 70'000U, 100'000U, 1'000'000U}) {
    for (; added < size; ++added) sketch.add(stable_hash(std::to_string(added)));
    const auto estimate = static_cast<double>(sketch.estimate());
    EXPECT_NEAR(estimate, static_cast<double>(size), 0.03 * static_cast<double>(size));
  }
}

TEST(QuantileSketch, GivesTheNearestRankWhileExact) {
  QuantileSketch sketch;
  for (int i = 100; i >= 1; --i) sketch.add(i);
  EXPECT_EQ(sketch.percentiles({1, 25, 50, 99, 100}), (std::vector<double>{1, 25, 50, 99, 100}));
  QuantileSketch few;
  for (const double value : {15, 20, 35, 40, 50}) few.add(value);
  EXPECT_EQ(few.percentiles({5, 30, 40, 50, 100}), (std::vector<double>{15, 20, 20, 35, 50}));
  EXPECT_TRUE(few.exact());
}

TEST(QuantileSketch, StaysWithinItsRankErrorBeyondTheBound) {
  constexpr std::uint64_t kCount = 1'000'000;
  std::vector<double> values(kCount);
  for (std::uint64_t i = 0; i < kCount; ++i) values[i] = static_cast<double>(i);
  std::mt19937_64 random(1);
  for (const bool shuffled : {false, true}) {
    if (shuffled) std::ranges::shuffle(values, random);
    QuantileSketch sketch;
    for (const double value : values) sketch.add(value);
    EXPECT_FALSE(sketch.exact());
    const double bound = kCount * std::log2(kCount / 4096.0) / 4096.0;
    const std::vector<double> answers = sketch.percentiles({1, 25, 50, 75, 99});
    EXPECT_NEAR(answers[0], 0.01 * kCount, bound);
    EXPECT_NEAR(answers[1], 0.25 * kCount, bound);
    EXPECT_NEAR(answers[2], 0.50 * kCount, bound);
    EXPECT_NEAR(answers[3], 0.75 * kCount, bound);
    EXPECT_NEAR(answers[4], 0.99 * kCount, bound);
  }
}

TEST(QuantileSketch, IsExactUpToItsBoundAndNotOneFurther) {
  QuantileSketch sketch(1'000);
  for (int i = 0; i < 1'000; ++i) sketch.add(i);
  EXPECT_TRUE(sketch.exact());
  sketch.add(1'000);
  EXPECT_FALSE(sketch.exact());
}

TEST(ValueCounts, CountsExactlyUpToItsBound) {
  ValueCounts counts({.max_values = 1'000});
  for (int i = 0; i < 1'000; ++i) counts.add(std::to_string(i));
  counts.add("7", 5);
  EXPECT_TRUE(counts.exact());
  EXPECT_EQ(counts.distinct(), 1'000U);
  EXPECT_TRUE(counts.contains("999"));
  EXPECT_FALSE(counts.contains("1000"));
  const auto top = counts.top(3);
  ASSERT_EQ(top.size(), 3U);
  EXPECT_EQ(top[0].value, "7");
  EXPECT_EQ(top[0].count, 6U);
  EXPECT_EQ(top[1].value, "0");  // equal counts: by bytes
  EXPECT_EQ(top[2].value, "1");
  counts.add("one more");
  EXPECT_FALSE(counts.exact());
}

TEST(ValueCounts, FindsFrequentValuesWithinItsErrorBeyondTheBound) {
  ValueCounts counts;
  for (int i = 0; i < 500'000; ++i) {
    counts.add(std::to_string(i));
    if (i % 10 == 0) counts.add("often");
    if (i % 20 == 0) counts.add("less often");
  }
  EXPECT_FALSE(counts.exact());
  EXPECT_NEAR(static_cast<double>(counts.distinct()), 500'002, 15'000);
  const auto top = counts.top(2);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].value, "often");
  EXPECT_LE(top[0].count, 50'000U);
  EXPECT_GE(top[0].count + counts.max_error(), 50'000U);
  EXPECT_EQ(top[1].value, "less often");
  EXPECT_GE(top[1].count + counts.max_error(), 25'000U);
  EXPECT_LT(counts.max_error(), 1'000U);
}

TEST(ValueCounts, HoldsItsMemoryBoundWithValuesOfAnyLength) {
  ValueCounts counts({.max_values = 65'536, .max_bytes = 32'768});
  for (int i = 0; i < 200; ++i) counts.add(std::string(10'000, 'x') + std::to_string(i));
  counts.add(std::string(1'000'000, 'y'), 50);
  EXPECT_FALSE(counts.exact());
  EXPECT_NEAR(static_cast<double>(counts.distinct()), 201, 6);
  for (const auto& entry : counts.top(10)) {
    EXPECT_LE(entry.value.size(), ValueCounts::kMaxTrackedBytes);
  }
}

}  // namespace
}  // namespace symphainy::domains::content
