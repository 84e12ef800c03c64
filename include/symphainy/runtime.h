// SPDX-License-Identifier: Apache-2.0
// The runtime as a library: open a data directory, register what you support, submit intents.
//
// One process owns a data directory. All calls are thread-safe. Errors say what to do next (next_step).
//
// submit() and submit_json() never block and may be called from anywhere. Every other call waits for the runtime's own
// threads, as does the destructor: from a `done` callback it would wait for itself for ever, and from a handler,
// execute(), close() and the destructor can. Call them from threads of your own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/domain_service.h"
#include "symphainy/error.h"
#include "symphainy/execution_context.h"
#include "symphainy/intent.h"

namespace symphainy {

/// What of its log a store gives up, while it is open: whole segments from the front, once a verified snapshot covers
/// them and nobody needs them any more. With neither an age nor a size it keeps everything.
struct LogRetention {
  std::int64_t retain_age_us = 0;  ///< gives up segments whose records are all older than so many microseconds; 0: none
  std::uint64_t retain_bytes = 0;  ///< gives up the oldest while the segments hold more bytes than this; 0: none
  std::string archive;             ///< a directory where they are kept, compressed, before they go; empty: nowhere
  std::uint64_t snapshot_every =
      0;  ///< takes a snapshot after so many records; 0: when one is needed to give up segments
};

struct RuntimeOptions {
  std::string data_directory = ".symphainy";
  std::size_t handler_threads = 4;
  std::size_t max_in_flight = 16'384;                 ///< submissions beyond it are refused as overloaded
  std::size_t max_fold_lag_records = 49'152;          ///< submissions wait while the projections lag further
  std::size_t max_fold_lag_bytes = 64 * 1024 * 1024;  ///< of payloads; likewise
  std::size_t segment_bytes = 32 * 1024 * 1024;       ///< of the write-ahead log
  LogRetention log_retention;
  IntentLimits intent_limits;
  bool publish_events = true;  ///< relay committed events to DATA/events as they come
};

struct PublishedEvent {
  std::string event_id;
  std::string type;
  std::string topic;
};

/// How an execution ended. Completed: everything it added is committed. Otherwise nothing is but its steps.
struct ExecutionResult {
  std::string execution_id;  ///< empty when the intent was refused before anything could be recorded
  std::string intent_id;
  std::string intent_type;
  std::string tenant_id;
  ExecutionStatus status = ExecutionStatus::failed;
  Json value;  ///< the handler's
  std::vector<Artifact> artifacts;
  std::vector<PublishedEvent> events;
  std::vector<Reference> references;
  std::optional<Error> error;
  std::int64_t duration_us = 0;  ///< from acceptance to its last commit
  std::uint64_t position = 0;    ///< of its last record; projections that have reached it show all of it
  std::string rerun_of;          ///< the execution that it does once more; empty: none
  std::string successor;         ///< the execution that does it once more (Action::retry, rerun); empty: none

  [[nodiscard]] Json to_json() const;
};

enum class Action {
  cancel,     ///< asks it to end (ExecutionContext::is_cancelled); one that is parked is attempted again for that
  terminate,  ///< ends it now; what its handler still does is ignored
  resume,     ///< goes on with one that is parked, or stuck in its compensation: completed steps are answered from the
              ///< log, the rest runs again
  signal,     ///< hands a value to it (ExecutionContext::wait_signal); kept for it when it does not wait for one now
  retry,      ///< what has ended without completing, as a new execution that takes over what it completed
  rerun,      ///< what has ended, as a new execution: from the beginning, or from `from_step`
};
[[nodiscard]] std::string_view to_string(Action action) noexcept;
[[nodiscard]] std::optional<Action> action_from(std::string_view name) noexcept;

/// What is sent to an execution.
struct SignalDraft {
  std::string name;       ///< one of its intent type's (IntentSupport::signals)
  Json value;             ///< up to 1 MiB; as the signal's schema says
  std::string signal_id;  ///< 1 to 256 bytes: the same again is received once. Empty: it gets one of its own
};

/// What somebody does to an execution, on the record.
struct ExecutionCommand {
  Action action = Action::cancel;
  std::string tenant_id;
  std::string execution_id;
  Actor actor;
  std::string reason;         ///< for people; up to 1,024 bytes, may be empty
  bool wait_for_end = false;  ///< answer when the execution has ended, or is parked again, not before
  std::optional<SignalDraft> signal = std::nullopt;  ///< set: for Action::signal
  /// For Action::rerun: what was recorded before this step began is taken over. A recorded step's key ("charge#2"), or
  /// its name, which means the first of that name. Nothing: nothing is taken over.
  std::optional<std::string> from_step = std::nullopt;
};

/// Where a node stands, for whoever watches it.
struct RuntimeStatistics {
  std::string store_id;
  std::string timeline;
  std::uint64_t durable_position = 0;  ///< of the last record that is synced
  std::uint64_t folded_position = 0;   ///< what the projections have reached; the difference is their lag, in records
  std::size_t in_flight = 0;           ///< intents that were submitted and have not been answered
};

class Runtime {
 public:
  /// Opens or creates the directory, recovers what a crash left, and rebuilds lagging projections. Executions that were
  /// under way go on once resume() is called. `unavailable` when another process owns the directory, `corrupt` when the
  /// log is damaged.
  [[nodiscard]] static Result<std::unique_ptr<Runtime>> open(RuntimeOptions options);
  virtual ~Runtime() = default;

