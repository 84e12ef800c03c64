// SPDX-License-Identifier: Apache-2.0
// Loaded into a program by LD_PRELOAD: writes and syncs of files misbehave as the manual pages allow. Set by the
// environment:
//
//   FAULTY_WRITES        short   each write takes only half
//                        eintr   every second write or sync is interrupted first
//                        enospc  writes find no space
//                        eio     syncs fail
//   FAULTY_WRITES_PATH   only of files whose path contains this
//   FAULTY_WRITES_FROM   from this call of the kind on (1: the first one, which is the default)
//   FAULTY_WRITES_COUNT  so many times (the default: for ever)
//   FAULTY_WRITES_LOG    a byte is appended to this file for each fault
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

const char* setting(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  return value == nullptr ? "" : value;
}

struct Plan {
  std::string_view kind = setting("FAULTY_WRITES");
  const char* path = setting("FAULTY_WRITES_PATH");
  long from = number("FAULTY_WRITES_FROM", 1);
  long count = number("FAULTY_WRITES_COUNT", -1);
  int log = *setting("FAULTY_WRITES_LOG") == '\0'
                ? -1
                : ::open(setting("FAULTY_WRITES_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

  static long number(const char* name, long otherwise) {
    return *setting(name) == '\0' ? otherwise : std::strtol(setting(name), nullptr, 10);
  }
};

const Plan& plan() {
  static const Plan read;
  return read;
}

bool concerns(int descriptor) {
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  char path[4096];
  const ssize_t length = ::readlink(link, path, sizeof path - 1);
  if (length <= 0 || descriptor == plan().log) return false;
  path[length] = '\0';
  return std::strstr(path, plan().path) != nullptr;
}

// Whether this call of the kind is one that misbehaves.
bool is_due(std::string_view kind, int descriptor) {
  static std::atomic<long> calls = 0;
  if (plan().kind != kind || !concerns(descriptor)) return false;
  const long call = ++calls;
  if (call < plan().from || (plan().count >= 0 && call >= plan().from + plan().count)) return false;
  if (plan().log >= 0) static_cast<void>(!::syscall(SYS_write, plan().log, "x", 1));
  return true;
}

bool is_interrupted(int descriptor) {
  static thread_local bool last_time = false;
  last_time = !last_time && is_due("eintr", descriptor);
  return last_time;
}

int failed(int error) {
  errno = error;
  return -1;
}

template <typename Write>
ssize_t faulty_write(int descriptor, size_t length, Write write) {
  if (is_interrupted(descriptor)) return failed(EINTR);
  if (is_due("enospc", descriptor)) return failed(ENOSPC);
  return write(length > 1 && is_due("short", descriptor) ? length / 2 : length);
}

int faulty_sync(long call, int descriptor) {
  if (is_interrupted(descriptor)) return failed(EINTR);
  if (is_due("eio", descriptor)) return failed(EIO);
  return static_cast<int>(::syscall(call, descriptor));
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t length) {
  return faulty_write(descriptor, length, [&](size_t some) { return ::syscall(SYS_write, descriptor, bytes, some); });
}
ssize_t pwrite(int descriptor, const void* bytes, size_t length, off_t offset) {
  return faulty_write(descriptor, length,
                      [&](size_t some) { return ::syscall(SYS_pwrite64, descriptor, bytes, some, offset); });
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t length, off_t offset) {
  return pwrite(descriptor, bytes, length, offset);
}
int fdatasync(int descriptor) {
  return faulty_sync(SYS_fdatasync, descriptor);
}
int fsync(int descriptor) {
  return faulty_sync(SYS_fsync, descriptor);
}

}  // extern "C"
