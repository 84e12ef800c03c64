// SPDX-License-Identifier: Apache-2.0
// A store made of what is sound of a damaged one, and an account of what is lost. The damaged one is only read.
#pragma once

#include <string>

#include "symphainy/error.h"
#include "symphainy/intent.h"

namespace symphainy::app {

struct RepairOptions {
  std::string data_directory;  ///< the damaged one
  std::string target;          ///< the new one; must not exist or be empty
  Actor actor;
};

/// {"damage": {"segment", "offset", "position", "reason"}, "directory", "from_timeline", "history_lost"?: {"first",
/// "last"}, "lost": {"bytes", "events_left_behind", "first", "last", "list", "positions", "records", "records_found"},
/// "missing", "position", "store_id", "timeline"}. "records" are the first of those that can still be read behind the
/// damage, the file "list" holds them all. "history_lost" are positions before the new log's beginning that are known
/// by a snapshot: what they made is kept. invalid_argument when the log is intact, or a directory cannot be used;
/// unavailable when somebody works in the damaged one; not_found when there is no log, or (reason "history_retired")
/// its beginning was retired and no snapshot of what is sound is good; corrupt when nothing is sound, or a newer
/// release wrote it.
[[nodiscard]] Result<Json> repair_store(const RepairOptions& options);

}  // namespace symphainy::app
