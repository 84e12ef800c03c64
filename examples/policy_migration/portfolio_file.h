// SPDX-License-Identifier: Apache-2.0
// The old system's portfolio: a CSV file in one directory that the operator has named.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <symphainy/error.h>
#include <vector>

namespace policy_migration {

inline constexpr std::size_t kLargestPortfolio = 512 * 1024 * 1024;  ///< bytes

/// The file's bytes. `name` is a file's own name, of a regular file in `directory`; a path that leads out of it is
/// refused, a symbolic link too. invalid_argument tells which.
[[nodiscard]] symphainy::Result<std::string> read_portfolio(const std::string& directory, const std::string& name);

/// The lines of a text whose lines end in CR, LF or CRLF, without the ends and without empty lines. They live in
/// `text`.
[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text);

}  // namespace policy_migration
