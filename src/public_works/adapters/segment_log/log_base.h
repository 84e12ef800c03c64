// SPDX-License-Identifier: Apache-2.0
// Where a log begins whose first segments were retired: DIRECTORY/base keeps the chains as they were there, so that
// what was kept can still be checked against what was not. It is durable before the first segment is removed. Segments
// up to it that are still there were being removed when a crash came: they are no part of the log any more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "symphainy/error.h"

#include "base/log_record.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::public_works {

struct LogBase {
  LogIdentity log;
  base::LogChain chain;  ///< the log begins one position later
  std::string restored;  ///< the payload of the last StoreRestored record up to there; empty: none
};

/// As docs/formats/write-ahead-log.md has it.
[[nodiscard]] std::string encode_log_base(const LogBase& content);
/// corrupt, naming the path, when it is not whole, or a newer release's.
[[nodiscard]] Result<LogBase> decode_log_base(const std::string& path, std::string_view bytes);
/// Replaces DIRECTORY/base, durably.
[[nodiscard]] Result<void> write_log_base(FileSystem& files, const std::string& directory, const LogBase& content);
/// Nothing when there is none: the log begins at position 1. corrupt when it is not whole, or a newer release's.
[[nodiscard]] Result<std::optional<LogBase>> read_log_base(FileSystem& files, const std::string& directory);
/// Checks every batch of a segment behind the base that ends at or before `until`, and moves the base behind them.
/// corrupt when one does not pass, or the base lies before the segment; then `base` may be somewhere in the segment.
[[nodiscard]] Result<void> move_behind(FileSystem& files, const std::string& segment_path, LogBase& base,
                                       std::uint64_t until = UINT64_MAX);

/// not_found, reason kHistoryRetired: what was asked for lies before the log's beginning.
[[nodiscard]] Error history_retired(const std::string& directory, std::uint64_t wanted, std::uint64_t first);

}  // namespace symphainy::public_works
