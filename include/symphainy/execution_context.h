// SPDX-License-Identifier: Apache-2.0
// Everything a handler may see and do. What it adds becomes visible in one commit, when its execution completes, or
// never.
//
// What the context answers that could vary (time, state, references) is recorded with the commit, and time, random
// numbers and ids derive from recorded facts, so an execution can be shown, explained and replayed from the log. A
// context belongs to one handler run; its calls may come from one thread at a time. Calls may block for a short while.
//
// Work with effects outside goes into steps: each is remembered when it is done, whatever happens to the process
// (docs/guides/steps.md).
//
// An execution can record 10,000 answers (now_us, get_state, get_reference and open_reference give one each time,
// unless the execution added itself what they answer), take 10,000 steps, add 10,000 each of artifacts, events,
// references, provenance edges and state changes, and take 50 MiB of the log with all of them. Beyond that a call fails
// as invalid_argument, reason "limit_exceeded"; now_us() throws.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "symphainy/error.h"
#include "symphainy/intent.h"
#include "symphainy/json.h"
#include "symphainy/task.h"

namespace symphainy {

struct ArtifactDraft {
  std::string name;        ///< name grammar; unique in the execution
  std::string media_type;  ///< "application/json", ...
  std::string content;     ///< up to 16 KiB travels in the log, more goes to the artifact store first
};

struct Artifact {
  std::string name;
  std::string media_type;
  std::string digest;  ///< hex SHA-256
  std::uint64_t size = 0;
  /// "artifact:<digest>" in the artifact store, or "execution:<execution_id>/<name>" in the log: a reference's
  /// location.
  std::string location;

  [[nodiscard]] Json to_json() const;
};

/// Takes an artifact's content in pieces, for content that need not fit into memory.
class ArtifactSink {
 public:
  virtual ~ArtifactSink() = default;
  [[nodiscard]] virtual Result<void> write(std::string_view bytes) = 0;
  /// The content is durable, and becomes an artifact of the execution when it commits. Call once.
  [[nodiscard]] virtual Result<Artifact> finish() = 0;
};

/// Reads the content behind a reference in pieces.
class ContentSource {
 public:
  virtual ~ContentSource() = default;
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  /// Up to `length` bytes at `offset` into `out` (resized); fewer only at the end.
  [[nodiscard]] virtual Result<void> read_at(std::uint64_t offset, std::size_t length, std::string& out) const = 0;
};

struct EventDraft {
  std::string type;     ///< name grammar: "content.file.ingested"
  Json data;            ///< any JSON
  std::string subject;  ///< what it is about (the aggregate); may be empty
  std::string topic;    ///< name grammar; empty: the type up to its first dot
};

struct ReferenceDraft {
  std::string type;        ///< name grammar: "file", "analysis"
  std::string name;        ///< for people; may be empty
  std::string digest;      ///< hex SHA-256 of the content, or empty
  std::uint64_t size = 0;  ///< bytes
  std::string media_type;
  /// Where the content is: an Artifact's location, a URL; never the content. "artifact:<digest>" must be of an artifact
  /// that this execution stores, or stand in a reference that the tenant already has, and `digest` must be the same.
  std::string location;
  Json metadata = Json::object();
};

struct Reference {
  std::string reference_id;
  std::string tenant_id;
  std::string type;
  std::string name;
  std::string digest;
  std::uint64_t size = 0;
  std::string media_type;
  std::string location;
  Json metadata;
  std::string execution_id;
  std::int64_t created_at_us = 0;

