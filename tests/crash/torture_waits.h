// SPDX-License-Identifier: Apache-2.0
// The torture's executions that wait: for a moment, for longer than a frame is kept, for signals, and until somebody
// cancels them. Each ends alike wherever a kill comes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/domain_service.h"
#include "symphainy/runtime.h"

#include "crash/torture_intents.h"

namespace symphainy::tests {

/// Sleeps for some milliseconds; with the number 3 for longer than its frame is kept.
[[nodiscard]] Task<Result<HandlerResult>> nap(const Ledger& ledger, ExecutionContext& context, std::string name,
                                              std::int64_t number);
/// Takes two signals, one after the other.
[[nodiscard]] Task<Result<HandlerResult>> ask_for_approval(const Ledger& ledger, ExecutionContext& context,
                                                           std::string name);
/// Sleeps until it is cancelled.
[[nodiscard]] Task<Result<HandlerResult>> linger(const Ledger& ledger, ExecutionContext& context, std::string name);

[[nodiscard]] std::map<std::string, Json> signals_of(std::string_view intent_type);
/// Whether it has to be asleep for what is done to it.
[[nodiscard]] bool acts_on_sleep(std::string_view intent_type);
/// What is done to an execution that waits, one after the other; the same signal comes twice.
[[nodiscard]] std::vector<ExecutionCommand> commands_to_waiting(std::string_view intent_type, const std::string& tenant,
                                                                const std::string& execution_id);

}  // namespace symphainy::tests
