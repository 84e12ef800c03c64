// SPDX-License-Identifier: Apache-2.0
// Sums must be exact and numbers must be told from codes.
#include "domains/content/exact_decimal.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace symphainy::domains::content {
namespace {

std::string sum_of(const std::vector<std::string>& numbers) {
  ExactDecimal sum;
  for (const std::string& text : numbers) {
    const auto number = parse_decimal(text);
    EXPECT_TRUE(number) << text;
    if (number) sum.add(*number);
  }
  return sum.to_string();
}

TEST(ExactDecimal, AddsWithoutRoundingAndKeepsTheLargestScale) {
  struct Case {
    std::vector<std::string> numbers;
    std::string sum;
  };
  const std::vector<Case> cases = {
      {{}, "0"},
      {std::vector<std::string>(10, "0.1"), "1.0"},
      {{"1", "2", "3"}, "6"},
      {{"1.50", "2"}, "3.50"},
      {{"-1", "1"}, "0"},
      {{"-0.0"}, "0.0"},
      {{"-0.05"}, "-0.05"},
      {{"-1000000000", "1"}, "-999999999"},
      {{"999999999", "1"}, "1000000000"},
      {{"0.999999999", "0.000000001"}, "1.000000000"},
      {{"1.5e10", "1"}, "15000000001"},
      {{"1.5E+2"}, "150"},
      {{"25e-3", "-0.5"}, "-0.475"},
      {{"1.234e1"}, "12.34"},
      {{".5", "5."}, "5.5"},
      {{"123456789012345678901234567890", "0.1"}, "123456789012345678901234567890.1"},
      {{"1e30", "1e-30", "-1e30"}, "0.000000000000000000000000000001"},
      {{"0e5"}, "0"},
  };
  for (const Case& one : cases) EXPECT_EQ(sum_of(one.numbers), one.sum);
}

TEST(ExactDecimal, IsExactAtBothEndsOfItsRange) {
  const std::string huge(kMaxWholeDigits, '9');
  EXPECT_EQ(sum_of({huge, "1"}), "1" + std::string(kMaxWholeDigits, '0'));
  EXPECT_EQ(sum_of({"-" + huge, "-1"}), "-1" + std::string(kMaxWholeDigits, '0'));
  const std::string tiny = "1e-" + std::to_string(kMaxFractionDigits);
  EXPECT_EQ(sum_of({tiny}), "0." + std::string(kMaxFractionDigits - 1, '0') + "1");
}

TEST(ExactDecimal, RefusesWhatIsNoNumberOrBeyondTheBounds) {
  for (const std::string& text : {std::string(""),        std::string("-"),
                                  std::string("."),       std::string("-."),
                                  std::string("e5"),      std::string("1e"),
                                  std::string("1e+"),     std::string("+1"),
                                  std::string("007"),     std::string("00"),
                                  std::string("-01.5"),   std::string("1,000"),
                                  std::string("1 000"),   std::string("1.2.3"),
                                  std::string("0x10"),    std::string("NaN"),
                                  std::string("inf"),     std::string("1e308"),
                                  std::string("1e99999"), std::string("1e-361"),
                                  std::string("1e-9999"), std::string(kMaxWholeDigits + 1, '1'),
                                  std::string("12a")}) {
    EXPECT_FALSE(parse_decimal(text)) << text;
  }
  EXPECT_TRUE(parse_decimal("1e307"));
  EXPECT_TRUE(parse_decimal("0.07"));
  EXPECT_TRUE(parse_decimal("0"));
}

TEST(ExactDecimal, CallsOnlyPlainWholeNumbersIntegers) {
  EXPECT_TRUE(parse_decimal("-12")->integer);
  EXPECT_FALSE(parse_decimal("12.0")->integer);
  EXPECT_FALSE(parse_decimal("12.")->integer);
  EXPECT_FALSE(parse_decimal("1e3")->integer);
}

}  // namespace
}  // namespace symphainy::domains::content
