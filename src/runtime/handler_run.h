// SPDX-License-Identifier: Apache-2.0
// One run of a handler: started on a handler thread, ended by its own answer or by the deadline, whichever comes first.
// What comes second is ignored; a handler that is late finds its context given up, so that it cannot commit anything.
// One that waits for long is suspended: its frame is destroyed, and its answer is none (is_suspended()).
#pragma once

#include <memory>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/executor.h"
#include "runtime/deadline_timers.h"
#include "runtime/execution_context.h"
#include "runtime/intent_registry.h"
#include "runtime/running_handlers.h"
#include "runtime/spawn.h"

namespace symphainy::runtime {

/// Where handlers run. All of it outlives them (RunningHandlers).
struct HandlerPlace {
  public_works::Executor& partition;
  public_works::Executor& handlers;
  public_works::Clock& clock;
  DeadlineTimers& deadlines;
  RunningHandlers& running;
};

/// What the run comes to; whoever sets it first decides.
using HandlerOutcome = Promised<Result<HandlerResult>>;

/// What the handler answers. An exception that leaves it is an error like any other; so is a handler that is no
/// coroutine.
[[nodiscard]] Task<Result<HandlerResult>> answer_of(const IntentHandler& handler, RuntimeExecutionContext& context);

/// What an execution ends with whose handler was not done in time.
[[nodiscard]] Error deadline_passed(std::int64_t deadline_us);

/// Called and resumed on the partition's executor.
[[nodiscard]] Task<Result<HandlerResult>> run_handler(HandlerPlace place, RegisteredPtr handler,
                                                      std::shared_ptr<RuntimeExecutionContext> context,
                                                      std::shared_ptr<HandlerOutcome> outcome);

}  // namespace symphainy::runtime
