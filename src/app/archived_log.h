// SPDX-License-Identifier: Apache-2.0
// A log read together with the archive of what was retired of it: the proof reaches back to position 1 then.
#pragma once

#include <string>

#include "symphainy/error.h"

#include "public_works/abstractions/file_system.h"
#include "public_works/adapters/segment_log/log_scan.h"

namespace symphainy::app {

/// scan_log(), with the archive's segments before the log's own. What the log knows of its beginning is held to them.
/// invalid_argument when the archive has nothing of this log; corrupt when something in it cannot be decompressed.
[[nodiscard]] Result<public_works::LogScan> scan_archived(public_works::FileSystem& files, const std::string& wal,
                                                          public_works::KnownHead& head,
                                                          const public_works::ScanOptions& how,
                                                          const std::string& archive);

}  // namespace symphainy::app
