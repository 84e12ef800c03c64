// SPDX-License-Identifier: Apache-2.0
// Types, nulls and figures of single columns.
#include "domains/content/column_profile.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "domains/chunks.h"

namespace symphainy::domains::content {
namespace {

Json column_of(const std::vector<std::string>& cells, const ColumnLimits& limits = {}) {
  ColumnProfile column(limits);
  for (const std::string& cell : cells) column.add(cell);
  return column.finish();
}

TEST(ColumnProfile, InfersTheTypeFromAllValues) {
  struct Case {
    std::vector<std::string> cells;
    std::string type;
  };
  const std::vector<Case> cases = {
      {{}, "empty"},
      {{"", ""}, "empty"},
      {{"", "NA", "null"}, "empty"},
      {{"1", "-2", "", "99999999999999999999"}, "integer"},
      {{"1", "2.5"}, "decimal"},
      {{"1e5"}, "decimal"},
      {{" 1 ", "\t2"}, "integer"},
      {{"1", "NA", "N/A", "NULL", "null", "\\N"}, "integer"},
      {{"1", "na"}, "text"},
      {{"0", "1"}, "integer"},
      {{"true", "FALSE", "True"}, "boolean"},
      {{"true", "1"}, "text"},
      {{"yes", "no"}, "text"},
      {{"2012-02-29"}, "date"},
      {{"2011-02-29"}, "text"},
      {{"2012-2-9"}, "text"},
      {{"03/04/2012"}, "text"},
      {{"2012-01-01", "2012-01-01T10:00"}, "datetime"},
      {{"2012-01-01 10:00:59.123456789012"}, "datetime"},
      {{"2012-01-01T10:00:00Z", "2012-01-01T10:00:00+02:00", "2012-01-01T10:00:00-0230"}, "datetime"},
      {{"2012-01-01T24:00"}, "text"},
      {{"2012-01-01T10:00:60Z"}, "text"},
      {{"2012-01-01T10:00:00."}, "text"},
      {{"2012-01-01T10:00 "}, "datetime"},
      {{"2012-01-01", "5"}, "text"},
      {{"02134", "10001"}, "text"},
      {{"+491701234567"}, "text"},
      {{"   "}, "empty"},
      {{"1", " ", "\t "}, "integer"},
      {{"word", " "}, "text"},
      {{"1e999"}, "text"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(member(column_of(one.cells), "type"), '"' + one.type + '"') << testing::PrintToString(one.cells);
  }
}

TEST(ColumnProfile, TakesMarkersForNullsUnlessTheColumnIsText) {
  const Json numbers = column_of({"1", "NA", "", "NULL"});
  EXPECT_EQ(member(numbers, "nulls"), "3");
  EXPECT_EQ(member(numbers, "distinct"), "1");
  const Json countries = column_of({"DE", "NA", "", "NA"});
  EXPECT_EQ(member(countries, "nulls"), "1");
  EXPECT_EQ(member(countries, "distinct"), "2");
  EXPECT_EQ(count_of(countries, "NA"), 2U);
  EXPECT_EQ(member(countries, "max"), "\"NA\"");
}

TEST(ColumnProfile, GivesTheFiguresOfNumbers) {
  const Json column = column_of({"2", "4", "4", "4", "5", "5", "7", "9"});
  EXPECT_EQ(member(column, "min"), "2");
  EXPECT_EQ(member(column, "max"), "9");
  EXPECT_EQ(member(column, "mean"), "5");
  EXPECT_NEAR(*column.find("standard_deviation")->as_double(), 2.13808993529939, 1e-12);
  EXPECT_EQ(member(column, "quantiles"), R"({"p25":4,"p50":4,"p75":5,"p95":9,"p99":9})");
  EXPECT_EQ(member(column, "sum"), "\"40\"");
  EXPECT_EQ(member(column_of({"1.10"}), "standard_deviation"), "null");
  EXPECT_EQ(member(column_of({"1.10", "-0.105"}), "sum"), "\"0.995\"");
}

TEST(ColumnProfile, KeepsEveryDigitOfLargeIntegerBounds) {
  const Json column = column_of({"9223372036854775806", "9223372036854775807", "-9223372036854775808"});
  EXPECT_EQ(member(column, "max"), "9223372036854775807");
  EXPECT_EQ(member(column, "min"), "-9223372036854775808");
}

TEST(ColumnProfile, WritesOnlyFiniteNumbers) {
  const Json column = column_of({"1e307", "-1e307", "9e307"});
  EXPECT_EQ(member(column, "standard_deviation"), "null");
  EXPECT_TRUE(Json::parse(column.dump()));
}

TEST(ColumnProfile, ComparesTimesAsInstants) {
  const Json column =
      column_of({"2012-01-01T01:00:00+02:00", "2012-01-01", "2012-01-01T00:00:00.5Z", "2011-12-31 23:30"});
  EXPECT_EQ(member(column, "min"), "\"2012-01-01T01:00:00+02:00\"");
  EXPECT_EQ(member(column, "max"), "\"2012-01-01T00:00:00.5Z\"");
  EXPECT_EQ(member(column, "sum"), "(absent)");
}

TEST(ColumnProfile, GivesBooleansAndTextsTheirBounds) {
  EXPECT_EQ(member(column_of({"true", "TRUE"}), "min"), "true");
  EXPECT_EQ(member(column_of({"true", "false"}), "min"), "false");
  EXPECT_EQ(member(column_of({"true", "false"}), "max"), "true");
  EXPECT_EQ(member(column_of({"b", "a", "3"}), "min"), "\"3\"");
  EXPECT_EQ(member(column_of({"b", "a", "3"}), "value_types"), R"({"integer":1,"text":2})");
}

TEST(ColumnProfile, ShowsInvalidUtf8SafelyAndCountsIt) {
  const Json column = column_of({"caf\xE9", "caf\xE9", "\xFF\x80", "ok"});
  EXPECT_EQ(member(column, "invalid_utf8"), "3");
  EXPECT_EQ(count_of(column, "café"), 2U);
  EXPECT_EQ(member(column, "max"), "\"ÿ\uFFFD\"");
  EXPECT_TRUE(Json::parse(column.dump()));
}

TEST(ColumnProfile, CutsLongTextsBetweenCharacters) {
  std::string cell(255, 'x');
  cell += "€€";
  const std::string shown = member(column_of({cell}), "max");
  EXPECT_TRUE(Json::parse(shown));
  EXPECT_TRUE(shown.ends_with("…\"")) << shown;
}

TEST(ColumnProfile, MarksWhatItEstimates) {
  std::vector<std::string> cells;
  for (int i = 0; i < 3'000; ++i) cells.push_back(std::to_string(i));
  const Json exact = column_of(cells);
  EXPECT_EQ(member(exact, "distinct_estimated"), "(absent)");
  EXPECT_EQ(member(exact, "quantiles_estimated"), "(absent)");
  ColumnLimits limits;
  limits.values.max_values = 1'000;
  limits.exact_quantiles = 1'000;
  const Json estimated = column_of(cells, limits);
  EXPECT_EQ(member(estimated, "distinct_estimated"), "true");
  EXPECT_EQ(member(estimated, "top_values_estimated"), "true");
  EXPECT_EQ(member(estimated, "quantiles_estimated"), "true");
  EXPECT_NEAR(*estimated.find("distinct")->as_double(), 3'000, 90);
  EXPECT_EQ(member(estimated, "sum"), "\"4498500\"");
}

}  // namespace
}  // namespace symphainy::domains::content
