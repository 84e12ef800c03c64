// SPDX-License-Identifier: Apache-2.0
// Which first rows are headers, and what the columns are called.
#include "domains/content/csv_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "domains/chunks.h"

namespace symphainy::domains::content {
namespace {

using testing::ElementsAre;

TEST(CsvHeader, IsDecidedByWhatIsBelowIt) {
  struct Case {
    std::string what;
    std::string bytes;
    bool header;
  };
  const std::vector<Case> cases = {
      {"texts over numbers", "id,name\n1,x\n2,y\n", true},
      {"numbers over numbers", "1,2\n3,4\n", false},
      {"a number among names", "county,2011\nx,5\n", false},
      {"a date among names", "name,2011-01-01\nx,5\n", false},
      {"texts over texts", "name,city\nann,rome\nbob,oslo\n", true},
      {"a name that occurs below", "ann,rome\nbob,oslo\nann,oslo\n", false},
      {"the name only in another column", "name,city\nann,name\n", true},
      {"equal names over texts", "name,name\nann,rome\n", false},
      {"equal names over numbers", "name,name\nann,1\n", true},
      {"an empty name over texts", ",city\nann,rome\n", false},
      {"an empty name over numbers", ",price\n1,5\n2,6\n", true},
      {"only a header", "id,name\n", true},
      {"only a row", "1,ann\n", false},
      {"one column of numbers", "price\n1\n2\n", true},
      {"one column of texts", "word\nann\nbob\n", true},
      {"a long sentence", std::string(129, 'x') + "\ny\n", false},
      {"na over nulls", "a,b\nNA,\nNA,\n", true},
      {"nulls over numbers", "NA,x\n3,y\n4,z\n", false},
      {"a null among names over texts", "NA,city\nann,rome\n", false},
      {"years over numbers", "region,2019,2020\nnorth,5,6\nsouth,7,8.5\n", true},
      {"a year over numbers beside a name over numbers", "region,2019,total\nnorth,5,6\n", true},
      {"years over years", "ann,2019,2020\nbob,2018,2021\n", false},
      {"years over texts", "region,2019,2020\nnorth,x,y\n", false},
      {"years over nothing", "region,2019,2020\n", false},
      {"the same year twice", "region,2019,2019\nnorth,5,6\n", false},
      {"a year that occurs below", "region,2019,2020\nnorth,5,6\nsouth,2019,7\n", false},
      {"only years", "2019,2020\n5,6\n", false},
      {"numbers that are no years", "region,219,220\nnorth,5,6\n", false},
  };
  for (const Case& one : cases) {
    const auto profile = profile_csv(one.bytes);
    ASSERT_TRUE(profile) << one.what;
    EXPECT_EQ(member(*profile, "header"), one.header ? "true" : "false") << one.what;
  }
}

TEST(CsvHeader, YieldsToTheCaller) {
  EXPECT_EQ(member(*profile_csv("a,b\n1,2\n", kWhole, {.header = false}), "rows"), "2");
  EXPECT_EQ(member(*profile_csv("1,2\n3,4\n", kWhole, {.header = true}), "rows"), "1");
}

TEST(CsvColumnNames, AreNeverEmptyAndAllDifferent) {
  const std::vector<std::string> header = {"a", "a", " ", "a_2", "a", "column_3", " b ", "caf\xE9"};
  EXPECT_THAT(csv_column_names(header), ElementsAre("a", "a_3", "column_3", "a_2", "a_4", "column_3_2", "b", "café"));
  EXPECT_THAT(csv_column_numbers(2), ElementsAre("column_1", "column_2"));
}

}  // namespace
}  // namespace symphainy::domains::content
