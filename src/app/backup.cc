// SPDX-License-Identifier: Apache-2.0
#include "app/backup.h"

#include <algorithm>
#include <fmt/format.h>

#include "app/backup_check.h"
#include "app/backup_manifest.h"
#include "app/retention.h"
#include "app/staged_directory.h"
#include "app/store_copy.h"
#include "base/fault_points.h"
#include "base/time.h"
#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/segment.h"
#include "public_works/adapters/segment_log/segment_log.h"
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

// A log that is to be backed up.
struct BackupSource {
  public_works::LogIdentity log;
  std::uint64_t end = 0;        // position
  std::optional<Error> damage;  // it does not open: a copy can only begin behind a snapshot
};

// Each segment is whole before the next is made, so only the last may end anywhere.
Result<bool> is_in_last_segment(FileSystem& files, const std::string& wal, std::uint64_t end) {
  TRY(const auto segments, public_works::segment_paths(files, wal));
  if (segments.empty()) return false;
  const std::string& last = segments.back();
  return public_works::parse_segment_name(last.substr(last.rfind('/') + 1)).value_or(UINT64_MAX) <= end + 1;
}

// A log whose beginning is damaged does not open; how far it goes is told by what follows the snapshots.
Result<BackupSource> source_behind_damage(FileSystem& files, const DataDirectory& from, const Error& why) {
  const auto head = public_works::read_durable_head(files, from.wal());
  if (!head) return std::unexpected(why);
  BackupSource source{{head->newest.store, head->newest.timeline}, 0, why};
  TRY(const auto beginnings, beginnings_behind_snapshots(files, from, source.log));
  for (const RetiredBeginning& beginning : beginnings) {
    public_works::FollowOptions how;
    how.store = source.log.store;
    how.begin = beginning.base.chain;
    how.known = head->slots;
    TRY(const auto followed,
        public_works::follow_log(files, from.wal(), how, [](const FollowedBatch&) { return Result<void>(); }));
    const std::uint64_t reached = followed.chain.position();
    if (reached > how.begin.position()) source.end = std::max(source.end, reached);
  }
  const std::uint64_t known = head->newest.position;
  const bool is_whole = head->newest.closed ? source.end == known : source.end >= known;
  TRY(const bool in_last, is_in_last_segment(files, from.wal(), source.end));
  if (source.end == 0 || !is_whole || !in_last) return std::unexpected(why);
  return source;
}

Result<BackupSource> source_of(FileSystem& files, const DataDirectory& from) {
  public_works::SystemClock clock;
  public_works::SystemRandom random;
  const auto log = public_works::SegmentLog::open(files, clock, random, {.directory = from.wal(), .read_only = true});
  if (!log && log.error().code == ErrorCode::corrupt) return source_behind_damage(files, from, log.error());
  if (!log) return std::unexpected(log.error());
  if ((*log)->durable_position() > 0) return BackupSource{(*log)->identity(), (*log)->durable_position(), {}};
  return fail(ErrorCode::conflict, "the log is empty: there is nothing to back up yet");
}

// Its end is settled first; then it is copied from its beginning, or, when something is damaged there, from behind a
// snapshot: the oldest that does.
class BackupMaker {
 public:
  BackupMaker(FileSystem& files, const DataDirectory& from, const std::string& target)
      : files_(files), from_(from), target_(target), created_us_(public_works::SystemClock().wall_us()) {}

  Result<Json> run() {
    TRY(source_, source_of(files_, from_));
    TRY(sync_last_segment(files_, from_.wal()));
    std::uint64_t reached = 0;
    if (!source_.damage) {
      TRY(const auto own, read_beginning(files_, from_));
      TRY(auto made, make(own, Beginning::own, reached));
      if (made) return *std::move(made);
    }
    TRY(const auto others, beginnings_behind_snapshots(files_, from_, source_.log));
    for (const RetiredBeginning& other : others) {
      std::uint64_t ignored = 0;
      if (other.base.chain.position() >= source_.end) continue;
      auto made = make(other, Beginning::behind_snapshot, ignored);
      if (!made && made.error().reason == public_works::kHistoryRetired) continue;  // it could not go on from there
      if (!made) return std::unexpected(std::move(made).error());
      if (*made) return **std::move(made);
    }
    if (source_.damage) return std::unexpected(*source_.damage);
    return std::unexpected(log_error(files_, from_.wal(), reached, source_.end));
  }