  [[nodiscard]] Json to_json() const;
};

/// W3C PROV relations between references.
enum class Relation { was_derived_from, was_revision_of };

struct StateValue {
  Json value;
  std::uint64_t version = 0;
};

/// How often a step is tried, or an execution attempted, and how long the runtime waits between: first_delay_us, then
/// twice as long each time up to max_delay_us, each shortened by up to a fifth so that many do not come back together.
struct RetryPolicy {
  std::uint32_t max_tries = 1;            ///< at least 1
  std::int64_t first_delay_us = 100'000;  ///< this and the next: 0 to a day
  std::int64_t max_delay_us = 60'000'000;
  std::int64_t max_age_us = 0;  ///< no try begins later than this behind the beginning of the first; 0: however late
  /// Error names (Error::name()) that another try does not help.
  std::vector<std::string> non_retryable = {};
};

/// What a step's function is told about its run.
struct StepRun {
  /// A UUIDv8 of the execution and the step, the same in every try and attempt: hand it to the outside as the key under
  /// which the effect happens once.
  std::string token;
  std::uint32_t number = 1;  ///< of the try, in this attempt
};

/// Does the step's work and answers with a value of up to 1 MiB. Until it ends the context may only be asked for what
/// does not vary (intent, ids, attempt, deadline, still_owner) and be logged to: everything else is refused as
/// invalid_argument, reason "inside_step" (random() and new_id() throw std::logic_error), because it would not happen
/// again when the step is answered from the log.
using StepFunction = std::function<Task<Result<Json>>(const StepRun&)>;

/// What an undo function is told.
struct UndoRun {
  std::string token;          ///< of the undoing: the same in every try and attempt
  std::string step_token;     ///< that the step's function had
  std::optional<Json> value;  ///< the step's; nothing: nobody knows whether the step happened
  std::uint32_t number = 1;   ///< of the try, in this attempt
};

/// Undoes what a step did. May be called more than once for one step, and must accept that the step never happened. It
/// is kept beyond the handler's end: whatever it captures must be captured by value.
using UndoFunction = std::function<Task<Result<void>>(const UndoRun&)>;

struct Undo {
  UndoFunction function;
  RetryPolicy retry = {.max_tries = 10, .first_delay_us = 1'000'000};
};

/// What somebody sent to an execution (Runtime::command, Action::signal).
struct Signal {
  std::string signal_id;  ///< the sender's, or one that the runtime gave it; unique in the execution
  std::string name;
  Json value;
  Actor actor;                   ///< who sent it
  std::int64_t received_us = 0;  ///< UTC

  [[nodiscard]] static Signal from_json(const Json& json);
};

enum class ExecutionStatus {
  running,
  pending,  ///< not an end: accepted, and not started yet
  completed,
  failed,
  rejected,
  cancelled,           ///< somebody asked it to end, and it did not complete
  terminated,          ///< somebody ended it
  parked,              ///< not an end: it waits for somebody to act, for the reason that its error tells
  compensating,        ///< not an end: its steps are being undone
  compensated,         ///< it failed, and its steps are undone
  waiting,             ///< not an end: for a time to come, or for a signal
  compensation_stuck,  ///< not an end: one of its steps could not be undone; somebody must act, and resume it
};
[[nodiscard]] std::string_view to_string(ExecutionStatus status) noexcept;

/// Work that an execution has done by another one, of the same tenant and on behalf of the same actor.
struct ChildIntent {
  std::string intent_type;
  Json parameters = Json::object();
  std::string session_id = "";   ///< empty: its parent's
  std::string solution_id = "";  ///< empty: its parent's
  Json metadata = Json::object();
  std::optional<std::int64_t> deadline_us = std::nullopt;  ///< UTC
  std::optional<int> priority = std::nullopt;              ///< nothing: its parent's
};

/// How a child ended.
struct ChildResult {
  std::string execution_id;
  ExecutionStatus status = ExecutionStatus::failed;
  Json value;  ///< its handler's
  std::optional<Error> error;

  [[nodiscard]] static ChildResult from_json(const Json& json);
};

/// What an execution can wait for.
enum class WaitKind { timer, signal, children };

enum class LogLevel { debug, info, warning, error };

class ExecutionContext {
 public:
  virtual ~ExecutionContext() = default;
  ExecutionContext(const ExecutionContext&) = delete;
  ExecutionContext& operator=(const ExecutionContext&) = delete;

  [[nodiscard]] virtual const Intent& intent() const = 0;
  [[nodiscard]] virtual const std::string& execution_id() const = 0;
  [[nodiscard]] virtual std::uint32_t attempt() const = 0;  ///< from 1
  /// UTC microseconds; nothing when the intent has no deadline.
  [[nodiscard]] virtual std::optional<std::int64_t> deadline_us() const = 0;
  /// False once the runtime has given up on this attempt (deadline, terminated, closing): nothing it adds will be
  /// committed.
  [[nodiscard]] virtual bool still_owner() const = 0;
  /// True once somebody has asked the execution to end, and while that can still be: steps that are not recorded yet
  /// are refused as cancelled, reason "cancellation_requested". A handler that then returns an error ends the execution
  /// as cancelled; one that returns a result completes it. The functions of long steps should look here now and then.
  [[nodiscard]] virtual bool is_cancelled() const = 0;

  /// UTC; recorded. Throws std::length_error when no further answer can be recorded (see the top of this file), which
  /// ends the execution as failed unless the handler catches it.
  [[nodiscard]] virtual std::int64_t now_us() = 0;
  [[nodiscard]] virtual std::uint64_t random() = 0;  ///< the same sequence in every attempt
  [[nodiscard]] virtual std::string new_id() = 0;    ///< a UUIDv8, the same sequence in every attempt

