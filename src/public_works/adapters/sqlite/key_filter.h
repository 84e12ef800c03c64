// SPDX-License-Identifier: Apache-2.0
// A blocked Bloom filter over 64-bit hashes: all bits of a key stand in one cache line, so that a question costs one
// miss. 12 bits a key: about 1 in 200 of the keys that it does not hold pass all the same, and none that it holds is
// ever denied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace symphainy::public_works {

/// One thread may add while any number of threads ask: they see what was added before something else told them of it.
class KeyFilter {
 public:
  static constexpr std::size_t kBitsPerKey = 12;

  /// Holds nothing yet; sized for so many keys.
  explicit KeyFilter(std::size_t keys);
  /// What bytes() gave. Nothing when it cannot be that, or `checksum` is another's.
  [[nodiscard]] static std::optional<KeyFilter> from_bytes(std::string_view bytes, std::uint32_t checksum);

  void add(std::uint64_t hash) noexcept;
  /// False: the hash was never added.
  [[nodiscard]] bool may_hold(std::uint64_t hash) const noexcept;
  /// Begins to fetch what may_hold() will look at.
  void prefetch(std::uint64_t hash) const noexcept { __builtin_prefetch(blocks_.data() + block_of(hash)); }

  [[nodiscard]] std::string_view bytes() const noexcept;
  /// CRC-32C of bytes(): a filter with a lost bit would deny a key that exists.
  [[nodiscard]] std::uint32_t checksum() const noexcept;

 private:
  struct alignas(64) Block {
    std::uint64_t words[8] = {};
  };
  [[nodiscard]] std::size_t block_of(std::uint64_t hash) const noexcept {
    return static_cast<std::size_t>(((hash >> 32U) * blocks_.size()) >> 32U);
  }

  std::vector<Block> blocks_;
};

}  // namespace symphainy::public_works
