// SPDX-License-Identifier: Apache-2.0
// Whole CSV profiles: odd files, limits, and independence from chunking.
#include "domains/content/csv_profile.h"

#include <gtest/gtest.h>
#include <random>
#include <string>

#include "domains/chunks.h"

namespace symphainy::domains::content {
namespace {

using std::string_literals::operator""s;

TEST(CsvProfiler, IsTheSameForEveryChunkSize) {
  const std::string files[] = {
      "",
      "a",
      "\xEF\xBB\xBFid;name\r\n1;\"a\"\"b\r\n;\"\r\n2;\xC3\xA9\r3;x;y\n\n4\n\"5",
      "caf\xE9,\xFF\n1,\"x\"y\n",
      "\xFF\xFEi\0d\0,\0n\0\r\0\n\0"s + "1\0,\0=\xD8\0\xDE\r\0\n\0"s,
  };
  for (const std::string& bytes : files) {
    const std::string whole = dump(profile_csv(bytes));
    for (const std::size_t size : kChunkSizes) EXPECT_EQ(dump(profile_csv(bytes, size)), whole);
  }
}

TEST(CsvProfiler, IsTheSameForEveryChunkSizeOnceItEstimates) {
  std::string bytes = "number,text\n";
  for (int i = 0; i < 70'000; ++i) {
    bytes += std::to_string(i * 7919 % 70'001) + ",v" + std::to_string(i) + "\n";
  }
  const Result<Json> whole = profile_csv(bytes);
  ASSERT_TRUE(whole);
  EXPECT_EQ(member(column(*whole, "number"), "distinct_estimated"), "true");
  EXPECT_EQ(member(column(*whole, "number"), "quantiles_estimated"), "true");
  for (const std::size_t size : kChunkSizes) {
    EXPECT_EQ(dump(profile_csv(bytes, size)), dump(whole)) << size;
  }
}

TEST(CsvProfiler, MakesValidJsonOfRandomBytesInAnyChunking) {
  // Mostly bytes that mean something to the reader, the types or the encodings.
  const std::string alphabet = "\"\",,;\t|\r\n\n01.-eTZ: aNA\0\xC3\xA9\xE2\x82\xF0\xED\xFF"s;
  std::mt19937 random(20120101);
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (std::size_t left = random() % 120; left > 0; --left) {
      bytes.push_back(alphabet[random() % alphabet.size()]);
    }
    const Result<Json> whole = profile_csv(bytes);
    if (whole)
      EXPECT_TRUE(Json::parse(whole->dump()));
    else
      EXPECT_EQ(whole.error().name(), "not_tabular") << testing::PrintToString(bytes);
    const Result<Json> text = profile_text(bytes);
    ASSERT_TRUE(text);
    EXPECT_TRUE(Json::parse(text->dump()));
    for (const std::size_t size : kChunkSizes) {
      EXPECT_EQ(dump(profile_csv(bytes, size)), dump(whole)) << testing::PrintToString(bytes);
      EXPECT_EQ(dump(profile_text(bytes, size)), dump(text)) << testing::PrintToString(bytes);
    }
  }
}

TEST(CsvProfiler, AnswersSanelyForAnEmptyFile) {
  const Result<Json> profile = profile_csv("");
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "rows"), "0");
  EXPECT_EQ(member(*profile, "columns"), "[]");
  EXPECT_EQ(member(*profile, "header"), "false");
  EXPECT_EQ(member(*profile, "encoding"), "\"ascii\"");
}

TEST(CsvProfiler, AnswersSanelyForAHeaderAlone) {
  const Result<Json> profile = profile_csv("id,name\n");
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "rows"), "0");
  EXPECT_EQ(member(column(*profile, "name"), "type"), "\"empty\"");
}

TEST(CsvProfiler, ReadsOneColumn) {
  const Result<Json> profile = profile_csv("price\n1.5\n\"\"\n2\n");
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "rows"), "3");
  EXPECT_EQ(member(column(*profile, "price"), "sum"), "\"3.5\"");
  EXPECT_EQ(member(column(*profile, "price"), "nulls"), "1");
}

TEST(CsvProfiler, CountsTheFirstRowWhenItIsNoHeader) {
  const Result<Json> profile = profile_csv("1,2\n3,4\n");
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "rows"), "2");
  EXPECT_EQ(member(column(*profile, "column_1"), "sum"), "\"4\"");
}

