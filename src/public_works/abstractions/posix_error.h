// SPDX-License-Identifier: Apache-2.0
// Which errno is which error: every file system answers alike, so that callers can tell what to do next.
#pragma once

#include <string>
#include <string_view>

#include "symphainy/error.h"

namespace symphainy::public_works {

/// What an errno means to a caller; "cannot <action> <path>: <the system's words>".
[[nodiscard]] Error posix_error(int number, std::string_view action, const std::string& path);

}  // namespace symphainy::public_works
