// SPDX-License-Identifier: Apache-2.0
// What a log costs at least: hashing, writing and syncing bytes, without anything that makes a log of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "symphainy/error.h"

namespace symphainy::bench {

inline constexpr std::size_t kRawFileBytes = 32 * 1024 * 1024;

/// A file of that size, synced. Of zeros that were written, so that writing into it changes no metadata; or of room
/// that was only taken, as everything is that is written for the first time.
class RawFile {
 public:
  enum class Blocks { written, fresh };
  [[nodiscard]] static Result<RawFile> open(const std::string& path, Blocks blocks = Blocks::written);
  RawFile(RawFile&& other) noexcept;
  RawFile& operator=(RawFile&&) = delete;
  ~RawFile();

  [[nodiscard]] Result<void> write(std::uint64_t offset, std::string_view bytes);
  /// Behind what was appended before, from the beginning again when the file is full.
  [[nodiscard]] Result<void> append(std::string_view bytes);
  [[nodiscard]] bool has_room_for(std::size_t bytes) const { return offset_ + bytes <= kRawFileBytes; }
  [[nodiscard]] Result<void> sync();

 private:
  explicit RawFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
  std::uint64_t offset_ = 0;
};

/// As many bytes in as many hashes as the log needs for so many records that fill these bytes, and their CRC.
void hash_like_the_log(std::string_view bytes, std::size_t records);

[[nodiscard]] Result<double> median_sync_us(RawFile& file);

}  // namespace symphainy::bench
