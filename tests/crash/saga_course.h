// SPDX-License-Identifier: Apache-2.0
// What is undone of one execution (I9): exactly those of its steps that can be undone and were completed, or of which
// nobody knows, in the reverse order of their beginning, once each, and nothing is done beside that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/json.h"

#include "base/log_record.h"
#include "crash/violation.h"

namespace symphainy::tests {

/// How the ledger names an undo function's run: this and the key of the step.
inline constexpr std::string_view kUndoPrefix = "undo:";

/// A step that a StepCompensated record says is undone.
struct UndoneStep {
  std::string key;
  std::uint32_t attempt = 0;
  std::uint64_t position = 0;
  bool is_known = false;  ///< that it was completed
};

class SagaCourse {
 public:
  /// Takes the execution's next record, in log order.
  [[nodiscard]] std::vector<Violation> follow(const base::LogRecord& record, const Json& payload);

  /// The attempt that began to undo.
  [[nodiscard]] std::optional<std::uint32_t> begun_by() const noexcept { return begun_by_; }
  [[nodiscard]] const std::vector<UndoneStep>& undone() const noexcept { return undone_; }
  [[nodiscard]] const UndoneStep* undone(std::string_view key) const;
  /// Whether it is to be undone, or is.
  [[nodiscard]] bool concerns(std::string_view key) const;

 private:
  struct BegunStep {
    std::string key;
    std::optional<bool> completed;  ///< nothing: nobody knows
  };
  [[nodiscard]] std::vector<Violation> begin_step(const std::string& key);
  void end_step(const std::string& key, bool completed);
  [[nodiscard]] std::vector<Violation> begin_undoing(const base::LogRecord& record);
  [[nodiscard]] std::vector<Violation> undo_step(const base::LogRecord& record, const std::string& key);
  [[nodiscard]] std::vector<Violation> check_undoing(const base::LogRecord& record) const;
  [[nodiscard]] std::vector<Violation> check_end(const base::LogRecord& record) const;
  [[nodiscard]] std::vector<BegunStep> to_undo_now() const;
  void forgive_failures();

  std::vector<BegunStep> begun_;    // in the order of their beginning; those that failed and may begin again are gone
  std::optional<BegunStep> pivot_;  // that has begun, and not failed
  std::vector<BegunStep> to_undo_;  // in that order, those that are undone are gone
  std::vector<UndoneStep> undone_;
  std::optional<std::uint32_t> begun_by_;
};

}  // namespace symphainy::tests
