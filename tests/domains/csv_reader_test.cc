// SPDX-License-Identifier: Apache-2.0
// The CSV dialects of the world, each read the same in chunks of every size.
#include "domains/content/csv_reader.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "domains/chunks.h"
#include "domains/content/csv_delimiter.h"

namespace symphainy::domains::content {
namespace {

using std::string_literals::operator""s;

// Fields in brackets, one record a line; then what the reader counted.
std::string read(std::string_view bytes, std::size_t chunk_size = kWhole, std::optional<char> delimiter = ',',
                 CsvLimits limits = {}) {
  std::string out;
  CsvReader reader(
      delimiter,
      [&](std::uint64_t, std::span<const std::string_view> fields) {
        for (const std::string_view field : fields) out.append("[").append(field).append("]");
        out.push_back('\n');
      },
      limits);
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::string_view chunk = rest.substr(0, chunk_size);
    if (auto fed = reader.feed(chunk); !fed) return out + fed.error().message;
    rest.remove_prefix(chunk.size());
  }
  if (auto finished = reader.finish(); !finished) return out + finished.error().message;
  const CsvLineEndings& ends = reader.line_endings();
  out += "cr=" + std::to_string(ends.cr) + " lf=" + std::to_string(ends.lf) + " crlf=" + std::to_string(ends.crlf);
  if (reader.blank_lines() > 0) out += " blank=" + std::to_string(reader.blank_lines());
  for (const auto& item : reader.quote_errors().first) {
    out += " row " + std::to_string(item.row) + ":" + std::string(to_string(item.error));
  }
  return out;
}

struct Case {
  std::string what;
  std::string bytes;
  std::string records;
};

class EveryChunkSize : public testing::TestWithParam<Case> {};

TEST_P(EveryChunkSize, ReadsTheSameRecords) {
  const Case& one = GetParam();
  EXPECT_EQ(read(one.bytes), one.records);
  for (const std::size_t size : kChunkSizes) EXPECT_EQ(read(one.bytes, size), one.records) << size;
}

const Case kCases[] = {
    {"Nothing", "", "cr=0 lf=0 crlf=0"},
    {"OneField", "a", "[a]\ncr=0 lf=0 crlf=0"},
    {"Lf", "a,b\nc,d\n", "[a][b]\n[c][d]\ncr=0 lf=2 crlf=0"},
    {"Cr", "a,b\rc,d\r", "[a][b]\n[c][d]\ncr=2 lf=0 crlf=0"},
    {"CrLf", "a,b\r\nc,d\r\n", "[a][b]\n[c][d]\ncr=0 lf=0 crlf=2"},
    {"MixedEnds", "a\r\nb\rc\nd", "[a]\n[b]\n[c]\n[d]\ncr=1 lf=1 crlf=1"},
    {"LfBeforeCr", "a\n\rb", "[a]\n[b]\ncr=1 lf=1 crlf=0 blank=1"},
    {"CrCrLf", "a\r\r\nb", "[a]\n[b]\ncr=1 lf=0 crlf=1 blank=1"},
    {"NoLastEnd", "a,b\nc,d", "[a][b]\n[c][d]\ncr=0 lf=1 crlf=0"},
    {"EmptyFields", ",\n,,\na,", "[][]\n[][][]\n[a][]\ncr=0 lf=2 crlf=0"},
    {"BlankLines", "a\n\n\nb\n", "[a]\n[b]\ncr=0 lf=4 crlf=0 blank=2"},
    {"QuotedEmptyIsARecord", "a\n\"\"\nb\n", "[a]\n[]\n[b]\ncr=0 lf=3 crlf=0"},
    {"Quoted", "\"a\",\"b c\"\n", "[a][b c]\ncr=0 lf=1 crlf=0"},
    {"QuotedSeparator", "\"a,b\",c\n", "[a,b][c]\ncr=0 lf=1 crlf=0"},
    {"QuotedBreaks", "\"a\r\nb\rc\nd\",e\r\n", "[a\r\nb\rc\nd][e]\ncr=0 lf=0 crlf=1"},
    {"DoubledQuotes", "\"a \"\"b\"\"\",\"\"\"\"\n", "[a \"b\"][\"]\ncr=0 lf=1 crlf=0"},
    {"QuoteAtTheEnd", "a,\"b\"", "[a][b]\ncr=0 lf=0 crlf=0"},
    {"QuoteInsidePlainText", "5\" disk,b\n", "[5\" disk][b]\ncr=0 lf=1 crlf=0"},
    {"SpaceBeforeQuote", "a, \"b\"\n", "[a][ \"b\"]\ncr=0 lf=1 crlf=0"},
    {"TextAfterQuote", "\"a\"b,c\n\"d\" ,e\n",
     "[ab][c]\n[d ][e]\ncr=0 lf=2 crlf=0 row 1:text_after_quote row 2:text_after_quote"},
    {"QuoteInTextAfterQuote", "\"a\"b\"c\n", "[ab\"c]\ncr=0 lf=1 crlf=0 row 1:text_after_quote"},
    {"UnterminatedQuote", "a\n\"b,c\nd", "[a]\n[b,c\nd]\ncr=0 lf=1 crlf=0 row 2:unterminated_quote"},
    {"LoneQuote", "\"", "[]\ncr=0 lf=0 crlf=0 row 1:unterminated_quote"},
    {"Ragged", "a,b\nc\nd,e,f\n", "[a][b]\n[c]\n[d][e][f]\ncr=0 lf=3 crlf=0"},
    {"ByteOrderMark", "\xEF\xBB\xBF\"a\",b\n", "[a][b]\ncr=0 lf=1 crlf=0"},
    {"OnlyAByteOrderMark", "\xEF\xBB\xBF", "cr=0 lf=0 crlf=0"},
    {"HalfAByteOrderMark", "\xEF\xBB,b", "[\xEF\xBB][b]\ncr=0 lf=0 crlf=0"},
    {"NulBytes", "a\0b,\"\0\"\n"s, "[a\0b][\0]\ncr=0 lf=1 crlf=0"s},
};

INSTANTIATE_TEST_SUITE_P(CsvReader, EveryChunkSize, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.what; });

