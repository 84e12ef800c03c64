// SPDX-License-Identifier: Apache-2.0
// An execution while it is carried out: what the lifecycle, commands and the saga coordinator know of it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "symphainy/runtime.h"

#include "runtime/decision_state.h"
#include "runtime/execution_context.h"
#include "runtime/handler_run.h"
#include "runtime/intent_registry.h"

namespace symphainy::runtime {

class AttemptSteps;

/// Why an execution is parked whose handler this process has not.
inline constexpr const char* kMissingHandler = "missing_handler";

/// How far the undoing of an execution's steps came.
enum class Compensation { none, done, stuck };

/// An execution while it is carried out here.
struct RunningExecution {
  std::shared_ptr<const Intent> intent;
  base::Uuid id;
  std::string seed;
  std::uint32_t attempt = 1;
  std::uint32_t failed_attempts = 0;
  RegisteredPtr handler;  ///< nullptr: missing in this process
  std::string missing_handler;
  TrackedPtr tracked;
  std::int64_t accepted_steady_us = 0;
  std::uint64_t started_position = 0;  ///< of its last record before the handler
  RecordedAnswers answers;             ///< of earlier attempts, for its context to give again
  std::optional<Error> undoing;        ///< why its steps are being undone
  Compensation compensation = Compensation::none;
  std::shared_ptr<RuntimeExecutionContext> context;
  std::shared_ptr<AttemptSteps> steps;
  std::shared_ptr<Promised<Result<void>>> undo;  ///< while its steps are undone
  bool suspended = false;                        ///< its handler waits, and is not here any more
  Received received;                             ///< until its handler starts
  bool left = false;                             ///< to whoever opens the log again: this process closes
  std::shared_ptr<HandlerOutcome> outcome;       ///< while its handler runs
  std::shared_ptr<Promised<bool>> pause;         ///< while it waits for its next attempt; true: go on now
  std::optional<ExecutionCommand> termination;   ///< who ends it
  std::vector<base::RecordDraft> commit;         ///< the records of the last three stages
  Json value;
};

/// How it stands now, while it has not ended.
[[nodiscard]] ExecutionResult as_it_is(const TrackedExecution& tracked);

}  // namespace symphainy::runtime
