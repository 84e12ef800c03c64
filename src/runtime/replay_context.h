// SPDX-License-Identifier: Apache-2.0
// The execution context of a replay: every answer comes from the log, in the order recorded; steps and their undoing
// are never run. Where the handler asks for something else than it did, or for more, it is left where it stands.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/execution_context.h"
#include "runtime/recorded_course.h"

namespace symphainy::runtime {

/// The first thing that a handler did otherwise.
struct Divergence {
  /// "step", "missing_step" (recorded, not asked for), "wait", "missing_wait", "observation", "artifact", "reference",
  /// "provenance", "state", "event" or "result".
  std::string what;
  std::string key;
  Json expected;               ///< recorded; null: nothing
  Json got;                    ///< now; null: nothing
  std::uint64_t position = 0;  ///< of the record that tells what was expected
};

/// Why a handler was left where it stood.
struct ReplayStop {
  enum class Why {
    diverged,
    history_ended,  ///< it asked for what nothing is recorded of, which its execution had not come to
    retired,        ///< it needs content that the log does not hold any more
    timed_out,
  };
  Why why = Why::diverged;
  Divergence divergence = {};
  Call asked = {};   ///< where the history ended
  Error error = {};  ///< of what is retired
};

class ReplayContext final : public RuntimeExecutionContext {
 public:
  /// When is_cancelled() becomes true, which is not recorded. A step that is not recorded is refused either way.
  enum class HearsCancellation { with_the_last_record, by_a_step_alone };

  /// `on_left` is called on the handler's thread, once it has been left.
  ReplayContext(ContextServices& services, const base::Uuid& execution, const RecordedCourse& course,
                HearsCancellation hears);
  void on_left(std::function<void()> left) { on_left_ = std::move(left); }

  [[nodiscard]] bool is_cancelled() const override;
  [[nodiscard]] Result<std::unique_ptr<ContentSource>> open_reference(const std::string& reference_id) override;

  /// Any thread: answers nothing from now on.
  void time_is_up();
  [[nodiscard]] std::optional<ReplayStop> stop() const;
  /// When the handler has answered: what is recorded and was not asked for, the first of it.
  [[nodiscard]] std::optional<Divergence> not_asked_for() const;

 protected:
  [[nodiscard]] Result<std::optional<Json>> recorded_answer(std::string_view kind, const std::string& key) override;
  [[nodiscard]] bool lets_step(const StepOutcome& step, const StepOptions& options) override;
  [[nodiscard]] bool lets_wait(const WaitStart& wait, const WaitRequest& request) override;
  void left_suspended() noexcept override;

 private:
  [[nodiscard]] bool goes_on(const Call& asked);
  [[nodiscard]] bool is_refused(const Call& asked);
  [[nodiscard]] ReplayStop beyond_the_log(const Call& asked) const;
  [[nodiscard]] ReplayStop other_than(const RecordedCall& expected, const Call& asked) const;
  void stop_with(ReplayStop stop);

  const std::vector<RecordedCall> calls_;
  const RecordedEnd end_;
  const HearsCancellation hears_;
  std::function<void()> on_left_;
  std::size_t next_ = 0;  // of the calls
  bool refused_ = false;  // a step, so that the handler knows
  mutable std::mutex mutex_;
  std::optional<ReplayStop> stop_;  // guarded by mutex_
};

}  // namespace symphainy::runtime