TEST(CsvProfiler, TakesAsManyColumnsAsTheLimitAllowsAndRefusesMore) {
  const auto row = [](std::size_t columns) {
    std::string out;
    for (std::size_t i = 0; i < columns; ++i) out += (i > 0 ? ",c" : "c") + std::to_string(i);
    return out + "\n";
  };
  const Result<Json> most = profile_csv(row(4'096));
  ASSERT_TRUE(most);
  EXPECT_EQ(most->find("columns")->size(), 4'096U);
  const Result<Json> more = profile_csv(row(10'000));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(more.error().name(), "csv_too_many_fields");
  EXPECT_NE(more.error().message.find("4096 fields"), std::string::npos);
}

TEST(CsvProfiler, RefusesAFieldBeyondOneMebibyte) {
  const std::string field(1024 * 1024, 'x');
  EXPECT_TRUE(profile_csv("a,b\n1," + field + "\n"));
  const Result<Json> refused = profile_csv("a,b\n1," + field + "x\n", 4096);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "row 2: the field at byte offset 6 is longer than 1048576 bytes");
  EXPECT_EQ(refused.error().details.dump(), R"({"byte_offset":6,"row":2})");
}

TEST(CsvProfiler, ReportsRaggedRowsAndGoesOn) {
  const Result<Json> profile = profile_csv("a,b\n1,2\n3\n4,5,6\n7,8\n");
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "ragged_rows"), R"({"count":2,"first":[{"fields":1,"row":3},{"fields":3,"row":4}]})");
  EXPECT_EQ(member(*profile, "rows"), "4");
  EXPECT_EQ(member(column(*profile, "b"), "nulls"), "1");
  EXPECT_EQ(member(column(*profile, "b"), "sum"), "\"15\"");
}

TEST(CsvProfiler, AddsColumnsWhenAWiderRowComes) {
  const std::string bytes = "a,b\n1,2\n3,4,5,x\n6,7,8\n9\n";
  const Result<Json> profile = profile_csv(bytes);
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "header"), "true");
  EXPECT_EQ(member(*profile, "rows"), "4");
  EXPECT_EQ(profile->find("columns")->size(), 4U);
  EXPECT_EQ(member(*profile->find("ragged_rows"), "count"), "3");
  EXPECT_EQ(member(column(*profile, "column_3"), "sum"), "\"13\"");
  EXPECT_EQ(member(column(*profile, "column_3"), "nulls"), "2") << "the row before it and the short one behind it";
  EXPECT_EQ(member(column(*profile, "column_4"), "nulls"), "3");
  EXPECT_EQ(count_of(column(*profile, "column_4"), "x"), 1U);
  for (const std::size_t size : kChunkSizes) EXPECT_EQ(dump(profile_csv(bytes, size)), dump(profile));

  const Result<Json> without = profile_csv("1,2\n3,4,5\n");
  ASSERT_TRUE(without);
  EXPECT_EQ(member(*without, "rows"), "2");
  EXPECT_EQ(member(column(*without, "column_3"), "nulls"), "1") << "the first row is a row like the others";
}

TEST(CsvProfiler, RefusesWhatIsNoText) {
  const std::string binaries[] = {
      "a,b\n1,\0\n"s, std::string(70'000, 'x') + ",\n" + '\0', "%PDF-1.7\n1 0 obj\n", "PK\x03\x04rest", "GIF89a,b,c\n",
  };
  for (const std::string& bytes : binaries) {
    const Result<Json> refused = profile_csv(bytes);
    ASSERT_FALSE(refused) << bytes.substr(0, 20);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(refused.error().name(), "not_tabular") << refused.error().message;
    for (const std::size_t size : kChunkSizes) EXPECT_EQ(dump(profile_csv(bytes, size)), dump(refused));
  }
  EXPECT_NE(dump(profile_csv("a,b\n1,\0\n"s)).find("byte 6 is NUL"), std::string::npos);
}

TEST(CsvProfiler, KeepsTheFirstTenRaggedRowsAndQuoteErrors) {
  std::string bytes = "a,b\n";
  for (int i = 0; i < 30; ++i) bytes += "\"x\"y\n";
  const Result<Json> profile = profile_csv(bytes);
  ASSERT_TRUE(profile);
  for (const char* list : {"ragged_rows", "quote_errors"}) {
    EXPECT_EQ(member(*profile->find(list), "count"), "30");
    EXPECT_EQ(profile->find(list)->find("first")->size(), 10U);
  }
}

TEST(CsvProfiler, CountsLineEndings) {
  EXPECT_EQ(member(*profile_csv("a,b\r\n1,2\r3,4\n5,6\r\n"), "line_endings"), R"({"cr":1,"crlf":2,"lf":1})");
}

TEST(CsvProfiler, NamesTheEncoding) {
  EXPECT_EQ(member(*profile_csv("a\n1\n"), "encoding"), "\"ascii\"");
  EXPECT_EQ(member(*profile_csv("a\né\n"), "encoding"), "\"utf-8\"");
  EXPECT_EQ(member(*profile_csv("é\n1\n"), "encoding"), "\"utf-8\"");
  const Result<Json> latin = profile_csv("n\xE9,b\n1,\xE9\n");
  EXPECT_EQ(member(*latin, "encoding"), "\"latin-1\"");
  EXPECT_EQ(member(*latin, "invalid_utf8"), "2");
  EXPECT_TRUE(Json::parse(latin->dump()));
}

TEST(CsvProfiler, DecodesUtf16) {
  const Result<Json> profile = profile_csv("\xFF\xFEi\0d\0\t\0n\0\n\0"s + "1\0\t\0\xE9\0\n\0"s);
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(*profile, "encoding"), "\"utf-16le\"");
  EXPECT_EQ(member(*profile, "delimiter"), "\"\\t\"");
  EXPECT_EQ(member(*profile, "byte_order_mark"), "true");
  EXPECT_EQ(count_of(column(*profile, "n"), "é"), 1U);
}

TEST(CsvProfiler, UsesTheDelimiterTheCallerNames) {
  const Result<Json> profile = profile_csv("a:b\n1:2\n", 3, {.delimiter = ':'});
  ASSERT_TRUE(profile);
  EXPECT_EQ(member(column(*profile, "b"), "sum"), "\"2\"");
}

}  // namespace
}  // namespace symphainy::domains::content
