// SPDX-License-Identifier: Apache-2.0
#include "crash/history_checker.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <tuple>
#include <utility>

#include "symphainy/intent.h"

#include "base/try.h"
#include "crash/store_checker.h"
#include "crash/undo_checker.h"

namespace symphainy::tests {
namespace {

using Outcome = ClientOperation::Outcome;

constexpr std::size_t kShownPerInvariant = 20;
constexpr std::int64_t kLatestWakingUs = 10'000'000;  // behind what is due, on a machine with much to do

class HistoryCheck {
 public:
  HistoryCheck(const Evidence& evidence, const LogFacts& facts, std::vector<Violation>& violations)
      : evidence_(evidence), facts_(facts), violations_(violations) {}

  void run() {
    check_log_end();
    check_bindings();
    for (const ClientOperation& operation : evidence_.history) {
      if (operation.outcome == Outcome::acknowledged) check_acknowledged(operation);
      if (operation.outcome == Outcome::retired) check_retired(operation);
    }
    for (const ActSeen& act : evidence_.acts) check_act(act);
    check_refused();
    check_ledger();
    check_steps();
    if (!evidence_.wall_clock_is_set) check_durations();
    check_undone(evidence_, facts_, violations_);
    if (evidence_.faults_stopped) check_ended();
    if (evidence_.streams) check_streams();
  }

 private:
  void broken(std::string invariant, std::string what) {
    violations_.push_back({std::move(invariant), std::move(what)});
  }
  static std::string named(const ClientOperation& operation) {
    return fmt::format("client {}: {} of tenant {}, intent {}, key '{}'", operation.client, operation.intent_type,
                       operation.tenant, operation.intent_id, operation.idempotency_key);
  }

  void check_log_end();
  void check_bindings();
  void check_acknowledged(const ClientOperation& operation);
  void check_answer(const ClientOperation& operation, const ExecutionFact& execution);
  void check_body(const ClientOperation& operation, const ExecutionFact& execution);
  void check_retired(const ClientOperation& operation);
  void check_act(const ActSeen& act);
  void check_refused();
  void check_ledger();
  void check_ledger_entry(const LedgerEntry& entry);
  void check_steps();
  void check_durations();
  void check_ended();
  [[nodiscard]] bool may_wait(const ExecutionFact& execution) const;
  void check_streams();
  void check_stream(const public_works::StreamName& stream, const std::vector<EventFact>& committed,
                    const std::vector<std::string>& published);
  void check_event(const public_works::StreamName& stream, const EventFact& committed, const Json& published);

