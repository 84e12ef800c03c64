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
  std::uint64_t position = 0;  ///< of its record; 0: not recorded yet
};

/// That a step of a saga begins: one that can be undone, or the one behind which nothing is undone.
struct StepStart {
  std::string key;
  std::string input_digest;
  std::size_t observed = 0;  ///< as above
  bool pivot = false;
  std::uint64_t position = 0;
  /// Taken over from an execution that began it: the token that its function had there.
  std::optional<std::string> token = std::nullopt;
  bool kept = false;  ///< that execution completed: what the step did is not this one's to undo
};

/// What a step that starts a child is called by: its name behind this.
inline constexpr const char* kSpawn = "spawn:";

[[nodiscard]] base::RecordDraft step_record(const StepOutcome& step, const RecordOwner& owner);
[[nodiscard]] std::string step_started_payload(const StepStart& start);
[[nodiscard]] std::string step_compensated_payload(const std::string& key, std::uint32_t tries);

/// A StepStarted record read back. corrupt when a member is missing.
[[nodiscard]] Result<StepStart> start_from_record(const base::LogRecord& record);
/// A StepCompleted or StepFailed record read back. corrupt when a member is missing.
[[nodiscard]] Result<StepOutcome> step_from_record(const base::LogRecord& record);

class StepJournal {
 public:
  StepJournal() = default;
  /// With what earlier attempts recorded.
  StepJournal(std::vector<StepOutcome> recorded, std::vector<StepStart> started, std::set<std::string> undone);

  /// Of the next step with this name; counts it.
  [[nodiscard]] std::string next_key(const std::string& name);
  [[nodiscard]] const StepOutcome* recorded(const std::string& key) const;
  [[nodiscard]] std::size_t size() const noexcept { return recorded_.size() + pending_.size(); }

  void add(StepOutcome step) { pending_.push_back(std::move(step)); }
  /// One that somebody else has recorded.
  void note_recorded(StepOutcome step) {
    std::string key = step.key;
    recorded_.emplace(std::move(key), std::move(step));
  }

  /// What is recorded of a saga's steps.
  [[nodiscard]] const StepStart* started(const std::string& key) const;
  void note_started(StepStart start) { started_.push_back(std::move(start)); }
  void note_undone(const std::string& key) { undone_.insert(key); }
  /// Keys of those that can be undone, have begun, are not known to have failed, and are not undone, in the order of
  /// their beginning.
  [[nodiscard]] std::vector<std::string> to_undo() const;
  /// The pivot has begun, and is not known to have failed.
  [[nodiscard]] bool has_no_way_back() const;

  [[nodiscard]] bool has_pending() const noexcept { return !pending_.empty(); }
  /// Appends the records of what is not recorded yet, which counts as recorded from then on.
  void append_records(const RecordOwner& owner, std::vector<base::RecordDraft>& out);

 private:
  [[nodiscard]] bool has_failed(const std::string& key) const;

  std::unordered_map<std::string, std::uint32_t> counts_;  // of each name so far
  std::map<std::string, StepOutcome> recorded_;            // by key
  std::vector<StepOutcome> pending_;
  std::vector<StepStart> started_;
  std::set<std::string> undone_;
};

}  // namespace symphainy::runtime
