// SPDX-License-Identifier: Apache-2.0
// The names and next steps of errors, which callers in other languages rely on.
#include "symphainy/error.h"

#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <string_view>

#include "base/try.h"

namespace symphainy {
namespace {

constexpr std::array kAllCodes{ErrorCode::invalid_argument, ErrorCode::not_found,         ErrorCode::already_exists,
                               ErrorCode::conflict,         ErrorCode::unavailable,       ErrorCode::overloaded,
                               ErrorCode::failed,           ErrorCode::deadline_exceeded, ErrorCode::cancelled,
                               ErrorCode::corrupt,          ErrorCode::io_error,          ErrorCode::unknown,
                               ErrorCode::stopped,          ErrorCode::internal};

TEST(Error, GivesEveryCodeANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const ErrorCode code : kAllCodes) names.insert(to_string(code));
  EXPECT_EQ(names.size(), kAllCodes.size());
  EXPECT_TRUE(names.contains("deadline_exceeded"));
}

TEST(Error, SaysWhatTheCallerDoesNext) {
  EXPECT_EQ(next_step(ErrorCode::conflict), NextStep::fix_input);
  EXPECT_EQ(next_step(ErrorCode::invalid_argument), NextStep::fix_input);
  EXPECT_EQ(next_step(ErrorCode::unavailable), NextStep::retry);
  EXPECT_EQ(next_step(ErrorCode::overloaded), NextStep::retry);
  EXPECT_EQ(next_step(ErrorCode::failed), NextStep::give_up);
  EXPECT_EQ(next_step(ErrorCode::cancelled), NextStep::give_up);
  EXPECT_EQ(next_step(ErrorCode::unknown), NextStep::stop);
  EXPECT_EQ(next_step(ErrorCode::internal), NextStep::stop);
}

TEST(Error, IsNamedByItsReasonWhenItHasOne) {
  EXPECT_EQ((Error{ErrorCode::conflict, "m", "", {}}).name(), "conflict");
  EXPECT_EQ((Error{ErrorCode::conflict, "m", "file_changed", {}}).name(), "file_changed");
}

TEST(Error, BecomesJsonWithDetailsOnlyWhenThereAreSome) {
  EXPECT_EQ((Error{ErrorCode::not_found, "no such file", "", {}}).to_json().dump(),
            R"({"code":"not_found","message":"no such file"})");
  EXPECT_EQ((Error{ErrorCode::failed, "m", "r", Json::array({1})}).to_json().dump(),
            R"({"code":"r","details":[1],"message":"m"})");
}

Result<int> half(int number) {
  if (number % 2 != 0) return fail(ErrorCode::invalid_argument, "odd", "odd_number");
  return number / 2;
}

Result<int> quarter(int number) {
  TRY(const int first, half(number));
  TRY(half(first));
  return half(first);
}

TEST(Error, IsReturnedByTryFromTheFirstCallThatFails) {
  EXPECT_EQ(quarter(8), 2);
  EXPECT_EQ(quarter(6).error().name(), "odd_number");
}

}  // namespace
}  // namespace symphainy