  const Evidence& evidence_;
  const LogFacts& facts_;
  std::vector<Violation>& violations_;
};

// I10, as far as one log cannot tell by itself.
void HistoryCheck::check_log_end() {
  for (const LogEnd& seen : evidence_.ends_seen) {
    if (seen.position == 0) continue;
    const auto kept = facts_.batch_ends.find(seen.position);
    if (kept == facts_.batch_ends.end()) {
      broken("I10", fmt::format("the log was seen to end at {}, and no batch ends there now (it ends at {})",
                                seen.position, facts_.last_position));
    } else if (kept->second != seen.store_hash) {
      broken("I10", fmt::format("the batch that ends at {} was another one before", seen.position));
    }
  }
  const public_works::LogRecovery& found = evidence_.log->recovery();
  if (found.head_position > facts_.last_position) {
    broken("I10",
           fmt::format("the durable head says {}, the log ends at {}", found.head_position, facts_.last_position));
  }
  if (!evidence_.faults_stopped) return;
  if (found.head_position < facts_.last_position) {
    broken("I10", fmt::format("the log was closed at {}, but the durable head says {}", facts_.last_position,
                              found.head_position));
  }
  if (found.cut_bytes > 0) broken("I10", fmt::format("a closed log has a torn tail of {} bytes", found.cut_bytes));
}

// I3: what a key, or an intent id, stands for.
void HistoryCheck::check_bindings() {
  const auto once = [this](const auto& bindings, const char* what) {
    for (const auto& [name, executions] : bindings) {
      if (executions.size() < 2) continue;
      broken("I3", fmt::format("{} '{}' of tenant {} stands for {} executions: {} and {}", what, name.second,
                               name.first, executions.size(), executions[0], executions[1]));
    }
  };
  once(facts_.by_key, "idempotency key");
  once(facts_.by_intent, "intent id");
}

bool may_be_a_tenant(const std::string& name) {
  const Intent intent = Intent::create("any", name, "any", "any", {"any", "any"});
  return std::ranges::none_of(validate(intent),
                              [](const symphainy::Violation& rule) { return rule.pointer == "/tenant_id"; });
}

void HistoryCheck::check_acknowledged(const ClientOperation& operation) {
  if (operation.execution_id.empty()) {
    // Without a tenant that a record may have, nothing is promised.
    if (operation.status == "rejected" && !may_be_a_tenant(operation.tenant)) return;
    return broken("I1", named(operation) + ": answered without an execution");
  }
  const auto found = facts_.executions.find(operation.execution_id);
  if (found == facts_.executions.end() || found->second.row.tenant != operation.tenant) {
    return broken("I1", fmt::format("{}: acknowledged as execution {}, which the log does not have", named(operation),
                                    operation.execution_id));
  }
  check_answer(operation, found->second);
  if (operation.status != "rejected") check_body(operation, found->second);
}

// Where the log says that it waits for somebody, in this way; nothing: that is no way to wait.
const std::set<std::uint64_t>* waiting_at(const ExecutionCourse& course, const std::string& status) {
  if (status == "parked") return &course.parked_at();
  return status == "compensation_stuck" ? &course.stuck_at() : nullptr;
}

void HistoryCheck::check_answer(const ClientOperation& operation, const ExecutionFact& execution) {
  const auto& row = execution.row;
  const std::string who = fmt::format("{}, execution {}", named(operation), row.execution_id);
  if (const auto* waits_at = waiting_at(execution.course, operation.status)) {
    if (waits_at->contains(operation.position)) return;
    return broken("I1", fmt::format("{}: acknowledged as {} at {}, and in the log it was not so there", who,
                                    operation.status, operation.position));
  }
  if (row.ended_position == 0) {
    return broken("I1", fmt::format("{}: acknowledged as {}, but in the log it has not ended", who, operation.status));
  }
  if (row.status != operation.status) {
    return broken("I14", fmt::format("{}: acknowledged as {}, and {} in the log", who, operation.status, row.status));
  }
  if (row.ended_position != operation.position && execution.rerun_position != operation.position) {
    return broken("I1", fmt::format("{}: acknowledged at position {}, but in the log it ended at {}", who,
                                    operation.position, row.ended_position));
  }
  if (operation.event_ids != execution.event_ids) {
    broken("I4", fmt::format("{}: the answer names {} events, the commit has {} (or others)", who,
                             operation.event_ids.size(), execution.event_ids.size()));
  }
  if (operation.value_sha256 != execution.value_sha256) {
    broken("I1", who + ": the result in the log is not the one that was answered");
  }
}

void HistoryCheck::check_body(const ClientOperation& operation, const ExecutionFact& execution) {
  const auto& row = execution.row;
  const bool by_key = !operation.idempotency_key.empty();
  if (by_key && row.idempotency_key != operation.idempotency_key) {
    return broken("I3", fmt::format("{}: answered with execution {}, whose key is '{}'", named(operation),
                                    row.execution_id, row.idempotency_key.value_or("")));
  }
  if (!by_key && row.intent_id != operation.intent_id) {
    return broken("I3", fmt::format("{}: answered with execution {} of intent {}", named(operation), row.execution_id,
                                    row.intent_id));
  }
  const bool own = row.intent_id == operation.intent_id;
  if (row.intent_type == operation.intent_type && execution.parameters == operation.parameters) {
    if (!own || operation.intent.empty() || execution.intent == operation.intent) return;
    return broken("I1", fmt::format("{}: execution {} has not the intent that was submitted, byte for byte: {}",
                                    named(operation), row.execution_id, execution.intent.substr(0, 400)));
  }
  broken(own ? "I1" : "I3", fmt::format("{}: execution {} has another body: {} {}", named(operation), row.execution_id,
                                        row.intent_type, execution.parameters.substr(0, 200)));
}

// Whoever is told so will not ask again: it must have ended.
void HistoryCheck::check_retired(const ClientOperation& operation) {
  const auto ended = [this](const auto& bindings, const LogFacts::Named& name) {
    const auto found = bindings.find(name);
    return found != bindings.end() && facts_.executions.at(found->second.front()).row.ended_position != 0;
  };
  if (!operation.idempotency_key.empty() && ended(facts_.by_key, {operation.tenant, operation.idempotency_key})) return;
  if (ended(facts_.by_intent, {operation.tenant, operation.intent_id})) return;
  broken("I1", named(operation) + ": answered that its history is retired, but no such execution has ended");
}

// What was done to an execution is on the record, and did what it says.
void HistoryCheck::check_act(const ActSeen& act) {
  const std::string who = fmt::format("somebody heard that {} of execution {} was done", act.action, act.execution_id);
  const auto found = facts_.executions.find(act.execution_id);
  if (found == facts_.executions.end() || found->second.row.tenant != act.tenant) {
    return broken("I1", who + ", but the log does not have the execution");
  }
  const auto& [row, course] = std::tie(found->second.row, found->second.course);
  const bool is_recorded = act.action == "cancel"   ? course.was_cancelled()
                           : act.action == "resume" ? course.was_resumed()
                           : act.action == "signal"
                               ? act.signal_id.empty() || course.waits().has_received(act.signal_id)
                               : row.ended_position != 0;
  if (!is_recorded) return broken("I1", who + ", but the log does not say so");
  if (act.status == "running" || act.status == "waiting" || act.status == "compensating") return;  // it goes on
  if (const auto* waits_at = waiting_at(course, act.status)) {
    if (!waits_at->contains(act.position))
      broken("I1", fmt::format("{}, and that it is {}, but not where", who, act.status));
  } else if (row.status != act.status) {
    broken("I14", fmt::format("{}, and that it is {}, but in the log it is {}", who, act.status, row.status));
  }
}

// I2: what was refused is absent, unless somebody else submitted the same.
void HistoryCheck::check_refused() {
  std::set<std::pair<std::string, std::string>> perhaps;
  for (const ClientOperation& operation : evidence_.history) {
    if (operation.outcome != Outcome::refused) perhaps.emplace(operation.tenant, operation.intent_id);
  }
  for (const ClientOperation& operation : evidence_.history) {
    const std::pair name(operation.tenant, operation.intent_id);
    if (operation.outcome != Outcome::refused || perhaps.contains(name)) continue;
    if (const auto found = facts_.by_intent.find(name); found != facts_.by_intent.end()) {
      broken("I2", fmt::format("{}: refused, but the log has it as execution {}", named(operation), found->second[0]));
    }
  }
}

void HistoryCheck::check_ledger() {
  std::set<std::pair<std::string, std::uint32_t>> runs;
  std::map<std::pair<std::string, std::string>, std::string> by_key;
  for (const LedgerEntry& entry : evidence_.ledger) {
    check_ledger_entry(entry);
    if (!entry.step.empty()) continue;
    if (!runs.emplace(entry.execution_id, entry.attempt).second) {
      broken("I6", fmt::format("attempt {} of execution {} ran twice", entry.attempt, entry.execution_id));
    }
    if (entry.idempotency_key.empty()) continue;
    const auto [first, fresh] = by_key.emplace(std::pair(entry.tenant, entry.idempotency_key), entry.execution_id);
    if (!fresh && first->second != entry.execution_id) {
      broken("I3", fmt::format("key '{}' of tenant {} ran as execution {} and as {}", entry.idempotency_key,
                               entry.tenant, first->second, entry.execution_id));
    }
  }
  for (const auto& [id, execution] : facts_.executions) {
    const auto& row = execution.row;
    const bool ran = row.status == "completed" && evidence_.noting_types.contains(row.intent_type);
    if (ran && !runs.contains({id, row.attempt})) {
      broken("I2", fmt::format("execution {} completed as attempt {}, which never ran", id, row.attempt));
    }
  }
}

// I5: a step that is recorded does not run again, unless it failed and so did its attempt, or somebody resumed it; and
// when one runs, what the attempt did before it is recorded.
void HistoryCheck::check_steps() {
  std::map<std::pair<std::string, std::uint32_t>, std::string> last;
  for (const LedgerEntry& entry : evidence_.ledger) {
    const auto execution = facts_.executions.find(entry.execution_id);
    const bool is_step = !entry.step.empty() && !entry.step.starts_with(kUndoPrefix);
    if (!is_step || execution == facts_.executions.end()) continue;
    const ExecutionCourse& course = execution->second.course;
    for (const StepFact& recorded : course.step(entry.step)) {
      if (recorded.attempt >= entry.attempt || course.may_run_again(recorded, entry.attempt)) continue;
      broken("I5", fmt::format("attempt {} of execution {} ran step {}, which attempt {} had recorded at {}",
                               entry.attempt, entry.execution_id, entry.step, recorded.attempt, recorded.position));
    }
    std::string& before = last[{entry.execution_id, entry.attempt}];
    const bool recorded = std::ranges::any_of(course.step(before),
                                              [&entry](const StepFact& step) { return step.attempt == entry.attempt; });
    if (!before.empty() && before != entry.step && !recorded) {
      broken("I5", fmt::format("attempt {} of execution {} ran step {}, but the log has nothing of step {} before it",
                               entry.attempt, entry.execution_id, entry.step, before));
    }
    before = entry.step;
  }
}

// A handler with outside effects starts when its attempt is durable, so the log has it.
void HistoryCheck::check_ledger_entry(const LedgerEntry& entry) {
  const auto found = facts_.executions.find(entry.execution_id);
  if (found == facts_.executions.end() || found->second.row.tenant != entry.tenant) {
    return broken("I2", fmt::format("execution {} of tenant {} ran (attempt {}), but the log does not have it",
                                    entry.execution_id, entry.tenant, entry.attempt));
  }
  if (!found->second.granted.contains(entry.attempt)) {
    broken("I6",
           fmt::format("attempt {} of execution {} ran, but was never granted", entry.attempt, entry.execution_id));
  }
}

// A wait lasts as long as it should.
void HistoryCheck::check_durations() {
  for (const auto& [id, execution] : facts_.executions) {
    for (const std::string& early : execution.course.waits().too_short()) {
      broken("I16", fmt::format("execution {}, {}", id, early));
    }
  }
}

// It waits, and not for what came long ago.
bool HistoryCheck::may_wait(const ExecutionFact& execution) const {
  const OpenWait* open = execution.course.waits().open();
  if (!execution.course.waits().may_be_left()) return false;
  const bool is_told = open->wake_us != 0 && (open->wake_by_wall || !evidence_.wall_clock_is_set);
  return !is_told || facts_.last_time_us < open->wake_us + kLatestWakingUs;
}

void HistoryCheck::check_ended() {
  for (const auto& [id, execution] : facts_.executions) {
    if (execution.row.ended_position == 0 && !execution.course.is_parked() && !may_wait(execution)) {
      broken("I14", fmt::format("execution {} (accepted at {}) has not ended, and everything was resumed and drained",
                                id, execution.row.accepted_position));
    }
  }
}

void HistoryCheck::check_streams() {
  static const std::vector<EventFact> no_events;
  static const std::vector<std::string> nothing;
  for (const auto& [stream, committed] : facts_.streams) {
    const auto published = evidence_.streams->find(stream);
    check_stream(stream, committed, published == evidence_.streams->end() ? nothing : published->second);
  }
  for (const auto& [stream, published] : *evidence_.streams) {
    if (!facts_.streams.contains(stream)) check_stream(stream, no_events, published);
  }
}

void HistoryCheck::check_stream(const public_works::StreamName& stream, const std::vector<EventFact>& committed,
                                const std::vector<std::string>& published) {
  const std::string name = stream.tenant + "/" + stream.topic;
  std::vector<Json> events;
  std::vector<std::string> ids;
  for (const std::string& line : published) {
    auto event = Json::parse(line);
    if (!event) return broken("I7", name + ": what stands in the stream is no JSON: " + event.error().message);
    const Json* id = event->find("id");
    ids.emplace_back(id == nullptr ? "" : id->as_string().value_or(""));
    events.push_back(*std::move(event));
  }
  std::vector<std::string> expected;
  for (const EventFact& event : committed) expected.push_back(event.row.event_id);

  if (ids.size() < expected.size()) {
    const auto mark = facts_.marks.find(evidence_.publisher);
    const bool marked = mark != facts_.marks.end() && committed[ids.size()].row.position <= mark->second;
    if (marked || evidence_.faults_stopped) {
      return broken("I7", fmt::format("{}: {} events are committed, {} were published{}", name, expected.size(),
                                      ids.size(), marked ? ", and more are marked as published" : ""));
    }
    expected.resize(ids.size());
  }
  if (ids != expected) {
    const bool only_order = std::ranges::is_permutation(ids, expected);
    const auto differs = std::ranges::mismatch(ids, expected).in1 - ids.begin();
    return broken(only_order ? "I8" : "I7",
                  fmt::format("{}: the stream differs from the outbox from event {} on ({} published, {} committed)",
                              name, differs + 1, ids.size(), committed.size()));
  }
  for (std::size_t i = 0; i < events.size(); ++i) check_event(stream, committed[i], events[i]);
}

void HistoryCheck::check_event(const public_works::StreamName& stream, const EventFact& committed,
                               const Json& published) {
  const auto text = [&published](std::string_view key) {
    const Json* member = published.find(key);
    return std::string(member == nullptr ? "" : member->as_string().value_or(""));
  };
  const Json* data = published.find("data");
  const bool same = text("sequence") == std::to_string(committed.row.sequence) && text("type") == committed.row.type &&
                    text("executionid") == committed.row.execution_id && text("subject") == committed.row.subject &&
                    (data == nullptr ? "" : data->dump()) == committed.data;
  if (!same) {
    broken("I7", fmt::format("{}/{}: event {} says something else than was committed", stream.tenant, stream.topic,
                             committed.row.event_id));
  }
}

std::vector<Violation> shortened(std::vector<Violation> all) {
  std::map<std::string, std::size_t> shown;
  std::erase_if(all,
                [&shown](const Violation& violation) { return ++shown[violation.invariant] > kShownPerInvariant; });
  return all;
}

}  // namespace

std::vector<Violation> check_history(const Evidence& evidence) {
  CHECK(evidence.log != nullptr);
  std::vector<Violation> violations;
  const LogFacts facts = read_log(*evidence.log, std::numeric_limits<std::uint64_t>::max(), violations);
  HistoryCheck(evidence, facts, violations).run();
  check_stores(evidence, facts, violations);
  return shortened(std::move(violations));
}

}  // namespace symphainy::tests
