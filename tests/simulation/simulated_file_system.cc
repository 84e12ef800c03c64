// SPDX-License-Identifier: Apache-2.0
#include "simulation/simulated_file_system.h"

#include <algorithm>
#include <cerrno>

#include "base/try.h"
#include "public_works/abstractions/posix_error.h"

namespace symphainy::simulation {
namespace {

using public_works::File;
using public_works::FileLock;
using public_works::FileStat;
using public_works::OpenMode;

constexpr std::size_t kSectorBytes = 512;

std::unexpected<Error> fail_errno(int number, std::string_view action, const std::string& path) {
  return std::unexpected(public_works::posix_error(number, action, path));
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string_view name_of(DiskOperation::Kind kind) {
  switch (kind) {
    case DiskOperation::Kind::write:
      return "write";
    case DiskOperation::Kind::sync_data:
      return "sync";
    case DiskOperation::Kind::sync_directory:
      return "sync directory";
    case DiskOperation::Kind::create:
      return "create";
    case DiskOperation::Kind::rename:
      return "rename";
    case DiskOperation::Kind::remove:
      return "remove";
    case DiskOperation::Kind::truncate:
      return "truncate";
  }
  return "?";
}

}  // namespace

class SimulatedFileSystem::OpenFile final : public File {
 public:
  OpenFile(SimulatedFileSystem& files, InodePtr inode, std::string path, bool is_writable)
      : files_(files),
        boot_(files.boots_),
        inode_(std::move(inode)),
        path_(std::move(path)),
        is_writable_(is_writable) {}

  Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
    TRY(check());
    out.clear();
    if (offset < inode_->now.size()) out = inode_->now.substr(offset, length);
    return {};
  }
  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    TRY(check());
    if (!is_writable_) return fail_errno(EBADF, "write", path_);
    return files_.write(*inode_, path_, offset, bytes);
  }
  Result<void> sync_data() override {
    TRY(check());
    return files_.sync_data(*inode_, path_);
  }
  Result<void> truncate(std::uint64_t size) override {
    TRY(check());
    TRY(const DiskFault fault, files_.begin(DiskOperation::Kind::truncate, path_));
    if (fault != DiskFault::none) return fail_errno(EIO, "truncate", path_);
    files_.note(*inode_, {.number = 0, .offset = size, .bytes = {}, .is_truncation = true});
    return {};
  }
  Result<void> allocate(std::uint64_t size) override {
    const std::uint64_t now = inode_->now.size();
    return size > now ? write_at(now, std::string(size - now, '\0')) : Result<void>();
  }
  Result<FileStat> stat() const override {
    TRY(check());
    return FileStat{.size = inode_->now.size(),
                    .modified_ns = inode_->changes,
                    .device = 1,
                    .inode = inode_->number,
                    .is_directory = false,
                    .is_regular = true};
  }

 private:
  Result<void> check() const {
    if (files_.is_off_ || boot_ != files_.boots_) return fail_errno(EIO, "use", path_);
    return {};
  }

  SimulatedFileSystem& files_;
  const std::uint64_t boot_;
  InodePtr inode_;
  std::string path_;
  bool is_writable_;
};

class SimulatedFileSystem::Lock final : public FileLock {
 public:
  Lock(SimulatedFileSystem& files, std::string path) : files_(files), boot_(files.boots_), path_(std::move(path)) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() override {
    if (boot_ == files_.boots_) files_.locks_.erase(path_);
  }

 private:
  SimulatedFileSystem& files_;
  const std::uint64_t boot_;
  std::string path_;
};

SimulatedFileSystem::SimulatedFileSystem(Simulator& simulator, Decide decide)
    : simulator_(simulator), decide_(std::move(decide)) {}

// --- what survives
// ----------------------------------------------------------------------------------------------------

void SimulatedFileSystem::apply(const Write& write, std::string& bytes) {
  if (write.is_truncation) return bytes.resize(write.offset);
  bytes.resize(std::max<std::size_t>(bytes.size(), write.offset + write.bytes.size()));
  bytes.replace(write.offset, write.bytes.size(), write.bytes);
}

void SimulatedFileSystem::apply(const NameChange& change, Names& names) {
  if (!change.removed.empty()) names.erase(change.removed);
  if (!change.added.empty()) names[change.added] = change.inode;
}

