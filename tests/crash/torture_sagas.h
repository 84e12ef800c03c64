// SPDX-License-Identifier: Apache-2.0
// The torture's sagas: their steps, and what undoes them, note that they ran, and whatever is killed, how they end
// depends on their parameters alone.
#pragma once

#include <cstdint>
#include <string>

#include "symphainy/execution_context.h"

#include "crash/torture_intents.h"

namespace symphainy::tests {

/// By the number: (0) fails in its third step, and is undone; (1) the same, but an undo of its first attempt is stuck,
/// so that somebody has to resume it; (2) completes behind its pivot, perhaps parked and resumed; (3) fails in its
/// pivot, and is undone.
[[nodiscard]] Task<Result<HandlerResult>> travel(const Ledger& ledger, ExecutionContext& context, std::string name,
                                                 std::int64_t number);
/// Fails in every attempt behind two steps; parked, it is undone when somebody cancels it.
[[nodiscard]] Task<Result<HandlerResult>> set_out(const Ledger& ledger, ExecutionContext& context, std::string name);

}  // namespace symphainy::tests
