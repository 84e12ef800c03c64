// SPDX-License-Identifier: Apache-2.0
// DATA/control.sock: where the process that owns a data directory listens, and how others reach it.
//
// A socket's path is limited to 107 bytes and a data directory's is not, so both sides go through /proc/self/fd, where
// the directory has a short name.
#pragma once

#include <string>
#include <string_view>

#include "symphainy/error.h"

namespace symphainy::experience {

/// The listening side. Only the owner of the directory's lock makes one: what stands there is then a dead process's.
class ControlSocket {
 public:
  /// Listens, with mode 0600 from the first moment that anybody can connect; replaces a dead process's socket.
  [[nodiscard]] static Result<ControlSocket> listen(const std::string& data_directory);

  ControlSocket(ControlSocket&& other) noexcept;
  ControlSocket& operator=(ControlSocket&&) = delete;
  ~ControlSocket();

  /// The listening descriptor, once: the caller closes it from then on.
  [[nodiscard]] int release_descriptor() noexcept;
  /// Removes the file. Before the directory's lock is let go: behind that it may be another process's.
  void remove() noexcept;

 private:
  ControlSocket(int directory, int descriptor) noexcept : directory_(directory), descriptor_(descriptor) {}

  int directory_;
  int descriptor_;
};

inline constexpr std::string_view kNotServing = "not_serving";
inline constexpr std::string_view kBacklogFull = "backlog";

/// A connected descriptor, which the caller closes. unavailable, reason kNotServing, when nobody listens; overloaded,
/// reason kBacklogFull, when more wait to be taken than the system lets wait.
[[nodiscard]] Result<int> connect_to_control_socket(const std::string& data_directory);

}  // namespace symphainy::experience
