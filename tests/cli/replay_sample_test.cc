// SPDX-License-Identifier: Apache-2.0
#include "cli/replay_sample.h"

#include <gtest/gtest.h>

namespace symphainy::cli {
namespace {

TEST(ReplaySample, HasAsManyAsAreWantedEvenlySpreadWithTheFirstAndTheLast) {
  for (std::uint64_t count = 1; count <= 60; ++count) {
    for (std::uint64_t wanted = 1; wanted <= 65; ++wanted) {
      std::uint64_t chosen = 0;
      std::uint64_t last = 0;
      std::uint64_t widest = 0;
      for (std::uint64_t i = 0; i < count; ++i) {
        if (!is_chosen(i, count, wanted)) continue;
        if (chosen++ > 0) widest = std::max(widest, i - last);
        last = i;
      }
      ASSERT_EQ(chosen, std::min(count, wanted)) << count << " " << wanted;
      ASSERT_TRUE(is_chosen(0, count, wanted));
      if (wanted > 1) {
        ASSERT_TRUE(is_chosen(count - 1, count, wanted)) << count << " " << wanted;
        ASSERT_LE(widest, (count - 1) / (std::min(count, wanted) - (count == 1 ? 0 : 1)) + 1) << count << " " << wanted;
      }
    }
  }
}

TEST(ReplaySample, OfVeryManyIsExact) {
  constexpr std::uint64_t kCount = 1'000'000;
  std::uint64_t chosen = 0;
  for (std::uint64_t i = 0; i < kCount; ++i) chosen += is_chosen(i, kCount, 777) ? 1 : 0;
  EXPECT_EQ(chosen, 777U);
}

}  // namespace
}  // namespace symphainy::cli
