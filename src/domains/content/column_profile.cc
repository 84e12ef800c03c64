// SPDX-License-Identifier: Apache-2.0
// Cells that may be nulls (NA and the like) are set aside until the column's type is known.
#include "domains/content/column_profile.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <vector>

#include "domains/content/text_encoding.h"

namespace symphainy::domains::content {
namespace {

constexpr std::array<std::string_view, 5> kMarkers = {"NA", "N/A", "NULL", "null", "\\N"};

constexpr std::size_t kValueBytes = 128UL * 1024 * 1024;
constexpr std::size_t kNumberBytes = 32UL * 1024 * 1024;
constexpr std::size_t kMaxValueBytesPerColumn = 16UL * 1024 * 1024;
constexpr std::size_t kMostColumns = 4'096;  // that share; values are not counted in less than 32 KiB

std::size_t index_of(ValueType type) {
  return static_cast<std::size_t>(type);
}

std::optional<std::size_t> null_marker(std::string_view cell) {
  if (cell.size() < 2 || cell.size() > 4) return std::nullopt;
  const auto found = std::ranges::find(kMarkers, cell);
  if (found == kMarkers.end()) return std::nullopt;
  return static_cast<std::size_t>(found - kMarkers.begin());
}

// Cannot overflow: parse_decimal bounds what reaches it. Numbers too small for a double are 0.
double to_double(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} ? value : 0.0;
}

Json finite_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

Json display(std::string_view text) {
  return Json(to_display_text(text, ColumnProfile::kMaxShownBytes));
}

}  // namespace

ColumnLimits ColumnLimits::for_columns(std::size_t columns) noexcept {
  columns = std::clamp<std::size_t>(columns, 1, kMostColumns);
  ColumnLimits limits;
  limits.values.max_bytes = std::min(kMaxValueBytesPerColumn, kValueBytes / columns);
  limits.exact_quantiles = std::min(limits.exact_quantiles, kNumberBytes / sizeof(double) / columns);
  return limits;
}

bool is_null_marker(std::string_view cell) noexcept {
  return null_marker(cell).has_value();
}

bool ColumnProfile::NumberBound::less_than(const NumberBound& other) const noexcept {
  return exact && other.exact ? *exact < *other.exact : approximate < other.approximate;
}

Json ColumnProfile::NumberBound::to_json() const {
  return exact ? Json(*exact) : Json(approximate);
}

ColumnProfile::ColumnProfile(const ColumnLimits& limits)
    : value_counts_(limits.values), exact_quantiles_(limits.exact_quantiles) {}

void ColumnProfile::add(std::string_view cell) {
  if (trimmed(cell).empty()) {
    ++empty_cells_;
  } else if (const std::optional<std::size_t> marker = null_marker(cell)) {
    ++marker_counts_[*marker];
  } else {
    if (!is_ascii(cell)) {
      ascii_ = false;
      if (!is_utf8(cell)) ++invalid_utf8_;
    }
    value_counts_.add(cell);
    add_value(cell, classify(cell));
  }
}

bool ColumnProfile::contains(std::string_view cell) const noexcept {
  if (const std::optional<std::size_t> marker = null_marker(cell)) {
    return marker_counts_[*marker] > 0;
  }
  return value_counts_.contains(cell);
}

std::optional<ValueType> ColumnProfile::type() const noexcept {
  const std::uint64_t all = values();
  if (all == 0) return std::nullopt;
  const std::uint64_t numbers = count(ValueType::integer) + count(ValueType::decimal);
  const std::uint64_t times = count(ValueType::date) + count(ValueType::datetime);
  if (numbers == all) {
    return count(ValueType::decimal) > 0 ? ValueType::decimal : ValueType::integer;
  }
  if (times == all) {
    return count(ValueType::datetime) > 0 ? ValueType::datetime : ValueType::date;
  }
  return count(ValueType::boolean) == all ? ValueType::boolean : ValueType::text;
}

bool ColumnProfile::numbers_within(double least, double most) const noexcept {
  return numbers_ && numbers_->min.approximate >= least && numbers_->max.approximate <= most;
}

void ColumnProfile::add_value(std::string_view cell, const TypedValue& value) {
  add_text_bounds(cell);
  ++type_counts_[index_of(value.type)];
  const std::uint64_t all = values();
  const bool number = value.type == ValueType::integer || value.type == ValueType::decimal;
  if (number && count(ValueType::integer) + count(ValueType::decimal) == all) {
    add_number(cell, value);
  } else {
    numbers_.reset();
  }
  const bool time = value.type == ValueType::date || value.type == ValueType::datetime;
  if (time && count(ValueType::date) + count(ValueType::datetime) == all) {
    add_time(cell, value);
  } else {
    times_.reset();
  }
  if (value.type == ValueType::boolean) (value.truth ? seen_true_ : seen_false_) = true;
}

