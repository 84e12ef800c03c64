// SPDX-License-Identifier: Apache-2.0
#include "fixed_point.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace policy_migration {
namespace {

constexpr std::size_t kMostDigits = 18;

bool are_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<std::int64_t> parse_fixed_point(std::string_view text, unsigned decimals) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "" : text.substr(point + 1);
  if (!are_digits(whole) || fraction.size() > decimals) return std::nullopt;
  if (point != std::string_view::npos && !are_digits(fraction)) return std::nullopt;

  std::string digits(whole);
  digits.append(fraction).append(decimals - fraction.size(), '0');
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  if (digits.size() > kMostDigits) return std::nullopt;
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return negative ? -value : value;
}

}  // namespace policy_migration
