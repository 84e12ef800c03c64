// SPDX-License-Identifier: Apache-2.0
// Times are written in one form and read strictly.
#include "base/time.h"

#include <gtest/gtest.h>

namespace symphainy::base {
namespace {

constexpr std::int64_t kLastMoment = 253'402'300'799'999'999;

struct Moment {
  const char* text;
  std::int64_t time_us;
};

TEST(Time, IsWrittenInUtcWithSixDecimals) {
  for (const Moment& moment :
       {Moment{"1970-01-01T00:00:00.000000Z", 0}, Moment{"1970-01-01T00:00:00.000001Z", 1},
        Moment{"2000-02-29T12:34:56.789000Z", 951'827'696'789'000},
        Moment{"2022-02-22T19:22:22.000000Z", 1'645'557'742'000'000},
        Moment{"2024-12-31T23:59:59.999999Z", 1'735'689'599'999'999},
        Moment{"9999-12-31T23:59:59.999999Z", kLastMoment}, Moment{"1969-12-31T23:59:59.999999Z", -1}}) {
    EXPECT_EQ(format_time(moment.time_us), moment.text);
  }
}

TEST(Time, IsReadWithZonesAndDecimals) {
  for (const Moment& moment :
       {Moment{"1970-01-01T00:00:00Z", 0}, Moment{"1970-01-01t00:00:00z", 0}, Moment{"1970-01-01T01:00:00+01:00", 0},
        Moment{"1970-01-01T00:00:00-00:30", 1'800'000'000}, Moment{"1970-01-01T00:00:00.5Z", 500'000},
        Moment{"1970-01-01T00:00:00.000001999Z", 1}, Moment{"2024-02-29T00:00:00Z", 1'709'164'800'000'000},
        Moment{"2000-02-29T14:34:56.789+02:00", 951'827'696'789'000},
        Moment{"9999-12-31T23:59:59.999999999Z", kLastMoment}}) {
    EXPECT_EQ(parse_time(moment.text), moment.time_us) << moment.text;
  }
}

TEST(Time, RoundTripsThroughItsText) {
  for (std::int64_t time_us = 0; time_us < kLastMoment; time_us = time_us * 3 + 86'399'999'999) {
    EXPECT_EQ(parse_time(format_time(time_us)), time_us);
  }
}

TEST(Time, WhatIsMalformedIsRefused) {
  for (const char* bad : {"",
                          "1970-01-01",
                          "1970-01-01T00:00:00",
                          "1970-01-01 00:00:00Z",
                          "1970-1-01T00:00:00Z",
                          "1970-01-01T0:00:00Z",
                          "1970-01-01T00:00Z",
                          "1970-01-01T00:00:00.Z",
                          "1970-01-01T00:00:00.1234567890Z",
                          "1970-01-01T00:00:00,5Z",
                          "1970-01-01T00:00:00ZZ",
                          "1970-01-01T00:00:00+0100",
                          "1970-01-01T00:00:00+1:00",
                          "1970-01-01T00:00:00+24:00",
                          "1970-01-01T00:00:00+00:60",
                          "1970-01-01T00:00:00+-1:00",
                          " 1970-01-01T00:00:00Z",
                          "+970-01-01T00:00:00Z",
                          "-970-01-01T00:00:00Z",
                          "1970-+1-01T00:00:00Z",
                          "1970--1-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(Time, WhatIsNotInTheCalendarIsRefused) {
  for (const char* bad :
       {"1970-00-01T00:00:00Z", "1970-13-01T00:00:00Z", "1970-01-00T00:00:00Z", "1970-01-32T00:00:00Z",
        "2023-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "1970-04-31T00:00:00Z", "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z", "1970-01-01T00:00:60Z"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(Time, YearsOutside1970To9999AreRefusedAlsoWhenAnOffsetLeadsThere) {
  for (const char* bad : {"1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "1970-01-01T00:00:00+00:01",
                          "9999-12-31T23:59:59-00:01", "10000-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

}  // namespace
}  // namespace symphainy::base
