// SPDX-License-Identifier: Apache-2.0
// Snapshots of the projections, DATA/snapshots: `POSITION.db` is state.db as it was at that position, `POSITION.json`,
// written last, says what it must be. The last two are kept. Projections that are lost are rebuilt from the newest good
// one and the log behind it, so what lies before both may be retired.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "app/file_digest.h"
#include "app/store_reader.h"
#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::app {

struct Snapshot {
  std::uint64_t position = 0;
  std::string path;  ///< of the database
  base::Digest store_hash;
  FileDigest digest;
  std::int64_t created_us = 0;
};

/// The snapshots of one data directory. Used by one thread; taking one needs the directory's lock.
class Snapshots {
 public:
  Snapshots(public_works::FileSystem& files, DataDirectory directory)
      : files_(files), directory_(std::move(directory)) {}

  /// Those that say they are of this log, newest first; nothing is checked but what they say.
  [[nodiscard]] Result<std::vector<Snapshot>> list(const public_works::EventLog& log) const;
  [[nodiscard]] Result<std::vector<Snapshot>> list(const public_works::LogIdentity& log) const;
  /// Reads all of it back. corrupt when it is not what was written, or not of this log; conflict when another release
  /// made it; not_found when it is gone.
  [[nodiscard]] Result<void> verify(const Snapshot& snapshot, const public_works::EventLog& log) const;
  /// All that verify, newest first; what does not is told to the program's log.
  [[nodiscard]] Result<std::vector<Snapshot>> good(const public_works::EventLog& log) const;
  /// The newest that verifies; what does not is told to the program's log. Nothing when there is none.
  [[nodiscard]] Result<std::optional<Snapshot>> newest_good(const public_works::EventLog& log) const;
  /// Of the projections as they are, verified and durable; then all but the last two are removed. Nothing when the
  /// newest has their position already.
  [[nodiscard]] Result<std::optional<Snapshot>> take(const public_works::EventLog& log, public_works::Clock& clock);
  /// A copy of the snapshot under another name, synced, and so is the name.
  [[nodiscard]] Result<void> copy_to(const Snapshot& snapshot, const std::string& path) const;
  /// Copies another directory's snapshot, which says that it is of the log `from`, as one of `own`: a log that the
  /// caller has found to have the same records up to there. Durable when it succeeds. Errors as of verify().
  [[nodiscard]] Result<Snapshot> adopt(const Snapshot& other, const public_works::LogIdentity& from,
                                       const public_works::LogIdentity& own) const;
  /// Whatever there is of it.
  [[nodiscard]] Result<void> remove(std::uint64_t position) const;

 private:
  [[nodiscard]] Result<void> check_database(const Snapshot& snapshot, const public_works::LogIdentity& log) const;
  [[nodiscard]] Result<void> remove_others(const std::vector<Snapshot>& kept) const;
  [[nodiscard]] Result<void> write_manifest(const Snapshot& snapshot, const public_works::LogIdentity& log) const;

  public_works::FileSystem& files_;
  const DataDirectory directory_;
};

}  // namespace symphainy::app
