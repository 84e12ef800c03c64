// SPDX-License-Identifier: Apache-2.0
#include "app/unretire.h"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

#include "app/archived_log.h"
#include "app/store_reader.h"
#include "base/fault_points.h"
#include "base/try.h"
#include "public_works/abstractions/replace_file.h"
#include "public_works/adapters/filesystem/posix_file_system.h"
#include "public_works/adapters/segment_log/log_recovery.h"

namespace symphainy::app {
namespace {

using public_works::ArchivedBeginning;
using public_works::FileSystem;
using public_works::KnownHead;

Result<std::unique_ptr<public_works::FileLock>> owned(FileSystem& files, const DataDirectory& directory) {
  auto lock = files.lock(directory.lock());
  if (lock || lock.error().code != ErrorCode::unavailable) return lock;
  return fail(
      ErrorCode::unavailable,
      fmt::format("another process owns the data directory {}; stop it before its log is changed", directory.root),
      "locked");
}

public_works::ScanOptions on_every_core() {
  public_works::ScanOptions how;
  how.threads = std::max(1U, std::thread::hardware_concurrency());
  return how;
}

// The end of a log that is intact from position 1 on, with the archive when it begins later.
Result<base::LogChain> verified_end(FileSystem& files, const std::string& wal, KnownHead& head,
                                    const std::string& archive) {
  TRY(ArchivedScan read, scan_archived(files, wal, head, on_every_core(), archive));
  if (read.scan.damage && read.damage_in_archive) {
    return fail(ErrorCode::corrupt,
                fmt::format("{}: damaged at offset {} (position {}): {}; nothing was changed, bring the file back from "
                            "another copy of the archive",
                            read.scan.damage->segment, read.scan.damage->offset, read.scan.damage->position,
                            read.scan.damage->reason),
                "archive_damaged");
  }
  if (read.scan.damage) return std::unexpected(read.scan.damage->to_error());
  if (read.archive_begins <= 1) return std::move(read.scan.chain);
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} begins at position {}; the log can only be brought back from position 1 on, put the "
                          "segments before into it",
                          archive, read.archive_begins),
              "archive_incomplete");
}

// The archive is read again for this, and may be another by now: must_lead_to() tells.
Result<Json> write_segments(FileSystem& files, const std::string& wal, const ArchivedBeginning& retired) {
  Json names = Json::array();
  for (const std::string& name : retired.names()) {
    TRY(const std::string bytes, retired.read(name));
    TRY(public_works::replace_file(files, wal + "/" + name, bytes, CRASH_STEP("unretire-segment")));
    names.push_back(name);
  }
  return names;
}

// What lies in the directory, read as it will be without the base.
Result<void> must_lead_to(const base::LogChain& end, FileSystem& files, const std::string& wal, KnownHead& head,
                          const std::string& archive) {
  TRY(const auto nothing, ArchivedBeginning::find(files, archive, {head.newest.store, head.newest.timeline}, {}, 0));
  public_works::ArchivedLogFiles without_base(files, wal, nothing, 0);
  TRY(const public_works::LogScan scan, public_works::scan_log(without_base, wal, head, on_every_core()));
  const bool same = scan.chain.position() == end.position() && scan.chain.store_hash() == end.store_hash();
  if (!scan.damage && same) return {};
  return fail(
      ErrorCode::conflict,
      fmt::format("{}: with what was brought back the log is not the one that was verified ({}); it begins where "
                  "it did. Opening the store removes the segments before that; then try again",
                  wal, scan.damage ? scan.damage->segment + ": " + scan.damage->reason : "it ends otherwise"),
      "not_as_verified");
}

Result<void> remove_base(FileSystem& files, const std::string& wal) {
  CRASH_POINT("unretire-before-removal");
  TRY(files.remove(wal + "/base"));
  CRASH_POINT("unretire-before-directory-sync");
  TRY(files.sync_directory(wal));
  CRASH_POINT("unretire-after-directory-sync");
  return {};
}

Json brought_back(std::uint64_t last, Json segments) {
  return Json::object({{"first_position", 1}, {"last_position", last}, {"segments", std::move(segments)}});
}

}  // namespace

Result<Json> unretire(const std::string& data_directory, const std::string& archive) {
  public_works::PosixFileSystem files;
  const DataDirectory directory{data_directory};
  const std::string wal = directory.wal();
  TRY(refuse_backup(files, directory));
  TRY(const auto there, files.stat(wal));
  if (!there) return fail(ErrorCode::not_found, directory.root + ": there is no store here");
  TRY(const auto lock, owned(files, directory));
  TRY(const auto base, public_works::read_log_base(files, wal));
  TRY(KnownHead head, public_works::read_durable_head(files, wal));
  TRY(public_works::remove_unfinished_segments(files, wal));
  TRY(const base::LogChain end, verified_end(files, wal, head, archive));
  if (!base) return brought_back(end.position(), Json::array());
  TRY(const ArchivedBeginning retired,
      archived_beginning(files, wal, {head.newest.store, head.newest.timeline}, base->chain.position(), archive));
  TRY(Json names, write_segments(files, wal, retired));
  TRY(must_lead_to(end, files, wal, head, archive));
  TRY(remove_base(files, wal));
  return brought_back(end.position(), std::move(names));
}

}  // namespace symphainy::app