  /// Registering the same again is a no-op; the same (type, version) with another schema is refused.
  [[nodiscard]] virtual Result<void> register_intent(IntentSupport support, std::string domain_service,
                                                     std::string handler_name, IntentHandler handler) = 0;
  /// Registers every intent the service supports.
  [[nodiscard]] virtual Result<void> register_service(std::shared_ptr<DomainService> service) = 0;

  /// Goes on with the executions that an earlier process left unfinished, as a new attempt each. Call once, after
  /// everything is registered; executions whose handler is missing are parked until a process has it. Returns how many
  /// go on.
  [[nodiscard]] virtual Result<std::size_t> resume() = 0;

  using Done = std::function<void(Result<ExecutionResult>)>;
  /// Calls `done` once: with the result when the execution has ended (failed and rejected are results), with an error
  /// when nothing can be said of it (overloaded, stopped, unknown). From one of the runtime's threads, which everybody
  /// waits for while `done` runs; a refusal (overloaded, closing) from the caller's, before submit() returns.
  virtual void submit(Intent intent, Done done) = 0;
  [[nodiscard]] virtual Result<ExecutionResult> execute(Intent intent) = 0;
  /// submit() for whoever does not wait: calls `done` when the acceptance is durable, with an execution that is running
  /// and goes on by itself. What was refused, or submitted before and is over or parked, is told as submit() tells it.
  virtual void start(Intent intent, Done done) = 0;
  /// Calls `done` as submit() does, once the command is durable: with what the execution is then. not_found when the
  /// tenant has no such execution; conflict, reason "has_ended" or "not_parked", when it is nothing that the action can
  /// be done to, or reason "signal_conflict", when another signal has that id. Cancelling again what runs and is being
  /// cancelled, records nothing more. A retry or rerun is answered with the new execution, which bears the intent again
  /// under a new intent id and without its idempotency key; conflict, reason "not_ended", "has_completed" (retry),
  /// "has_successor", "was_rejected", "was_undone" (from_step), "child_not_ended" or "too_large", when it cannot be;
  /// not_found, reason "unknown_step", when no such step is recorded.
  virtual void command(ExecutionCommand command, Done done) = 0;
  [[nodiscard]] virtual Result<ExecutionResult> command(ExecutionCommand command) = 0;
  /// submit() of what shall be an intent: when it is none, its refusal is recorded, provided its tenant is a valid
  /// name.
  virtual void submit_json(Json intent, Done done) = 0;

  /// Each number as it is just now; together they are no snapshot. Any thread, until the runtime is closed.
  [[nodiscard]] virtual RuntimeStatistics statistics() const = 0;

  /// Waits until projections and events have caught up with everything acknowledged so far.
  [[nodiscard]] virtual Result<void> drain() = 0;
  /// The first part of close(), which waits for nothing: refuses what is submitted from now on. What waits for room or
  /// for its next attempt is answered, unknown with reason "closing": it goes on when the directory is opened again.
  virtual void begin_closing() = 0;
  /// Waits for executions in flight, drains, and closes the log. The destructor does the same and ignores the outcome.
  virtual Result<void> close() = 0;

 protected:
  Runtime() = default;
};

}  // namespace symphainy
