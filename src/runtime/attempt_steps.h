// SPDX-License-Identifier: Apache-2.0
// Where one attempt's steps and waits are recorded: on the partition, through the lifecycle's log, unless the attempt
// has been given up.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/executor.h"
#include "runtime/admission.h"
#include "runtime/deadline_timers.h"
#include "runtime/due_clock.h"
#include "runtime/execution_context.h"
#include "runtime/spawn.h"
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
    const DueClock& due_clock;
    Admission& admission;
  };
  /// Starts a child, whose acceptance goes into one batch with the records; answers its id or why it may not be, and
  /// the position of the batch's last record. An error: nothing was recorded.
  struct Spawned {
    Result<Json> outcome;
    std::uint64_t position = 0;
  };
  using Spawn = std::function<Result<Spawned>(const Intent&, StepOutcome, std::vector<base::RecordDraft>)>;
  using Append = std::function<Result<public_works::AppendReceipt>(std::vector<base::RecordDraft>)>;

  /// `context` owns this object. The attempt's grant was recorded at `started_position`. Both functions are called on
  /// the partition, `on_pause` when a pause begins: it may give the attempt up. `received`: what has come and
  /// no wait has taken.
  AttemptSteps(Place place, RuntimeExecutionContext& context, std::uint64_t started_position, Received received,
               Append append, Spawn spawn_child, std::function<void()> on_pause)
      : place_(place),
        context_(context),
        append_(std::move(append)),
        spawn_child_(std::move(spawn_child)),
        on_pause_(std::move(on_pause)),
        recorded_position_(started_position),
        inbox_(std::move(received.signals)),
        children_(std::move(received.children)) {}

  /// On the partition: between two tries of a step, or of undoing one.
  [[nodiscard]] bool is_pausing() const noexcept { return pausing_; }

  Task<Result<void>> record(std::vector<base::RecordDraft> drafts) override;
  Task<void> pause(std::int64_t delay_us) override;
  Task<Result<Json>> wait(Wait wait, std::vector<base::RecordDraft> unrecorded) override;
  Task<Result<Json>> spawn(Intent child, StepOutcome step, std::vector<base::RecordDraft> unrecorded) override;

  // On the partition:

  /// A signal that has just been recorded, for whoever asks for it.
  void keep(ReceivedSignal signal) { inbox_.push_back(std::move(signal)); }
  /// The wait that has begun, and has not ended.
  [[nodiscard]] const WaitStart* awaited() const { return open_ && !over_ ? &*open_ : nullptr; }
  /// Whether what it waits for is there with the end of this child.
  [[nodiscard]] bool ends_with(const std::string& child) const;
  /// Those that it waits for, and that have not ended.
  [[nodiscard]] const std::set<std::string>& awaited_children() const noexcept { return awaited_children_; }
  /// A child's end that has just been recorded, for whoever waits for it; with the end of that wait, if ends_with().
  void keep(const std::string& child, Json outcome, std::uint64_t position);
  /// That is over with this value, whose record ends at the position.
  void end_wait(Json value, std::uint64_t position);
  /// The handler was suspended, and what it waits for has come meanwhile.
  [[nodiscard]] bool is_over() const noexcept { return over_.has_value(); }
  /// Whoever waits goes on, or is suspended, as is right now: the attempt is cancelled or given up, or the runtime
  /// closes.
  void interrupt();

 private:
  [[nodiscard]] Task<Result<Json>> spawn_here(Intent child, StepOutcome step, std::vector<base::RecordDraft> drafts);
  enum class Roused { by_time, by_end, by_interruption };
  [[nodiscard]] Task<Result<Json>> wait_here(Wait wait, std::vector<base::RecordDraft> drafts);
  [[nodiscard]] std::optional<ReceivedSignal> take_signal(const WaitStart& wait);
  [[nodiscard]] Task<Result<Json>> end_with(Json value, std::vector<base::RecordDraft> drafts);
  [[nodiscard]] Task<Roused> stay_awake();
  [[nodiscard]] bool is_brief() const;
  [[nodiscard]] base::RecordDraft begun(const WaitStart& wait) const;
  [[nodiscard]] base::RecordDraft ended(const WaitStart& wait, const std::string& signal_id, bool timed_out) const;
  [[nodiscard]] Task<Result<void>> record_here(std::vector<base::RecordDraft> drafts);

  const Place place_;
  RuntimeExecutionContext& context_;
  const Append append_;
  const Spawn spawn_child_;
  const std::function<void()> on_pause_;
  bool pausing_ = false;
  std::uint64_t recorded_position_;   // of the last record of the attempt
  std::deque<ReceivedSignal> inbox_;  // that no wait has taken
  EndedChildren children_;
  std::set<std::string> awaited_children_;
  std::optional<WaitStart> open_;
  struct Over {
    Json value;
    std::uint64_t position = 0;
  };
  std::optional<Over> over_;                 // what ended open_
  std::shared_ptr<Promised<Roused>> awake_;  // while the frame is kept, because it may not take long
  std::optional<Error> failed_;  // the first time; what was to be recorded then is lost, so nothing may follow it
};

}  // namespace symphainy::runtime
