// SPDX-License-Identifier: Apache-2.0
// A log read together with the archive of what was retired of it, on its own timeline or on those that it comes from:
// the proof reaches back as far as the archive then.
#pragma once

#include <string>

#include "symphainy/error.h"

#include "public_works/abstractions/file_system.h"
#include "public_works/adapters/segment_log/archived_beginning.h"
#include "public_works/adapters/segment_log/log_scan.h"

namespace symphainy::app {

struct ArchivedScan {
  public_works::LogScan scan;
  std::uint64_t archive_begins = 0;  ///< position; 0 when nothing was retired, so that the archive is not needed
  bool damage_in_archive = false;    ///< the damage's segment is the archive's file, its offset in the decompressed
  bool every_tenant_at = true;       ///< scan.chain_at has the chain of every tenant there is, not only of those read
};

/// Whether a scan began where the log does. Else it knows no chain of a tenant that it met no record of.
[[nodiscard]] bool knows_every_tenant(const public_works::LogScan& scan);

/// The directory, for segments to be archived to; it may be there. So it can be named before anything is archived.
[[nodiscard]] Result<void> make_archive_directory(const std::string& archive);

/// What the archive has of what the log gave up, which begins behind `base_position`. invalid_argument ("no_archive")
/// when the directory does not exist.
[[nodiscard]] Result<public_works::ArchivedBeginning> archived_beginning(public_works::FileSystem& files,
                                                                         const std::string& wal,
                                                                         const public_works::LogIdentity& log,
                                                                         std::uint64_t base_position,
                                                                         const std::string& archive);

/// scan_log(), with the archive's segments before the log's own. What the log knows of its beginning is held to them,
/// and what the archive does not have of the beginning is taken on trust, like what lies before `how.from`.
/// invalid_argument when the directory does not exist ("no_archive"), has nothing of what was retired of this
/// timeline and those it comes from (the same), or lacks something behind its own beginning ("archive_incomplete").
[[nodiscard]] Result<ArchivedScan> scan_archived(public_works::FileSystem& files, const std::string& wal,
                                                 public_works::KnownHead& head, const public_works::ScanOptions& how,
                                                 const std::string& archive);

}  // namespace symphainy::app
