// SPDX-License-Identifier: Apache-2.0
// Snapshots of the projections, DATA/snapshots: `POSITION.db` is the fold of the log up to that position,
// `POSITION.base` the log's chains there, `POSITION.json`, written last, says what they must be. The last two are kept.
// Projections that are lost are rebuilt from the newest good one and the log behind it, so what lies before both may be
// retired. A snapshot is folded from the one before it and never copied from state.db: what is wrong there is still
// found when the log that would tell is gone.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/error.h"

#include "app/file_digest.h"
#include "app/store_reader.h"
#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/adapters/segment_log/log_base.h"

namespace symphainy::app {

struct Snapshot {
  std::uint64_t position = 0;
  std::string path;  ///< of the database
  base::Digest store_hash;
  FileDigest digest;
  std::optional<FileDigest> base;  ///< of the chains; nothing: none are kept, as by an earlier release
  std::int64_t created_us = 0;
};

/// Why a snapshot is of no use while the others may be: damaged, another release's, or just removed by its owner. Any
/// other error says nothing about it.
[[nodiscard]] bool is_no_use(const Error& error);
/// One of those: it is not what was written.
[[nodiscard]] std::unexpected<Error> snapshot_damaged(const Snapshot& snapshot, std::string_view reason);

/// The lock file of those who remove a part of the history, and of a backup, which reads it.
[[nodiscard]] std::string history_lock(const DataDirectory& directory);

/// The snapshots of one data directory. Used by one thread; taking one needs the directory's lock.
class Snapshots {
 public:
  static constexpr std::size_t kKept = 2;

  Snapshots(public_works::FileSystem& files, DataDirectory directory)
      : files_(files), directory_(std::move(directory)) {}

  /// Those that say they are of this log, newest first; nothing is checked but what they say.
  [[nodiscard]] Result<std::vector<Snapshot>> list(const public_works::EventLog& log) const;
  [[nodiscard]] Result<std::vector<Snapshot>> list(const public_works::LogIdentity& log) const;
  /// Reads all of it back. corrupt when it is not what was written, or not of this log; conflict when another release
  /// made it; not_found when it is gone.
  [[nodiscard]] Result<void> verify(const Snapshot& snapshot, const public_works::EventLog& log) const;
  /// All that verify, newest first; what is of no use is told to the program's log. One that cannot be read now is an
  /// error.
  [[nodiscard]] Result<std::vector<Snapshot>> good(const public_works::EventLog& log) const;
  /// The newest that verifies; what does not is told to the program's log. Nothing when there is none.
  [[nodiscard]] Result<std::optional<Snapshot>> newest_good(const public_works::EventLog& log) const;
  /// What the log's base would be if it began behind the snapshot. corrupt when that is not what was written, not_found
  /// when the snapshot has none.
  [[nodiscard]] Result<public_works::LogBase> base_of(const Snapshot& snapshot,
                                                      const public_works::LogIdentity& log) const;
  /// The same of one that can be begun behind: its database is read back too, as by verify().
  [[nodiscard]] Result<public_works::LogBase> verified_base_of(const Snapshot& snapshot,
                                                               const public_works::LogIdentity& log) const;
  /// Of the log up to the batch that holds `until`, folded from the newest good one on, verified and durable; then all
  /// but the last two good ones are removed, or stay for the next time when a backup is being taken. Nothing when the
  /// newest has that position already, or when it was stopped; `stopped` may be empty. Damage in the log before the
  /// newest good one leaves the new one without chains when no kept ones lead there. corrupt, reason
  /// "snapshot_damaged", when none is good and the log begins later than at 1.
  [[nodiscard]] Result<std::optional<Snapshot>> take(const public_works::EventLog& log, public_works::Clock& clock,
                                                     std::uint64_t until, const std::function<bool()>& stopped = {});
  /// A copy of the snapshot under another name, synced, and so is the name.
  [[nodiscard]] Result<void> copy_to(const Snapshot& snapshot, const std::string& path) const;
  /// Copies another directory's snapshot, which says that it is of the log `from`, as one of `own`: a log that the
  /// caller has found to have the same records up to there. Durable when it succeeds. Errors as of verify().
  [[nodiscard]] Result<Snapshot> adopt(const Snapshot& other, const public_works::LogIdentity& from,
                                       const public_works::LogIdentity& own) const;
  /// Whatever there is of it.
  [[nodiscard]] Result<void> remove(std::uint64_t position) const;

 private:
  struct Chains {
    base::Digest store_hash;
    std::optional<public_works::LogBase> base;  // nothing: damage before the snapshot keeps them unknown
  };

  [[nodiscard]] Result<void> check_database(const Snapshot& snapshot, const public_works::LogIdentity& log) const;
  [[nodiscard]] Result<bool> fold(const public_works::EventLog& log, const std::optional<Snapshot>& from,
                                  std::uint64_t until, const std::function<bool()>& stopped) const;
  [[nodiscard]] Result<base::Digest> store_hash_at(const public_works::EventLog& log, std::uint64_t position) const;
  [[nodiscard]] Result<std::vector<public_works::LogBase>> known_chains(const public_works::EventLog& log,
                                                                        const std::vector<Snapshot>& kept) const;
  [[nodiscard]] Result<std::optional<public_works::LogBase>> chains_at(public_works::LogBase begin,
                                                                       std::uint64_t position,
                                                                       const std::function<bool()>& stopped) const;
  [[nodiscard]] Result<std::optional<Chains>> chains_of(const public_works::EventLog& log,
                                                        const std::vector<Snapshot>& kept, std::uint64_t position,
                                                        const std::function<bool()>& stopped) const;
  [[nodiscard]] Result<std::optional<base::Digest>> folded_store_hash(const public_works::EventLog& log,
                                                                      const std::vector<Snapshot>& kept,
                                                                      std::uint64_t position,
                                                                      const std::function<bool()>& stopped) const;
  [[nodiscard]] Result<void> write_base(Snapshot& snapshot, const public_works::LogBase& base) const;
  [[nodiscard]] Result<void> adopt_base(Snapshot& snapshot, const Snapshot& other,
                                        const public_works::LogIdentity& from,
                                        const public_works::LogIdentity& own) const;
  [[nodiscard]] Result<void> remove_fold() const;
  [[nodiscard]] std::string fold_path() const { return directory_.snapshots() + "/unfinished.fold"; }
  [[nodiscard]] Result<void> remove_others(std::vector<Snapshot> kept) const;
  [[nodiscard]] Result<void> write_manifest(const Snapshot& snapshot, const public_works::LogIdentity& log) const;

  public_works::FileSystem& files_;
  const DataDirectory directory_;
};

}  // namespace symphainy::app
