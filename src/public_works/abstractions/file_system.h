// SPDX-License-Identifier: Apache-2.0
// Files as the log, the artifact store and the publishers need them. One port to the operating system, so that a test
// can put memory under everything and lose what was not synced.
//
// Paths are absolute or relative to the process, with '/' between names. All calls may be made from any thread; one
// File is used by one thread at a time unless a call says otherwise. Errors name the path.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/error.h"

namespace symphainy::public_works {

enum class OpenMode {
  read,        ///< must exist
  read_write,  ///< must exist
  create,      ///< read and write; created empty (mode 0600) when absent
  create_new,  ///< read and write; fails with already_exists when present
};

/// What identifies a file's content cheaply: if any of it changes, the file was changed or replaced.
struct FileStat {
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;  ///< since the epoch
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool is_directory = false;
  bool is_regular = false;

  friend bool operator==(const FileStat&, const FileStat&) = default;
};

class File {
 public:
  virtual ~File() = default;
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// Up to `length` bytes at `offset` into `out` (resized); fewer only at the end of the file.
  [[nodiscard]] virtual Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const = 0;
  /// All of `bytes`, or an error (then any part of them may have been written).
  [[nodiscard]] virtual Result<void> write_at(std::uint64_t offset, std::string_view bytes) = 0;
  /// Content and size are on the device when this succeeds. After a failure nothing is known: do not retry (fsyncgate).
  [[nodiscard]] virtual Result<void> sync_data() = 0;
  [[nodiscard]] virtual Result<void> truncate(std::uint64_t size) = 0;
  /// Makes the file at least that long and takes the room for it; what was not written reads as zeros. `unavailable`
  /// when there is no room.
  [[nodiscard]] virtual Result<void> allocate(std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<FileStat> stat() const = 0;

 protected:
  File() = default;
};

/// Held for as long as the object lives; the operating system drops it when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  [[nodiscard]] virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  /// Nothing when the path does not exist. Follows symbolic links.
  [[nodiscard]] virtual Result<std::optional<FileStat>> stat(const std::string& path) = 0;
  /// The path with every symbolic link and dot resolved; must exist.
  [[nodiscard]] virtual Result<std::string> canonical(const std::string& path) = 0;
  /// Names (not paths) in a directory, sorted; not_found when it does not exist.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  /// Creates missing parents too (mode 0700) and syncs every directory that gained an entry; the directory's own entry
  /// is durable on return, whoever made it.
  [[nodiscard]] virtual Result<void> create_directories(const std::string& path) = 0;
  /// Atomic: a reader sees the old file or the new one. Durable only after sync_directory of the parent.
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// No error when absent.
  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
  /// Makes created, renamed and removed entries of the directory durable.
  [[nodiscard]] virtual Result<void> sync_directory(const std::string& path) = 0;
  /// Takes the exclusive lock on a file (created when absent), or fails at once with `unavailable`.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
};

}  // namespace symphainy::public_works