void SimulatedFileSystem::sync(Inode& inode, std::uint64_t last_write) {
  const auto end = std::ranges::upper_bound(inode.unsynced, last_write, {}, &Write::number);
  for (auto write = inode.unsynced.begin(); write != end; ++write) apply(*write, inode.on_disk);
  inode.unsynced.erase(inode.unsynced.begin(), end);
}

// Of what was not synced, some reaches the disk.
void SimulatedFileSystem::lose_some(Inode& inode) {
  for (Write& write : inode.unsynced) {
    switch (simulator_.below(4)) {
      case 0:
        break;
      case 1:
        apply(write, inode.on_disk);
        break;
      case 2:
        if (!write.is_truncation) write.bytes.resize(simulator_.below(write.bytes.size() + 1));
        apply(write, inode.on_disk);
        break;
      default:
        for (std::size_t at = 0; at < write.bytes.size(); at += kSectorBytes) {
          if (simulator_.one_in(2)) {
            apply({.number = 0, .offset = write.offset + at, .bytes = write.bytes.substr(at, kSectorBytes)},
                  inode.on_disk);
          }
        }
    }
  }
  inode.unsynced.clear();
}

void SimulatedFileSystem::restart(bool machine_failed) {
  is_off_ = false;
  ++boots_;
  locks_.clear();
  if (!machine_failed) return;
  const std::uint64_t kept = simulator_.below(unsynced_names_.size() + 1);
  for (std::uint64_t i = 0; i < kept; ++i) apply(unsynced_names_[i], names_on_disk_);
  unsynced_names_.clear();
  names_ = names_on_disk_;
  for (const auto& [path, inode] : names_) {
    lose_some(*inode);
    inode->now = inode->on_disk;
  }
}

// --- operations
// -------------------------------------------------------------------------------------------------------

Result<DiskFault> SimulatedFileSystem::begin(DiskOperation::Kind kind, const std::string& path, std::uint64_t growth) {
  if (is_off_) return fail_errno(EIO, name_of(kind), path);
  simulator_.trace(name_of(kind));
  simulator_.trace(path);
  const DiskFault fault = decide_({kind, path, growth});
  if (fault == DiskFault::power_off) power_off();
  return fault;
}

void SimulatedFileSystem::note(Inode& inode, Write write) {
  write.number = ++writes_;
  apply(write, inode.now);
  inode.unsynced.push_back(std::move(write));
  ++inode.changes;
}

Result<void> SimulatedFileSystem::write(Inode& inode, const std::string& path, std::uint64_t offset,
                                        std::string_view bytes) {
  const std::uint64_t end = offset + bytes.size();
  TRY(const DiskFault fault,
      begin(DiskOperation::Kind::write, path, end > inode.now.size() ? end - inode.now.size() : 0));
  if (fault != DiskFault::none) bytes = bytes.substr(0, simulator_.below(bytes.size() + 1));
  if (!bytes.empty()) note(inode, {.number = 0, .offset = offset, .bytes = std::string(bytes)});
  if (fault == DiskFault::none) return {};
  return fail_errno(fault == DiskFault::no_space ? ENOSPC : EIO, "write", path);
}

Result<void> SimulatedFileSystem::sync_data(Inode& inode, const std::string& path) {
  // Others work while the disk does; what they write to this file meanwhile is not synced.
  const std::uint64_t last_write = writes_;
  simulator_.pause();
  TRY(const DiskFault fault, begin(DiskOperation::Kind::sync_data, path));
  if (fault == DiskFault::none) {
    sync(inode, last_write);
    return {};
  }
  if (fault == DiskFault::io_error) lose_some(inode);
  return fail_errno(EIO, "sync", path);
}

Result<void> SimulatedFileSystem::change_name(DiskOperation::Kind kind, NameChange change) {
  const std::string path = change.added.empty() ? change.removed : change.added;
  TRY(const DiskFault fault, begin(kind, path));
  if (fault != DiskFault::none) return fail_errno(fault == DiskFault::no_space ? ENOSPC : EIO, name_of(kind), path);
  apply(change, names_);
  unsynced_names_.push_back(std::move(change));
  return {};
}

