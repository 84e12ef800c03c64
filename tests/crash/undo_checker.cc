// SPDX-License-Identifier: Apache-2.0
#include "crash/undo_checker.h"

#include <fmt/format.h>
#include <tuple>
#include <utility>

namespace symphainy::tests {
namespace {

class UndoCheck {
 public:
  UndoCheck(const Evidence& evidence, const LogFacts& facts, std::vector<Violation>& violations)
      : evidence_(evidence), facts_(facts), violations_(violations) {}

  void run() {
    for (const LedgerEntry& entry : evidence_.ledger) {
      const auto execution = facts_.executions.find(entry.execution_id);
      if (entry.step.empty() || execution == facts_.executions.end()) continue;
      ran_.emplace(entry.execution_id, entry.step);
      if (entry.step.starts_with(kUndoPrefix)) {
        check_run(entry, entry.step.substr(kUndoPrefix.size()), execution->second.course.saga());
      } else {
        check_step(entry, execution->second.course.saga());
      }
    }
    for (const auto& [id, execution] : facts_.executions) {
      if (evidence_.noting_types.contains(execution.row.intent_type)) check_ran(id, execution.course.saga());
    }
  }

 private:
  void broken(std::string what) { violations_.push_back({"I9", std::move(what)}); }
  static std::string named(const LedgerEntry& entry) {
    return fmt::format("attempt {} of execution {} ran {}", entry.attempt, entry.execution_id, entry.step);
  }

  // One that is late may still do what it began before.
  void check_step(const LedgerEntry& entry, const SagaCourse& saga) {
    if (saga.begun_by() && entry.attempt > *saga.begun_by()) {
      broken(fmt::format("{}, and attempt {} had begun to undo", named(entry), *saga.begun_by()));
    }
  }

  void check_run(const LedgerEntry& entry, const std::string& key, const SagaCourse& saga) {
    if (!saga.begun_by() || *saga.begun_by() > entry.attempt) {
      return broken(named(entry) + ", and the log had not said that its steps are undone");
    }
    if (!saga.concerns(key)) return broken(named(entry) + ", which is none of those that were to be undone");
    const UndoneStep* undone = saga.undone(key);
    if (undone != nullptr && undone->attempt < entry.attempt) {
      broken(fmt::format("{}, and attempt {} had recorded at {} that it is undone", named(entry), undone->attempt,
                         undone->position));
    }
    std::string& before = last_[{entry.execution_id, entry.attempt}];
    if (!before.empty() && before != key) check_next(entry, before, saga);
    if (before != key && !begun_.emplace(entry.execution_id, entry.attempt, key).second) {
      broken(named(entry) + ", and others in between");
    }
    before = key;
  }

  void check_next(const LedgerEntry& entry, const std::string& before, const SagaCourse& saga) {
    const UndoneStep* undone = saga.undone(before);
    if (undone != nullptr && undone->attempt == entry.attempt) return;
    broken(fmt::format("{}, and the log has nothing of it having undone {} before", named(entry), before));
  }

  // What is undone was undone by somebody, and done before.
  void check_ran(const std::string& id, const SagaCourse& saga) {
    for (const UndoneStep& step : saga.undone()) {
      if (!ran_.contains({id, std::string(kUndoPrefix) + step.key})) {
        broken(fmt::format("step {} of execution {} is recorded as undone at {}, and no undo of it ran", step.key, id,
                           step.position));
      }
      if (step.is_known && !ran_.contains({id, step.key})) {
        broken(fmt::format("step {} of execution {} is undone, and was never run", step.key, id));
      }
    }
  }

  const Evidence& evidence_;
  const LogFacts& facts_;
  std::vector<Violation>& violations_;
  std::set<std::pair<std::string, std::string>> ran_;                    // execution, what of it
  std::map<std::pair<std::string, std::uint32_t>, std::string> last_;    // undone by an attempt
  std::set<std::tuple<std::string, std::uint32_t, std::string>> begun_;  // execution, attempt, key
};

}  // namespace

void check_undone(const Evidence& evidence, const LogFacts& facts, std::vector<Violation>& violations) {
  UndoCheck(evidence, facts, violations).run();
}

}  // namespace symphainy::tests
