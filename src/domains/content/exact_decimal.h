// SPDX-License-Identifier: Apache-2.0
// Sums of decimal numbers without rounding: 0.1 added ten times is 1.0. Money must add up to the
// cent, which floating point does not promise.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace symphainy::domains::content {

/// A number as it was written; the views are parts of the parsed text.
struct DecimalText {
  bool negative = false;
  bool integer = false;  ///< neither point nor exponent
  std::string_view whole_digits;
  std::string_view fraction_digits;
  int exponent = 0;

  /// Digits after the point once the exponent is applied.
  [[nodiscard]] int scale() const noexcept;
};

/// The grammar is [-](digits[.[digits]]|.digits)[(e|E)[+|-]digits]. Refused, because such texts are
/// mostly codes: a leading plus (telephone numbers) and leading zeros (postal codes). Refused as
/// beyond bounds: numbers that written out have more than kMaxWholeDigits before the point or more
/// than kMaxFractionDigits after it. Everything accepted is finite as a double.
[[nodiscard]] std::optional<DecimalText> parse_decimal(std::string_view text) noexcept;

inline constexpr int kMaxWholeDigits = 308;
inline constexpr int kMaxFractionDigits = 360;

/// Accumulates up to 2^64 numbers in about 0.6 KiB. Not synchronized.
class ExactDecimal {
 public:
  void add(const DecimalText& number) noexcept;
  /// Plain notation with the largest scale seen: "1.0", "-12", "94186164102.03".
  [[nodiscard]] std::string to_string() const;

 private:
  static constexpr int kDigitsPerLimb = 9;
  static constexpr std::int64_t kBase = 1'000'000'000;
  static constexpr int kFractionLimbs = kMaxFractionDigits / kDigitsPerLimb;
  // 308 digits fill 35 limbs; 2^64 such numbers need 20 digits more, and the top limb keeps the
  // sign.
  static constexpr int kLimbs = kFractionLimbs + 35 + 4;
  using Limbs = std::array<std::int64_t, kLimbs>;

  // Carries until every limb but the top one is in [0, kBase).
  static void carry(Limbs& limbs) noexcept;

  Limbs limbs_{};  // limb i weighs 10^(9 (i - kFractionLimbs))
  std::uint32_t uncarried_ = 0;
  int scale_ = 0;
};

}  // namespace symphainy::domains::content
