// SPDX-License-Identifier: Apache-2.0
// UTF-8 is judged strictly, UTF-16 decoded, and whatever comes out is valid.
#include "domains/content/text_encoding.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <string>

namespace symphainy::domains::content {
namespace {

using std::string_literals::operator""s;

std::string decode(std::string_view bytes, std::size_t chunk_size) {
  TextDecoder decoder;
  std::string out;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(chunk_size, bytes.size()))) {
    out += decoder.feed(bytes.substr(0, chunk_size));
  }
  return out.append(decoder.finish());
}

TEST(Utf8, AcceptsEveryLengthAndRefusesWhatUnicodeForbids) {
  EXPECT_TRUE(is_utf8("a\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\xED\x9F\xBF"));
  for (const std::string& bytes :
       {"\x80"s, "\xC0\x80"s, "\xC1\xBF"s, "\xE0\x9F\xBF"s, "\xED\xA0\x80"s, "\xF0\x8F\xBF\xBF"s, "\xF4\x90\x80\x80"s,
        "\xF5\x80\x80\x80"s, "\xC3"s, "\xE2\x82"s, "\xFF"s}) {
    EXPECT_FALSE(is_utf8(bytes)) << testing::PrintToString(bytes);
  }
}

TEST(TextDecoder, PassesEverythingButUtf16Through) {
  const std::string bytes = "\xEF\xBB\xBFplain \xFF text\n" + std::string(3'000, 'x');
  for (const std::size_t size : {1U, 3U, 1024U, 100'000U}) EXPECT_EQ(decode(bytes, size), bytes);
}

TEST(TextDecoder, DecodesBothByteOrdersAndSurrogatePairs) {
  for (const std::size_t size : {1U, 2U, 3U, 100U}) {
    EXPECT_EQ(decode("\xFF\xFE\xE9\0=\xD8\0\xDE"s, size), "\xEF\xBB\xBFé😀");
    EXPECT_EQ(decode("\xFE\xFF\0\xE9\xD8=\xDE\0"s, size), "\xEF\xBB\xBFé😀");
    EXPECT_EQ(decode("h\0e\0l\0l\0o\0"s, size), "hello");
  }
}

TEST(TextDecoder, ReplacesHalvesOfSurrogatePairs) {
  EXPECT_EQ(decode("\xFF\xFE=\xD8x\0"s, 3), "\xEF\xBB\xBF\uFFFDx");
  EXPECT_EQ(decode("\xFF\xFE\0\xDE"s, 3), "\xEF\xBB\xBF\uFFFD");
  EXPECT_EQ(decode("\xFF\xFEx\0=\xD8"s, 3), "\xEF\xBB\xBFx\uFFFD");
  EXPECT_EQ(decode("\xFF\xFEx\0y"s, 3), "\xEF\xBB\xBFx\uFFFD");
}

TEST(DisplayText, IsValidAndCutBetweenCharacters) {
  EXPECT_EQ(to_display_text("caf\xE9", 256), "café");
  EXPECT_EQ(to_display_text("a\x85"
                            "b",
                            256),
            "a\uFFFDb");
  EXPECT_EQ(to_display_text("abcdef", 3), "abc…");
  EXPECT_EQ(to_display_text("abc", 3), "abc");
}

}  // namespace
}  // namespace symphainy::domains::content
