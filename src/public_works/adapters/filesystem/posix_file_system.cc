// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/filesystem/posix_file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "base/try.h"
#include "public_works/abstractions/posix_error.h"

namespace symphainy::public_works {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

std::unexpected<Error> fail_errno(int number, std::string_view action, const std::string& path) {
  return std::unexpected(posix_error(number, action, path));
}

// Repeats a system call for as long as a signal interrupts it.
template <typename Call>
auto restarted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

Result<Descriptor> open_descriptor(const std::string& path, int flags, std::string_view action) {
  Descriptor descriptor(restarted([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, kFileMode); }));
  if (descriptor.get() < 0) return fail_errno(errno, action, path);
  return descriptor;
}

FileStat to_file_stat(const struct stat& from) {
  return {.size = static_cast<std::uint64_t>(from.st_size),
          .modified_ns = std::int64_t{from.st_mtim.tv_sec} * 1'000'000'000 + from.st_mtim.tv_nsec,
          .device = from.st_dev,
          .inode = from.st_ino,
          .is_directory = S_ISDIR(from.st_mode),
          .is_regular = S_ISREG(from.st_mode)};
}

// A failed sync is never worth a retry, not even one for want of space: the pages may be marked clean already.
Result<void> synced(int result, const std::string& path) {
  if (result == 0) return {};
  Error error = posix_error(errno, "sync", path);
  error.code = ErrorCode::io_error;
  error.reason = "sync_failed";
  return std::unexpected(std::move(error));
}

class PosixFile final : public File {
 public:
  PosixFile(Descriptor descriptor, std::string path) noexcept
      : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const override {
    int error = 0;
    out.resize_and_overwrite(length, [&](char* data, std::size_t) noexcept {
      std::size_t done = 0;
      while (done < length) {
        const ssize_t count = restarted(
            [&] { return ::pread(descriptor_.get(), data + done, length - done, static_cast<off_t>(offset + done)); });
        if (count < 0) error = errno;
        if (count <= 0) break;
        done += static_cast<std::size_t>(count);
      }
      return done;
    });
    if (error != 0) return fail_errno(error, "read", path_);
    return {};
  }

  Result<void> write_at(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = restarted(
          [&] { return ::pwrite(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
      if (count < 0) return fail_errno(errno, "write", path_);
      bytes.remove_prefix(static_cast<std::size_t>(count));
      offset += static_cast<std::uint64_t>(count);
    }
    return {};
  }

  Result<void> sync_data() override {
    return synced(restarted([&] { return ::fdatasync(descriptor_.get()); }), path_);
  }

  Result<void> truncate(std::uint64_t size) override {
    const int result = restarted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size)); });
    if (result < 0) return fail_errno(errno, "truncate", path_);
    return {};
  }

  Result<void> allocate(std::uint64_t size) override {
    if (size == 0) return {};
    int error = EINTR;
    while (error == EINTR) error = ::posix_fallocate(descriptor_.get(), 0, static_cast<off_t>(size));
    if (error != 0) return fail_errno(error, "allocate", path_);
    return {};
  }

  Result<FileStat> stat() const override {
    struct stat found{};
    if (::fstat(descriptor_.get(), &found) < 0) return fail_errno(errno, "examine", path_);
    return to_file_stat(found);
  }

 private:
  Descriptor descriptor_;
  std::string path_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor descriptor) noexcept : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

int open_flags(OpenMode mode) noexcept {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::read_write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT;
    case OpenMode::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  std::unreachable();
}

std::string parent_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  path.resize(std::max<std::size_t>(slash, 1));
  return path;
}

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode) {
  // O_NONBLOCK: opening a pipe must not wait for its other end before it can be refused.
  TRY(Descriptor descriptor, open_descriptor(path, open_flags(mode) | O_NONBLOCK, "open"));
  auto file = std::make_unique<PosixFile>(std::move(descriptor), path);
  TRY(const FileStat found, file->stat());
  if (found.is_directory) return fail_errno(EISDIR, "open", path);
  if (!found.is_regular) {
    return fail(ErrorCode::io_error, fmt::format("cannot open {}: it is not a regular file", path),
                "not_a_regular_file");
  }
  return file;
}

Result<std::optional<FileStat>> PosixFileSystem::stat(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) == 0) return to_file_stat(found);
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  return fail_errno(errno, "examine", path);
}

Result<std::string> PosixFileSystem::canonical(const std::string& path) {
  const std::unique_ptr<char, decltype([](char* text) { std::free(text); })> resolved(
      ::realpath(path.c_str(), nullptr));
  if (!resolved) return fail_errno(errno, "resolve", path);
  return std::string(resolved.get());
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& directory) {
  const std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> open(::opendir(directory.c_str()));
  if (!open) return fail_errno(errno, "list", directory);
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail_errno(errno, "list", directory);
  std::ranges::sort(names);
  return names;
}

Result<void> PosixFileSystem::create_directories(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0) return sync_directory(parent_of(path));
  if (errno == ENOENT && parent_of(path) != path) {
    TRY(create_directories(parent_of(path)));
    if (::mkdir(path.c_str(), kDirectoryMode) == 0) return sync_directory(parent_of(path));
  }
  // Whatever mkdir says of a directory that is there already (EEXIST, or EROFS and EACCES above it), it is there.
  const int error = errno;
  TRY(const std::optional<FileStat> found, stat(path));
  if (!found || !found->is_directory) return fail_errno(error, "create directory", path);
  if (error != EEXIST) return {};
  // Its maker may have died before its name was synced. A parent that cannot be opened is none that we made it in.
  const auto parent = open_descriptor(parent_of(path), O_RDONLY | O_DIRECTORY, "open directory");
  if (!parent) return {};
  return synced(restarted([&] { return ::fsync(parent->get()); }), parent_of(path));
}

Result<void> PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return fail_errno(errno, fmt::format("rename to {}", to), from);
}

Result<void> PosixFileSystem::remove(const std::string& path) {
  if (::remove(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return {};
  return fail_errno(errno, "remove", path);
}

Result<void> PosixFileSystem::sync_directory(const std::string& path) {
  TRY(const Descriptor descriptor, open_descriptor(path, O_RDONLY | O_DIRECTORY, "open directory"));
  return synced(restarted([&] { return ::fsync(descriptor.get()); }), path);
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path) {
  // flock belongs to the open file description, so a second lock in this process is refused like another process's.
  TRY(Descriptor descriptor, open_descriptor(path, O_RDWR | O_CREAT | O_NONBLOCK, "open"));
  if (restarted([&] { return ::flock(descriptor.get(), LOCK_EX | LOCK_NB); }) < 0) {
    return fail_errno(errno, "lock", path);
  }
  return std::make_unique<PosixFileLock>(std::move(descriptor));
}

}  // namespace symphainy::public_works