 private:
  enum class Beginning { own, behind_snapshot };

  // Nothing when the log cannot be followed from there to its end, but only to `reached`.
  Result<std::optional<Json>> make(const std::optional<RetiredBeginning>& beginning, Beginning kind,
                                   std::uint64_t& reached) {
    TRY(StagedDirectory staged, StagedDirectory::create(files_, target_, from_.root));
    StoreCopy copy(files_, from_, {staged.path()}, source_.log);
    BackupManifest manifest;
    TRY(const base::LogChain chain, copy_log(beginning, copy, manifest));
    reached = chain.position();
    if (reached != source_.end) return std::nullopt;
    if (beginning) TRY(copy.take_snapshots(source_.end));
    TRY(copy.finish());
    Json history;
    if (kind == Beginning::behind_snapshot) {
      TRY(check_goes_on(files_, {staged.path()}));
      TRY(history, history_lost(files_, from_, beginning->base));
    }
    manifest.created_us = created_us_;
    manifest.store = source_.log.store;
    manifest.timeline = source_.log.timeline;
    manifest.position = source_.end;
    manifest.store_hash = chain.store_hash();
    manifest.missing = copy.missing();
    for (const char* below : {"wal", "snapshots", "events"}) TRY(add_files(files_, staged.path(), below, manifest));
    CRASH_POINT("backup-before-manifest");
    TRY(write_manifest(files_, staged.path(), manifest));
    TRY(staged.commit(CRASH_STEP("backup-directory")));
    Json told = Json::object({{"artifacts", copy.artifacts()},
                              {"directory", staged.target()},
                              {"events", copy.events()},
                              {"missing", to_json(copy.missing())},
                              {"position", manifest.position},
                              {"snapshots", positions_of(copy.snapshots())},
                              {"store_id", manifest.store.text()},
                              {"time", base::format_time(manifest.time_us)},
                              {"timeline", manifest.timeline.text()}});
    if (!history.is_null()) told["history_lost"] = std::move(history);
    return told;
  }

  Result<base::LogChain> copy_log(const std::optional<RetiredBeginning>& beginning, StoreCopy& copy,
                                  BackupManifest& manifest) {
    public_works::FollowOptions how;
    how.store = source_.log.store;
    how.until = source_.end;
    if (beginning) {
      how.begin = beginning->base.chain;
      TRY(copy.begin_behind(*beginning));
    }
    auto followed = public_works::follow_log(files_, from_.wal(), how, [&](const FollowedBatch& next) {
      manifest.time_us = next.batch.records.back().time_us;
      return copy.take(next);
    });
    if (followed) return std::move(followed->chain);
    if (followed.error().code != ErrorCode::not_found) return std::unexpected(followed.error());
    return fail(ErrorCode::unavailable,
                fmt::format("the log changed while it was copied ({}); try again", followed.error().message));
  }

  FileSystem& files_;
  const DataDirectory& from_;
  const std::string& target_;
  const std::int64_t created_us_;
  BackupSource source_;
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
  const DataDirectory from{data_directory};
  TRY(refuse_backup(files, from));
  TRY(const auto hold, hold_history(files, from));
  return BackupMaker(files, from, target).run();
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
  if (how.begin.position() > how.until || how.begin.time_us() > how.until_us) {
    return std::unexpected(no_snapshot(*check.beginning(), from, std::min(how.until, how.begin.position() - 1)));
  }
  if (check.beginning()) TRY(copy.take_snapshots(position));
  TRY(copy.append(followed.chain,
                  {.kind = "restore", .actor = options.actor, .reason = {}, .timeline = {}, .earlier = check.earlier()},
                  manifest.timeline, clock, random));
  TRY(copy.finish());
  if (check.beginning()) TRY(check_goes_on(files, {staged.path()}));
  TRY(staged.commit(CRASH_STEP("restore-directory")));
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