  /// The tenant's state as of now, what this execution has put included; nothing when the key does not exist.
  [[nodiscard]] virtual Result<std::optional<StateValue>> get_state(const std::string& key) = 0;
  /// With `expected_version` the commit fails as a conflict unless the key is at that version then (0: it does not
  /// exist, or was deleted). A key's versions count from 1, and on over its deletion.
  [[nodiscard]] virtual Result<void> put_state(const std::string& key, Json value,
                                               std::optional<std::uint64_t> expected_version = std::nullopt) = 0;
  [[nodiscard]] virtual Result<void> delete_state(const std::string& key,
                                                  std::optional<std::uint64_t> expected_version = std::nullopt) = 0;

  [[nodiscard]] virtual Result<Artifact> add_artifact(ArtifactDraft draft) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<ArtifactSink>> open_artifact(std::string name,
                                                                            std::string media_type) = 0;
  /// Returns the event's id.
  [[nodiscard]] virtual Result<std::string> add_event(EventDraft draft) = 0;

  /// Returns the reference's id, which depends only on (tenant, execution, ordinal): a re-run registers the same one.
  /// The commit fails (reason "foreign_content") when the location names stored content that is not the tenant's.
  [[nodiscard]] virtual Result<std::string> register_reference(ReferenceDraft draft) = 0;
  /// Both must be references of this tenant, committed or registered by this execution. A cycle fails the commit.
  [[nodiscard]] virtual Result<void> track_provenance(const std::string& derived, const std::string& source,
                                                      Relation relation = Relation::was_derived_from) = 0;
  /// Nothing when this tenant has no such reference (whether or not another has).
  [[nodiscard]] virtual Result<std::optional<Reference>> get_reference(const std::string& reference_id) = 0;
  /// The content behind a reference whose location is in this runtime's artifact store or log.
  [[nodiscard]] virtual Result<std::unique_ptr<ContentSource>> open_reference(const std::string& reference_id) = 0;

  /// Runs `function`, unless an earlier attempt recorded what it came to: then that is the answer, its error included.
  /// A step is known by its name (name grammar) and how often the name was used before, so steps that have not run yet
  /// may come in another order. Everything before it is durable when its function starts, and its own outcome before
  /// the next step's function starts or the execution is answered; when the process dies in between, the function runs
  /// again, under the same token. Of `input` the digest is recorded: when an earlier attempt had another one (reason
  /// "step_diverged") nothing of the execution is committed and it is parked, whatever the handler makes of the error.
  /// Errors: the function's own; cancelled, reason "superseded", when the runtime has given up on this attempt, reason
  /// "cancellation_requested" when is_cancelled(); unknown when the log has stopped; invalid_argument.
  [[nodiscard]] Task<Result<Json>> step(std::string name, Json input, StepFunction function, RetryPolicy retry = {}) {
    return run_step(std::move(name), std::move(input), std::move(function), {std::move(retry), std::nullopt, false});
  }
  /// A step of a saga. When the execution fails for good, or is cancelled, the runtime undoes those of its steps that
  /// were completed, and those of which nobody knows, in the reverse order of their beginning, one by one; then it ends
  /// as compensated, or cancelled. An undo that keeps failing leaves it as compensation_stuck until it is resumed.
  /// Before the function starts, that it starts is durable too (docs/guides/sagas.md).
  [[nodiscard]] Task<Result<Json>> undoable_step(std::string name, Json input, StepFunction function, Undo undo,
                                                 RetryPolicy retry = {}) {
    return run_step(std::move(name), std::move(input), std::move(function), {std::move(retry), std::move(undo), false});
  }
  /// The step of a saga behind which there is no way back: once it has begun, and unless it fails, nothing is undone,
  /// neither a cancellation nor the deadline is heard, and when the execution fails it is parked, to be resumed.
  [[nodiscard]] Task<Result<Json>> pivot_step(std::string name, Json input, StepFunction function,
                                              RetryPolicy retry = {}) {
    return run_step(std::move(name), std::move(input), std::move(function), {std::move(retry), std::nullopt, true});
  }

  // Durable waits. The process may end meanwhile, and nothing is held of an execution that waits for longer than a
  // moment: then the handler's frame is destroyed (the destructors of its locals run, and co_await does not return),
  // and when the wait is over the handler runs again from its beginning, with everything it was answered before
  // (docs/guides/waits.md). Errors: cancelled, as for step(); unknown when the log has stopped; invalid_argument.

