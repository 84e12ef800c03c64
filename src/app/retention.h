// SPDX-License-Identifier: Apache-2.0
// Giving up the beginning of a store's log: snapshot, archive, retire, in this order, each durable before the next. A
// segment goes only when the policy lets it go and it is below everything that is still needed: the older of the
// verified snapshots, the projections, the events that are not published yet, the executions under way, a backup being
// taken. docs/guides/retention.md
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "symphainy/error.h"
#include "symphainy/json.h"
#include "symphainy/runtime.h"

#include "app/store_reader.h"
#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/abstractions/state_store.h"
#include "public_works/adapters/segment_log/segment_log.h"

namespace symphainy::app {

struct RetentionParts {
  public_works::FileSystem& files;
  public_works::Clock& clock;
  public_works::SegmentLog& log;
  public_works::StateStore& state;
  DataDirectory directory;
};

struct RetentionRound {
  LogRetention policy;
  bool by_age = false;   ///< policy.retain_age_us counts, also when it is 0
  bool by_size = false;  ///< policy.retain_bytes counts, also when it is 0
  /// A snapshot that is needed is taken; else only when as many bytes of log can go for it as it has.
  bool at_once = false;
  bool archive_all = false;       ///< every sealed segment, not only those that go
  bool dry_run = false;           ///< only says what it would do; then nothing is changed
  std::function<bool()> stopped;  ///< asked between segments; may be empty
};

/// One round, under the data directory's lock: {"archived": [{"segment", "first", "last", "bytes", "archived_bytes"}],
/// "retired": [{"segment", "first", "last", "bytes"}], "held_by": [{"what", "position"}] (what kept segments that the
/// policy lets go), "snapshot" (position of one taken now, else null), "first_position", "last_position", "dry_run"}.
/// Sizes in bytes. An error stops it where it is; what was done stays done, and the store stays whole.
/// invalid_argument, reason "inside_itself", when the archive lies in the data directory.
[[nodiscard]] Result<Json> run_retention(const RetentionParts& parts, const RetentionRound& round);

/// One round on a store that nobody has open. not_found when there is none.
[[nodiscard]] Result<Json> retain_once(const RuntimeOptions& options, const RetentionRound& round);

/// Somebody who needs the log from this position on.
struct Hold {
  std::string what;
  std::uint64_t position = 0;
};
/// Who does, of a store that is at this state: its projections, executions under way, publishers.
[[nodiscard]] Result<std::vector<Hold>> needs_of_history(public_works::StateStore& state);

/// Held by a backup for as long as it reads the log: nothing is retired then. `unavailable` when another backup holds
/// it, or segments are just being retired; nothing when the directory cannot be written to (then nobody can retire
/// anything).
[[nodiscard]] Result<std::unique_ptr<public_works::FileLock>> hold_history(public_works::FileSystem& files,
                                                                           const DataDirectory& directory);

}  // namespace symphainy::app
