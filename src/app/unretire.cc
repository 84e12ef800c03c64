// SPDX-License-Identifier: Apache-2.0
#include "app/unretire.h"

#include <algorithm>
#include <fmt/format.h>
#include <thread>

#include "app/archived_log.h"
#include "app/store_reader.h"
#include "base/try.h"
#include "public_works/adapters/filesystem/posix_file_system.h"

namespace symphainy::app {
namespace {

using public_works::ArchivedBeginning;
using public_works::FileSystem;
using public_works::OpenMode;

Result<std::unique_ptr<public_works::FileLock>> owned(FileSystem& files, const DataDirectory& directory) {
  auto lock = files.lock(directory.lock());
  if (lock || lock.error().code != ErrorCode::unavailable) return lock;
  return fail(
      ErrorCode::unavailable,
      fmt::format("another process owns the data directory {}; stop it before its log is changed", directory.root),
      "locked");
}

// The last position of a log that is intact from position 1 on, with the archive.
Result<std::uint64_t> verified_end(FileSystem& files, const std::string& wal, public_works::KnownHead& head,
                                   const std::string& archive) {
  public_works::ScanOptions how;
  how.threads = std::max(1U, std::thread::hardware_concurrency());
  TRY(const ArchivedScan read, scan_archived(files, wal, head, how, archive));
  if (read.scan.damage && read.damage_in_archive) {
    return fail(ErrorCode::corrupt,
                fmt::format("{}: damaged at offset {} (position {}): {}; nothing was changed, bring the file back from "
                            "another copy of the archive",
                            read.scan.damage->segment, read.scan.damage->offset, read.scan.damage->position,
                            read.scan.damage->reason),
                "archive_damaged");
  }
  if (read.scan.damage) return std::unexpected(read.scan.damage->to_error());
  if (read.archive_begins == 1) return read.scan.chain.position();
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} begins at position {}; the log can only be brought back from position 1 on, put the "
                          "segments before into it",
                          archive, read.archive_begins),
              "archive_incomplete");
}

Result<void> write_segment(FileSystem& files, const std::string& path, const std::string& bytes) {
  const std::string unfinished = path + ".new";
  TRY(const auto file, files.open(unfinished, OpenMode::create));
  TRY(file->truncate(0));
  TRY(file->write_at(0, bytes));
  TRY(file->sync_data());
  std::string written;
  TRY(file->read_at(0, bytes.size() + 1, written));
  if (written == bytes) return files.rename(unfinished, path);
  return fail(ErrorCode::io_error, fmt::format("{}: what was written is read back differently", unfinished));
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
  TRY(public_works::KnownHead head, public_works::read_durable_head(files, wal));
  if (!base) return brought_back(head.newest.position, Json::array());
  TRY(const std::uint64_t last, verified_end(files, wal, head, archive));
  TRY(const ArchivedBeginning retired,
      archived_beginning(files, wal, {head.newest.store, head.newest.timeline}, base->chain.position(), archive));
  Json names = Json::array();
  for (const std::string& name : retired.names()) {
    TRY(const std::string bytes, retired.read(name));
    TRY(write_segment(files, wal + "/" + name, bytes));
    names.push_back(name);
  }
  TRY(files.sync_directory(wal));
  TRY(files.remove(wal + "/base"));
  TRY(files.sync_directory(wal));
  return brought_back(last, std::move(names));
}

}  // namespace symphainy::app
