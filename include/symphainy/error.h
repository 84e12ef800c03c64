// SPDX-License-Identifier: Apache-2.0
// One error type and one result type. An error's code is chosen by what the caller does next.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "symphainy/json.h"

namespace symphainy {

enum class ErrorCode {
  // Fix the input, then send it again.
  invalid_argument,  ///< malformed or refused; `details` lists every violation where there are several
  not_found,         ///< no such thing for this tenant
  already_exists,    ///< the same name stands for something else
  conflict,          ///< the state has moved on (compare-and-set), or a key is bound to another body
  // Retry, later or at once.
  unavailable,  ///< a resource is missing for now (locked, no space)
  overloaded,   ///< too much in flight; back off
  // Give up: it was tried and ended.
  failed,             ///< a handler said so, or threw
  deadline_exceeded,  ///< the intent's deadline passed
  cancelled,          ///< the runtime closed before it ran
  // Stop: a person must look.
  corrupt,   ///< stored bytes are not what was written
  io_error,  ///< the operating system refused
  unknown,   ///< it may or may not have happened; retry with the same idempotency key after reopening
  stopped,   ///< the runtime stopped after such an outcome
  internal,  ///< a broken invariant of our own
};

enum class NextStep { fix_input, retry, give_up, stop };

[[nodiscard]] NextStep next_step(ErrorCode code) noexcept;
[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  ///< one sentence: what is wrong, where, and what to do
  std::string reason;   ///< a stable snake_case word more exact than the code ("file_changed"); may be empty
  Json details;         ///< null, or an object or array for machines

  /// The reason when there is one, else the code's name.
  [[nodiscard]] std::string_view name() const noexcept { return reason.empty() ? to_string(code) : reason; }
  /// {"code": name(), "message": ..., "details"?: ...}
  [[nodiscard]] Json to_json() const;
};

template <typename T>
using Result = std::expected<T, Error>;

/// An error as the value of a Result: `return fail(ErrorCode::not_found, "no such file: a.csv");`
[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string reason = {},
                                                 Json details = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(reason), std::move(details)});
}

}  // namespace symphainy
