// SPDX-License-Identifier: Apache-2.0
// Finds out which of the usual delimiters a file uses, by reading its beginning with each of them.
#pragma once

#include <string_view>

namespace symphainy::domains::content {

/// One of , tab ; | for a sample without byte order mark. The winner is the delimiter that gives
/// the most records the same number of fields (two or more); then, the one that splits the first
/// record that way; then, the one with more fields; then, the order above. A comma when none splits
/// anything. A record the sample cuts off does not count, unless it is the only one. `complete`:
/// the sample is the whole file. Looks at no more than 1,000 records.
[[nodiscard]] char detect_csv_delimiter(std::string_view sample, bool complete);

}  // namespace symphainy::domains::content
