// SPDX-License-Identifier: Apache-2.0
// Backups of a data directory, taken while its owner goes on, and stores made of them: of the whole, or as they were at
// an earlier point. A backup is a directory: `wal`, `artifacts` and `events` as in a data directory, and `backup.json`,
// which is written last and says what the others must be (docs/guides/backup-and-repair.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "symphainy/error.h"
#include "symphainy/intent.h"

namespace symphainy::app {

/// {"artifacts", "directory", "events", "history_lost"?: {"first", "last"}, "missing": [{"path", "reason"}...],
/// "position", "snapshots": [position...], "store_id", "time", "timeline"}. What is missing the store does not have
/// either; snapshots there are when the log's beginning was retired. What is damaged before a snapshot is left out with
/// all that is before it: "history_lost" are those positions. not_found when there is no store, or (reason
/// "history_retired") the beginning was retired and no snapshot is good; corrupt when its log is damaged, conflict when
/// nothing is written in it, invalid_argument when `target` cannot be used.
[[nodiscard]] Result<Json> create_backup(const std::string& data_directory, const std::string& target);

struct RestoreOptions {
  std::string backup;
  std::string target;                        ///< the new data directory; must not exist or be empty
  std::optional<std::uint64_t> to_position;  ///< as it was at the last whole batch up to here
  std::optional<std::int64_t> to_time_us;    ///< the same, by the time of the records; microseconds UTC
  Actor actor;
};
/// Checks everything in the backup, then makes the store: {"directory", "events_left_behind", "from_timeline",
/// "missing", "position", "records_left_behind", "store_id", "time", "timeline"}. corrupt when the backup is damaged,
/// naming the file; invalid_argument when it is none, when it does not reach so far, or `target` cannot be used;
/// not_found, reason "history_retired", when it does not reach back so far.
[[nodiscard]] Result<Json> restore_backup(const RestoreOptions& options);

}  // namespace symphainy::app
