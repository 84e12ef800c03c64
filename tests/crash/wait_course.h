// SPDX-License-Identifier: Apache-2.0
// What one execution waits for (I16): a wait begins once and ends once, with its time, and not before that, or with the
// first signal of its name that no other has taken; and meanwhile nothing is done.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "symphainy/json.h"

#include "base/log_record.h"
#include "crash/violation.h"

namespace symphainy::tests {

struct OpenWait {
  std::string key;
  std::string kind;                    ///< "timer", "signal"
  std::string name;                    ///< of the signal
  std::optional<std::int64_t> due_us;  ///< over anyhow, UTC
  bool by_wall = false;                ///< that moves with the wall clock
  std::int64_t wake_us = 0;            ///< its execution goes on at the latest; 0: when something else happens
  bool wake_by_wall = false;
};

class WaitCourse {
 public:
  /// Takes the execution's next record, in log order.
  [[nodiscard]] std::vector<Violation> follow(const base::LogRecord& record, const Json& payload);

  /// It has begun, and not ended.
  [[nodiscard]] const OpenWait* open() const noexcept { return open_ ? &*open_ : nullptr; }
  /// It may wait for that when everything is drained: nobody has told it to end.
  [[nodiscard]] bool may_be_left() const noexcept { return open_.has_value() && !was_cancelled_; }
  /// That was recorded last, but for signals.
  [[nodiscard]] bool is_waiting() const noexcept { return is_waiting_; }
  [[nodiscard]] bool has_received(const std::string& signal_id) const { return ids_.contains(signal_id); }
  /// Waits that were over, by the records' times, before they had lasted as long as they should: broken when nobody
  /// sets the wall clock.
  [[nodiscard]] const std::vector<std::string>& too_short() const noexcept { return too_short_; }
  [[nodiscard]] std::size_t ended_by_time() const noexcept { return ended_by_time_; }
  [[nodiscard]] std::size_t ended_by_signal() const noexcept { return ended_by_signal_; }
  /// It was cancelled while it waited.
  [[nodiscard]] bool was_cut_short() const noexcept { return was_cut_short_; }
  /// Its handler may be gone, and nothing failed: it waits, or that was over last.
  [[nodiscard]] bool may_be_taken_up() const noexcept { return open_.has_value() || just_ended_; }
  /// Another attempt went on where a wait was over.
  [[nodiscard]] std::size_t taken_up() const noexcept { return taken_up_; }

 private:
  struct Untaken {
    std::string id;
    std::string name;
  };
  [[nodiscard]] std::vector<Violation> begin(const Json& payload);
  [[nodiscard]] std::vector<Violation> end(const base::LogRecord& record, const Json& payload);
  [[nodiscard]] std::vector<Violation> end_by_time(const base::LogRecord& record);
  [[nodiscard]] std::vector<Violation> end_by_signal(const std::string& id);
  [[nodiscard]] std::vector<Violation> receive(const Json& payload);
  [[nodiscard]] std::vector<Violation> check_idle(const base::LogRecord& record) const;

  std::optional<OpenWait> open_;
  bool is_waiting_ = false;
  bool was_cancelled_ = false;
  bool was_cut_short_ = false;
  bool just_ended_ = false;      // a wait, and nothing was done since
  std::set<std::string> begun_;  // keys, ever
  std::set<std::string> ids_;    // of signals, ever
  std::deque<Untaken> untaken_;
  std::vector<std::string> too_short_;
  std::size_t ended_by_time_ = 0;
  std::size_t ended_by_signal_ = 0;
  std::size_t taken_up_ = 0;
};

}  // namespace symphainy::tests
