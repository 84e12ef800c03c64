// SPDX-License-Identifier: Apache-2.0
// The execution context as the runtime makes it: collects what the handler adds, answers what it asks, and keeps every
// answer that could have been another one, so that the same execution can be restored from the log and sees the same
// again.
#pragma once

#include <atomic>
#include <coroutine>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "symphainy/execution_context.h"

#include "base/ids.h"
#include "base/log_record.h"
#include "public_works/abstractions/artifact_store.h"
#include "public_works/abstractions/clock.h"
#include "public_works/abstractions/lineage_store.h"
#include "runtime/commit.h"
#include "runtime/execution_history.h"
#include "runtime/state_surface.h"
#include "runtime/step_journal.h"
#include "runtime/wait_journal.h"

namespace symphainy::runtime {

using LogSink = std::function<void(LogLevel, const std::string& execution_id, std::string_view message)>;

/// What contexts answer from. Outlives every context.
struct ContextServices {
  StateSurface& surface;
  public_works::LineageStore& lineage;
  public_works::ArtifactStore& artifacts;
  const public_works::EventLog& log;
  public_works::Clock& clock;
  LogSink log_sink;
};

/// Where an attempt's steps are recorded. Called on a handler thread, and goes on on one.
class StepLog {
 public:
  virtual ~StepLog() = default;
  /// Ends once the records, and everything recorded of the execution before, are durable. cancelled, reason
  /// "superseded", when the attempt has been given up.
  [[nodiscard]] virtual Task<Result<void>> record(std::vector<base::RecordDraft> drafts) = 0;
  /// Between two tries; ends within a tenth of a second once the attempt is given up or cancelled.
  [[nodiscard]] virtual Task<void> pause(std::int64_t delay_us) = 0;
  struct Wait {
    WaitStart start;
    bool begins = true;                       ///< its beginning is not recorded yet
    std::optional<std::int64_t> duration_us;  ///< it begins, and is over so long after that
  };
  /// Starts a child, and records that as the step, together with what the context has not recorded yet. Answers its id.
  [[nodiscard]] virtual Task<Result<Json>> spawn(Intent child, StepOutcome step,
                                                 std::vector<base::RecordDraft> unrecorded) = 0;
  /// Records what the context has not recorded yet, and that the wait begins. Ends with what it came to once that is
  /// durable; an error when it may not be awaited any more. Does not return when it takes long: then the attempt is
  /// suspended, and destroys the frames that wait here.
  [[nodiscard]] virtual Task<Result<Json>> wait(Wait wait, std::vector<base::RecordDraft> unrecorded) = 0;
};

/// Why an execution is parked whose handler asks for a step with another input than it recorded.
inline constexpr const char* kStepDiverged = "step_diverged";

/// Bounds of one execution.
inline constexpr std::size_t kMaxInlineArtifactBytes = 16 * 1024;
inline constexpr std::size_t kMaxItemsPerKind = 10'000;           ///< artifacts, events, references, edges, changes
inline constexpr std::size_t kMaxCommitBytes = 50 * 1024 * 1024;  ///< of everything added, content in the log included
inline constexpr std::size_t kMaxResultBytes = 1024 * 1024;

class RuntimeExecutionContext : public ExecutionContext {
 public:
  /// Answers again what is in `answers`.
  RuntimeExecutionContext(ContextServices& services, std::shared_ptr<const Intent> intent, const base::Uuid& execution,
                          std::string seed, std::uint32_t attempt, RecordedAnswers answers = {});
  /// The context of an execution as its records tell it: what it asks again is answered from them.
  [[nodiscard]] static Result<std::unique_ptr<RuntimeExecutionContext>> restore(
      ContextServices& services, const std::vector<base::LogRecord>& history);

  [[nodiscard]] const Intent& intent() const override { return *intent_; }
  [[nodiscard]] const std::string& execution_id() const override { return execution_id_; }
  [[nodiscard]] std::uint32_t attempt() const override { return attempt_; }
  [[nodiscard]] std::optional<std::int64_t> deadline_us() const override { return intent_->deadline_us; }
  [[nodiscard]] bool still_owner() const override { return !fenced_.load(); }
  [[nodiscard]] bool is_cancelled() const override { return cancelled_ && !no_way_back_ && !compensating_; }

  /// Throws std::length_error, which ends the execution as failed, when no further answer can be recorded.
  [[nodiscard]] std::int64_t now_us() override;
  [[nodiscard]] std::uint64_t random() override;
  [[nodiscard]] std::string new_id() override;

