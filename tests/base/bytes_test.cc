// SPDX-License-Identifier: Apache-2.0
// Bytes are read within their bounds, and text forms are taken strictly.
#include "base/bytes.h"

#include <gtest/gtest.h>

namespace symphainy::base {
namespace {

TEST(Bytes, IntegersAreStoredLittleEndianAndReadBack) {
  std::string out;
  append_integer(out, std::uint32_t{0x01020304});
  append_integer(out, std::int64_t{-2});
  EXPECT_EQ(to_hex(out), "04030201feffffffffffffff");
  EXPECT_EQ(load_integer<std::int64_t>(out.data() + 4), -2);
  store_integer(out.data(), std::uint16_t{0xABCD});
  EXPECT_EQ(to_hex(out.substr(0, 4)), "cdab0201");
}

TEST(Bytes, ReaderTakesValuesInOrderUntilTheEnd) {
  std::string raw;
  append_integer(raw, std::uint8_t{7});
  append_integer(raw, std::uint16_t{300});
  raw += "rest";
  ByteReader reader(raw);
  EXPECT_EQ(reader.integer<std::uint8_t>(), 7);
  EXPECT_EQ(reader.integer<std::uint16_t>(), 300);
  EXPECT_EQ(reader.remaining(), 4U);
  EXPECT_EQ(reader.bytes(4), "rest");
  EXPECT_EQ(reader.bytes(0), "");
  EXPECT_TRUE(reader.ok());
}

TEST(Bytes, ReaderStaysFailedAfterTheFirstValueThatDoesNotFit) {
  ByteReader reader("abc");
  EXPECT_EQ(reader.integer<std::uint32_t>(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.integer<std::uint8_t>(), 0U);
  EXPECT_EQ(reader.bytes(1), "");
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_FALSE(reader.ok());
}

TEST(Bytes, HexadecimalRoundTripsEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(from_hex(to_hex(all)), all);
  EXPECT_EQ(from_hex("00fFaB"), std::string("\x00\xFF\xAB", 3));
  EXPECT_EQ(from_hex(""), "");
}

TEST(Bytes, HexadecimalRefusesOddLengthsAndOtherCharacters) {
  for (const char* bad : {"a", "abc", "0g", "g0", "0x", " 0", "0-", "\xC3\xA9"}) EXPECT_FALSE(from_hex(bad)) << bad;
}

TEST(Bytes, Base64MatchesTheVectorsOfRfc4648) {
  const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : vectors) {
    EXPECT_EQ(to_base64(plain), coded);
    EXPECT_EQ(from_base64(coded), plain);
  }
}

TEST(Bytes, Base64RoundTripsEveryByteAtEveryLength) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 37));
  }
}

TEST(Bytes, Base64RefusesWhatIsMalformed) {
  for (const char* bad :
       {"Z", "Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9v\n", " Zm9", "Zm-_", "=m9v", "Zm=v", "Zh==", "Zm9="}) {
    EXPECT_FALSE(from_base64(bad)) << bad;
  }
}

TEST(Bytes, WellFormedUtf8IsTaken) {
  for (const char* good : {"", "plain", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "a\xE2\x82\xAC z"}) {
    EXPECT_TRUE(is_utf8(good)) << to_hex(good);
  }
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
}

TEST(Bytes, IllFormedUtf8IsRefused) {
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF0\x90\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "ok\xE2\x82"}) {
    EXPECT_FALSE(is_utf8(bad)) << to_hex(bad);
  }
}

}  // namespace
}  // namespace symphainy::base
