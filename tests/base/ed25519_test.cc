// SPDX-License-Identifier: Apache-2.0
// Signatures are RFC 8032's: its first three test vectors, and keys of our own.
#include "base/ed25519.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"

namespace symphainy::base {
namespace {

template <typename Bytes>
Bytes bytes_from_hex(std::string_view hex) {
  Bytes out{};
  std::ranges::copy(from_hex(hex).value(), out.begin());
  return out;
}

struct Vector {
  const char* public_key;
  const char* message;
  const char* signature;
};
constexpr Vector kVectors[] = {
    {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
     "551"
     "41438e7a100b"},
    {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
     "00d"
     "291612bb0c00"},
    {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
     "027"
     "beceea1ec40a"},
};

TEST(Ed25519, AcceptsTheVectorsOfRfc8032) {
  for (const Vector& vector : kVectors) {
    const auto key = bytes_from_hex<PublicKey>(vector.public_key);
    const std::string message = from_hex(vector.message).value();
    auto signature = bytes_from_hex<Signature>(vector.signature);
    EXPECT_TRUE(verify_signature(key, message, signature));
    EXPECT_FALSE(verify_signature(key, message + "x", signature));
    signature[10] ^= 1;
    EXPECT_FALSE(verify_signature(key, message, signature));
  }
}

TEST(Ed25519, SignsWithAKeyThatSurvivesItsPem) {
  const SigningKey key = SigningKey::create();
  const auto again = SigningKey::from_pem(key.to_pem());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->public_key(), key.public_key());
  EXPECT_TRUE(verify_signature(key.public_key(), "words", again->sign("words")));
  EXPECT_FALSE(verify_signature(SigningKey::create().public_key(), "words", again->sign("words")));
}

TEST(Ed25519, RefusesWhatIsNoSuchKey) {
  for (const std::string pem : {"", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}) {
    const auto refused = SigningKey::from_pem(pem);
    ASSERT_FALSE(refused) << pem;
    EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
    EXPECT_THAT(refused.error().message, ::testing::HasSubstr("symphainy key create"));
  }
}

}  // namespace
}  // namespace symphainy::base
