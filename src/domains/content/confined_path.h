// SPDX-License-Identifier: Apache-2.0
// Keeps file intents inside the directories they may read from. Whatever a path says (symbolic links, dots), what is
// opened is the regular file that was checked, and an answer never tells whether something exists outside.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "symphainy/error.h"

#include "public_works/abstractions/file_system.h"

namespace symphainy::domains::content {

/// A regular file inside the roots, as it was when it was checked.
struct ConfinedPath {
  std::string given;  ///< as the submitter wrote it, for messages
  std::string canonical;
  public_works::FileStat stat;
};

/// Where files may be read: in the roots and below, but nowhere in the reserved directories (the runtime's own data,
/// which holds every tenant's content). Canonical paths: absolute, links and dots resolved.
struct ReadableDirectories {
  std::vector<std::string> roots;
  std::vector<std::string> reserved;
};

/// Resolves links and dots; no roots given: the working directory. invalid_root when one of them is no directory.
[[nodiscard]] Result<ReadableDirectories> readable_directories(public_works::FileSystem& files,
                                                               const std::vector<std::string>& roots,
                                                               const std::vector<std::string>& reserved);

/// Reasons: path_outside_roots, file_not_found, not_a_file, file_unreadable, invalid_path. Opens nothing, so a pipe
/// cannot hold it up.
[[nodiscard]] Result<ConfinedPath> confine_path(public_works::FileSystem& files, const ReadableDirectories& readable,
                                                const std::string& path);

/// Opens for reading; file_changed when another file has taken the checked one's place, not_a_file, file_unreadable.
[[nodiscard]] Result<std::unique_ptr<public_works::File>> open_confined(public_works::FileSystem& files,
                                                                        const ConfinedPath& path);

/// invalid_argument, reason "file_changed".
[[nodiscard]] Error file_changed(const std::string& given_path);

}  // namespace symphainy::domains::content