void ColumnProfile::add_number(std::string_view cell, const TypedValue& value) {
  const std::string_view text = trimmed(cell);
  NumberBound bound{to_double(text), std::nullopt};
  if (value.type == ValueType::integer) {
    std::int64_t exact = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), exact);
    if (parsed.ec == std::errc{}) bound.exact = exact;
  }
  const bool first = !numbers_;
  if (first) numbers_.emplace(exact_quantiles_);
  Numbers& all = *numbers_;
  if (first || bound.less_than(all.min)) all.min = bound;
  if (first || all.max.less_than(bound)) all.max = bound;
  all.sum.add(value.number);
  all.quantiles.add(bound.approximate);
  const double delta = bound.approximate - all.mean;
  all.mean += delta / static_cast<double>(all.quantiles.count());
  all.squared_deviations += delta * (bound.approximate - all.mean);
}

void ColumnProfile::add_time(std::string_view cell, const TypedValue& value) {
  const bool first = !times_;
  if (first) times_.emplace();
  const std::string_view text = trimmed(cell).substr(0, kMaxShownBytes);
  if (first || value.instant < times_->min) {
    times_->min = value.instant;
    times_->min_text = text;
  }
  if (first || value.instant > times_->max) {
    times_->max = value.instant;
    times_->max_text = text;
  }
}

void ColumnProfile::add_text_bounds(std::string_view cell) {
  // One byte more than is shown, so that a cut is noticed and marked.
  const std::string_view text = cell.substr(0, kMaxShownBytes + 1);
  if (max_text_.empty() || text > max_text_) max_text_ = text;
  if (min_text_.empty() || text < min_text_) min_text_ = text;
}

std::uint64_t ColumnProfile::count(ValueType type) const noexcept {
  return type_counts_[index_of(type)];
}

std::uint64_t ColumnProfile::values() const noexcept {
  return std::accumulate(type_counts_.begin(), type_counts_.end(), std::uint64_t{0});
}

Json ColumnProfile::finish() {
  const std::optional<ValueType> kind = type();
  std::uint64_t nulls = empty_cells_;
  for (std::size_t i = 0; i < kMarkers.size(); ++i) {
    if (marker_counts_[i] == 0) continue;
    if (kind == ValueType::text) {
      value_counts_.add(kMarkers[i], marker_counts_[i]);
      type_counts_[index_of(ValueType::text)] += marker_counts_[i];
      add_text_bounds(kMarkers[i]);
    } else {
      nulls += marker_counts_[i];
    }
  }
  Json out = Json::object({{"type", kind ? to_string(*kind) : "empty"}, {"nulls", nulls}});
  write_counts(out);
  if (kind) write_bounds(out, *kind);
  if (kind == ValueType::integer || kind == ValueType::decimal) write_numbers(out);
  if (invalid_utf8_ > 0) out["invalid_utf8"] = invalid_utf8_;
  return out;
}

void ColumnProfile::write_counts(Json& out) const {
  // An estimate may be too high, but not beyond the number of values.
  out["distinct"] = std::min(value_counts_.distinct(), values());
  Json types = Json::object();
  for (std::size_t i = 0; i < type_counts_.size(); ++i) {
    if (type_counts_[i] > 0) types[to_string(static_cast<ValueType>(i))] = type_counts_[i];
  }
  out["value_types"] = std::move(types);
  Json top = Json::array();
  for (const ValueCounts::Entry& entry : value_counts_.top(kTopValues)) {
    top.push_back(Json::object({{"value", display(entry.value)}, {"count", entry.count}}));
  }
  out["top_values"] = std::move(top);
  if (!value_counts_.exact()) {
    out["distinct_estimated"] = true;
    out["top_values_estimated"] = true;
    out["top_values_max_error"] = value_counts_.max_error();
  }
}

void ColumnProfile::write_bounds(Json& out, ValueType type) const {
  switch (type) {
    case ValueType::integer:
    case ValueType::decimal:
      out["min"] = numbers_->min.to_json();
      out["max"] = numbers_->max.to_json();
      break;
    case ValueType::boolean:
      out["min"] = !seen_false_;
      out["max"] = seen_true_;
      break;
    case ValueType::date:
    case ValueType::datetime:
      out["min"] = display(times_->min_text);
      out["max"] = display(times_->max_text);
      break;
    case ValueType::text:
      out["min"] = display(min_text_);
      out["max"] = display(max_text_);
      break;
  }
}

void ColumnProfile::write_numbers(Json& out) const {
  const auto count = static_cast<double>(numbers_->quantiles.count());
  std::string sum = numbers_->sum.to_string();
  // From the exact sum, so that the mean is off by two roundings at most.
  out["mean"] = finite_or_null(to_double(sum) / count);
  out["standard_deviation"] =
      count < 2 ? Json() : finite_or_null(std::sqrt(numbers_->squared_deviations / (count - 1)));
  const std::vector<double> quantiles = numbers_->quantiles.percentiles({25, 50, 75, 95, 99});
  out["quantiles"] = Json::object({{"p25", quantiles[0]},
                                   {"p50", quantiles[1]},
                                   {"p75", quantiles[2]},
                                   {"p95", quantiles[3]},
                                   {"p99", quantiles[4]}});
  if (!numbers_->quantiles.exact()) out["quantiles_estimated"] = true;
  out["sum"] = sum;
}

}  // namespace symphainy::domains::content
