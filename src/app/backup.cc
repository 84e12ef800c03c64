// SPDX-License-Identifier: Apache-2.0
#include "app/backup.h"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

#include "app/backup_manifest.h"
#include "app/retention.h"
#include "app/staged_directory.h"
#include "app/store_copy.h"
#include "base/time.h"
#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/segment.h"
#include "public_works/adapters/segment_log/segment_log.h"
#include "public_works/adapters/sqlite/sqlite_snapshot.h"
#include "public_works/adapters/system/system_clock.h"
#include "public_works/adapters/system/system_random.h"

namespace symphainy::app {
namespace {

using public_works::FileSystem;
using public_works::FollowedBatch;
using public_works::OpenMode;

// --- taking one
// ---------------------------------------------------------------------------------------------------------

// What was read of the last segment may not be synced yet: a power loss would take it from the store, and the backup
// would hold what never was.
Result<void> sync_last_segment(FileSystem& files, const std::string& wal) {
  TRY(const auto segments, public_works::segment_paths(files, wal));
  if (segments.empty()) return {};
  TRY(const auto last, files.open(segments.back(), OpenMode::read));
  return last->sync_data();
}

Error log_error(FileSystem& files, const std::string& wal, std::uint64_t reached, std::uint64_t wanted) {
  if (auto head = public_works::read_durable_head(files, wal)) {
    const auto scan = public_works::scan_log(files, wal, *head);
    if (scan && scan->damage) return scan->damage->to_error();
  }
  return Error{ErrorCode::corrupt,
               fmt::format("{}: the batches end at position {}, though the log reaches {}; see `symphainy wal verify`",
                           wal, reached, wanted),
               "log_damaged",
               {}};
}

Result<void> add_file(FileSystem& files, const std::string& root, const std::string& path, BackupManifest& manifest) {
  TRY(const FileDigest digest, digest_of(files, root + "/" + path));
  manifest.files.push_back({path, digest});
  return {};
}

Result<void> add_files(FileSystem& files, const std::string& root, const std::string& below, BackupManifest& manifest) {
  TRY(const auto found, files.stat(root + "/" + below));
  if (!found) return {};
  TRY(const auto names, files.list(root + "/" + below));
  for (const std::string& name : names) {
    const std::string path = below + "/" + name;
    TRY(const auto entry, files.stat(root + "/" + path));
    if (entry && entry->is_directory) {
      TRY(add_files(files, root, path, manifest));
    } else {
      TRY(add_file(files, root, path, manifest));
    }
  }
  return {};
}

Json positions_of(const std::vector<Snapshot>& snapshots) {
  Json positions = Json::array();
  for (const Snapshot& snapshot : snapshots) positions.push_back(snapshot.position);
  return positions;
}

// --- checking one
// -------------------------------------------------------------------------------------------------------

// Everything that restoring reads, before it writes anything.
class BackupCheck {
 public:
  BackupCheck(FileSystem& files, const std::string& root, const BackupManifest& manifest)
      : files_(files), directory_{root}, manifest_(manifest) {}

  Result<void> run() {
    TRY(check_log());
    TRY(beginning_, read_beginning(files_, directory_));
    for (const BackedUpFile& file : manifest_.files) TRY(check_file(file));
    TRY(check_stored_artifacts());
    return check_named_artifacts();
  }
  /// Of all of the backup, once it was checked.
  [[nodiscard]] const std::vector<runtime::EarlierTimeline>& earlier() const noexcept { return named_.earlier(); }
  /// The same.
  [[nodiscard]] const std::optional<RetiredBeginning>& beginning() const noexcept { return beginning_; }

 private:
  // First, because it tells the offset.
  Result<void> check_log() {
    auto head = public_works::read_durable_head(files_, directory_.wal());
    if (!head) return backup_damaged(directory_.wal() + "/head", head.error().message);
    public_works::ScanOptions how;
    how.threads = std::max(1U, std::thread::hardware_concurrency());
    TRY(const auto scan, public_works::scan_log(files_, directory_.wal(), *head, how));
    if (scan.damage) {
      return backup_damaged(scan.damage->segment, fmt::format("at offset {} (position {}): {}", scan.damage->offset,
                                                              scan.damage->position, scan.damage->reason));
    }
    const bool same = head->newest.store == manifest_.store && head->newest.timeline == manifest_.timeline &&
                      scan.chain.position() == manifest_.position && scan.chain.store_hash() == manifest_.store_hash;
    if (same) return {};
    return backup_damaged(directory_.wal(),
                          fmt::format("the log in it, which ends at position {}, is not the one that was "
                                      "backed up, which ends at {}",
                                      scan.chain.position(), manifest_.position));
  }

