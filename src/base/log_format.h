// SPDX-License-Identifier: Apache-2.0
// Where the fields of a batch and of a record stand, for those who write and read them. Not for anybody else: see
// log_record.h, and docs/formats/write-ahead-log.md.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/digest.h"

namespace symphainy::base {

inline constexpr std::uint32_t kBatchMagic = 0x31425953;  // "SYB1"
inline constexpr std::size_t kCrcOffset = 12;
inline constexpr std::size_t kStoreHashOffset = 24;
inline constexpr std::size_t kHeaderFixedBytes = 88;
inline constexpr std::size_t kTenantLengthOffset = 10;  // in a record's header

inline Digest digest_of(std::string_view raw) {
  Digest digest;
  std::ranges::copy(raw, digest.bytes.begin());
  return digest;
}

inline std::uint32_t batch_crc(std::string_view batch) {
  constexpr std::string_view kZeros("\0\0\0\0", 4);
  return crc32c(batch.substr(kCrcOffset + 4), crc32c(kZeros, crc32c(batch.substr(0, kCrcOffset))));
}

}  // namespace symphainy::base
