// SPDX-License-Identifier: Apache-2.0
// The content domain on this machine's files.
#pragma once

#include <string>
#include <vector>

#include "symphainy/runtime.h"

namespace symphainy::app {

/// Registers ingest_file and analyze_content; files are read from the roots (none: the working directory) and below,
/// never from the data directory, which holds every tenant's content and must exist by now.
[[nodiscard]] Result<void> register_content(Runtime& runtime, const std::vector<std::string>& roots,
                                            const std::string& data_directory);

}  // namespace symphainy::app
