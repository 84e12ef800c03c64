// SPDX-License-Identifier: Apache-2.0
// An execution in the middle of its first step, and what somebody does to it.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "runtime/execution_history.h"
#include "runtime/manual_runtime.h"

namespace symphainy::runtime {

using Names = std::vector<std::string>;
inline const Names kBegun = {"IntentAccepted", "ExecutionCreated", "ExecutionStarted"};

// A handler that takes the steps "one" and "two", and stands still in "one" until the gate opens.
struct GatedWork {
  Gate gate;
  std::vector<std::string> effects;
  bool saw_cancellation = false;

  IntentHandler handler(bool swallow = false) {
    return [this, swallow](const Intent&, ExecutionContext& context) { return take_steps(this, swallow, &context); };
  }
  static Task<Result<HandlerResult>> take_steps(GatedWork* work, bool swallow, ExecutionContext* context) {
    const StepFunction one = [work, context](const StepRun&) { return work->stand_still("one", context); };
    const StepFunction two = [work](const StepRun&) { return work->note("two"); };
    auto first = co_await context->step("one", Json(), one);
    if (!first) co_return std::unexpected(first.error());
    auto second = co_await context->step("two", Json(), two);
    if (!second && !swallow) co_return std::unexpected(second.error());
    if (auto put = context->put_state("done", Json(true)); !put) co_return std::unexpected(put.error());
    co_return HandlerResult{Json(second ? "both" : second.error().reason)};
  }
  Task<Result<Json>> stand_still(std::string name, ExecutionContext* context) {
    co_await gate;
    saw_cancellation = context->is_cancelled();
    co_return co_await note(std::move(name));
  }
  Task<Result<Json>> note(std::string name) {
    effects.push_back(name);
    co_return Json(name);
  }
};

class ExecutionCommands : public ::testing::Test {
 protected:
  ~ExecutionCommands() override {
    work_.gate.open();
    runtime_.run();
  }
  /// An execution in the middle of its first step.
  void begin(bool swallow = false) {
    runtime_.support("work", work_.handler(swallow));
    heard_ = runtime_.submit(intent_for("work"));
    runtime_.run();
    ASSERT_TRUE(work_.gate.reached());
    id_ = live().front()->row.execution_id;
  }
  std::vector<TrackedPtr> live() { return runtime_.decisions.live(); }
  ExecutionCommand to(Action action, bool wait = false) const {
    return {action, "acme", id_, {"user", "maria"}, "wrong file", wait};
  }
  Heard act(Action action, bool wait = false) {
    Heard answer = runtime_.command(to(action, wait));
    runtime_.run();
    return answer;
  }
  static std::string reason_of(const Heard& heard) {
    if (!heard->has_value()) return "not answered";
    return (*heard)->has_value() ? "no error" : (*heard)->error().reason;
  }
  static ExecutionStatus status_of(const Heard& heard) { return heard->value().value().status; }
  public_works::ExecutionRow row() { return runtime_.store.list_executions({}).value().front(); }

  GatedWork work_;
  ManualRuntime runtime_;
  Heard heard_;
  std::string id_;
};

}  // namespace symphainy::runtime
