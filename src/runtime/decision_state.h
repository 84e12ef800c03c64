// SPDX-License-Identifier: Apache-2.0
// What decisions are made from: everything decided so far, at the log's head, durable or not, folded or not. What is
// live or not yet folded is held in memory; the rest is looked up in the state store. Never waits for the fold.
//
// Used on the partition's executor only.
#pragma once

#include <coroutine>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "symphainy/runtime.h"

#include "public_works/abstractions/lineage_store.h"
#include "public_works/abstractions/state_store.h"
#include "runtime/commit.h"

namespace symphainy::runtime {

struct RunningExecution;

/// An execution between its acceptance and the moment its end is folded.
struct TrackedExecution {
  public_works::ExecutionRow row;                 ///< status "running" until it ends
  bool running = false;                           ///< somebody here is driving it
  bool end_appended = false;                      ///< nothing can be done to it any more
  bool asleep = false;                            ///< it waits, and is woken here (execution_waits.cc)
  std::set<std::string> awaited_children;         ///< while it is asleep for them: those that have not ended
  bool has_children = false;                      ///< it has spawned some here
  bool parking = false;                           ///< appended that it is parked, and not durable yet
  RunningExecution* driven = nullptr;             ///< while an attempt is under way (running_execution.h)
  std::optional<Error> cancellation;              ///< why it shall end, once somebody has asked for that
  std::uint64_t cancelled_position = 0;           ///< of that record, when it was asked here
  bool ended = false;                             ///< here, durably unless `result` is an error
  std::optional<Result<ExecutionResult>> result;  ///< for those in `waiting`, or why nothing can be said
  std::vector<std::coroutine_handle<>> waiting;   ///< for its end: duplicates, and those who act on it
  std::uint64_t remembered_until = 0;             ///< folded up to there, it is forgotten here
};
using TrackedPtr = std::shared_ptr<TrackedExecution>;

/// Whether it goes on only when somebody acts.
[[nodiscard]] inline bool waits_for_somebody(const public_works::ExecutionRow& row) {
  return row.status == "parked" || row.status == "compensation_stuck";
}

/// co_await: goes on when whoever drives it has ended or parked it.
struct HandedOver {
  TrackedExecution& execution;
  [[nodiscard]] bool await_ready() const noexcept { return execution.ended; }
  void await_suspend(std::coroutine_handle<> waiting) const { execution.waiting.push_back(waiting); }
  void await_resume() const noexcept {}
};

/// The execution that an intent id or an idempotency key stands for already.
struct Binding {
  TrackedPtr tracked;  ///< set while live or not yet folded
  public_works::ExecutionRow row;
  std::string bound_by;  ///< "idempotency_key" or "intent_id"
  /// What the intent id stands for, when that is another execution than the key's.
  std::optional<public_works::ExecutionRow> other_by_intent_id = std::nullopt;
};

class DecisionState {
 public:
  DecisionState(public_works::StateStore& store, public_works::LineageStore& lineage);
  /// Reads what lives from the store. What the log holds behind the store's position follows with see().
  [[nodiscard]] Result<void> load();
  /// What was decided by an earlier process and is not folded yet, in log order; forgotten again once it is.
  [[nodiscard]] Result<void> see(const public_works::StateChanges& decided);

  /// Nothing when neither the key nor the intent id was seen before. Rejected intents bind nothing. The key's when both
  /// were.
  [[nodiscard]] Result<std::optional<Binding>> find_binding(const Intent& intent);
  /// Nothing when its end is folded, or there is no such execution.
  [[nodiscard]] TrackedPtr find(const std::string& tenant, const std::string& execution_id) const;
  /// The same, and one whose end is folded as well, from the store. Nothing when there is no such execution.
  [[nodiscard]] Result<TrackedPtr> find_ended_too(const std::string& tenant, const std::string& execution_id);
  TrackedPtr track(TrackedPtr execution);
  /// The execution has ended at this position; it is forgotten here once that is folded.
  void ended(const TrackedPtr& execution, std::uint64_t position);
  [[nodiscard]] std::vector<TrackedPtr> live() const;

  /// Checks a commit against everything decided before it and fills in versions and sequences. On success the commit
  /// counts as decided: it must be appended next. conflict: a compare-and-set lost; invalid_argument: unknown
  /// reference, cycle, foreign content.
  [[nodiscard]] Result<void> decide(PendingCommit& commit, const std::string& tenant);
  /// The position at which the commit decided last was appended.
  void decided_at(const PendingCommit& commit, const std::string& tenant, std::uint64_t position);

  /// Everything up to the position is in the store: it need not be remembered here.
  void folded(std::uint64_t position);
  [[nodiscard]] std::size_t remembered() const noexcept { return forget_.size(); }

 private:
  // What need not be remembered any more once its position is folded.
  struct Forget {
    enum class Kind { execution, state, reference, location, sources };
    std::uint64_t position;
    Kind kind;
    std::string key;
    TrackedPtr execution;
  };

  using Tracked = std::unordered_map<std::string, TrackedPtr>;
  using StoredRow = Result<std::optional<public_works::ExecutionRow>>;
  [[nodiscard]] static Result<std::optional<Binding>> binding(const Tracked& tracked, const std::string& key,
                                                              const std::function<StoredRow()>& stored,
                                                              std::string_view bound_by);
  struct StateVersion {
    std::uint64_t version = 0;   ///< goes on counting when the key is deleted
    bool has_value = false;      ///< false: deleted, or never there
    std::uint64_t position = 0;  ///< of the last change, when it is remembered here
  };
  void see(const public_works::ExecutionRow& row, std::uint64_t position);
  void remember(std::string key, StateVersion version);
  void remember(const std::string& tenant, const std::string& reference_id, const std::string& location,
                std::uint64_t position);
  void remember_source(std::string derived, const std::string& source, std::uint64_t position);
  [[nodiscard]] Result<StateVersion> state_version(const std::string& tenant, const std::string& key);
  [[nodiscard]] Result<void> check_provenance(const PendingCommit& commit, const std::string& tenant);
  [[nodiscard]] Result<void> check_content(const PendingCommit& commit, const std::string& tenant);
  void forget_at(std::uint64_t position, Forget::Kind kind, std::string key);
  void forget(const Forget& what, std::uint64_t reached);

  public_works::StateStore& store_;
  public_works::LineageStore& lineage_;

  // Keys are tenant, NUL, name: neither can hold a NUL.
  Tracked by_id_;
  Tracked by_intent_;
  Tracked by_key_;

  std::unordered_map<std::string, StateVersion> state_versions_;
  std::unordered_set<std::string> known_references_;  // some of those in the store: references are never removed
  std::unordered_map<std::string, std::uint64_t> references_;  // → position
  std::unordered_map<std::string, std::uint64_t> locations_;   // "artifact:…" → position of the last reference to it
  struct RecentSources {
    std::vector<std::string> sources;
    std::uint64_t position = 0;  ///< of the last edge
  };
  std::unordered_map<std::string, RecentSources> recent_sources_;           // by derived
  std::map<std::pair<std::string, std::string>, std::uint64_t> sequences_;  // every stream's last

  std::deque<Forget> forget_;  // ascending positions
};

}  // namespace symphainy::runtime
