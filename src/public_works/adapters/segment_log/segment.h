// SPDX-License-Identifier: Apache-2.0
// A segment: one file of the log. A 128-byte header says whose it is and what it continues; batches follow without
// gaps, then zeros up to the size it was prepared with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "symphainy/error.h"

#include "base/digest.h"
#include "base/ids.h"

namespace symphainy::public_works {

inline constexpr std::size_t kSegmentHeaderBytes = 128;

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

}  // namespace symphainy::public_works
