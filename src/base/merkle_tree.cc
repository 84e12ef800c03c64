// SPDX-License-Identifier: Apache-2.0
#include "base/merkle_tree.h"

#include <bit>
#include <span>
#include <string>

namespace symphainy::base {
namespace {

Digest node(const Digest& left, const Digest& right) {
  std::string input(1, '\x01');
  input.append(left.view()).append(right.view());
  return sha256(input);
}

// How many of `count` leaves (at least two) the left subtree holds: the largest power of two below it.
std::size_t left_leaves(std::size_t count) {
  return std::bit_floor(count - 1);
}

Digest root_of(std::span<const Digest> leaves) {
  if (leaves.size() == 1) return leaves.front();
  const std::size_t left = left_leaves(leaves.size());
  return node(root_of(leaves.first(left)), root_of(leaves.subspan(left)));
}

void add_path(std::span<const Digest> leaves, std::size_t index, std::vector<Digest>& path) {
  if (leaves.size() == 1) return;
  const std::size_t left = left_leaves(leaves.size());
  if (index < left) {
    add_path(leaves.first(left), index, path);
    path.push_back(root_of(leaves.subspan(left)));
  } else {
    add_path(leaves.subspan(left), index - left, path);
    path.push_back(root_of(leaves.first(left)));
  }
}

Digest follow(const Digest& leaf, std::size_t index, std::size_t leaf_count, std::span<const Digest> path) {
  // A path of another length belongs to another tree.
  if (leaf_count <= 1 || path.empty()) return leaf_count == 1 && path.empty() ? leaf : Digest{};
  const std::size_t left = left_leaves(leaf_count);
  const std::span<const Digest> below = path.first(path.size() - 1);
  if (index < left) return node(follow(leaf, index, left, below), path.back());
  return node(path.back(), follow(leaf, index - left, leaf_count - left, below));
}

}  // namespace

Digest merkle_leaf(std::string_view input) {
  constexpr std::string_view kLeaf("\0", 1);
  return sha256(kLeaf, input);
}

Digest merkle_root(const std::vector<Digest>& leaves) {
  return leaves.empty() ? sha256("") : root_of(leaves);
}

std::vector<Digest> merkle_path(const std::vector<Digest>& leaves, std::size_t index) {
  std::vector<Digest> path;
  add_path(leaves, index, path);
  return path;
}

Digest merkle_root_from_path(const Digest& leaf, std::size_t index, std::size_t leaf_count,
                             const std::vector<Digest>& path) {
  return follow(leaf, index, leaf_count, path);
}

}  // namespace symphainy::base
