// SPDX-License-Identifier: Apache-2.0
// Copying a store as far as its log is followed: the log, and what it names that stands outside of it. Backup, restore
// and repair are this with different ends.
//
// The log's end is settled before anything else is looked at. Content is durable before the commit that names it, and
// none is ever removed (docs/decisions/0005), so what the log names up to there can be had, whatever a running owner
// adds meanwhile. Events are published after they were committed, so a stream may be ahead of that end, and is cut
// there.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "symphainy/intent.h"

#include "app/file_digest.h"
#include "app/retired_beginning.h"
#include "app/store_reader.h"
#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/event_publisher.h"
#include "public_works/abstractions/file_system.h"
#include "public_works/adapters/filesystem/filesystem_artifact_store.h"
#include "public_works/adapters/segment_log/log_copy.h"
#include "runtime/store_restored.h"

namespace symphainy::app {

/// Something that the log names and the copy does not have.
struct MissingFile {
  std::string path;  ///< relative to the data directory
  std::string reason;
};
[[nodiscard]] Json to_json(const std::vector<MissingFile>& missing);

/// The identity of a log that goes on from another one.
[[nodiscard]] public_works::LogIdentity forked(const base::Uuid& store, public_works::Clock& clock,
                                               public_works::Random& random);

/// What records name that stands outside the log, gathered batch by batch.
class NamedByLog {
 public:
  struct Artifact {
    base::Digest digest;
    std::optional<std::uint64_t> size;  ///< nothing: a snapshot names it, which does not tell
  };
  struct StreamEnd {
    std::uint64_t sequence = 0;
    std::string event_id;
  };

  /// Calls `artifact` for each content that a record of the batch names, as often as it does.
  [[nodiscard]] Result<void> read(const base::LogBatch& batch,
                                  const std::function<Result<void>(const Artifact&)>& artifact);
  /// The log begins later: `restored` is the payload of the last StoreRestored record up to `position`, if there is
  /// one.
  [[nodiscard]] Result<void> begin_behind(std::string_view restored, std::uint64_t position);
  /// What a snapshot names in place of the records that were retired; after the records that there still are.
  [[nodiscard]] Result<void> read_snapshot(const std::string& database,
                                           const std::function<Result<void>(const Artifact&)>& artifact);
  /// Only what it says of the store's timelines.
  [[nodiscard]] Result<void> read_restored(const base::LogBatch& batch);
  /// The last event of each stream.
  [[nodiscard]] const std::map<public_works::StreamName, StreamEnd>& streams() const noexcept { return streams_; }
  /// As the last StoreRestored record tells them.
  [[nodiscard]] const std::vector<runtime::EarlierTimeline>& earlier() const noexcept { return earlier_; }

 private:
  [[nodiscard]] Result<void> read_events(const base::LogRecord& record);

  std::map<public_works::StreamName, StreamEnd> streams_;
  std::vector<runtime::EarlierTimeline> earlier_;
};

/// The timelines that a log comes from, oldest first, as its last StoreRestored record tells them, in its base or
/// behind it. Reads all of the log.
[[nodiscard]] Result<std::vector<runtime::EarlierTimeline>> earlier_timelines(public_works::FileSystem& files,
                                                                              const std::string& wal,
                                                                              const base::Uuid& store);

class StoreCopy {
 public:
  /// `to` is a new directory; its log is `identity`'s.
  StoreCopy(public_works::FileSystem& files, DataDirectory from, DataDirectory to, public_works::LogIdentity identity);

  /// The original's beginning was retired, or is to be left out; the copy's is then retired. Before the first batch.
  [[nodiscard]] Result<void> begin_behind(const RetiredBeginning& beginning);
  /// The next batch, and the content that it names.
  [[nodiscard]] Result<void> take(const public_works::FollowedBatch& next);
  /// After begin_behind() and the last batch, which ends at `position`: the good ones of the beginning's snapshots that
  /// the copied log reaches, and the content that they name. not_found, reason kHistoryRetired, when there is none.
  [[nodiscard]] Result<void> take_snapshots(std::uint64_t position);
  /// How the log goes on. `restored.earlier` are the earlier timelines of the whole original, whose own is `from`.
  [[nodiscard]] Result<void> append(base::LogChain& chain, runtime::StoreRestored restored, const base::Uuid& from,
                                    public_works::Clock& clock, public_works::Random& random);
  /// The event streams, and everything durable. At least one batch was taken.
  [[nodiscard]] Result<void> finish();

  /// As the batches taken tell them.
  [[nodiscard]] const std::vector<runtime::EarlierTimeline>& earlier() const noexcept { return named_.earlier(); }
  /// Newest first.
  [[nodiscard]] const std::vector<Snapshot>& snapshots() const noexcept { return snapshots_; }
  [[nodiscard]] const std::vector<MissingFile>& missing() const noexcept { return missing_; }
  [[nodiscard]] std::uint64_t artifacts() const noexcept { return artifacts_; }
  [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
  /// Published, and cut off because the copied log does not know them.
  [[nodiscard]] std::uint64_t events_left_behind() const noexcept { return events_left_behind_; }

 private:
  void note_reached(std::uint64_t position, const base::Digest& store_hash);
  [[nodiscard]] Result<void> take_artifact(const NamedByLog::Artifact& artifact);
  [[nodiscard]] Result<void> copy_streams();
  [[nodiscard]] Result<void> copy_stream(const public_works::StreamName& name);
  [[nodiscard]] Result<void> make_directory(const std::string& path);
  void miss(std::string path, std::string reason) { missing_.push_back({std::move(path), std::move(reason)}); }

  public_works::FileSystem& files_;
  const DataDirectory from_;
  const DataDirectory to_;
  const public_works::LogIdentity identity_;
  public_works::LogCopier log_;
  std::unique_ptr<public_works::FilesystemArtifactStore> places_;  // asked where content lies
  NamedByLog named_;
  std::optional<RetiredBeginning> beginning_;
  std::vector<Snapshot> reached_;    // of the beginning's, in the original
  std::vector<Snapshot> snapshots_;  // in the copy
  std::set<std::string> missing_artifacts_;
  std::set<std::string> directories_;  // to be synced
  std::vector<MissingFile> missing_;
  std::uint64_t artifacts_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t events_left_behind_ = 0;
};

}  // namespace symphainy::app
