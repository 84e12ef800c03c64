// SPDX-License-Identifier: Apache-2.0
// Decides whether the first row of a table names its columns, and gives every column one name of
// its own either way.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "domains/content/column_profile.h"

namespace symphainy::domains::content {

/// Whether `first_row` is a header over the columns below it (as many; `has_rows`: there are any).
/// A cell is null (blank, NA and the like), a text, a year name (1900 to 2100, over numbers that are
/// not all such years), or anything else: a value. In this order:
///   1. A value in it: no header.
///   2. Over a column that is not text, it has a text: header, even when other names are null or
///      occur twice.
///   3. Otherwise (texts over texts, or no rows): header when its cells are not null, all different,
///      at most 128 bytes long, none occurs again in its own column, and there are no year names, or
///      several and a text beside them. A table of texts without header that meets this is mistaken;
///      nothing in it tells.
[[nodiscard]] bool is_csv_header(std::span<const std::string> first_row, std::span<const ColumnProfile> columns,
                                 bool has_rows);

/// Valid UTF-8, never empty, all different: an empty name becomes column_N (N from 1), a repeated
/// one gets _2, _3, ... Spaces and tabs around names are dropped.
[[nodiscard]] std::vector<std::string> csv_column_names(std::span<const std::string> header);

/// column_1 to column_N.
[[nodiscard]] std::vector<std::string> csv_column_numbers(std::size_t columns);

}  // namespace symphainy::domains::content
