// SPDX-License-Identifier: Apache-2.0
// Decimals of at most 20 digits with an exponent hold every JSON number as it was written, so
// modular arithmetic over them decides divisibility exactly, also for 1e308 by 0.123456789.
#include "runtime/json_schema_numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace symphainy::runtime::json_schema {

namespace json = boost::json;

namespace {

__extension__ using Wide = unsigned __int128;

constexpr double kUnsignedEnd = 18446744073709551616.0;  // 2^64

bool is_negative(const json::value& number) noexcept {
  if (const auto* integer = number.if_int64()) return *integer < 0;
  if (const auto* real = number.if_double()) return *real < 0;
  return false;
}

std::uint64_t magnitude(const json::value& integer) noexcept {
  if (const auto* value = integer.if_uint64()) return *value;
  const auto bits = static_cast<std::uint64_t>(integer.get_int64());
  return integer.get_int64() < 0 ? 0 - bits : bits;
}

std::strong_ordering compare_reals(double left, double right) noexcept {
  if (left < right) return std::strong_ordering::less;
  return left > right ? std::strong_ordering::greater : std::strong_ordering::equal;
}

// Both are not negative.
std::strong_ordering compare_magnitudes(std::uint64_t integer, double real) noexcept {
  if (real >= kUnsignedEnd) return std::strong_ordering::less;
  const double whole = std::trunc(real);
  const auto order = integer <=> static_cast<std::uint64_t>(whole);
  return order == 0 && real > whole ? std::strong_ordering::less : order;
}

std::strong_ordering reversed(std::strong_ordering order) noexcept {
  return 0 <=> order;
}

std::uint64_t power_of_ten_modulo(unsigned exponent, std::uint64_t modulus) noexcept {
  Wide result = 1 % modulus;
  Wide base = 10 % modulus;
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result = result * base % modulus;
    base = base * base % modulus;
  }
  return static_cast<std::uint64_t>(result);
}

}  // namespace

std::strong_ordering compare_numbers(const json::value& left, const json::value& right) noexcept {
  if (left.is_double() && right.is_double()) return compare_reals(left.get_double(), right.get_double());
  const bool negative = is_negative(left);
  if (negative != is_negative(right)) return negative ? std::strong_ordering::less : std::strong_ordering::greater;
  std::strong_ordering order = std::strong_ordering::equal;
  if (left.is_double())
    order = reversed(compare_magnitudes(magnitude(right), std::abs(left.get_double())));
  else if (right.is_double())
    order = compare_magnitudes(magnitude(left), std::abs(right.get_double()));
  else
    order = magnitude(left) <=> magnitude(right);
  return negative ? reversed(order) : order;
}

bool is_integral(const json::value& number) noexcept {
  if (const auto* real = number.if_double()) return std::trunc(*real) == *real;
  return number.is_int64() || number.is_uint64();
}

Decimal Decimal::magnitude_of(const json::value& number) noexcept {
  Decimal decimal;
  if (const auto* real = number.if_double()) {
    char text[32];
    const char* end = std::to_chars(text, text + sizeof text, std::abs(*real), std::chars_format::scientific).ptr;
    const char* mark = std::find(static_cast<const char*>(text), end, 'e');
    std::from_chars(mark[1] == '+' ? mark + 2 : mark + 1, end, decimal.exponent);
    for (const char* at = text; at != mark; ++at)
      if (*at != '.') decimal.digits = decimal.digits * 10 + static_cast<std::uint64_t>(*at - '0');
    if (mark > text + 2) decimal.exponent -= static_cast<int>(mark - text) - 2;
  } else {
    decimal.digits = magnitude(number);
  }
  while (decimal.digits != 0 && decimal.digits % 10 == 0) {
    decimal.digits /= 10;
    ++decimal.exponent;
  }
  return decimal;
}

bool is_multiple(const Decimal& number, const Decimal& divisor) noexcept {
  if (number.digits == 0) return true;
  // The digits of the number do not end in zero, so they are no multiple of the divisor's times a
  // power of ten.
  if (number.exponent < divisor.exponent) return false;
  const auto shift = static_cast<unsigned>(number.exponent - divisor.exponent);
  const Wide factor = power_of_ten_modulo(shift, divisor.digits);
  return number.digits % divisor.digits * factor % divisor.digits == 0;
}

}  // namespace symphainy::runtime::json_schema
