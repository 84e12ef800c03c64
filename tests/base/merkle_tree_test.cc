// SPDX-License-Identifier: Apache-2.0
// The tree is RFC 6962's; every leaf's path leads to the root, and nothing else does.
#include "base/merkle_tree.h"

#include <gtest/gtest.h>
#include <string>

namespace symphainy::base {
namespace {

std::vector<Digest> leaves(std::size_t count) {
  std::vector<Digest> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(merkle_leaf("leaf " + std::to_string(i)));
  return out;
}

Digest node(const Digest& left, const Digest& right) {
  return sha256("\x01" + std::string(left.view()) + std::string(right.view()));
}

TEST(MerkleTree, HasTheShapeOfRfc6962) {
  EXPECT_EQ(merkle_root({}).hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  // The published hash of an empty leaf in that tree.
  EXPECT_EQ(merkle_leaf("").hex(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
  const auto l = leaves(7);
  EXPECT_EQ(merkle_root({l[0]}), l[0]);
  EXPECT_EQ(merkle_root({l[0], l[1], l[2]}), node(node(l[0], l[1]), l[2]));
  EXPECT_EQ(merkle_root(l), node(node(node(l[0], l[1]), node(l[2], l[3])), node(node(l[4], l[5]), l[6])));
}

TEST(MerkleTree, APathProvesItsLeafAndNothingElse) {
  for (std::size_t count = 1; count <= 17; ++count) {
    const auto all = leaves(count);
    const Digest root = merkle_root(all);
    for (std::size_t index = 0; index < count; ++index) {
      const auto path = merkle_path(all, index);
      ASSERT_EQ(merkle_root_from_path(all[index], index, count, path), root) << index << " of " << count;
      EXPECT_NE(merkle_root_from_path(merkle_leaf("other"), index, count, path), root);
      if (count > 1) EXPECT_NE(merkle_root_from_path(all[index], (index + 1) % count, count, path), root);
      auto longer = path;
      longer.push_back(root);
      EXPECT_NE(merkle_root_from_path(all[index], index, count, longer), root);
      for (std::size_t i = 0; i < path.size(); ++i) {
        auto changed = path;
        changed[i].bytes[0] ^= 1;
        EXPECT_NE(merkle_root_from_path(all[index], index, count, changed), root);
        auto shorter = path;
        shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_NE(merkle_root_from_path(all[index], index, count, shorter), root);
      }
    }
  }
}

}  // namespace
}  // namespace symphainy::base
