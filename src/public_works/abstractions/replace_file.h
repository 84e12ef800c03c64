// SPDX-License-Identifier: Apache-2.0
// A small file that is there as it was or as it shall be, whatever happens.
#pragma once

#include <string>
#include <string_view>

#include "symphainy/error.h"

#include "base/fault_points.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::public_works {

/// Writes PATH.new, and gives it the name when it is durable; the name is durable when this succeeds. What a crash left
/// of PATH.new is written over.
[[nodiscard]] Result<void> replace_file(FileSystem& files, const std::string& path, std::string_view bytes,
                                        base::CrashStep step);

}  // namespace symphainy::public_works
