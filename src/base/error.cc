// SPDX-License-Identifier: Apache-2.0
// The names of the error codes, which are part of the public contract, and what each asks its caller to do.
#include "symphainy/error.h"

namespace symphainy {

NextStep next_step(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::not_found:
    case ErrorCode::already_exists:
    case ErrorCode::conflict:
      return NextStep::fix_input;
    case ErrorCode::unavailable:
    case ErrorCode::overloaded:
      return NextStep::retry;
    case ErrorCode::failed:
    case ErrorCode::deadline_exceeded:
    case ErrorCode::cancelled:
      return NextStep::give_up;
    case ErrorCode::corrupt:
    case ErrorCode::io_error:
    case ErrorCode::unknown:
    case ErrorCode::stopped:
    case ErrorCode::internal:
      return NextStep::stop;
  }
  return NextStep::stop;
}

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::already_exists:
      return "already_exists";
    case ErrorCode::conflict:
      return "conflict";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::overloaded:
      return "overloaded";
    case ErrorCode::failed:
      return "failed";
    case ErrorCode::deadline_exceeded:
      return "deadline_exceeded";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::io_error:
      return "io_error";
    case ErrorCode::unknown:
      return "unknown";
    case ErrorCode::stopped:
      return "stopped";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

Json Error::to_json() const {
  Json json = Json::object({{"code", name()}, {"message", message}});
  if (!details.is_null()) json["details"] = details;
  return json;
}

}  // namespace symphainy
