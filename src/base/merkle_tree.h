// SPDX-License-Identifier: Apache-2.0
// The Merkle tree of RFC 6962, section 2.1, over SHA-256: one root for many leaves, and for each leaf a short path that
// proves it is one of them.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace symphainy::base {

/// SHA-256(0x00, input).
[[nodiscard]] Digest merkle_leaf(std::string_view input);
/// The hash of the empty string when there are no leaves.
[[nodiscard]] Digest merkle_root(const std::vector<Digest>& leaves);
/// The audit path of section 2.1.1: from the leaf's sibling up. `index` is below leaves.size().
[[nodiscard]] std::vector<Digest> merkle_path(const std::vector<Digest>& leaves, std::size_t index);
/// The root that a path leads to, for a tree of `leaf_count` leaves; another root than the tree's when anything is
/// wrong.
[[nodiscard]] Digest merkle_root_from_path(const Digest& leaf, std::size_t index, std::size_t leaf_count,
                                           const std::vector<Digest>& path);

}  // namespace symphainy::base
