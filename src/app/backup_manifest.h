// SPDX-License-Identifier: Apache-2.0
// `backup.json`: what a backup is of, and what its files must be. It is written last, so that a directory which has it
// is a whole backup; its own digest is in it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/store_copy.h"
#include "base/digest.h"
#include "base/ids.h"
#include "public_works/abstractions/file_system.h"

namespace symphainy::app {

struct BackedUpFile {
  std::string path;  ///< relative to the backup
  FileDigest digest;
};

struct BackupManifest {
  std::int64_t created_us = 0;  ///< before anything was read: what is recorded by then is in it
  base::Uuid store;
  base::Uuid timeline;
  std::uint64_t position = 0;  ///< of the last record
  std::int64_t time_us = 0;    ///< of the last record
  base::Digest store_hash;
  std::vector<BackedUpFile> files;   ///< but the artifacts: the log and their names say what they must be
  std::vector<MissingFile> missing;  ///< what the store did not have either
};

/// Durable when it succeeds, but for its name.
[[nodiscard]] Result<void> write_manifest(public_works::FileSystem& files, const std::string& backup,
                                          const BackupManifest& manifest);
/// invalid_argument when the directory is no backup; corrupt when the file is not what was written, or a newer
/// release's.
[[nodiscard]] Result<BackupManifest> read_manifest(public_works::FileSystem& files, const std::string& backup);

/// The error for a file of a backup that is not what it was.
[[nodiscard]] std::unexpected<Error> backup_damaged(const std::string& path, const std::string& reason);

}  // namespace symphainy::app
