// SPDX-License-Identifier: Apache-2.0
// Executions of one handler, replayed with another: what the program was, and what it has become.
#pragma once

#include <chrono>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/execution_replay.h"
#include "runtime/manual_runtime.h"

namespace symphainy::runtime {

/// What a handler of these tests does, one after the other. Its steps count how often their functions run.
struct Act {
  std::function<Task<Result<void>>(ExecutionContext&)> perform;
};
using Acts = std::vector<Act>;

class Replays : public ::testing::Test {
 protected:
  /// The handler that performs the acts, and answers with `answer`.
  static IntentHandler performing(Acts acts, Result<HandlerResult> answer = HandlerResult{Json("done")}) {
    return [acts = std::move(acts), answer = std::move(answer)](const Intent&, ExecutionContext& context) {
      return perform(acts, answer, &context);
    };
  }
  Act step(std::string name, Json input = Json("input"), Result<Json> outcome = Json("made")) {
    return {
        [this, name, input, outcome](ExecutionContext& context) { return take(this, name, input, outcome, &context); }};
  }
  Act undoable(std::string name, Result<Json> outcome = Json("made")) {
    return {[this, name, outcome](ExecutionContext& context) { return take_undoably(this, name, outcome, &context); }};
  }
  Act pivot(std::string name) {
    return {[this, name](ExecutionContext& context) { return take_pivot(this, name, &context); }};
  }
  /// Any call that does not wait.
  static Act call(std::function<Result<void>(ExecutionContext&)> what) {
    return {[what = std::move(what)](ExecutionContext& context) { return at_once(what, &context); }};
  }
  static Act now() {
    return call([](ExecutionContext& context) -> Result<void> { return (void)context.now_us(), Result<void>(); });
  }
  static Act state(std::string key) {
    return call([key](ExecutionContext& context) -> Result<void> {
      TRY(const auto value, context.get_state(key));
      return {};
    });
  }
  static Act event(std::string type, Json data = Json(1)) {
    return call([type, data](ExecutionContext& context) -> Result<void> {
      TRY(const std::string id, context.add_event({type, data, "", ""}));
      return {};
    });
  }
  static Act artifact(std::string name, std::string content) {
    return call([name, content](ExecutionContext& context) -> Result<void> {
      TRY(const Artifact added, context.add_artifact({name, "text/plain", content}));
      return {};
    });
  }
  static Act put(std::string key, Json value) {
    return call([key, value](ExecutionContext& context) { return context.put_state(key, value); });
  }

  /// What the program was. Answers what its execution came to, or nothing when it stands still.
  std::optional<ExecutionResult> run_as(IntentHandler handler, IntentSupport support = {.intent_type = "work"},
                                        Intent intent = intent_for("work")) {
    runtime_.support(std::move(support), std::move(handler));
    const Heard heard = runtime_.submit(std::move(intent));
    runtime_.run();
    if (!heard->has_value()) return std::nullopt;
    return heard->value().value();
  }
  /// What it has become: its execution is replayed with this handler.
  Result<ReplayReport> replay_with(IntentHandler handler, std::uint32_t version = 1,
                                   std::chrono::milliseconds time_limit = std::chrono::seconds(30)) {
    const int runs_before = runs_ + undos_;
    const std::size_t batches_before = runtime_.batches();
    IntentRegistry registry;
    CHECK(
        registry.register_intent({.intent_type = "work", .version = version}, "things", "handle", std::move(handler)));
    auto replay =
        ExecutionReplay::open({nullptr, runtime_.store, runtime_.store, runtime_.log, runtime_.artifacts}).value();
    auto report = replay->replay(row(), registry, time_limit);
    EXPECT_EQ(runs_ + undos_, runs_before) << "neither steps nor their undoing are run";
    EXPECT_EQ(runtime_.batches(), batches_before) << "nothing is written";
    return report;
  }
  ReplayReport report_with(IntentHandler handler) { return replay_with(std::move(handler)).value(); }
  Divergence divergence_with(IntentHandler handler) {
    const ReplayReport report = report_with(std::move(handler));
    EXPECT_EQ(to_string(report.outcome), "diverged");
    return report.divergence.value_or(Divergence());
  }
  public_works::ExecutionRow row() { return runtime_.store.list_executions({}).value().back(); }
  std::uint64_t position_of(RecordType type) const { return runtime_.last(type).position; }
  static Result<HandlerResult> failing(std::string reason) {
    return fail(ErrorCode::failed, "it does not work", std::move(reason));
  }

  ManualRuntime runtime_;
  int runs_ = 0;   // of step functions
  int undos_ = 0;  // of undo functions
  Gate gate_;
  std::string stops_at_;

 private:
  static Task<Result<HandlerResult>> perform(Acts acts, Result<HandlerResult> answer, ExecutionContext* context) {
    for (const Act& act : acts) {
      if (auto done = co_await act.perform(*context); !done) co_return std::unexpected(done.error());
    }
    co_return answer;
  }
  static Task<Result<void>> at_once(std::function<Result<void>(ExecutionContext&)> what, ExecutionContext* context) {
    co_return what(*context);
  }
  StepFunction function(const std::string& name, const Result<Json>& outcome) {
    return [this, name, outcome](const StepRun&) { return run_step(this, name, outcome); };
  }
  static Task<Result<Json>> run_step(Replays* self, std::string name, Result<Json> outcome) {
    ++self->runs_;
    if (name == self->stops_at_) co_await self->gate_;
    co_return outcome;
  }
  static Task<Result<void>> take_back(Replays* self) {
    ++self->undos_;
    co_return Result<void>();
  }
  static Task<Result<void>> take(Replays* self, std::string name, Json input, Result<Json> outcome,
                                 ExecutionContext* context) {
    auto taken = co_await context->step(name, input, self->function(name, outcome));
    if (!taken) co_return std::unexpected(taken.error());
    co_return Result<void>();
  }
  static Task<Result<void>> take_undoably(Replays* self, std::string name, Result<Json> outcome,
                                          ExecutionContext* context) {
    const UndoFunction undo = [self](const UndoRun&) { return take_back(self); };
    auto taken = co_await context->undoable_step(name, Json(name), self->function(name, outcome), {undo});
    if (!taken) co_return std::unexpected(taken.error());
    co_return Result<void>();
  }
  static Task<Result<void>> take_pivot(Replays* self, std::string name, ExecutionContext* context) {
    auto taken = co_await context->pivot_step(name, Json(name), self->function(name, Json("made")));
    if (!taken) co_return std::unexpected(taken.error());
    co_return Result<void>();
  }
};

}  // namespace symphainy::runtime
