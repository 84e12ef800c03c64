// SPDX-License-Identifier: Apache-2.0
// What may follow what among one execution's records: its steps (I5), its attempts (I6), what is
// undone of it (I9, saga_course.h), what it waits for (I16, wait_course.h), its parking and its end (I14).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "symphainy/json.h"

#include "base/log_record.h"
#include "crash/saga_course.h"
#include "crash/violation.h"
#include "crash/wait_course.h"

namespace symphainy::tests {

/// A recorded outcome of a step.
struct StepFact {
  std::uint32_t attempt = 0;
  std::uint64_t position = 0;
  bool completed = false;
};

class ExecutionCourse {
 public:
  /// Takes the next record, in log order. What it breaks, as invariants with what stands behind "record: ".
  [[nodiscard]] std::vector<Violation> follow(const base::LogRecord& record, const Json& payload);

  /// What the log has of a step, by its key.
  [[nodiscard]] const std::vector<StepFact>& step(const std::string& key) const;
  /// Whether the attempt may run a step again that an earlier one recorded so.
  [[nodiscard]] bool may_run_again(const StepFact& recorded, std::uint32_t attempt) const;
  /// A step that failed, and behind which neither a step completed nor a wait began.
  [[nodiscard]] std::optional<std::string> failed_last() const;
  /// Positions where it was parked.
  [[nodiscard]] const std::set<std::uint64_t>& parked_at() const noexcept { return parked_at_; }
  /// Positions where an undo of it was stuck.
  [[nodiscard]] const std::set<std::uint64_t>& stuck_at() const noexcept { return stuck_at_; }
  [[nodiscard]] const SagaCourse& saga() const noexcept { return saga_; }
  [[nodiscard]] const WaitCourse& waits() const noexcept { return waits_; }
  /// It waits for somebody to act, and nobody has.
  [[nodiscard]] bool is_parked() const noexcept { return standing_ == Standing::parked; }
  /// By anybody, and what came of it.
  [[nodiscard]] bool was_resumed() const noexcept { return was_resumed_; }
  [[nodiscard]] bool was_cancelled() const noexcept { return was_cancelled_; }
  [[nodiscard]] bool was_retried() const noexcept { return was_retried_; }

 private:
  enum class Standing {
    going_on,
    begun_to_undo,   ///< and nothing is undone yet: another attempt may do it, as the handler of this one is late
    attempt_failed,  ///< the next one has not begun
    parked,          ///< or its undoing is stuck
    released,        ///< somebody acted on it while it was parked; the next attempt has not begun
  };
  [[nodiscard]] std::vector<Violation> follow_step(const base::LogRecord& record, const Json& payload, bool completed);
  [[nodiscard]] std::vector<Violation> follow_start(const base::LogRecord& record);
  [[nodiscard]] std::vector<Violation> follow_end(const base::LogRecord& record) const;
  [[nodiscard]] std::vector<Violation> check_between_attempts(const base::LogRecord& record) const;

  Standing standing_ = Standing::going_on;
  bool goes_on_with_handler_ = false;  ///< parked because its handler was missing
  bool was_resumed_ = false;
  bool was_cancelled_ = false;
  bool was_retried_ = false;
  std::uint64_t epoch_ = 0;  ///< of its newest attempt
  std::map<std::string, std::vector<StepFact>> steps_;
  std::set<std::uint32_t> forgave_failures_;  ///< attempts behind which steps that failed run again
  std::optional<std::string> failed_last_;
  std::set<std::uint64_t> parked_at_;
  std::set<std::uint64_t> stuck_at_;
  SagaCourse saga_;
  WaitCourse waits_;
};

}  // namespace symphainy::tests
