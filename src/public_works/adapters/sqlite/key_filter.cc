// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/sqlite/key_filter.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include "base/digest.h"

namespace symphainy::public_works {
namespace {

static_assert(std::endian::native == std::endian::little, "stored filters are little-endian; add byte swaps to port");

constexpr int kBitsSet = 7;  // for each key, of the 512 of its block
constexpr unsigned kPlaceBits = 9;

// The block is chosen by the upper half: the places in it go by the lower half foremost.
std::uint64_t places_of(std::uint64_t hash) noexcept {
  return std::rotl(hash, 32) * 0x9E3779B97F4A7C15U;
}

}  // namespace

KeyFilter::KeyFilter(std::size_t keys)
    : blocks_(std::max<std::size_t>((keys * kBitsPerKey + 8 * sizeof(Block) - 1) / (8 * sizeof(Block)), 1)) {}

std::optional<KeyFilter> KeyFilter::from_bytes(std::string_view bytes, std::uint32_t checksum) {
  if (bytes.empty() || bytes.size() % sizeof(Block) != 0 || base::crc32c(bytes) != checksum) return std::nullopt;
  KeyFilter filter(0);
  filter.blocks_.resize(bytes.size() / sizeof(Block));
  std::memcpy(filter.blocks_.data(), bytes.data(), bytes.size());
  return filter;
}

void KeyFilter::add(std::uint64_t hash) noexcept {
  Block& block = blocks_[block_of(hash)];
  std::uint64_t places = places_of(hash);
  for (int i = 0; i < kBitsSet; ++i, places <<= kPlaceBits) {
    const std::uint64_t place = places >> (64 - kPlaceBits);
    const std::atomic_ref word(block.words[place / 64]);
    word.store(word.load(std::memory_order_relaxed) | std::uint64_t{1} << (place % 64), std::memory_order_relaxed);
  }
}

bool KeyFilter::may_hold(std::uint64_t hash) const noexcept {
  Block& block = const_cast<Block&>(blocks_[block_of(hash)]);  // atomic_ref takes no const
  std::uint64_t places = places_of(hash);
  for (int i = 0; i < kBitsSet; ++i, places <<= kPlaceBits) {
    const std::uint64_t place = places >> (64 - kPlaceBits);
    const std::atomic_ref word(block.words[place / 64]);
    if ((word.load(std::memory_order_relaxed) >> (place % 64) & 1U) == 0) return false;
  }
  return true;
}

std::string_view KeyFilter::bytes() const noexcept {
  return {reinterpret_cast<const char*>(blocks_.data()), blocks_.size() * sizeof(Block)};
}

std::uint32_t KeyFilter::checksum() const noexcept {
  return base::crc32c(bytes());
}

}  // namespace symphainy::public_works