Result<std::unique_ptr<File>> SimulatedFileSystem::open(const std::string& path, OpenMode mode) {
  if (is_off_) return fail_errno(EIO, "open", path);
  const bool creates = mode == OpenMode::create || mode == OpenMode::create_new;
  const auto found = names_.find(path);
  if (found != names_.end() && mode == OpenMode::create_new) return fail_errno(EEXIST, "open", path);
  if (directories_.contains(path)) return fail_errno(EISDIR, "open", path);
  if (found == names_.end()) {
    if (!creates || !directories_.contains(parent_of(path))) return fail_errno(ENOENT, "open", path);
    const auto inode = std::make_shared<Inode>();
    inode->number = ++inodes_;
    TRY(change_name(DiskOperation::Kind::create, {.removed = {}, .added = path, .inode = inode}));
    return std::make_unique<OpenFile>(*this, inode, path, true);
  }
  return std::make_unique<OpenFile>(*this, found->second, path, mode != OpenMode::read);
}

Result<std::optional<FileStat>> SimulatedFileSystem::stat(const std::string& path) {
  if (is_off_) return fail_errno(EIO, "stat", path);
  FileStat stat{.size = 0, .modified_ns = 0, .device = 1, .inode = 0, .is_directory = false, .is_regular = false};
  if (directories_.contains(path)) {
    stat.is_directory = true;
    return stat;
  }
  const auto found = names_.find(path);
  if (found == names_.end()) return std::nullopt;
  return OpenFile(*this, found->second, path, false).stat();
}

Result<std::string> SimulatedFileSystem::canonical(const std::string& path) {
  if (is_off_) return fail_errno(EIO, "resolve", path);
  if (!directories_.contains(path) && !names_.contains(path)) return fail_errno(ENOENT, "resolve", path);
  return path;
}

Result<std::vector<std::string>> SimulatedFileSystem::list(const std::string& directory) {
  if (is_off_) return fail_errno(EIO, "list", directory);
  if (!directories_.contains(directory)) return fail_errno(ENOENT, "list", directory);
  std::set<std::string> names;
  const auto add = [&](const std::string& path) {
    if (path != "/" && parent_of(path) == directory) names.insert(path.substr(path.rfind('/') + 1));
  };
  for (const auto& [path, inode] : names_) add(path);
  for (const std::string& path : directories_) add(path);
  return std::vector<std::string>(names.begin(), names.end());
}

// Directories survive as soon as they are there; that is what the abstraction promises of this call.
Result<void> SimulatedFileSystem::create_directories(const std::string& path) {
  if (is_off_) return fail_errno(EIO, "create directory", path);
  for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    directories_.insert(path.substr(0, end));
  directories_.insert(path);
  return {};
}

Result<void> SimulatedFileSystem::rename(const std::string& from, const std::string& to) {
  const auto found = names_.find(from);
  if (found == names_.end()) return fail_errno(ENOENT, "rename", from);
  return change_name(DiskOperation::Kind::rename, {.removed = from, .added = to, .inode = found->second});
}

Result<void> SimulatedFileSystem::remove(const std::string& path) {
  if (!names_.contains(path)) return is_off_ ? Result<void>(fail_errno(EIO, "remove", path)) : Result<void>();
  return change_name(DiskOperation::Kind::remove, {.removed = path, .added = {}, .inode = nullptr});
}

// A journal keeps order: what came before, wherever it was, is on the disk too.
Result<void> SimulatedFileSystem::sync_directory(const std::string& path) {
  TRY(const DiskFault fault, begin(DiskOperation::Kind::sync_directory, path));
  if (fault != DiskFault::none) return fail_errno(EIO, "sync directory", path);
  const auto concerns = [&](const NameChange& change) {
    return parent_of(change.added.empty() ? change.removed : change.added) == path ||
           (!change.removed.empty() && parent_of(change.removed) == path);
  };
  const auto last = std::find_if(unsynced_names_.rbegin(), unsynced_names_.rend(), concerns);
  const auto end = last.base();
  for (auto change = unsynced_names_.begin(); change != end; ++change) apply(*change, names_on_disk_);
  unsynced_names_.erase(unsynced_names_.begin(), end);
  return {};
}

Result<std::unique_ptr<FileLock>> SimulatedFileSystem::lock(const std::string& path) {
  if (is_off_) return fail_errno(EIO, "lock", path);
  if (!locks_.insert(path).second) return fail_errno(EWOULDBLOCK, "lock", path);
  return std::make_unique<Lock>(*this, path);
}

}  // namespace symphainy::simulation