  /// Ends so long after now: 0 to 100 years, counted on a clock that nobody sets while the process lives, and on the
  /// wall clock while none does.
  [[nodiscard]] Task<Result<void>> sleep(std::chrono::microseconds duration) {
    auto over =
        co_await run_wait({.kind = WaitKind::timer, .name = "", .duration_us = duration.count(), .until_us = {}});
    if (!over) co_return std::unexpected(std::move(over).error());
    co_return Result<void>();
  }
  /// Ends when the wall clock has reached that time (UTC microseconds), also when it is set.
  [[nodiscard]] Task<Result<void>> sleep_until(std::int64_t utc_us) {
    auto over = co_await run_wait({.kind = WaitKind::timer, .name = "", .duration_us = {}, .until_us = utc_us});
    if (!over) co_return std::unexpected(std::move(over).error());
    co_return Result<void>();
  }
  /// The first signal of that name (IntentSupport::signals) that came and was not taken yet, or comes. Nothing: none
  /// came in time.
  [[nodiscard]] Task<Result<std::optional<Signal>>> wait_signal(
      std::string name, std::optional<std::chrono::microseconds> timeout = std::nullopt) {
    std::optional<std::int64_t> timeout_us;
    if (timeout) timeout_us = timeout->count();
    auto came = co_await run_wait(
        {.kind = WaitKind::signal, .name = std::move(name), .duration_us = timeout_us, .until_us = {}});
    if (!came) co_return std::unexpected(std::move(came).error());
    if (came->is_null()) co_return std::optional<Signal>();
    co_return Signal::from_json(*came);
  }

  // Children: executions of their own, with their own steps, retries and end, that know their parent. When their parent
  // is cancelled or terminated, those of them that have not ended are cancelled. They outlive a parent that ends
  // otherwise.

  /// Starts a child and does not wait for it: answers its execution id, the same in every attempt. `name` is a step's,
  /// and counts as one. Errors: a step's; and why the child may not be, as a submitter is told (unknown_intent_type,
  /// parameters that its schema refuses), which is remembered like a step's error.
  [[nodiscard]] Task<Result<std::string>> spawn(std::string name, ChildIntent child) {
    auto spawned = co_await run_spawn(std::move(name), std::move(child));
    if (!spawned) co_return std::unexpected(std::move(spawned).error());
    co_return std::string(spawned->as_string().value_or(""));
  }
  /// Waits until every one of these children of this execution has ended, and answers in the same order. Nothing: not
  /// all had in time. not_found when one is no child of it.
  [[nodiscard]] Task<Result<std::optional<std::vector<ChildResult>>>> wait_children(
      std::vector<std::string> execution_ids, std::optional<std::chrono::microseconds> timeout = std::nullopt) {
    WaitRequest request{.kind = WaitKind::children, .name = "", .duration_us = {}, .until_us = {}};
    if (timeout) request.duration_us = timeout->count();
    request.children = std::move(execution_ids);
    auto ended = co_await run_wait(std::move(request));
    if (!ended) co_return std::unexpected(std::move(ended).error());
    if (ended->is_null()) co_return std::optional<std::vector<ChildResult>>();
    std::vector<ChildResult> results;
    for (std::size_t i = 0; i < ended->size(); ++i) results.push_back(ChildResult::from_json(ended->at(i)));
    co_return std::optional(std::move(results));
  }
  /// Starts a child and waits for its end. A child that failed is a result.
  [[nodiscard]] Task<Result<ChildResult>> execute(std::string name, ChildIntent child) {
    auto id = co_await spawn(std::move(name), std::move(child));
    if (!id) co_return std::unexpected(std::move(id).error());
    std::vector<std::string> ids;
    ids.push_back(*std::move(id));
    auto ended = co_await wait_children(std::move(ids));
    if (!ended) co_return std::unexpected(std::move(ended).error());
    co_return std::move((*ended)->front());
  }

  /// A line in the runtime's log, with the execution's id. Never put payloads there.
  virtual void log(LogLevel level, std::string_view message) = 0;

  /// What the context holds now: execution, attempt, recorded answers, and everything added.
  [[nodiscard]] virtual Json to_json() const = 0;

 protected:
  ExecutionContext() = default;
  struct StepOptions {
    RetryPolicy retry;
    std::optional<Undo> undo;
    bool pivot = false;
  };
  [[nodiscard]] virtual Task<Result<Json>> run_step(std::string name, Json input, StepFunction function,
                                                    StepOptions options) = 0;
  struct WaitRequest {
    WaitKind kind = WaitKind::timer;
    std::string name;                         ///< of the signal
    std::optional<std::int64_t> duration_us;  ///< over, or given up, so long after now
    std::optional<std::int64_t> until_us;     ///< over then, UTC
    std::vector<std::string> children = {};   ///< their execution ids
  };
  /// The child's execution id.
  [[nodiscard]] virtual Task<Result<Json>> run_spawn(std::string name, ChildIntent child) = 0;
  /// What it waited for: null for a time that came.
  [[nodiscard]] virtual Task<Result<Json>> run_wait(WaitRequest request) = 0;
};

}  // namespace symphainy
