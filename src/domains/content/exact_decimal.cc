// SPDX-License-Identifier: Apache-2.0
// A fixed-point number in base 10^9 with signed limbs. Additions only touch the limbs their digits
// fall into; carries wait until the limbs could overflow or somebody asks.
#include "domains/content/exact_decimal.h"

#include <algorithm>
#include <charconv>

namespace symphainy::domains::content {
namespace {

constexpr std::array<std::int64_t, 9> kPowersOfTen = {1,       10,        100,        1'000,      10'000,
                                                      100'000, 1'000'000, 10'000'000, 100'000'000};
constexpr int kMaxExponentDigits = 4;

std::string_view take_digits(std::string_view& text) noexcept {
  std::size_t length = 0;
  while (length < text.size() && text[length] >= '0' && text[length] <= '9') ++length;
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

// The exponent after its letter, or nothing when it is malformed or absurd.
std::optional<int> take_exponent(std::string_view& text) noexcept {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view digits = take_digits(text);
  if (digits.empty() || digits.size() > kMaxExponentDigits) return std::nullopt;
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return negative ? -value : value;
}

bool within_bounds(const DecimalText& number) noexcept {
  constexpr std::size_t kLongest = 2 * (kMaxWholeDigits + kMaxFractionDigits);
  if (number.whole_digits.size() > kLongest || number.fraction_digits.size() > kLongest) {
    return false;
  }
  return static_cast<int>(number.whole_digits.size()) + number.exponent <= kMaxWholeDigits &&
         number.scale() <= kMaxFractionDigits;
}

}  // namespace

int DecimalText::scale() const noexcept {
  return std::max(0, static_cast<int>(fraction_digits.size()) - exponent);
}

std::optional<DecimalText> parse_decimal(std::string_view text) noexcept {
  DecimalText number;
  number.negative = text.starts_with('-');
  if (number.negative) text.remove_prefix(1);
  number.whole_digits = take_digits(text);
  if (number.whole_digits.size() > 1 && number.whole_digits[0] == '0') return std::nullopt;
  number.integer = text.empty();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    number.fraction_digits = take_digits(text);
  }
  if (number.whole_digits.empty() && number.fraction_digits.empty()) return std::nullopt;
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    const std::optional<int> exponent = take_exponent(text);
    if (!exponent) return std::nullopt;
    number.exponent = *exponent;
  }
  if (!text.empty() || !within_bounds(number)) return std::nullopt;
  return number;
}

void ExactDecimal::add(const DecimalText& number) noexcept {
  const int top_power = static_cast<int>(number.whole_digits.size()) - 1 + number.exponent;
  const int position = top_power + kFractionLimbs * kDigitsPerLimb;
  int limb = position / kDigitsPerLimb;
  int place = position % kDigitsPerLimb;
  const std::int64_t sign = number.negative ? -1 : 1;
  const auto add_digits = [&](std::string_view digits) {
    for (const char digit : digits) {
      limbs_[static_cast<std::size_t>(limb)] += sign * (digit - '0') * kPowersOfTen[static_cast<std::size_t>(place)];
      if (--place < 0) {
        place = kDigitsPerLimb - 1;
        --limb;
      }
    }
  };
  add_digits(number.whole_digits);
  add_digits(number.fraction_digits);
  scale_ = std::max(scale_, number.scale());
  // One addition moves a limb by less than kBase, so 2^32 of them stay below 2^62.
  if (++uncarried_ == 0) carry(limbs_);
}

void ExactDecimal::carry(Limbs& limbs) noexcept {
  for (std::size_t i = 0; i + 1 < limbs.size(); ++i) {
    std::int64_t quotient = limbs[i] / kBase;
    if (limbs[i] % kBase < 0) --quotient;
    limbs[i] -= quotient * kBase;
    limbs[i + 1] += quotient;
  }
}

std::string ExactDecimal::to_string() const {
  Limbs limbs = limbs_;
  carry(limbs);
  const bool negative = limbs.back() < 0;
  if (negative) {
    for (std::int64_t& limb : limbs) limb = -limb;
    carry(limbs);
  }
  std::string digits;
  for (std::size_t i = limbs.size(); i-- > 0;) {
    for (std::size_t place = kPowersOfTen.size(); place-- > 0;) {
      digits.push_back(static_cast<char>('0' + limbs[i] / kPowersOfTen[place] % 10));
    }
  }
  constexpr std::size_t kPoint = static_cast<std::size_t>(kLimbs - kFractionLimbs) * kDigitsPerLimb;
  const std::size_t first = std::min(digits.find_first_not_of('0'), kPoint - 1);
  std::string out = negative ? "-" : "";
  out.append(digits, first, kPoint - first);
  if (scale_ > 0) {
    out.push_back('.');
    out.append(digits, kPoint, static_cast<std::size_t>(scale_));
  }
  return out;
}

}  // namespace symphainy::domains::content
