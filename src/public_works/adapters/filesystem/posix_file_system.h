// SPDX-License-Identifier: Apache-2.0
// The operating system's files. Files are made 0600, directories 0700, nothing is inherited by child processes, and
// calls that a signal interrupted or that did only part of the work are carried on.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "public_works/abstractions/file_system.h"

namespace symphainy::public_works {

class PosixFileSystem final : public FileSystem {
 public:
  /// Refuses what is not a regular file: a pipe would block, a device would not keep what it is given.
  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Result<std::optional<FileStat>> stat(const std::string& path) override;
  [[nodiscard]] Result<std::string> canonical(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) override;
  [[nodiscard]] Result<void> create_directories(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> sync_directory(const std::string& path) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
};

}  // namespace symphainy::public_works
