// SPDX-License-Identifier: Apache-2.0
// Where the chains stood at the beginning of the last segment, beside the segments, so that opening a log need read
// that segment only. What was changed in earlier ones shows when it is read, and when the log is verified.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "symphainy/error.h"

#include "base/log_record.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::public_works {

struct ChainFile {
  LogIdentity log;
  base::LogChain chain;  ///< the segment that goes on from here begins one position later
};

/// Replaces DIRECTORY/chain, durably.
[[nodiscard]] Result<void> write_chain_file(FileSystem& files, const std::string& directory, const ChainFile& content);
/// Nothing when there is none, or none that is whole: then the log is read from its beginning.
[[nodiscard]] Result<std::optional<ChainFile>> read_chain_file(FileSystem& files, const std::string& directory);

}  // namespace symphainy::public_works
