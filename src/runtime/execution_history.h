// SPDX-License-Identifier: Apache-2.0
// What happened to one execution, read back from the log: its records in order, and the result they amount to.
#pragma once

#include <string>
#include <vector>

#include "symphainy/runtime.h"

#include "base/log_record.h"
#include "public_works/abstractions/event_log.h"
#include "public_works/abstractions/state_store.h"

namespace symphainy::runtime {

/// The execution's records in log order.
[[nodiscard]] Result<std::vector<base::LogRecord>> read_history(const public_works::EventLog& log,
                                                                const public_works::ExecutionRow& execution);

/// The result that the records amount to; status running while they have no end.
[[nodiscard]] Result<ExecutionResult> result_from_history(const std::vector<base::LogRecord>& records);

/// What the execution was created under.
struct HandlerIdentity {
  std::string domain_service;
  std::string handler;
  std::uint32_t version = 0;
  std::string schema_digest;
};
[[nodiscard]] Result<HandlerIdentity> handler_from_history(const std::vector<base::LogRecord>& records);

/// What the execution's random numbers and ids derive from.
[[nodiscard]] Result<std::string> seed_from_history(const std::vector<base::LogRecord>& records);

/// The intent as it was accepted.
[[nodiscard]] Result<Intent> intent_from_history(const std::vector<base::LogRecord>& records);

}  // namespace symphainy::runtime
