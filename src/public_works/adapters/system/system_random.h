// SPDX-License-Identifier: Apache-2.0
// OpenSSL's generator behind a small pool: an id asks for 16 bytes, and asking OpenSSL each time costs more than the
// id. Every pool byte is given out once and wiped. A process that forks without exec must not use both copies.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>

#include "public_works/abstractions/random.h"

namespace symphainy::public_works {

class SystemRandom final : public Random {
 public:
  SystemRandom() = default;
  SystemRandom(const SystemRandom&) = delete;
  SystemRandom& operator=(const SystemRandom&) = delete;
  ~SystemRandom() override;

  void fill(std::span<char> out) override;

 private:
  static constexpr std::size_t kPoolBytes = 4096;

  std::mutex mutex_;
  // Guarded by mutex_: the last `unused_` bytes of the pool are fresh.
  std::array<char, kPoolBytes> pool_{};
  std::size_t unused_ = 0;
};

}  // namespace symphainy::public_works
