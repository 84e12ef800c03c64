// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/system/system_random.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/try.h"

namespace symphainy::public_works {
namespace {

// Asks larger than this would only drain the pool for everybody else.
constexpr std::size_t kLargestPooled = 512;

void fill_fresh(std::span<char> out) {
  constexpr std::size_t kMost = std::numeric_limits<int>::max();
  while (!out.empty()) {
    const std::size_t count = std::min(out.size(), kMost);
    // Going on with predictable ids would be worse than ending here.
    CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1);
    out = out.subspan(count);
  }
}

}  // namespace

SystemRandom::~SystemRandom() {
  OPENSSL_cleanse(pool_.data(), pool_.size());
}

void SystemRandom::fill(std::span<char> out) {
  if (out.empty()) return;
  if (out.size() > kLargestPooled) return fill_fresh(out);
  const std::lock_guard lock(mutex_);
  if (unused_ < out.size()) {
    fill_fresh(pool_);
    unused_ = pool_.size();
  }
  char* const from = pool_.data() + (pool_.size() - unused_);
  std::memcpy(out.data(), from, out.size());
  OPENSSL_cleanse(from, out.size());
  unused_ -= out.size();
}

}  // namespace symphainy::public_works
