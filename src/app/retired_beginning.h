// SPDX-License-Identifier: Apache-2.0
// Copying a store whose log's beginning was retired. What was recorded there is known by the snapshots alone, so a copy
// is made only as far as one of them is good, and goes on from it. When what the log has before a snapshot is damaged,
// the copy begins behind that one: nothing but history is lost with what was before. At an earlier point than the
// original's end more may have been under way than when its beginning was retired: that is looked at before a copy is
// given its name.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "symphainy/error.h"
#include "symphainy/json.h"

#include "app/snapshots.h"
#include "app/store_reader.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/adapters/segment_log/log_base.h"

namespace symphainy::app {

struct RetiredBeginning {
  public_works::LogBase base;
  std::vector<Snapshot> snapshots;  ///< none before it, newest first; nothing is checked but what they say
};

/// Nothing when the log begins at position 1. corrupt when its base is damaged.
[[nodiscard]] Result<std::optional<RetiredBeginning>> read_beginning(public_works::FileSystem& files,
                                                                     const DataDirectory& directory);

/// Where a copy can begin as well: behind each good snapshot that knows the log's chains there, oldest first. Whether
/// the log goes on from there is for the caller to see. What is of no use is told to the program's log.
[[nodiscard]] Result<std::vector<RetiredBeginning>> beginnings_behind_snapshots(public_works::FileSystem& files,
                                                                                const DataDirectory& directory,
                                                                                const public_works::LogIdentity& log);

/// {"first", "last"}: the positions that the log in `directory` began with and a copy does not have that begins behind
/// `base`. Null when there are none.
[[nodiscard]] Result<Json> history_lost(public_works::FileSystem& files, const DataDirectory& directory,
                                        const public_works::LogBase& base);

/// not_found, reason kHistoryRetired: a copy that ends at `position` would not know what was recorded before the
/// beginning.
[[nodiscard]] Error no_snapshot(const RetiredBeginning& beginning, const DataDirectory& from, std::uint64_t position);

/// Folds the copied store's projections from its snapshot and log, as whoever opens it first will, and leaves none.
/// not_found, reason kHistoryRetired, when the store would need a record that was retired in order to go on.
[[nodiscard]] Result<void> check_goes_on(public_works::FileSystem& files, const DataDirectory& copy);

}  // namespace symphainy::app