  Result<void> check_file(const BackedUpFile& file) {
    const std::string path = directory_.root + "/" + file.path;
    const auto found = digest_of(files_, path);
    if (!found && found.error().code == ErrorCode::not_found) return backup_damaged(path, "it is missing");
    if (!found) return std::unexpected(found.error());
    if (found->size != file.digest.size) {
      return backup_damaged(path, fmt::format("it has {} bytes and not {}", found->size, file.digest.size));
    }
    if (found->sha256 != file.digest.sha256) return backup_damaged(path, "its SHA-256 is not the one in backup.json");
    return {};
  }

  Result<void> check_stored_artifacts() {
    const std::string root = directory_.artifacts() + "/sha256";
    TRY(const auto any, files_.stat(root));
    if (!any) return {};
    TRY(const auto shards, files_.list(root));
    for (const std::string& shard : shards) {
      TRY(const auto names, files_.list(root + "/" + shard));
      for (const std::string& name : names) {
        const std::string path = fmt::format("{}/{}/{}", root, shard, name);
        TRY(const FileDigest found, digest_of(files_, path));
        if (found.sha256.hex() != name) return backup_damaged(path, "its SHA-256 is not its name");
      }
    }
    return {};
  }

  Result<void> check_named_artifacts() {
    TRY(const auto places, public_works::FilesystemArtifactStore::open(files_, directory_.artifacts(),
                                                                       public_works::ArtifactAccess::read_only));
    const auto check = [&](const NamedByLog::Artifact& artifact) -> Result<void> {
      const std::string path = "artifacts/" + places->location(artifact.digest);
      TRY(const auto found, files_.stat(directory_.root + "/" + path));
      const bool known = std::ranges::find(manifest_.missing, path, &MissingFile::path) != manifest_.missing.end();
      return found || known ? Result<void>() : backup_damaged(directory_.root + "/" + path, "it is missing");
    };
    public_works::FollowOptions how;
    how.store = manifest_.store;
    if (beginning_) {
      how.begin = beginning_->base.chain;
      TRY(named_.begin_behind(beginning_->base.restored, how.begin.position()));
    }
    TRY(public_works::follow_log(files_, directory_.wal(), how,
                                 [&](const FollowedBatch& next) { return named_.read(next.batch, check); }));
    if (!beginning_) return {};
    if (beginning_->snapshots.empty()) return backup_damaged(directory_.snapshots(), "there is no snapshot in it");
    const std::string& newest = beginning_->snapshots.front().path;
    TRY(public_works::check_state_copy(newest));
    return named_.read_snapshot(newest, check);
  }

  FileSystem& files_;
  const DataDirectory directory_;
  const BackupManifest& manifest_;
  NamedByLog named_;
  std::optional<RetiredBeginning> beginning_;
};

// --- going back to one
// --------------------------------------------------------------------------------------------------

Result<public_works::FollowOptions> point_in_time(const RestoreOptions& options, const BackupManifest& manifest) {
  public_works::FollowOptions how;
  how.store = manifest.store;
  how.until = options.to_position.value_or(manifest.position);
  how.until_us = options.to_time_us.value_or(INT64_MAX);
  if (how.until > manifest.position) {
    return fail(
        ErrorCode::invalid_argument,
        fmt::format("the backup ends at position {}; it knows nothing of position {}", manifest.position, how.until),
        "beyond_backup");
  }
  if (options.to_time_us && *options.to_time_us > std::max(manifest.created_us, manifest.time_us)) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the backup was taken at {}; it knows nothing of {}",
                            base::format_time(manifest.created_us), base::format_time(*options.to_time_us)),
                "beyond_backup");
  }
  return how;
}

std::unexpected<Error> before_everything(const RestoreOptions& options, FileSystem& files, const std::string& wal) {
  std::string first;
  public_works::FollowOptions how;
  if (const auto log = public_works::read_identity(files, wal)) how.store = log->store;
  const auto stop = [&first](const FollowedBatch& next) -> Result<void> {
    first = fmt::format("position {}, {}", next.batch.last_position(),
                        base::format_time(next.batch.records.back().time_us));
    return fail(ErrorCode::cancelled, "seen");
  };
  static_cast<void>(public_works::follow_log(files, wal, how, stop));
  const std::string wanted = options.to_time_us ? base::format_time(*options.to_time_us)
                                                : fmt::format("position {}", options.to_position.value_or(0));
  return fail(ErrorCode::invalid_argument,
              fmt::format("there was no store yet at {}: its first batch ends at {}", wanted, first), "before_first");
}

}  // namespace

