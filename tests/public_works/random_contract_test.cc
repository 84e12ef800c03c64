// SPDX-License-Identifier: Apache-2.0
// What every Random does: each ask gives other bytes, from many threads too.
// contract: random adapters: system, seeded
#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "public_works/adapters/memory/seeded_random.h"
#include "public_works/adapters/system/system_random.h"

namespace symphainy::public_works {
namespace {

std::string take(Random& random, std::size_t count) {
  std::string out(count, '\0');
  random.fill(out);
  return out;
}

class RandomContract : public ::testing::TestWithParam<const char*> {
 protected:
  RandomContract() {
    if (GetParam() == std::string_view("system")) {
      random_ = std::make_unique<SystemRandom>();
    } else {
      random_ = std::make_unique<SeededRandom>(42);
    }
  }

  std::unique_ptr<Random> random_;
};

INSTANTIATE_TEST_SUITE_P(Adapters, RandomContract, ::testing::Values("system", "seeded"),
                         [](const auto& adapter) { return std::string(adapter.param); });

TEST_P(RandomContract, EveryAskGivesOtherBytes) {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(seen.insert(take(*random_, 16)).second);
}

TEST_P(RandomContract, AsksOfEverySizeAreFilledAndNoMore) {
  for (const std::size_t size : {0, 1, 7, 8, 9, 511, 512, 513, 4095, 4096, 4097, 100'000}) {
    std::string out(size + 8, '#');
    random_->fill(std::span(out).first(size));
    EXPECT_EQ(out.substr(size), "########");
    // Sixteen equal bytes in a row would take 2^120 tries.
    EXPECT_TRUE(size < 16 || !out.ends_with(std::string(16 + 8, '#')));
    EXPECT_TRUE(size < 16 || out.substr(0, 16) != std::string(16, '#'));
  }
}

TEST_P(RandomContract, BytesAreSpreadEvenly) {
  std::vector<int> counts(256, 0);
  for (int i = 0; i < 1000; ++i) {
    for (const char byte : take(*random_, 256)) ++counts[static_cast<unsigned char>(byte)];
  }
  // 1000 of each expected, standard deviation about 32.
  EXPECT_GT(*std::ranges::min_element(counts), 700);
  EXPECT_LT(*std::ranges::max_element(counts), 1300);
}

TEST_P(RandomContract, ThreadsNeverGetTheSameBytes) {
  std::mutex mutex;
  std::set<std::string> seen;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      std::vector<std::string> mine;
      for (int i = 0; i < 2000; ++i) mine.push_back(take(*random_, 16));
      const std::lock_guard lock(mutex);
      seen.insert(mine.begin(), mine.end());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(seen.size(), 8000U);
}

TEST(SeededRandom, EqualSeedsGiveEqualBytesAndOthersDoNot) {
  SeededRandom one(7);
  SeededRandom same(7);
  SeededRandom other(8);
  const std::string bytes = take(one, 100);
  EXPECT_EQ(take(same, 100), bytes);
  EXPECT_NE(take(other, 100), bytes);
  EXPECT_EQ(take(one, 3), take(same, 3));
}

}  // namespace
}  // namespace symphainy::public_works
