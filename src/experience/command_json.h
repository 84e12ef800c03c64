// SPDX-License-Identifier: Apache-2.0
// A command to an execution as JSON and back: what a client over a socket asks for is what the runtime is told.
#pragma once

#include "symphainy/runtime.h"

namespace symphainy::experience {

[[nodiscard]] Json command_to_json(const ExecutionCommand& command);
/// invalid_argument, reason "invalid_command", which names the member. What its values must be is the runtime's to say.
[[nodiscard]] Result<ExecutionCommand> command_from_json(const Json& json);

}  // namespace symphainy::experience
