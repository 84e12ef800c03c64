// SPDX-License-Identifier: Apache-2.0
// The decision waits for the whole file, since one number far below can settle it.
#include "domains/content/csv_header.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

#include "domains/content/text_encoding.h"
#include "domains/content/value_type.h"

namespace symphainy::domains::content {
namespace {

constexpr std::size_t kLongestName = 128;

bool is_number(ValueType type) {
  return type == ValueType::integer || type == ValueType::decimal;
}

bool is_null(std::string_view cell) {
  return trimmed(cell).empty() || is_null_marker(trimmed(cell));
}

bool is_text(std::string_view cell) {
  return !is_null(cell) && classify(cell).type == ValueType::text;
}

bool is_year_name(std::string_view cell, const ColumnProfile& column) {
  const std::string_view text = trimmed(cell);
  const bool is_year =
      text.size() == 4 && classify(text).type == ValueType::integer && text >= "1900" && text <= "2100";
  return is_year && column.type() && is_number(*column.type()) && !column.numbers_within(1900, 2100);
}

bool is_typed(const ColumnProfile& column) {
  return column.type().value_or(ValueType::text) != ValueType::text;
}

std::string numbered(std::string_view name, std::size_t number) {
  return std::string(name) + "_" + std::to_string(number);
}

}  // namespace

bool is_csv_header(std::span<const std::string> first_row, std::span<const ColumnProfile> columns, bool has_rows) {
  std::size_t texts = 0;
  std::size_t years = 0;
  bool text_over_values = false;
  for (std::size_t i = 0; i < first_row.size(); ++i) {
    if (is_text(first_row[i])) {
      ++texts;
      text_over_values = text_over_values || is_typed(columns[i]);
    } else if (is_year_name(first_row[i], columns[i])) {
      ++years;
    } else if (!is_null(first_row[i])) {
      return false;
    }
  }
  if (text_over_values) return true;
  const bool all_are_names = texts + years == first_row.size();
  if (!all_are_names || texts == 0 || years == 1) return false;
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < first_row.size(); ++i) {
    const std::string& name = first_row[i];
    if (name.size() > kLongestName || !names.insert(trimmed(name)).second) return false;
    if (has_rows && columns[i].contains(name)) return false;
  }
  return true;
}

std::vector<std::string> csv_column_names(std::span<const std::string> header) {
  // Names that stand in the file keep themselves: "a,a,a_2" becomes a, a_3, a_2.
  std::set<std::string> written;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < header.size(); ++i) {
    names.push_back(to_display_text(trimmed(header[i]), ColumnProfile::kMaxShownBytes));
    if (names.back().empty()) names.back() = numbered("column", i + 1);
    written.insert(names.back());
  }
  std::set<std::string> given;
  for (std::string& name : names) {
    if (given.insert(name).second) continue;
    std::size_t number = 2;
    while (written.contains(numbered(name, number))) ++number;
    name = numbered(name, number);
    written.insert(name);
    given.insert(name);
  }
  return names;
}

std::vector<std::string> csv_column_numbers(std::size_t columns) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < columns; ++i) names.push_back(numbered("column", i + 1));
  return names;
}

}  // namespace symphainy::domains::content
