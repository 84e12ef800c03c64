// SPDX-License-Identifier: Apache-2.0
// What opening for writing does to a log that was verified, before anything builds on it. Each step may be cut short by
// a crash and is done anew by the next opening.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "public_works/abstractions/file_system.h"
#include "public_works/adapters/segment_log/durable_head.h"
#include "public_works/adapters/segment_log/log_scan.h"

namespace symphainy::public_works {

/// Makes the last segment what the scan says it is, durably: overwrites with zeros what a crash left torn, writes again
/// what lies behind the newest head, and syncs the names; then removes the segments before the base, and unfinished
/// ones. The segment, to be gone on with. There must be one.
[[nodiscard]] Result<std::unique_ptr<File>> recover_last_segment(FileSystem& files, const std::string& directory,
                                                                 const LogScan& scan, const HeadSlot& head);

/// Removes segments before a base that is durable; durable when it succeeds.
[[nodiscard]] Result<void> remove_segments(FileSystem& files, const std::string& directory,
                                           const std::vector<std::string>& paths);

/// Removes what is left of segments that were being brought back into the log (NAME.seg.new) when a crash came. Only
/// the directory's owner may.
[[nodiscard]] Result<void> remove_unfinished_segments(FileSystem& files, const std::string& directory);

}  // namespace symphainy::public_works
