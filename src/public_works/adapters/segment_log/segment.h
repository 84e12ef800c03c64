// SPDX-License-Identifier: Apache-2.0
// A segment: one file of the log. A header says whose it is and what it continues; two slots for the durable head
// follow, each in a block of its own; then batches without gaps, then zeros up to the size it was prepared with.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/error.h"

#include "base/digest.h"
#include "base/ids.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::public_works {

inline constexpr std::size_t kSegmentHeaderBytes = 128;
inline constexpr std::array<std::uint64_t, 2> kSegmentHeadOffsets = {4096, 8192};
/// Where a segment's first batch begins.
inline constexpr std::uint64_t kSegmentBatchesOffset = 12288;

struct SegmentHeader {
  base::Uuid store;
  base::Uuid timeline;
  std::uint64_t first_position = 0;
  base::Digest previous_hash;  ///< the store hash of the batch before the first one here

  [[nodiscard]] std::string encode() const;
  [[nodiscard]] static Result<SegmentHeader> decode(std::string_view bytes);
};

/// "00000000000000000001.seg": the first position in 20 digits, so that names sort like positions.
[[nodiscard]] std::string segment_name(std::uint64_t first_position);
/// Nothing when the name is not a segment's.
[[nodiscard]] std::optional<std::uint64_t> parse_segment_name(std::string_view name);
/// The directory's segments in the order of their positions.
[[nodiscard]] Result<std::vector<std::string>> segment_paths(FileSystem& files, const std::string& directory);

}  // namespace symphainy::public_works
