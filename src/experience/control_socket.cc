// SPDX-License-Identifier: Apache-2.0
#include "experience/control_socket.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "base/try.h"

namespace symphainy::experience {
namespace {

constexpr const char* kName = "control.sock";
// Bound and given its mode under this name first: nobody may connect before the mode is right.
constexpr const char* kNewName = "control.sock.new";

bool is_directory(int directory, const char* name) {
  struct stat found{};
  return ::fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(found.st_mode);
}

Error cannot_listen(int code, const std::string& data_directory, int directory) {
  for (const char* name : {kName, kNewName}) {
    if (directory < 0 || !is_directory(directory, name)) continue;
    return Error{ErrorCode::io_error,
                 fmt::format("cannot listen on {0}/{1}: {0}/{2} is a directory, where the socket is to be; remove it",
                             data_directory, kName, name),
                 "control_socket",
                 {}};
  }
  return Error{ErrorCode::io_error,
               fmt::format("cannot listen on {}/{}: {}", data_directory, kName, std::strerror(code)),
               "control_socket",
               {}};
}

Error cannot_connect(int code, const std::string& data_directory) {
  const std::string why = fmt::format("{}/{}: {}", data_directory, kName, std::strerror(code));
  if (code == ENOENT || code == ECONNREFUSED)
    return Error{ErrorCode::unavailable, "nobody answers at " + why, std::string(kNotServing), {}};
  if (code == EAGAIN)
    return Error{ErrorCode::overloaded,
                 fmt::format("too many wait for a connection to {}/{}; try again", data_directory, kName),
                 std::string(kBacklogFull),
                 {}};
  return Error{ErrorCode::unavailable, "cannot connect to " + why, "control_socket", {}};
}

sockaddr_un address_in(int directory, const char* name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  fmt::format_to_n(std::data(address.sun_path), sizeof address.sun_path - 1, "/proc/self/fd/{}/{}", directory, name);
  return address;
}

int open_directory(const std::string& path) {
  return ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int bind_in(int directory, int descriptor) {
  const sockaddr_un address = address_in(directory, kNewName);
  ::unlinkat(directory, kNewName, 0);
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return errno;
  if (::fchmodat(directory, kNewName, S_IRUSR | S_IWUSR, 0) != 0) return errno;
  if (::listen(descriptor, SOMAXCONN) != 0) return errno;
  if (::renameat(directory, kNewName, directory, kName) != 0) return errno;
  return 0;
}

}  // namespace

Result<ControlSocket> ControlSocket::listen(const std::string& data_directory) {
  ControlSocket made(open_directory(data_directory), ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int failed = made.directory_ < 0 || made.descriptor_ < 0 ? errno : 0;
  if (failed == 0) failed = bind_in(made.directory_, made.descriptor_);
  if (failed == 0) return made;
  ::unlinkat(made.directory_, kNewName, 0);
  return std::unexpected(cannot_listen(failed, data_directory, made.directory_));
}

ControlSocket::ControlSocket(ControlSocket&& other) noexcept
    : directory_(std::exchange(other.directory_, -1)), descriptor_(std::exchange(other.descriptor_, -1)) {}

ControlSocket::~ControlSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (directory_ >= 0) ::close(directory_);
}

int ControlSocket::release_descriptor() noexcept {
  return std::exchange(descriptor_, -1);
}

void ControlSocket::remove() noexcept {
  ::unlinkat(directory_, kName, 0);
}

Result<int> connect_to_control_socket(const std::string& data_directory) {
  const int directory = open_directory(data_directory);
  // Not blocking: a process that takes no connections any more must not hold this one up.
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int failed = directory < 0 || descriptor < 0 ? errno : 0;
  if (failed == 0) {
    const sockaddr_un address = address_in(directory, kName);
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) failed = errno;
  }
  if (directory >= 0) ::close(directory);
  if (failed == 0) return descriptor;
  if (descriptor >= 0) ::close(descriptor);
  return std::unexpected(cannot_connect(failed, data_directory));
}

}  // namespace symphainy::experience
