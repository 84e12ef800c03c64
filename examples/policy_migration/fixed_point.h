// SPDX-License-Identifier: Apache-2.0
// Decimal text as a whole number of its smallest unit, so that no amount ever is a floating point number.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace policy_migration {

/// "648.5" with 2 decimals is 64850. Nothing unless it is plain decimal notation (an optional '-', digits, and at most
/// `decimals` digits behind a point) whose result has at most 18 digits. `decimals`: 0 to 9.
[[nodiscard]] std::optional<std::int64_t> parse_fixed_point(std::string_view text, unsigned decimals);

}  // namespace policy_migration
