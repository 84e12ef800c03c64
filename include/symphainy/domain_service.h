// SPDX-License-Identifier: Apache-2.0
// The whole contract of a domain service: handle_intent(intent, execution_context) → artifacts, events, result.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/error.h"
#include "symphainy/execution_context.h"
#include "symphainy/intent.h"
#include "symphainy/task.h"

namespace symphainy {

/// The handler's own answer. Artifacts, events, references and state changes are added to the context.
struct HandlerResult {
  Json value;  ///< any JSON up to 1 MiB; more goes by artifact
};

/// Runs on a handler thread; may block there. Must not use the context after it has returned.
using IntentHandler = std::function<Task<Result<HandlerResult>>(const Intent&, ExecutionContext&)>;

/// Whether a handler touches anything but its context.
enum class Effects {
  external,      ///< starts only after its acceptance is durable
  context_only,  ///< may run while its acceptance is being synced; both commits may share one sync
};

/// What becomes of an execution whose attempts have all failed.
enum class OutOfAttempts {
  fail,  ///< it ends as failed
  park,  ///< it waits, parked, until somebody resumes, cancels or terminates it
};

/// One intent type that a service supports.
struct IntentSupport {
  std::string intent_type;       ///< name grammar
  Json schema = Json::object();  ///< JSON Schema (2020-12, or draft 7 by $schema) of the parameters
  std::uint32_t version = 1;     ///< of schema and handler together; new intents take the highest
  Effects effects = Effects::external;
  /// When the handler returns an error the execution is attempted again so often. Completed steps are answered from the
  /// log; what failed runs again. max_age_us counts from the acceptance.
  RetryPolicy retry = {};
  OutOfAttempts out_of_attempts = OutOfAttempts::fail;
  /// The signals that an execution can be sent, by their names (name grammar): each with the JSON Schema of its value.
  std::map<std::string, Json> signals = {};
};

class DomainService {
 public:
  virtual ~DomainService() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;  ///< name grammar
  [[nodiscard]] virtual std::vector<IntentSupport> supported_intents() const = 0;
  [[nodiscard]] virtual Task<Result<HandlerResult>> handle_intent(const Intent& intent, ExecutionContext& context) = 0;
};

}  // namespace symphainy