  [[nodiscard]] Result<std::optional<StateValue>> get_state(const std::string& key) override;
  [[nodiscard]] Result<void> put_state(const std::string& key, Json value,
                                       std::optional<std::uint64_t> expected_version) override;
  [[nodiscard]] Result<void> delete_state(const std::string& key,
                                          std::optional<std::uint64_t> expected_version) override;

  [[nodiscard]] Result<Artifact> add_artifact(ArtifactDraft draft) override;
  [[nodiscard]] Result<std::unique_ptr<ArtifactSink>> open_artifact(std::string name, std::string media_type) override;
  [[nodiscard]] Result<std::string> add_event(EventDraft draft) override;
  [[nodiscard]] Result<std::string> register_reference(ReferenceDraft draft) override;
  [[nodiscard]] Result<void> track_provenance(const std::string& derived, const std::string& source,
                                              Relation relation) override;
  [[nodiscard]] Result<std::optional<Reference>> get_reference(const std::string& reference_id) override;
  [[nodiscard]] Result<std::unique_ptr<ContentSource>> open_reference(const std::string& reference_id) override;
  void log(LogLevel level, std::string_view message) override;
  [[nodiscard]] Json to_json() const override;

  /// Before the handler runs. `durable`: all that is recorded of the execution so far.
  void record_steps_in(std::shared_ptr<StepLog> log, bool durable) noexcept {
    step_log_ = std::move(log);
    all_durable_ = durable;
  }
  /// The answers and step outcomes that are not recorded yet; they count as recorded from then on.
  void append_unrecorded(std::vector<base::RecordDraft>& out);
  /// Set: an earlier attempt did something else, so nothing of this one may be committed.
  [[nodiscard]] const std::optional<Error>& divergence() const noexcept { return divergence_; }

  /// When the handler has ended, or may not be asked: whether it took steps that have to be undone now.
  [[nodiscard]] bool has_undoable_steps() const {
    return !no_way_back_ && !(undoable_.empty() && steps_.to_undo().empty());
  }
  /// Any thread: the pivot has begun, and is not known to have failed.
  [[nodiscard]] bool has_no_way_back() const noexcept { return no_way_back_.load(); }
  /// When the handler has answered: what has to be undone some day was asked for by this attempt too, else it diverged.
  [[nodiscard]] Result<void> check_nothing_forgotten();
  [[nodiscard]] bool is_compensating() const noexcept { return compensating_.load(); }
  /// On a handler thread, when the handler has ended: undoes its steps. Ends at the first that cannot be: reason
  /// "compensation_stuck".
  [[nodiscard]] Task<Result<void>> undo_steps();

  /// Whether a handler's own value can be recorded.
  [[nodiscard]] static Result<void> check_result(const Json& value);
  /// From any thread: nothing this attempt adds will be committed.
  void fence() noexcept { fenced_ = true; }
  /// The same while its handler may still run: then nothing of it may be looked at any more.
  void give_up() noexcept {
    given_up_ = true;
    fence();
  }
  [[nodiscard]] bool given_up() const noexcept { return given_up_.load(); }
  /// Any thread: the handler waits for something that takes long, and its frame is destroyed.
  [[nodiscard]] bool is_suspended() const noexcept { return suspended_.load(); }
  /// On a handler thread, before the handler runs: who goes on when it is suspended.
  void when_suspended(std::coroutine_handle<> root) noexcept { root_ = root; }
  /// When the handler waits: its frame is about to be destroyed by who goes on, which is answered.
  [[nodiscard]] std::coroutine_handle<> suspend() noexcept {
    suspended_ = true;
    return root_;
  }
  /// Any thread, once cancelled.
  [[nodiscard]] const Error& cancellation() const { return *cancellation_; }
  /// On the partition, once: from now on steps that are not recorded are refused with `why`.
  void cancel(Error why) {
    if (cancelled_) return;
    cancellation_ = std::move(why);
    cancelled_ = true;
  }
  [[nodiscard]] PendingCommit& commit() noexcept { return commit_; }
  [[nodiscard]] RecordOwner owner() const { return {intent_->tenant_id, execution_, attempt_}; }

 protected:
  /// What the log has as the answer to this; nothing: it is to be asked now. An error is the answer.
  [[nodiscard]] virtual Result<std::optional<Json>> recorded_answer(std::string_view kind, const std::string& key);
  /// Before a step or a wait is answered, or taken. False: the handler is left where it stands, suspended for ever, for
  /// whoever runs it to destroy (left_suspended).
  [[nodiscard]] virtual bool lets_step(const StepOutcome& /*step*/, const StepOptions& /*options*/) { return true; }
  [[nodiscard]] virtual bool lets_wait(const WaitStart& /*wait*/, const WaitRequest& /*request*/) { return true; }
  /// It stands there now: from here on any thread may destroy it.
  virtual void left_suspended() noexcept {}

