// SPDX-License-Identifier: Apache-2.0
// A tree of files in memory that answers as the operating system would: handles keep removed files alive, renaming
// replaces, each file has an inode number, and a change always changes the modification time. Everything counts as
// synced.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "public_works/abstractions/file_system.h"

namespace symphainy::public_works {

/// Relative paths start at the root. Files and locks may outlive the file system.
class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  [[nodiscard]] Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] Result<std::optional<FileStat>> stat(const std::string& path) override;
  [[nodiscard]] Result<std::string> canonical(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) override;
  [[nodiscard]] Result<void> create_directories(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> sync_directory(const std::string& path) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

 private:
  struct Node;
  class Tree;
  class OpenFile;
  class Lock;

  std::shared_ptr<Tree> tree_;
};

}  // namespace symphainy::public_works