Result<Json> create_backup(const std::string& data_directory, const std::string& target) {
  public_works::PosixFileSystem files;
  public_works::SystemClock clock;
  public_works::SystemRandom random;
  const DataDirectory from{data_directory};
  BackupManifest manifest;
  manifest.created_us = clock.wall_us();
  TRY(refuse_backup(files, from));
  TRY(const auto hold, hold_history(files, from));
  TRY(const auto log,
      public_works::SegmentLog::open(files, clock, random, {.directory = from.wal(), .read_only = true}));
  if (log->durable_position() == 0)
    return fail(ErrorCode::conflict, "the log is empty: there is nothing to back up yet");
  TRY(sync_last_segment(files, from.wal()));
  TRY(StagedDirectory staged, StagedDirectory::create(files, target, data_directory));

  StoreCopy copy(files, from, {staged.path()}, log->identity());
  public_works::FollowOptions how;
  how.store = log->identity().store;
  how.until = log->durable_position();
  TRY(const auto beginning, read_beginning(files, from));
  if (beginning) {
    how.begin = beginning->base.chain;
    TRY(copy.begin_behind(*beginning));
  }
  const auto followed = public_works::follow_log(files, from.wal(), how, [&](const FollowedBatch& next) {
    manifest.time_us = next.batch.records.back().time_us;
    return copy.take(next);
  });
  if (!followed && followed.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::unavailable,
                fmt::format("the log changed while it was copied ({}); try again", followed.error().message));
  }
  if (!followed) return std::unexpected(followed.error());
  if (followed->chain.position() != how.until) {
    return std::unexpected(log_error(files, from.wal(), followed->chain.position(), how.until));
  }
  if (beginning) TRY(copy.take_snapshots(how.until));
  TRY(copy.finish());

  manifest.store = log->identity().store;
  manifest.timeline = log->identity().timeline;
  manifest.position = followed->chain.position();
  manifest.store_hash = followed->chain.store_hash();
  manifest.missing = copy.missing();
  for (const char* below : {"wal", "snapshots", "events"}) TRY(add_files(files, staged.path(), below, manifest));
  TRY(write_manifest(files, staged.path(), manifest));
  TRY(staged.commit());
  return Json::object({{"artifacts", copy.artifacts()},
                       {"directory", staged.target()},
                       {"events", copy.events()},
                       {"missing", to_json(copy.missing())},
                       {"position", manifest.position},
                       {"snapshots", positions_of(copy.snapshots())},
                       {"store_id", manifest.store.text()},
                       {"time", base::format_time(manifest.time_us)},
                       {"timeline", manifest.timeline.text()}});
}

Result<Json> restore_backup(const RestoreOptions& options) {
  public_works::PosixFileSystem files;
  public_works::SystemClock clock;
  public_works::SystemRandom random;
  const DataDirectory from{options.backup};
  TRY(const BackupManifest manifest, read_manifest(files, options.backup));
  TRY(public_works::FollowOptions how, point_in_time(options, manifest));
  TRY(StagedDirectory::check(files, options.target, options.backup));
  BackupCheck check(files, options.backup, manifest);
  TRY(check.run());
  TRY(StagedDirectory staged, StagedDirectory::create(files, options.target, options.backup));

  const public_works::LogIdentity identity = forked(manifest.store, clock, random);
  StoreCopy copy(files, from, {staged.path()}, identity);
  if (check.beginning()) {
    how.begin = check.beginning()->base.chain;
    TRY(copy.begin_behind(*check.beginning()));
  }
  std::int64_t time_us = 0;
  TRY(auto followed, public_works::follow_log(files, from.wal(), how, [&](const FollowedBatch& next) {
        time_us = next.batch.records.back().time_us;
        return copy.take(next);
      }));
  const std::uint64_t position = followed.chain.position();
  if (position == 0) return before_everything(options, files, from.wal());
  if (check.beginning()) TRY(copy.take_snapshots(position));
  TRY(copy.append(followed.chain,
                  {.kind = "restore", .actor = options.actor, .reason = {}, .timeline = {}, .earlier = check.earlier()},
                  manifest.timeline, clock, random));
  TRY(copy.finish());
  if (check.beginning()) TRY(check_goes_on(files, {staged.path()}));
  TRY(staged.commit());
  std::vector<MissingFile> missing = copy.missing();
  std::ranges::copy_if(manifest.missing, std::back_inserter(missing),
                       [](const MissingFile& file) { return file.path.starts_with("events/"); });
  return Json::object({{"directory", staged.target()},
                       {"events_left_behind", copy.events_left_behind()},
                       {"from_timeline", manifest.timeline.text()},
                       {"missing", to_json(missing)},
                       {"position", position},
                       {"records_left_behind", manifest.position - position},
                       {"store_id", manifest.store.text()},
                       {"time", base::format_time(time_us)},
                       {"timeline", identity.timeline.text()}});
}

}  // namespace symphainy::app
