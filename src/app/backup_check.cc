// SPDX-License-Identifier: Apache-2.0
#include "app/backup_check.h"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

#include "base/try.h"
#include "public_works/adapters/segment_log/log_scan.h"
#include "public_works/adapters/sqlite/sqlite_snapshot.h"

namespace symphainy::app {

using public_works::FollowedBatch;

Result<void> BackupCheck::run() {
  TRY(check_log());
  TRY(beginning_, read_beginning(files_, directory_));
  for (const BackedUpFile& file : manifest_.files) TRY(check_file(file));
  TRY(check_stored_artifacts());
  return check_named_artifacts();
}

// First, because it tells the offset.
Result<void> BackupCheck::check_log() {
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

Result<void> BackupCheck::check_file(const BackedUpFile& file) {
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

Result<void> BackupCheck::check_stored_artifacts() {
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

Result<void> BackupCheck::check_named_artifacts() {
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

}  // namespace symphainy::app
