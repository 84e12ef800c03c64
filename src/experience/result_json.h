// SPDX-License-Identifier: Apache-2.0
// An execution's result as JSON and back: what a client over a socket gives its caller is what the runtime gave.
//
// The JSON is ExecutionResult::to_json() and nothing more; the two things that it leaves out (the position, and an
// error's code where it has a reason) travel beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "symphainy/runtime.h"

namespace symphainy::experience {

/// The code that to_string(ErrorCode) names so.
[[nodiscard]] std::optional<ErrorCode> error_code_named(std::string_view name) noexcept;

/// What ExecutionResult::to_json() leaves out.
struct BesidesJson {
  std::uint64_t position = 0;
  std::optional<ErrorCode> error_code;
};

/// internal, reason "strange_answer", when it is no result.
[[nodiscard]] Result<ExecutionResult> result_from_json(const Json& json, const BesidesJson& besides);

}  // namespace symphainy::experience
