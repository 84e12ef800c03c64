// SPDX-License-Identifier: Apache-2.0
// What a cell's text means by itself. Only unambiguous notations count: 03/04/2012 is text, because
// nothing in it says which number is the month.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "domains/content/exact_decimal.h"

namespace symphainy::domains::content {

enum class ValueType { integer, decimal, boolean, date, datetime, text };
inline constexpr int kValueTypes = 6;

[[nodiscard]] std::string_view to_string(ValueType type) noexcept;

/// Seconds since 1970-01-01T00:00:00Z in the proleptic Gregorian calendar, and nanoseconds.
struct Instant {
  std::int64_t seconds = 0;
  std::int32_t nanoseconds = 0;
  auto operator<=>(const Instant&) const = default;
};

struct TypedValue {
  ValueType type = ValueType::text;
  DecimalText number;  ///< integer and decimal; views into the cell
  bool truth = false;  ///< boolean
  Instant instant;     ///< date (its midnight) and datetime, UTC unless it names an offset
};

/// `cell` without the spaces and tabs around it.
[[nodiscard]] std::string_view trimmed(std::string_view cell) noexcept;

/// Spaces and tabs around the value are ignored.
///   integer, decimal  see parse_decimal
///   boolean           true, false in any case (0 and 1 are integers)
///   date              YYYY-MM-DD, a day that exists
///   datetime          date, T or a space, hh:mm[:ss[.fraction]], then nothing, Z, +hh:mm or +hhmm
/// Fractions of a second beyond nanoseconds are cut off for comparisons. A leap second (:60) is
/// text.
[[nodiscard]] TypedValue classify(std::string_view cell) noexcept;

}  // namespace symphainy::domains::content
