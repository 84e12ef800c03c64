// SPDX-License-Identifier: Apache-2.0
// How wide text is on a terminal, and text that is safe to show there: stored names and messages are others' data and
// must not move the cursor or change colours.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace symphainy::cli {

/// Columns that the text takes: 2 for East Asian wide characters and emoji, 0 for combining marks. A byte that is not
/// UTF-8 counts as one.
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

/// The text on one line: control characters become visible escapes like \n and \x1b, broken UTF-8 becomes U+FFFD.
[[nodiscard]] std::string printable(std::string_view text);

/// printable(), cut to `columns` with an ellipsis when it is wider.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t columns);

}  // namespace symphainy::cli
