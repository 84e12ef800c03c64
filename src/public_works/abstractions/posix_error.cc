// SPDX-License-Identifier: Apache-2.0
#include "public_works/abstractions/posix_error.h"

#include <cerrno>
#include <fmt/format.h>
#include <system_error>

namespace symphainy::public_works {

Error posix_error(int number, std::string_view action, const std::string& path) {
  ErrorCode code = ErrorCode::io_error;
  std::string reason;
  switch (number) {
    case ENOENT:
      code = ErrorCode::not_found;
      break;
    case EEXIST:
      code = ErrorCode::already_exists;
      break;
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::unavailable;
      reason = "no_space";
      break;
    case EMFILE:
    case ENFILE:
      code = ErrorCode::unavailable;
      reason = "too_many_open_files";
      break;
    case EWOULDBLOCK:
      code = ErrorCode::unavailable;
      reason = "locked";
      break;
    case EISDIR:
      reason = "is_directory";
      break;
    case ENOTDIR:
      reason = "not_a_directory";
      break;
    case ENOTEMPTY:
      reason = "not_empty";
      break;
    case EACCES:
    case EPERM:
      reason = "permission_denied";
      break;
    default:
      break;
  }
  return {.code = code,
          .message = fmt::format("cannot {} {}: {}", action, path, std::generic_category().message(number)),
          .reason = std::move(reason),
          .details = {}};
}

}  // namespace symphainy::public_works
