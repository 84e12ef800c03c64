// SPDX-License-Identifier: Apache-2.0
// The steps of one execution: what earlier attempts recorded of them, to be answered again, and what is not recorded
// yet. A step is known by its name and how often the name was used before, so that steps that have not run yet can be
// put in another order.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "symphainy/error.h"

#include "base/log_record.h"
#include "runtime/commit.h"

namespace symphainy::runtime {

struct StepOutcome {
  std::string key;           ///< "charge-card#1"
  std::string input_digest;  ///< hex SHA-256 of the input's canonical JSON
  std::size_t observed = 0;  ///< answers that the context had given when it began
  std::uint32_t tries = 1;
  Result<Json> outcome;
  bool pivot = false;  ///< completed, it lets nothing be undone any more
};

[[nodiscard]] std::string step_started_payload(const std::string& key, const std::string& input_digest);
[[nodiscard]] std::string step_compensated_payload(const std::string& key, std::uint32_t tries);

/// A StepCompleted or StepFailed record read back. corrupt when a member is missing.
[[nodiscard]] Result<StepOutcome> step_from_record(const base::LogRecord& record);

class StepJournal {
 public:
  StepJournal() = default;
  /// With what earlier attempts recorded.
  StepJournal(std::vector<StepOutcome> recorded, std::set<std::string> started, std::set<std::string> undone);

  /// Of the next step with this name; counts it.
  [[nodiscard]] std::string next_key(const std::string& name);
  [[nodiscard]] const StepOutcome* recorded(const std::string& key) const;
  /// Whether an earlier attempt completed a pivot.
  [[nodiscard]] bool has_pivot() const;
  [[nodiscard]] std::size_t size() const noexcept { return recorded_.size() + pending_.size(); }

  void add(StepOutcome step) { pending_.push_back(std::move(step)); }

  /// Of a step that can be undone: that it has begun, and that it is undone, is recorded.
  [[nodiscard]] bool has_started(const std::string& key) const { return started_.contains(key); }
  [[nodiscard]] bool is_undone(const std::string& key) const { return undone_.contains(key); }
  void note_started(const std::string& key) { started_.insert(key); }
  void note_undone(const std::string& key) { undone_.insert(key); }
  /// Those that have begun, are not known to have failed, and are not undone.
  [[nodiscard]] std::vector<std::string> to_undo() const;

  [[nodiscard]] bool has_pending() const noexcept { return !pending_.empty(); }
  /// Appends the records of what is not recorded yet, which counts as recorded from then on.
  void append_records(const RecordOwner& owner, std::vector<base::RecordDraft>& out);

 private:
  std::unordered_map<std::string, std::uint32_t> counts_;  // of each name so far
  std::map<std::string, StepOutcome> recorded_;            // by key
  std::vector<StepOutcome> pending_;
  std::set<std::string> started_;
  std::set<std::string> undone_;
};

}  // namespace symphainy::runtime
