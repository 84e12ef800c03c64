// SPDX-License-Identifier: Apache-2.0
// Undoes what an execution did that fails for good or is cancelled: those of its undoable steps that were completed,
// and those of which nobody knows, in the reverse order of their beginning, one recorded compensation each. That it
// begins is a record, so from then on every attempt goes on with it, whatever happens to the process.
//
// Runs on the partition's executor; undo functions run on the handlers'.
#pragma once

#include <functional>
#include <vector>

#include "public_works/abstractions/executor.h"
#include "runtime/running_execution.h"
#include "runtime/running_handlers.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {

class SagaCoordinator {
 public:
  /// All of it outlives the coordinator. `append` is the lifecycle's; `run_again` has the handler of the execution run
  /// as another attempt, which is answered what was recorded and refused everything else.
  struct Parts {
    public_works::Executor& partition;
    public_works::Executor& handlers;
    WriteAheadLog& log;
    RunningHandlers& running;
    std::function<Result<public_works::AppendReceipt>(TrackedExecution&, std::vector<base::RecordDraft>)> append;
    std::function<Task<Result<void>>(RunningExecution&)> run_again;
  };
  explicit SagaCoordinator(Parts parts) : parts_(std::move(parts)) {}

  /// Whether the execution has something to undo, now that this is its outcome.
  [[nodiscard]] Task<bool> is_called_for(const RunningExecution& execution, const Result<void>& outcome);
  /// The execution's outcome then: never a success. Says in the execution how far it came.
  [[nodiscard]] Task<Result<void>> compensate(RunningExecution& execution, Error why);

 private:
  [[nodiscard]] Task<bool> has_to_undo(TrackedPtr tracked);
  [[nodiscard]] Task<Result<void>> begin(RunningExecution& execution, Error why);
  [[nodiscard]] Task<Result<void>> undo_steps(RunningExecution& execution);

  Parts parts_;
};

}  // namespace symphainy::runtime
