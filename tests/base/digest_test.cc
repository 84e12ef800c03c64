// SPDX-License-Identifier: Apache-2.0
// Digests equal the published vectors, however the bytes arrive.
#include "base/digest.h"

#include <gtest/gtest.h>
#include <string>

namespace symphainy::base {
namespace {

constexpr std::string_view kTwoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

TEST(Digest, Sha256MatchesTheVectorsOfNist) {
  EXPECT_EQ(sha256("").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc").hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(kTwoBlocks).hex(), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')).hex(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Digest, PiecesHashAsTheWholeAtEverySplit) {
  const Digest whole = sha256(kTwoBlocks);
  for (std::size_t split = 0; split <= kTwoBlocks.size(); ++split) {
    EXPECT_EQ(sha256(kTwoBlocks.substr(0, split), kTwoBlocks.substr(split)), whole);
    Sha256 hash;
    hash.update(kTwoBlocks.substr(0, split));
    hash.update(kTwoBlocks.substr(split));
    EXPECT_EQ(hash.finish(), whole);
  }
}

TEST(Digest, BeginStartsOver) {
  Sha256 hash;
  hash.update("something else");
  hash.begin();
  hash.update("abc");
  EXPECT_EQ(hash.finish(), sha256("abc"));
  Sha256 moved = std::move(hash);
  moved.begin();
  EXPECT_EQ(moved.finish(), sha256(""));
}

TEST(Digest, PiecesHashLikeTheWholeAtEveryLengthShortAndLong) {
  std::string bytes;
  Sha256 streamed;
  for (std::size_t length = 0; length < 1'200; ++length) {
    streamed.begin();
    streamed.update(bytes);
    const Digest whole = streamed.finish();
    const std::string_view view = bytes;
    ASSERT_EQ(sha256(view), whole) << length;
    for (const std::size_t cut : {std::size_t{0}, length / 3, length}) {
      ASSERT_EQ(sha256(view.substr(0, cut), view.substr(cut)), whole) << length << " cut at " << cut;
      ASSERT_EQ(sha256({view.substr(0, cut / 2), view.substr(cut / 2, cut - cut / 2), view.substr(cut)}), whole)
          << length;
    }
    bytes.push_back(static_cast<char>(length * 7));
  }
}

TEST(Digest, TheDefaultDigestIsAllZero) {
  EXPECT_EQ(Digest{}.hex(), std::string(64, '0'));
}

TEST(Digest, Crc32cMatchesTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
}

TEST(Digest, Crc32cNoticesEveryFlippedBit) {
  std::string bytes = "a batch of records";
  const std::uint32_t sound = crc32c(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const char flip = static_cast<char>(1U << (bit % 8));
    bytes[bit / 8] ^= flip;
    EXPECT_NE(crc32c(bytes), sound) << bit;
    bytes[bit / 8] ^= flip;
  }
}

}  // namespace
}  // namespace symphainy::base
