// SPDX-License-Identifier: Apache-2.0
// A world in which sagas do something and take it back, and the handlers that do.
#pragma once

#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/execution_history.h"
#include "runtime/manual_runtime.h"

namespace symphainy::runtime {
using Names = std::vector<std::string>;

// What the functions of a process do: note themselves, stand still at one of them, fail where it is wanted.
struct World {
  Names effects;  // "do a", "undo a", as they happen
  std::map<std::string, Names> tokens;
  std::map<std::string, std::string> undone_with;  // the step's value, or "unknown"
  std::map<std::string, int> failures;             // how often it fails
  std::string stops_at;
  Gate gate;

  Task<Result<Json>> act(std::string name, std::string token) {
    effects.push_back(name);
    tokens[name].push_back(std::move(token));
    if (name == stops_at) co_await gate;
    if (failures[name]-- > 0) co_return fail(ErrorCode::failed, name + " did not work", "did_not_work");
    co_return Json("made by " + name);
  }
  Task<Result<void>> take_back(std::string name, UndoRun run) {
    undone_with[name] = run.value ? run.value->dump() : "unknown";
    tokens["step of " + name].push_back(run.step_token);
    auto done = co_await act("undo " + name, run.token);
    if (!done) co_return std::unexpected(done.error());
    co_return Result<void>();
  }
  StepFunction does(std::string name) {
    return [this, name = std::move(name)](const StepRun& run) { return act("do " + name, run.token); };
  }
  Undo undoes(std::string name, RetryPolicy retry = {}) {
    return {[this, name = std::move(name)](const UndoRun& run) { return take_back(name, run); }, std::move(retry)};
  }
};

// Takes "a", "b" and "c" undoably, and fails when one of them does.
inline Task<Result<HandlerResult>> travel(World* world, ExecutionContext* context) {
  for (const char* name : {"a", "b", "c"}) {
    auto taken = co_await context->undoable_step(name, Json(name), world->does(name), world->undoes(name));
    if (!taken) co_return std::unexpected(taken.error());
  }
  if (auto put = context->put_state("travelled", Json(true)); !put) co_return std::unexpected(put.error());
  co_return HandlerResult{Json("home")};
}
inline IntentHandler travelling(World& world) {
  return [&world](const Intent&, ExecutionContext& context) { return travel(&world, &context); };
}

// Behind "b" there is no way back.
inline Task<Result<HandlerResult>> burn_bridges(World* world, ExecutionContext* context) {
  auto a = co_await context->undoable_step("a", Json(), world->does("a"), world->undoes("a"));
  if (!a) co_return std::unexpected(a.error());
  auto b = co_await context->pivot_step("b", Json(), world->does("b"));
  if (!b) co_return std::unexpected(b.error());
  auto c = co_await context->step("c", Json(), world->does("c"));
  if (!c) co_return std::unexpected(c.error());
  co_return HandlerResult{Json("over")};
}

class Sagas : public ::testing::Test {
 protected:
  Heard begin(const IntentHandler& handler, IntentSupport support = {.intent_type = "travel"}) {
    runtime_.support(std::move(support), handler);
    Heard heard = runtime_.submit(intent_for("travel"));
    runtime_.run();
    return heard;
  }
  static ExecutionResult result_of(const Heard& heard) { return heard->value().value(); }
  public_works::ExecutionRow row() { return runtime_.store.list_executions({}).value().front(); }
  static public_works::ExecutionRow row_in(ManualRuntime& runtime) {
    return runtime.store.list_executions({}).value().front();
  }
  static Heard act(ManualRuntime& runtime, Action action) {
    const std::string id = row_in(runtime).execution_id;
    Heard heard = runtime.command({action, "acme", id, {"user", "maria"}, "", true});
    runtime.run();
    return heard;
  }

  World world_;
  ManualRuntime runtime_;
};

// The process dies in a function, of a saga that fails.
struct Died {
  explicit Died(const std::string& in, int failures_of_c = 1) {
    before.failures["do c"] = failures_of_c;
    before.stops_at = in;
    dying.support("travel", travelling(before));
    (void)dying.submit(intent_for("travel"));
    dying.run();
    reopened.emplace(dying.copy_of_log(), 2);
    before.gate.open();
    dying.run();
  }
  Heard go_on() {
    reopened->support("travel", travelling(after));
    Heard heard = reopened->resume(reopened->decisions.live().front());
    reopened->run();
    return heard;
  }
  World before;
  World after;
  ManualRuntime dying;
  std::optional<ManualRuntime> reopened;
};

}  // namespace symphainy::runtime
