// SPDX-License-Identifier: Apache-2.0
// Where one attempt's steps are recorded: on the partition, through the lifecycle's log, unless the attempt has been
// given up.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/executor.h"
#include "runtime/deadline_timers.h"
#include "runtime/execution_context.h"
#include "runtime/write_ahead_log.h"

namespace symphainy::runtime {

class AttemptSteps final : public StepLog {
 public:
  /// All of it outlives every handler.
  struct Place {
    public_works::Executor& partition;
    public_works::Executor& handlers;
    public_works::Clock& clock;
    DeadlineTimers& timers;
    WriteAheadLog& log;
  };
  using Append = std::function<Result<public_works::AppendReceipt>(std::vector<base::RecordDraft>)>;

  /// `context` owns this object. The attempt's grant was recorded at `started_position`. Both functions are called on
  /// the partition, `on_pause` when a pause begins: it may give the attempt up.
  AttemptSteps(Place place, const RuntimeExecutionContext& context, std::uint64_t started_position, Append append,
               std::function<void()> on_pause)
      : place_(place),
        context_(context),
        started_position_(started_position),
        append_(std::move(append)),
        on_pause_(std::move(on_pause)) {}

  /// On the partition: between two tries of a step, or of undoing one.
  [[nodiscard]] bool is_pausing() const noexcept { return pausing_; }

  Task<Result<void>> record(std::vector<base::RecordDraft> drafts) override;
  Task<void> pause(std::int64_t delay_us) override;

 private:
  [[nodiscard]] Task<Result<void>> record_here(std::vector<base::RecordDraft> drafts);

  const Place place_;
  const RuntimeExecutionContext& context_;
  const std::uint64_t started_position_;
  const Append append_;
  const std::function<void()> on_pause_;
  bool pausing_ = false;
  std::optional<Error> failed_;  // the first time; what was to be recorded then is lost, so nothing may follow it
};

}  // namespace symphainy::runtime
