// SPDX-License-Identifier: Apache-2.0
// The release.
#pragma once

#include <string_view>

namespace symphainy {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace symphainy
