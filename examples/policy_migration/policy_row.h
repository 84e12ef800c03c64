// SPDX-License-Identifier: Apache-2.0
// One row of the old portfolio file: what it says, whether that can be, and what it is called in the new system.
#pragma once

#include <string>
#include <string_view>
#include <symphainy/error.h>
#include <symphainy/json.h>
#include <vector>

namespace policy_migration {

/// The header that a portfolio file begins with.
[[nodiscard]] std::string portfolio_header();

/// The fields of a line as RFC 4180 has them; an unclosed quote takes the rest of the line.
[[nodiscard]] std::vector<std::string> split_fields(std::string_view line);

/// The row with its amounts in cents and its place in microdegrees, as integers. Otherwise invalid_argument, reason
/// "invalid_policy_row": `details` is [{"field", "rule"}...], all that is wrong at once.
[[nodiscard]] symphainy::Result<symphainy::Json> validate_policy_row(std::string_view line);

/// What the new system keeps of a row that validate_policy_row answered.
[[nodiscard]] symphainy::Json policy_record(const symphainy::Json& row, std::string_view policy_number);

}  // namespace policy_migration