 private:
  friend class StoredArtifactSink;
  struct LeftSuspended {
    RuntimeExecutionContext& context;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> /*left*/) const noexcept { context.left_suspended(); }
    void await_resume() const noexcept {}
  };

  struct UndoableStep {
    std::string key;
    Undo undo;
    std::optional<Json> value;  ///< nothing: nobody knows whether it happened
  };
  [[nodiscard]] Task<Result<Json>> run_step(std::string name, Json input, StepFunction function,
                                            StepOptions options) override;
  [[nodiscard]] Task<Result<Json>> run_wait(WaitRequest request) override;
  [[nodiscard]] Task<Result<Json>> run_spawn(std::string name, ChildIntent child) override;
  [[nodiscard]] Intent intent_of(ChildIntent child, const std::string& name, const std::string& key) const;
  [[nodiscard]] Result<void> begin_wait(const WaitRequest& request) const;
  [[nodiscard]] std::unexpected<Error> diverged_from_wait(const WaitStart& awaited, const std::string& found);
  [[nodiscard]] Task<Result<Json>> take_step(StepOutcome step, const StepFunction& function,
                                             const StepOptions& options);
  [[nodiscard]] Result<void> begin_step(const std::string& name, const Json& input, const StepOptions& options) const;
  [[nodiscard]] Result<Json> answer_again(const StepOutcome& step, const std::string& input_digest);
  [[nodiscard]] Task<Result<void>> record_what_came_before(const StepOutcome& step, const StepOptions& options);
  [[nodiscard]] std::unexpected<Error> diverged(const std::string& key, const std::string& recorded,
                                                const std::string& found);
  [[nodiscard]] std::string token_of(std::string_view purpose, const std::string& key) const;
  [[nodiscard]] std::string step_token_of(const std::string& key) const;
  void note_undoable(const std::string& key, const StepOptions& options, const Result<Json>* outcome);
  [[nodiscard]] static Error being_undone();
  [[nodiscard]] const UndoableStep* undoable(const std::string& key) const;
  [[nodiscard]] Task<Result<void>> undo(const UndoableStep& step);
  [[nodiscard]] Task<Result<Json>> try_step(const std::string& token, const StepFunction& function,
                                            const RetryPolicy& retry, std::uint32_t& tries);
  [[nodiscard]] Task<Result<Json>> run_once(const StepFunction& function, const StepRun& run);
  [[nodiscard]] Result<void> check_outside_step(std::string_view what) const;

  [[nodiscard]] Result<void> change_state(const std::string& key, std::optional<Json> value,
                                          std::optional<std::uint64_t> expected_version);
  [[nodiscard]] Result<void> check_own_content(const Reference& reference);
  [[nodiscard]] Result<void> take_artifact_name(const std::string& name);
  [[nodiscard]] Result<void> admit(std::size_t items, std::size_t bytes, std::string_view what);
  [[nodiscard]] std::string derived_bytes(std::string_view purpose, std::uint64_t ordinal) const;
  struct Draw {
    base::Uuid execution;
    std::string bytes;
  };
  [[nodiscard]] Draw draw(std::string_view purpose, std::uint64_t ordinal) const;
  [[nodiscard]] Result<Json> observe(std::string_view kind, const std::string& key,
                                     const std::function<Result<Json>()>& answer);

  ContextServices& services_;
  const std::shared_ptr<const Intent> intent_;
  const base::Uuid execution_;
  const std::string execution_id_;
  const std::string seed_;
  const std::vector<DrawnFrom> drawn_from_;
  const std::uint32_t attempt_;
  std::atomic<bool> fenced_ = false;
  std::atomic<bool> given_up_ = false;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> suspended_ = false;
  std::coroutine_handle<> root_;
  std::optional<Error> cancellation_;  // set before cancelled_, and not changed behind it

  PendingCommit commit_;
  std::deque<Observation> recorded_;  // answers to give again, in order
  StepJournal steps_;
  WaitJournal waits_;
  std::set<std::string> children_;      // their execution ids
  std::vector<UndoableStep> undoable_;  // as this attempt asked for them
  std::atomic<bool> no_way_back_ = false;
  std::atomic<bool> compensating_ = false;
  std::size_t steps_taken_ = 0;
  std::shared_ptr<StepLog> step_log_;
  bool in_step_ = false;
  bool all_durable_ = false;  // what is recorded of the execution
  std::optional<Error> divergence_;
  std::set<std::string> artifact_names_;
  std::size_t added_bytes_ = 0;
  std::uint64_t randoms_ = 0;
  std::uint64_t ids_ = 0;
};

}  // namespace symphainy::runtime
