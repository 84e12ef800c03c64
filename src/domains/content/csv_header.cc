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

bool is_text(std::string_view cell) {
  return !trimmed(cell).empty() && classify(cell).type == ValueType::text;
}

bool is_typed(const ColumnProfile& column) {
  return column.type().value_or(ValueType::text) != ValueType::text;
}

std::string numbered(std::string_view name, std::size_t number) {
  return std::string(name) + "_" + std::to_string(number);
}

}  // namespace

bool is_csv_header(std::span<const std::string> first_row, std::span<const ColumnProfile> columns, bool has_rows) {
  if (!std::ranges::all_of(first_row, [](const auto& cell) { return trimmed(cell).empty() || is_text(cell); })) {
    return false;
  }
  for (std::size_t i = 0; i < first_row.size(); ++i) {
    if (is_typed(columns[i]) && is_text(first_row[i])) return true;
  }
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < first_row.size(); ++i) {
    const std::string& name = first_row[i];
    const bool usable = is_text(name) && name.size() <= kLongestName;
    if (!usable || !names.insert(trimmed(name)).second) return false;
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
