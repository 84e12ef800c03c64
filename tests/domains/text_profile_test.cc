// SPDX-License-Identifier: Apache-2.0
// Lines, words, terms and encodings of text files.
#include "domains/content/text_profile.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "domains/chunks.h"

namespace symphainy::domains::content {
namespace {

using std::string_literals::operator""s;

TEST(TextProfiler, CountsLinesWordsAndTheLongestLine) {
  struct Case {
    std::string bytes;
    std::string lines;
    std::string words;
    std::string longest;
  };
  const std::vector<Case> cases = {
      {"", "0", "0", "0"},
      {"one", "1", "1", "3"},
      {"one two\n", "1", "2", "7"},
      {"one\ntwo three", "2", "3", "9"},
      {"a\r\nb\rc\nd", "4", "4", "1"},
      {"\n\n", "2", "0", "0"},
      {"\n\r", "2", "0", "0"},
      {" \t one \v two\f", "1", "2", "13"},
      {"é\n", "1", "1", "2"},
  };
  for (const Case& one : cases) {
    const Result<Json> profile = profile_text(one.bytes);
    ASSERT_TRUE(profile);
    EXPECT_EQ(member(*profile, "lines"), one.lines) << one.bytes;
    EXPECT_EQ(member(*profile, "words"), one.words) << one.bytes;
    EXPECT_EQ(member(*profile, "longest_line_bytes"), one.longest) << one.bytes;
  }
}

TEST(TextProfiler, NamesTheEncoding) {
  struct Case {
    std::string bytes;
    std::string encoding;
    std::string bom;
  };
  const std::vector<Case> cases = {
      {"", "ascii", "false"},
      {"plain\n", "ascii", "false"},
      {"caf\xC3\xA9", "utf-8", "false"},
      {"\xEF\xBB\xBFplain", "utf-8", "true"},
      {"caf\xE9 cr\xE8me", "latin-1", "false"},
      {"\xFF\xFEh\0i\0"s, "utf-16le", "true"},
      {"\xFE\xFF\0h\0i"s, "utf-16be", "true"},
      {"h\0i\0 \0y\0o\0u\0"s, "utf-16le", "false"},
      {"ab\0cd"s, "binary", "false"},
      {"\x01\x02\x03 abc", "binary", "false"},
      {"\x1B[1mbold\x1B[0m", "ascii", "false"},
  };
  for (const Case& one : cases) {
    const Result<Json> profile = profile_text(one.bytes);
    ASSERT_TRUE(profile);
    EXPECT_EQ(member(*profile, "encoding"), '"' + one.encoding + '"') << one.bytes;
    EXPECT_EQ(member(*profile, "byte_order_mark"), one.bom) << one.bytes;
  }
}

TEST(TextProfiler, ListsTheMostFrequentTerms) {
  const Result<Json> profile = profile_text(
      "The Runtime runs intents. Intents, the runtime: 'intents' (intents)! Don\u2019t don't DON'T "
      "\u201CÉtudes\u201D\u2014études 2012 ab x1y2 x1y2");
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "top_terms"),
            R"([{"count":4,"term":"intents"},{"count":3,"term":"don't"},)"
            R"({"count":2,"term":"runtime"},{"count":2,"term":"x1y2"},{"count":2,"term":"études"},)"
            R"({"count":1,"term":"runs"}])");
}

TEST(TextProfiler, LeavesOutTermsBeyondTheirLengths) {
  const std::string longest(64, 'a');
  const std::string longer(65, 'b');
  const Result<Json> profile = profile_text("ab " + longest + " " + longer);
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "top_terms"), R"([{"count":1,"term":")" + longest + R"("}])");
}

TEST(TextProfiler, ReadsLatin1Words) {
  const Result<Json> profile = profile_text("\xC9tudes et \xE9tudes");
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "top_terms"), R"([{"count":2,"term":"études"}])");
  EXPECT_EQ(member(*profile, "invalid_utf8"), "2");
}

TEST(TextProfiler, DecodesUtf16BeforeItCounts) {
  const Result<Json> profile = profile_text("\xFF\xFEo\0n\0e\0 \0t\0w\0o\0\n\0"s);
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "words"), "2");
  EXPECT_EQ(member(*profile, "lines"), "1");
  EXPECT_EQ(member(*profile, "bytes"), "18");
}

TEST(TextProfiler, SaysNothingAboutTheWordsOfBinaryContent) {
  const Result<Json> profile = profile_text(
      "\x7F"
      "ELF\0\0\0words words"s);
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "words"), "null");
  EXPECT_EQ(member(*profile, "top_terms"), "[]");
}

TEST(TextProfiler, IsTheSameForEveryChunkSize) {
  const std::string files[] = {
      "The café\r\nand the naïve\rcafé \xE2\x80\x94 caf\xE9 \xE2\x80",
      "\xEF\xBB\xBF"
      "a\r\n",
      "\xFE\xFF\0h\0i\xD8=\xDE\0\0"s,
      "a\0b"s,
  };
  for (const std::string& bytes : files) {
    const std::string whole = dump(profile_text(bytes));
    for (const std::size_t size : kChunkSizes) EXPECT_EQ(dump(profile_text(bytes, size)), whole);
  }
}

TEST(TextProfiler, MarksTermsAsEstimatedBeyondTheBound) {
  std::string bytes;
  for (int i = 0; i < 70'000; ++i) bytes += "word" + std::to_string(i) + " often\n";
  const Result<Json> profile = profile_text(bytes, 4096);
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "top_terms_estimated"), "true");
  EXPECT_EQ(member(profile->find("top_terms")->at(0), "term"), "\"often\"");
}

}  // namespace
}  // namespace symphainy::domains::content