TEST(CsvReader, NamesRowAndOffsetOfAFieldThatIsTooLong) {
  const std::string bytes = "a,b\nc,\"" + std::string(20, 'x') + "\"\n";
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, kWhole}) {
    EXPECT_EQ(read(bytes, size, ',', {.max_field_bytes = 19}),
              "[a][b]\nrow 2: the field at byte offset 6 is longer than 19 bytes; check whether its "
              "quote is ever closed");
  }
  EXPECT_EQ(read(bytes, kWhole, ',', {.max_field_bytes = 20}).find("row 2"), std::string::npos);
}

TEST(CsvReader, ReportsTheLimitReachedFirstHoweverLargeTheChunk) {
  const std::string bytes = "aaaaaaaa," + std::string(100, 'x');
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, kWhole}) {
    EXPECT_EQ(read(bytes, size, ',', {.max_field_bytes = 10, .max_record_bytes = 16}),
              "row 1: the field at byte offset 9 makes its record longer than 16 bytes");
  }
}

TEST(CsvReader, RefusesMoreFieldsThanTheLimit) {
  EXPECT_EQ(read("a,b\n1,2,3\n", kWhole, ',', {.max_fields = 2}),
            "[a][b]\nrow 2: the field at byte offset 8 is one more than the 2 fields a record may "
            "have");
}

TEST(CsvReader, RepeatsItsErrorOnEveryLaterCall) {
  CsvReader reader(',', [](auto, auto) {}, {.max_field_bytes = 2});
  EXPECT_FALSE(reader.feed("aaaaaaa"));
  EXPECT_FALSE(reader.feed("\n"));
  EXPECT_FALSE(reader.finish());
  EXPECT_EQ(reader.finish().error().reason, "csv_field_too_long");
}

TEST(CsvReader, DetectsTheDelimiterBehindAByteOrderMarkInAnyChunking) {
  for (const std::size_t size : kChunkSizes) {
    EXPECT_EQ(read("\xEF\xBB\xBF"
                   "a;b\n1;2\n",
                   size, std::nullopt),
              "[a][b]\n[1][2]\ncr=0 lf=2 crlf=0");
  }
}

TEST(CsvDelimiter, IsTheOneThatSplitsRecordsEvenly) {
  struct Sample {
    std::string bytes;
    char delimiter;
  };
  const std::vector<Sample> samples = {
      {"", ','},
      {"word\nword\n", ','},
      {"a,b\n1,2\n", ','},
      {"a\tb\n1\t2\n", '\t'},
      {"a;b;c\n1,5;2,5;3,5\n2,5;3,5;4,5\n", ';'},
      {"a|b\n1,2|3\n4|5\n", '|'},
      {"name,remark\nx,\"a;b;c\"\ny,\"d;e;f\"\n", ','},
      {"\"a;b\";c\n\"d;e\";f\n", ';'},
      {"a title, of sorts\nx;y\n1;2\n3;4\n", ';'},
      {"a;b\r1;2\r", ';'},
  };
  for (const Sample& sample : samples) {
    EXPECT_EQ(detect_csv_delimiter(sample.bytes, true), sample.delimiter) << sample.bytes;
  }
}

TEST(CsvDelimiter, IgnoresARecordTheSampleCutsOff) {
  EXPECT_EQ(detect_csv_delimiter("a;b\n1;2\n3,4,5,6", false), ';');
  EXPECT_EQ(detect_csv_delimiter("a;b;c", false), ';');
}

}  // namespace
}  // namespace symphainy::domains::content
