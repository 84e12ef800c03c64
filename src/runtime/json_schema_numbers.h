// SPDX-License-Identifier: Apache-2.0
// Exact arithmetic on JSON numbers: comparing 64-bit integers with doubles, and divisibility of
// decimals, where doing it in doubles would get the last digit wrong.
#pragma once

#include <boost/json/value.hpp>
#include <compare>
#include <cstdint>

namespace symphainy::runtime::json_schema {

/// How two numbers compare; both must be numbers.
[[nodiscard]] std::strong_ordering compare_numbers(const boost::json::value& left,
                                                   const boost::json::value& right) noexcept;

/// True for 64-bit integers and for doubles without a fraction.
[[nodiscard]] bool is_integral(const boost::json::value& number) noexcept;

/// A positive number as the decimal that it is written as: digits * 10^exponent.
struct Decimal {
  std::uint64_t digits = 0;  ///< not divisible by ten, or zero
  int exponent = 0;

  /// The magnitude of a number, in the shortest decimal that reads back as it.
  [[nodiscard]] static Decimal magnitude_of(const boost::json::value& number) noexcept;
};

/// True when the number is an integral multiple of the divisor, which must not be zero.
[[nodiscard]] bool is_multiple(const Decimal& number, const Decimal& divisor) noexcept;

}  // namespace symphainy::runtime::json_schema
