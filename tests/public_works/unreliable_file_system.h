// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <mutex>
#include <random>

#include "segment_log_fixture.h"

namespace symphainy::public_works {

/// Forwards to a file system in memory that outlives it, counts, and fails or stops as a disk would.
///
/// Only sync_data makes bytes survive a crash; only sync_directory makes names survive it.
class UnreliableFileSystem final : public FileSystem {
 public:
  explicit UnreliableFileSystem(MemoryFileSystem& live) : live_(live) {}

  /// The Nth sync (from 1) does nothing and nothing works any more.
  void crash_at_sync(int n) { crash_at_ = n; }
  /// The Nth sync_data (from 1) and every later one fail; writing goes on.
  void fail_syncs_from(int n) { fail_from_ = n; }
  /// Every sync_data of a file opened under this name fails.
  void fail_syncs_of(std::string name) {
    const std::lock_guard lock(mutex_);
    fail_syncs_of_ = std::move(name);
  }
  /// All files together may not grow beyond so many bytes more than they have now.
  void limit_growth(std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    growth_left_ = bytes;
  }
  void lift_limit() { limit_growth(UINT64_MAX); }
  [[nodiscard]] int syncs() const { return syncs_; }
  [[nodiscard]] int changes() const { return changes_; }
  [[nodiscard]] int locks() const { return locks_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

  enum class Survival {
    synced,        ///< what was synced, under the names that were synced
    synced_bytes,  ///< what was synced, under the latest names
    everything,    ///< the process died, the machine did not
    torn,          ///< some blocks of what was not synced
  };
  [[nodiscard]] Content after_crash(Survival survival, std::uint64_t seed = 0) {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::uint64_t> names = synced_names_;
    if (survival != Survival::synced) names = live_names();
    Content content;
    for (const auto& [name, inode] : names) {
      const std::string& synced = synced_bytes_[inode];
      std::string& bytes = content[name];
      bytes = synced;
      if (survival == Survival::synced || survival == Survival::synced_bytes) continue;
      const std::string latest = read_file(live_, kDirectory + "/" + name);
      bytes = latest;
      if (survival == Survival::everything) continue;
      std::mt19937_64 dice(seed);
      for (std::size_t at = 0; at < bytes.size(); at += 64) {
        if (dice() % 2 == 0) continue;
        for (std::size_t i = at; i < std::min(at + 64, bytes.size()); ++i)
          bytes[i] = i < synced.size() ? synced[i] : '\0';
      }
    }
    return content;
  }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const std::lock_guard lock(mutex_);
    TRY(check());
    const bool existed = live_.stat(path)->has_value();
    TRY(auto file, live_.open(path, mode));
    if (!existed) ++changes_;
    TRY(const FileStat stat, file->stat());
    return std::make_unique<OpenFile>(*this, path, std::move(file), stat.inode);
  }
  Result<std::optional<FileStat>> stat(const std::string& path) override { return live_.stat(path); }
  Result<std::string> canonical(const std::string& path) override { return live_.canonical(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override { return live_.list(directory); }
  Result<void> create_directories(const std::string& path) override {
    return change([&] { return live_.create_directories(path); });
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return change([&] { return live_.rename(from, to); });
  }
  Result<void> remove(const std::string& path) override {
    return change([&] { return live_.remove(path); });
  }
  Result<void> sync_directory(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    TRY(begin_sync());
    synced_names_ = live_names();
    return live_.sync_directory(path);
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    ++locks_;
    return live_.lock(path);
  }

 private:
  class OpenFile final : public File {
   public:
    OpenFile(UnreliableFileSystem& files, std::string path, std::unique_ptr<File> file, std::uint64_t inode)
        : files_(files), path_(std::move(path)), file_(std::move(file)), inode_(inode) {}
    Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
      const auto read = file_->read_at(offset, length, out);
      files_.bytes_read_ += out.size();
      return read;
    }
    Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
      return files_.change([&]() -> Result<void> {
        TRY(const FileStat before, file_->stat());
        const std::uint64_t end = offset + bytes.size();
        const std::uint64_t growth = end > before.size ? end - before.size : 0;
        if (growth > files_.growth_left_) return fail(ErrorCode::unavailable, "no space left on device", "no_space");
        if (files_.growth_left_ != UINT64_MAX) files_.growth_left_ -= growth;
        return file_->write_at(offset, bytes);
      });
    }
    Result<void> sync_data() override {
      const std::lock_guard lock(files_.mutex_);
      TRY(files_.begin_sync());
      if (files_.fail_from_ > 0 && ++files_.data_syncs_ >= files_.fail_from_)
        return fail(ErrorCode::io_error, "the sync failed");
      if (path_ == kDirectory + "/" + files_.fail_syncs_of_) return fail(ErrorCode::io_error, "the sync failed");
      return file_->read_at(0, 1 << 30, files_.synced_bytes_[inode_]);
    }
    Result<void> truncate(std::uint64_t size) override {
      return files_.change([&] { return file_->truncate(size); });
    }
    Result<void> allocate(std::uint64_t size) override {
      TRY(const FileStat before, file_->stat());
      return size > before.size ? write_at(before.size, std::string(size - before.size, '\0')) : Result<void>();
    }
    Result<FileStat> stat() const override { return file_->stat(); }

   private:
    UnreliableFileSystem& files_;
    const std::string path_;
    std::unique_ptr<File> file_;
    std::uint64_t inode_;
  };

  [[nodiscard]] Result<void> check() const {
    if (crashed_) return fail(ErrorCode::io_error, "the machine is off");
    return {};
  }
  [[nodiscard]] Result<void> begin_sync() {
    ++syncs_;
    ++changes_;
    if (crash_at_ > 0 && syncs_ >= crash_at_) crashed_ = true;
    return check();
  }
  template <typename Act>
  [[nodiscard]] Result<void> change(const Act& act) {
    const std::lock_guard lock(mutex_);
    TRY(check());
    ++changes_;
    return act();
  }
  [[nodiscard]] std::map<std::string, std::uint64_t> live_names() {
    std::map<std::string, std::uint64_t> names;
    for (const std::string& name : live_.list(kDirectory).value_or(std::vector<std::string>{})) {
      names[name] = (*live_.stat(kDirectory + "/" + name))->inode;
    }
    return names;
  }

  MemoryFileSystem& live_;
  std::mutex mutex_;  // guards all below; the settings are made before the first use
  std::uint64_t growth_left_ = UINT64_MAX;
  int crash_at_ = 0;
  int fail_from_ = 0;
  std::string fail_syncs_of_;
  int syncs_ = 0;
  int data_syncs_ = 0;
  int changes_ = 0;
  int locks_ = 0;
  std::atomic<std::uint64_t> bytes_read_ = 0;
  bool crashed_ = false;
  std::map<std::uint64_t, std::string> synced_bytes_;
  std::map<std::string, std::uint64_t> synced_names_;
};

}  // namespace symphainy::public_works
