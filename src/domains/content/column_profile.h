// SPDX-License-Identifier: Apache-2.0
// Everything the CSV profile says about one column, gathered in one pass and in bounded memory.
// What only makes sense for one type (sum, quantiles) is given up as soon as a value of another
// type comes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "symphainy/json.h"

#include "domains/content/exact_decimal.h"
#include "domains/content/quantile_sketch.h"
#include "domains/content/value_counts.h"
#include "domains/content/value_type.h"

namespace symphainy::domains::content {

struct ColumnLimits {
  ValueCountsLimits values;
  std::size_t exact_quantiles = 65'536;  ///< numbers kept before quantiles are estimated

  /// Shares 128 MiB for values and 32 MiB for numbers among the columns: the full 65,536 numbers up
  /// to 64 columns, and at most 16 MiB of values each. With 4,096 columns or more 32 KiB and 1,024
  /// numbers each.
  [[nodiscard]] static ColumnLimits for_columns(std::size_t columns) noexcept;
};

/// Type of a column: the one type of all its values; integers among decimals count as decimal,
/// dates among datetimes as datetime; any other mixture is text; no values at all is empty. Nulls:
/// empty cells, also with spaces and tabs in them; and cells that read exactly NA, N/A, NULL, null or
/// \N, unless the column is text, where they are values like others (NA is Namibia). Not
/// synchronized.
/// Whether the cell says that there is no value: NA and the like, exactly.
[[nodiscard]] bool is_null_marker(std::string_view cell) noexcept;

class ColumnProfile {
 public:
  static constexpr std::size_t kTopValues = 10;
  static constexpr std::size_t kMaxShownBytes = 256;  ///< of a text in min, max and top values

  explicit ColumnProfile(const ColumnLimits& limits = {});

  /// Empty cells count as nulls.
  void add(std::string_view cell);
  /// As many nulls: rows that do not reach this column.
  void add_missing(std::uint64_t rows) noexcept { empty_cells_ += rows; }

  /// Whether the text occurred (false also when it was forgotten beyond the limits).
  [[nodiscard]] bool contains(std::string_view cell) const noexcept;
  /// nullopt: the column is empty.
  [[nodiscard]] std::optional<ValueType> type() const noexcept;
  /// Whether it holds numbers, and all of them from `least` to `most`.
  [[nodiscard]] bool numbers_within(double least, double most) const noexcept;
  [[nodiscard]] std::uint64_t invalid_utf8_cells() const noexcept { return invalid_utf8_; }
  [[nodiscard]] bool ascii() const noexcept { return ascii_; }

  /// The figures. Ends the gathering: add nothing afterwards.
  ///   always        type, nulls, distinct, distinct_estimated?, value_types, top_values,
  ///                 top_values_estimated?, top_values_max_error?, invalid_utf8?
  ///   non-empty     min, max: numbers, booleans, or texts as they stand in the file. Texts compare
  ///   by
  ///                 their first 256 bytes.
  ///   numbers       mean, standard_deviation (of a sample: n - 1; null for one value), quantiles,
  ///                 quantiles_estimated?, sum (exact, plain decimal notation)
  /// distinct and top_values tell cells apart by their text: 1 and 1.0 are two values.
  [[nodiscard]] Json finish();

 private:
  static constexpr std::size_t kNullMarkers = 5;

  // A bound of the numbers: exact for 64-bit integers, which a double would round.
  struct NumberBound {
    double approximate = 0;
    std::optional<std::int64_t> exact;
    [[nodiscard]] bool less_than(const NumberBound& other) const noexcept;
    [[nodiscard]] Json to_json() const;
  };
  struct Numbers {
    explicit Numbers(std::size_t exact_quantiles) : quantiles(exact_quantiles) {}
    ExactDecimal sum;
    QuantileSketch quantiles;
    NumberBound min;
    NumberBound max;
    double mean = 0;                // running, for the deviation only
    double squared_deviations = 0;  // Welford 1962
  };
  struct Times {
    Instant min;
    Instant max;
    std::string min_text;
    std::string max_text;
  };

  void add_value(std::string_view cell, const TypedValue& value);
  void add_number(std::string_view cell, const TypedValue& value);
  void add_time(std::string_view cell, const TypedValue& value);
  void add_text_bounds(std::string_view cell);
  [[nodiscard]] std::uint64_t count(ValueType type) const noexcept;
  [[nodiscard]] std::uint64_t values() const noexcept;
  void write_counts(Json& out) const;
  void write_bounds(Json& out, ValueType type) const;
  void write_numbers(Json& out) const;

  std::array<std::uint64_t, kValueTypes> type_counts_{};
  std::array<std::uint64_t, kNullMarkers> marker_counts_{};
  std::uint64_t empty_cells_ = 0;
  std::uint64_t invalid_utf8_ = 0;
  bool ascii_ = true;
  ValueCounts value_counts_;
  std::size_t exact_quantiles_;
  std::optional<Numbers> numbers_;
  std::optional<Times> times_;
  std::string min_text_;
  std::string max_text_;
  bool seen_true_ = false;
  bool seen_false_ = false;
};

}  // namespace symphainy::domains::content
