// SPDX-License-Identifier: Apache-2.0
#include "runtime/replay_context.h"

#include <algorithm>
#include <utility>

#include "base/try.h"

namespace symphainy::runtime {
namespace {

std::unexpected<Error> replay_ended() {
  return fail(ErrorCode::cancelled, "the replay ends here: nothing more is answered", "replay_ended");
}

// No step comes so far; none runs should one do.
class NoStepLog final : public StepLog {
 public:
  Task<Result<void>> record(std::vector<base::RecordDraft> /*drafts*/) override { co_return replay_ended(); }
  Task<Result<Json>> wait(Wait /*wait*/, std::vector<base::RecordDraft> /*unrecorded*/) override {
    co_return replay_ended();
  }
  Task<Result<Json>> spawn(Intent /*child*/, StepOutcome /*step*/,
                           std::vector<base::RecordDraft> /*unrecorded*/) override {
    co_return replay_ended();
  }
  Task<void> pause(std::int64_t /*delay_us*/) override { co_return; }
};

constexpr std::string_view kObservation = "observation";

std::string missing(const Call& call) {
  return call.what == kObservation ? call.what : "missing_" + call.what;
}

StepKind kind_of(bool undoable, bool pivot) noexcept {
  if (undoable) return StepKind::undoable;
  return pivot ? StepKind::pivot : StepKind::plain;
}

}  // namespace

ReplayContext::ReplayContext(ContextServices& services, const base::Uuid& execution, const RecordedCourse& course,
                             HearsCancellation hears)
    : RuntimeExecutionContext(services, std::make_shared<const Intent>(course.intent), execution, course.seed,
                              course.attempt, course.answers),
      calls_(course.calls),
      end_(course.end),
      hears_(hears) {
  record_steps_in(std::make_shared<NoStepLog>(), false);
  if (course.cancellation) cancel(*course.cancellation);
}

bool ReplayContext::is_cancelled() const {
  if (!RuntimeExecutionContext::is_cancelled()) return false;
  return refused_ || (hears_ == HearsCancellation::with_the_last_record && next_ == calls_.size());
}

Result<std::unique_ptr<ContentSource>> ReplayContext::open_reference(const std::string& reference_id) {
  auto content = RuntimeExecutionContext::open_reference(reference_id);
  if (!content && content.error().reason == public_works::kHistoryRetired) {
    stop_with({.why = ReplayStop::Why::retired, .error = content.error()});
  }
  return content;
}

void ReplayContext::time_is_up() {
  stop_with({.why = ReplayStop::Why::timed_out});
  give_up();
}

std::optional<ReplayStop> ReplayContext::stop() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

void ReplayContext::stop_with(ReplayStop stop) {
  const std::lock_guard lock(mutex_);
  if (!stop_) stop_ = std::move(stop);
}

std::optional<Divergence> ReplayContext::not_asked_for() const {
  if (next_ == calls_.size()) return std::nullopt;
  const RecordedCall& expected = calls_[next_];
  return Divergence{missing(expected.call), expected.call.key, expected.call.to_json(), Json(), expected.position};
}

Result<std::optional<Json>> ReplayContext::recorded_answer(std::string_view kind, const std::string& key) {
  if (!goes_on(observation_call(kind, key))) return replay_ended();
  TRY(std::optional<Json> answer, RuntimeExecutionContext::recorded_answer(kind, key));
  if (!answer) return replay_ended();
  return answer;
}

bool ReplayContext::lets_step(const StepOutcome& step, const StepOptions& options) {
  const Call asked = step_call(step.key, step.input_digest, kind_of(options.undo.has_value(), options.pivot));
  return is_refused(asked) || goes_on(asked);
}

bool ReplayContext::lets_wait(const WaitStart& wait, const WaitRequest& request) {
  const Call asked = wait_call(wait.key, request.duration_us.has_value(), request.until_us);
  return is_refused(asked) || goes_on(asked);
}

void ReplayContext::left_suspended() noexcept {
  on_left_();
}

// A step or wait that nothing is recorded of, when somebody had asked the execution to end.
bool ReplayContext::is_refused(const Call& asked) {
  if (!RuntimeExecutionContext::is_cancelled() || stop()) return false;
  const auto rest = calls_.begin() + static_cast<std::ptrdiff_t>(next_);
  const bool began = rest != calls_.end() && !rest->answered && rest->call == asked;
  const bool more_were_taken =
      std::any_of(rest, calls_.end(), [](const RecordedCall& later) { return later.call.what != kObservation; });
  if (more_were_taken && !began) return false;
  if (began) ++next_;
  refused_ = true;
  return true;
}

bool ReplayContext::goes_on(const Call& asked) {
  if (stop()) return false;
  if (next_ == calls_.size() || (!calls_[next_].answered && calls_[next_].call == asked)) {
    stop_with(beyond_the_log(asked));
    return false;
  }
  if (!(calls_[next_].call == asked)) {
    stop_with(other_than(calls_[next_], asked));
    return false;
  }
  ++next_;
  return true;
}

// An execution that has not ended, or that the runtime ended, had not come so far; or the context had no answer then.
ReplayStop ReplayContext::beyond_the_log(const Call& asked) const {
  const bool unanswered = end_.is_of_its_time && asked.what == kObservation;
  if (end_.open || unanswered || next_ < calls_.size()) return {.why = ReplayStop::Why::history_ended, .asked = asked};
  return {.why = ReplayStop::Why::diverged,
          .divergence = {asked.what, asked.key, Json(), asked.to_json(), end_.position}};
}

ReplayStop ReplayContext::other_than(const RecordedCall& expected, const Call& asked) const {
  const bool comes_later = std::any_of(calls_.begin() + static_cast<std::ptrdiff_t>(next_) + 1, calls_.end(),
                                       [&](const RecordedCall& later) { return later.call == asked; });
  const bool is_missing = comes_later && expected.call.what != kObservation;
  return {.why = ReplayStop::Why::diverged,
          .divergence = {is_missing ? missing(expected.call) : asked.what, is_missing ? expected.call.key : asked.key,
                         expected.call.to_json(), asked.to_json(), expected.position}};
}

}  // namespace symphainy::runtime
