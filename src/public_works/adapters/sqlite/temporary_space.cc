// SPDX-License-Identifier: Apache-2.0
#include "public_works/adapters/sqlite/temporary_space.h"

#include <algorithm>
#include <cstddef>
#include <sqlite3.h>

namespace symphainy::public_works {
namespace {

constexpr const char* kName = "symphainy-bounded";

thread_local TemporarySpace* current_space = nullptr;

// What stands in the memory that SQLite sets aside for one of our files: this, then the operating system's file.
struct BoundedFile {
  sqlite3_file base;
  TemporarySpace* space;
  std::uint64_t size;
};
constexpr std::size_t kRealFileOffset =
    (sizeof(BoundedFile) + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);

BoundedFile* ours(sqlite3_file* file) noexcept {
  return reinterpret_cast<BoundedFile*>(file);
}
sqlite3_file* real(sqlite3_file* file) noexcept {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + kRealFileOffset);
}

int close_file(sqlite3_file* file) {
  ours(file)->space->give_back(ours(file)->size);
  return real(file)->pMethods->xClose(real(file));
}
int read_file(sqlite3_file* file, void* into, int count, sqlite3_int64 offset) {
  return real(file)->pMethods->xRead(real(file), into, count, offset);
}
int write_file(sqlite3_file* file, const void* from, int count, sqlite3_int64 offset) {
  BoundedFile& bounded = *ours(file);
  const auto end = static_cast<std::uint64_t>(offset) + static_cast<std::uint64_t>(count);
  if (end > bounded.size) {
    if (!bounded.space->take(end - bounded.size)) return SQLITE_FULL;
    bounded.size = end;
  }
  return real(file)->pMethods->xWrite(real(file), from, count, offset);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  BoundedFile& bounded = *ours(file);
  const std::uint64_t kept = std::min(bounded.size, static_cast<std::uint64_t>(size));
  bounded.space->give_back(bounded.size - kept);
  bounded.size = kept;
  return real(file)->pMethods->xTruncate(real(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  return real(file)->pMethods->xSync(real(file), flags);
}
int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock_file(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
int unlock_file(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int check_lock(sqlite3_file* file, int* held) {
  return real(file)->pMethods->xCheckReservedLock(real(file), held);
}
// Not passed on: a size hint would make the file grow without being counted.
int control_file(sqlite3_file*, int, void*) {
  return SQLITE_NOTFOUND;
}
int sector_size(sqlite3_file* file) {
  return real(file)->pMethods->xSectorSize(real(file));
}
int characteristics(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

// Version 1: no shared memory and no mapping, which temporary files do without.
sqlite3_io_methods bounded_methods() noexcept {
  sqlite3_io_methods methods{};
  methods.iVersion = 1;
  methods.xClose = close_file;
  methods.xRead = read_file;
  methods.xWrite = write_file;
  methods.xTruncate = truncate_file;
  methods.xSync = sync_file;
  methods.xFileSize = size_of_file;
  methods.xLock = lock_file;
  methods.xUnlock = unlock_file;
  methods.xCheckReservedLock = check_lock;
  methods.xFileControl = control_file;
  methods.xSectorSize = sector_size;
  methods.xDeviceCharacteristics = characteristics;
  return methods;
}

sqlite3_vfs* unix_vfs() {
  return sqlite3_vfs_find("unix");
}

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  static const sqlite3_io_methods methods = bounded_methods();
  constexpr int kTemporary =
      SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_SUBJOURNAL;
  TemporarySpace* const space = TemporarySpace::current();
  if ((flags & kTemporary) == 0 || space == nullptr) {
    return unix_vfs()->xOpen(unix_vfs(), name, file, flags, out_flags);
  }
  file->pMethods = nullptr;
  const int code = unix_vfs()->xOpen(unix_vfs(), name, real(file), flags, out_flags);
  if (code != SQLITE_OK) return code;
  ours(file)->space = space;
  ours(file)->size = 0;
  file->pMethods = &methods;
  return SQLITE_OK;
}

}  // namespace

const char* bounded_temporary_vfs() {
  static const bool registered = [] {
    if (sqlite3_initialize() != SQLITE_OK || unix_vfs() == nullptr) return false;
    static sqlite3_vfs bounded = *unix_vfs();
    bounded.pNext = nullptr;
    bounded.zName = kName;
    bounded.szOsFile += static_cast<int>(kRealFileOffset);
    bounded.xOpen = open_file;
    return sqlite3_vfs_register(&bounded, 0) == SQLITE_OK;
  }();
  return registered ? kName : nullptr;
}

TemporarySpace::TemporarySpace(std::uint64_t bytes) noexcept : left_(bytes), before_(current_space) {
  current_space = this;
}

TemporarySpace::~TemporarySpace() {
  current_space = before_;
}

bool TemporarySpace::take(std::uint64_t bytes) noexcept {
  if (bytes > left_) return false;
  left_ -= bytes;
  return true;
}

TemporarySpace* TemporarySpace::current() noexcept {
  return current_space;
}

}  // namespace symphainy::public_works
