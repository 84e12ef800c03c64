// SPDX-License-Identifier: Apache-2.0
// A disk that fails as disks do. Bytes survive a power failure only when sync_data of their file succeeded, names only
// when sync_directory of theirs did; of the rest anything may survive: each write wholly, up to some byte, in some of
// its sectors, or not at all; of the names, as a journal keeps them, all up to some change.
//
// After a failed sync the bytes are still read, and nobody says that they never reached the disk: a later sync that
// succeeds does not write them again (https://wiki.postgresql.org/wiki/Fsync_Errors).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "public_works/abstractions/file_system.h"
#include "simulation/simulator.h"

namespace symphainy::simulation {

enum class DiskFault {
  none,
  io_error,   ///< of a write, a part may be written; of a sync, nothing is known any more
  no_space,   ///< of a write, a part may be written
  power_off,  ///< the machine or the process ends in the middle of the operation
};

struct DiskOperation {
  enum class Kind { write, sync_data, sync_directory, create, rename, remove, truncate } kind;
  std::string_view path;
  std::uint64_t growth = 0;  ///< bytes that the file would become longer
};

class SimulatedFileSystem final : public public_works::FileSystem {
 public:
  /// `decide` is asked before everything that changes the disk.
  using Decide = std::function<DiskFault(const DiskOperation&)>;
  SimulatedFileSystem(Simulator& simulator, Decide decide);

  /// From now on everything fails, until restart().
  void power_off() { is_off_ = true; }
  [[nodiscard]] bool is_off() const noexcept { return is_off_; }
  /// The disk as the next process finds it; files and locks that are still open are useless for ever. A process that
  /// died leaves everything that it wrote, a machine only what the top of this file says.
  void restart(bool machine_failed);

  [[nodiscard]] Result<std::unique_ptr<public_works::File>> open(const std::string& path,
                                                                 public_works::OpenMode mode) override;
  [[nodiscard]] Result<std::optional<public_works::FileStat>> stat(const std::string& path) override;
  [[nodiscard]] Result<std::string> canonical(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) override;
  [[nodiscard]] Result<void> create_directories(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> sync_directory(const std::string& path) override;
  [[nodiscard]] Result<std::unique_ptr<public_works::FileLock>> lock(const std::string& path) override;

 private:
  struct Write {
    std::uint64_t number = 0;
    std::uint64_t offset = 0;
    std::string bytes;
    bool is_truncation = false;  ///< to `offset`
  };
  struct Inode {
    std::uint64_t number = 0;
    std::int64_t changes = 0;
    std::string now;
    std::string on_disk;
    std::vector<Write> unsynced;
  };
  using InodePtr = std::shared_ptr<Inode>;
  using Names = std::map<std::string, InodePtr>;
  struct NameChange {
    std::string removed;  ///< empty: none
    std::string added;    ///< empty: none
    InodePtr inode;
  };
  class OpenFile;
  class Lock;

  static void apply(const Write& write, std::string& bytes);
  static void apply(const NameChange& change, Names& names);
  static void sync(Inode& inode, std::uint64_t last_write);
  void lose_some(Inode& inode);
  void note(Inode& inode, Write write);
  [[nodiscard]] Result<DiskFault> begin(DiskOperation::Kind kind, const std::string& path, std::uint64_t growth = 0);
  [[nodiscard]] Result<void> change_name(DiskOperation::Kind kind, NameChange change);
  [[nodiscard]] Result<void> write(Inode& inode, const std::string& path, std::uint64_t offset, std::string_view bytes);
  [[nodiscard]] Result<void> sync_data(Inode& inode, const std::string& path);

  Simulator& simulator_;
  const Decide decide_;
  bool is_off_ = false;
  std::uint64_t boots_ = 0;  // what was opened under an earlier one is useless
  std::uint64_t inodes_ = 0;
  std::uint64_t writes_ = 0;
  Names names_;
  Names names_on_disk_;
  std::vector<NameChange> unsynced_names_;
  std::set<std::string> directories_ = {"/"};
  std::set<std::string> locks_;
};

}  // namespace symphainy::simulation
