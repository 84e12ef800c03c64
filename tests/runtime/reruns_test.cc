// SPDX-License-Identifier: Apache-2.0
// What has ended, done once more: what the new execution takes over, and what it does itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/execution_history.h"
#include "runtime/execution_replay.h"
#include "runtime/saga_world.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Takes "a", "b" and "c", each with an id drawn for it and the time; fails when one of them does.
Task<Result<HandlerResult>> take_steps(World* world, std::vector<std::string>* ids, ExecutionContext* context) {
  for (const char* name : {"a", "b", "c"}) {
    const std::int64_t now = context->now_us();
    ids->push_back(context->new_id());
    const Json input = Json::object({{"id", ids->back()}, {"now", now}, {"random", context->random()}});
    auto taken = co_await context->step(name, input, world->does(name));
    if (!taken) co_return std::unexpected(taken.error());
  }
  if (auto put = context->put_state("done", Json(true)); !put) co_return std::unexpected(put.error());
  co_return HandlerResult{Json("done")};
}

class Reruns : public Sagas {
 protected:
  IntentHandler stepping() {
    return [this](const Intent&, ExecutionContext& context) { return take_steps(&world_, &ids_, &context); };
  }
  /// Submitted with the key "key".
  ExecutionResult submit(const IntentHandler& handler, IntentSupport support = {.intent_type = "travel"}) {
    runtime_.support(std::move(support), handler);
    return result_of(submit_again());
  }
  Heard submit_again() {
    Intent intent = intent_for("travel");
    intent.idempotency_key = "key";
    Heard heard = runtime_.submit(intent);
    runtime_.run();
    return heard;
  }
  Result<ExecutionResult> act(Action action, const std::string& id, std::optional<std::string> from = std::nullopt) {
    return act_in(runtime_, action, id, std::move(from));
  }
  static Result<ExecutionResult> act_in(ManualRuntime& runtime, Action action, const std::string& id,
                                        std::optional<std::string> from = std::nullopt) {
    const Heard heard = runtime.command({.action = action,
                                         .tenant_id = "acme",
                                         .execution_id = id,
                                         .actor = {"user", "ann"},
                                         .reason = "it works again",
                                         .wait_for_end = true,
                                         .signal = std::nullopt,
                                         .from_step = std::move(from)});
    runtime.run();
    return heard->value();
  }
  std::string refusal(Action action, const std::string& id, std::optional<std::string> from = std::nullopt) {
    const auto answer = act(action, id, std::move(from));
    return answer ? "not refused" : answer.error().reason;
  }
  public_works::ExecutionRow row_of(const std::string& id) {
    return runtime_.store.execution(public_works::TenantScope::only("acme"), id).value().value();
  }
  std::vector<base::LogRecord> history(const std::string& id) { return read_history(runtime_.log, row_of(id)).value(); }

  std::vector<std::string> ids_;
};

TEST_F(Reruns, RetryWhatFailedAndKeepWhatCompleted) {
  world_.failures["do b"] = 1;
  const ExecutionResult first = submit(stepping());
  ASSERT_EQ(first.status, ExecutionStatus::failed);
  const auto second = act(Action::retry, first.execution_id);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->status, ExecutionStatus::completed);
  EXPECT_EQ(second->rerun_of, first.execution_id);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do b", "do c"));
  // It asked for "a" with the id that the first drew, and for "b" under another token with one of its own.
  EXPECT_EQ(ids_[2], ids_[0]);
  EXPECT_NE(ids_[3], ids_[1]);
  EXPECT_NE(world_.tokens["do b"][0], world_.tokens["do b"][1]);
}

TEST_F(Reruns, AreOneBatchThatSaysWhoAskedAndWhy) {
  world_.failures["do b"] = 1;
  const ExecutionResult first = submit(stepping());
  const std::size_t before = runtime_.batches();
  const auto second = act(Action::retry, first.execution_id);
  EXPECT_THAT(runtime_.recorded(before).front(),
              ElementsAre("IntentAccepted", "ExecutionCreated", "ExecutionStarted", "HistoryCopied", "ContextObserved",
                          "StepCompleted", "ExecutionRerun"));
  const Json rerun = runtime_.last_payload(RecordType::execution_rerun);
  EXPECT_EQ(rerun.find("actor")->dump(), R"({"id":"ann","type":"user"})");
  EXPECT_EQ(*rerun.find("reason"), Json("it works again"));
  EXPECT_EQ(*rerun.find("action"), Json("retry"));
  EXPECT_EQ(*rerun.find("successor"), Json(second->execution_id));
  EXPECT_EQ(runtime_.last(RecordType::execution_rerun).execution.text(), first.execution_id);
  EXPECT_EQ(row_of(first.execution_id).successor, second->execution_id);
  EXPECT_EQ(row_of(second->execution_id).rerun_of, first.execution_id);
  EXPECT_EQ(row_of(second->execution_id).actor, "user:ann");
  EXPECT_FALSE(row_of(second->execution_id).idempotency_key);
}

TEST_F(Reruns, LeaveTheKeyWithTheFirstWhoseAnswerNamesItsSuccessor) {
  world_.failures["do b"] = 1;
  const ExecutionResult first = submit(stepping());
  const auto second = act(Action::retry, first.execution_id);
  const ExecutionResult again = result_of(submit_again());
  EXPECT_EQ(again.execution_id, first.execution_id);
  EXPECT_EQ(again.status, ExecutionStatus::failed);
  EXPECT_EQ(again.successor, second->execution_id);
  EXPECT_EQ(*again.to_json().find("successor"), Json(second->execution_id));
}

TEST_F(Reruns, AreRefusedWhereThereIsNothingToDoAgain) {
  world_.stops_at = "do b";
  runtime_.support("travel", stepping());
  const Heard heard = runtime_.submit(intent_for("travel"));
  runtime_.run();
  const std::string id = runtime_.decisions.live().front()->row.execution_id;
  EXPECT_EQ(refusal(Action::retry, id), "not_ended");
  EXPECT_EQ(refusal(Action::rerun, id), "not_ended");
  world_.gate.open();
  runtime_.run();
  ASSERT_EQ(heard->value()->status, ExecutionStatus::completed);
  EXPECT_EQ(refusal(Action::retry, id), "has_completed");
  EXPECT_EQ(refusal(Action::retry, "0192f0c1-2345-7abc-8def-0123456789ab"), "unknown_execution");
  EXPECT_EQ(refusal(Action::rerun, id, "z"), "unknown_step");
  EXPECT_THAT(act(Action::rerun, id, "z").error().message, HasSubstr("a#1, b#1, c#1"));
  EXPECT_EQ(refusal(Action::retry, id, "a"), "invalid_command");
  ASSERT_TRUE(act(Action::rerun, id));
  EXPECT_EQ(refusal(Action::rerun, id), "has_successor");
}

TEST_F(Reruns, DoOneExecutionOnceMoreWhenTwoAskAtOnce) {
  world_.failures["do a"] = 1;
  const ExecutionResult first = submit(stepping());
  const ExecutionCommand retry{Action::retry, "acme", first.execution_id, {"user", "ann"}, "", true};
  const Heard one = runtime_.command(retry);
  const Heard two = runtime_.command(retry);
  runtime_.run();
  EXPECT_EQ(one->value()->status, ExecutionStatus::completed);
  EXPECT_EQ(two->value().error().reason, "has_successor");
}

TEST_F(Reruns, FromAStepTakeOverWhatWasBeforeIt) {
  const ExecutionResult first = submit(stepping());
  const auto second = act(Action::rerun, first.execution_id, "c#1");
  ASSERT_EQ(second->status, ExecutionStatus::completed);
  const auto third = act(Action::rerun, second->execution_id, "b");
  ASSERT_EQ(third->status, ExecutionStatus::completed);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c", "do c", "do b", "do c"));
  // "a" was asked for with the first's ids all along; "b" with those of the first, then with the third's own.
  EXPECT_EQ(ids_[3], ids_[0]);
  EXPECT_EQ(ids_[4], ids_[1]);
  EXPECT_NE(ids_[5], ids_[2]);
  EXPECT_EQ(ids_[6], ids_[0]);
  EXPECT_NE(ids_[7], ids_[1]);
}

TEST_F(Reruns, WithoutAStepDoEverythingAgainUnderNewTokens) {
  const ExecutionResult first = submit(stepping());
  ASSERT_EQ(act(Action::rerun, first.execution_id)->status, ExecutionStatus::completed);
  EXPECT_THAT(world_.effects, SizeIs(6));
  EXPECT_NE(world_.tokens["do a"][0], world_.tokens["do a"][1]);
  EXPECT_NE(ids_[0], ids_[3]);
}

TEST_F(Reruns, GoOnAfterACrashWithWhatWasTakenOver) {
  world_.failures["do b"] = 1;
  const ExecutionResult first = submit(stepping());
  world_.stops_at = "do b";
  const Heard heard = runtime_.command({Action::retry, "acme", first.execution_id, {"user", "ann"}, "", true});
  runtime_.run();
  ASSERT_TRUE(world_.gate.reached());
  ManualRuntime reopened(runtime_.copy_of_log(), 2);
  World after;
  std::vector<std::string> ids;
  reopened.support("travel",
                   [&](const Intent&, ExecutionContext& context) { return take_steps(&after, &ids, &context); });
  const Heard resumed = reopened.resume(reopened.decisions.live().front());
  reopened.run();
  EXPECT_EQ(result_of(resumed).status, ExecutionStatus::completed);
  EXPECT_EQ(result_of(resumed).rerun_of, first.execution_id);
  EXPECT_THAT(after.effects, ElementsAre("do b", "do c"));
  EXPECT_EQ(after.tokens["do b"][0], world_.tokens["do b"][1]);
  EXPECT_EQ(ids[0], ids_[0]);
  EXPECT_EQ(ids[1], ids_[3]);
  EXPECT_EQ(act_in(reopened, Action::retry, first.execution_id).error().reason, "has_successor");
  world_.gate.open();
}

TEST_F(Reruns, OfWhatWasTerminatedOwnTheUndoOfWhatTheyTookOver) {
  world_.stops_at = "do c";
  (void)begin(travelling(world_));
  const std::string id = runtime_.decisions.live().front()->row.execution_id;
  ASSERT_EQ(act(Action::terminate, id)->status, ExecutionStatus::terminated);
  world_.gate.open();
  runtime_.run();
  world_.stops_at.clear();
  world_.failures["do c"] = 1;
  const auto second = act(Action::retry, id);
  EXPECT_EQ(second->status, ExecutionStatus::compensated);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c", "do c", "undo b", "undo a"));
  // The outside knows these steps by their first tokens; of "c" nobody knew whether it happened.
  EXPECT_EQ(world_.tokens["step of a"][0], world_.tokens["do a"][0]);
  EXPECT_EQ(world_.tokens["step of b"][0], world_.tokens["do b"][0]);
  EXPECT_EQ(world_.tokens["do c"][1], world_.tokens["do c"][0]);
}

TEST_F(Reruns, OfWhatCompletedLeaveItsStepsDone) {
  const ExecutionResult first = submit(travelling(world_));
  ASSERT_EQ(first.status, ExecutionStatus::completed);
  world_.failures["do c"] = 1;
  const auto second = act(Action::rerun, first.execution_id, "b");
  EXPECT_EQ(second->status, ExecutionStatus::compensated);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c", "do b", "do c", "undo b"));
}

TEST_F(Reruns, OfWhatWasUndoneTakeNothingOver) {
  world_.failures["do c"] = 1;
  const ExecutionResult first = submit(travelling(world_));
  ASSERT_EQ(first.status, ExecutionStatus::compensated);
  EXPECT_EQ(refusal(Action::rerun, first.execution_id, "c"), "was_undone");
  world_.effects.clear();
  EXPECT_EQ(act(Action::retry, first.execution_id)->status, ExecutionStatus::completed);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c"));
}

TEST_F(Reruns, BehindThePivotStayBehindIt) {
  world_.stops_at = "do c";
  (void)begin(burning_bridges(world_));
  const std::string id = runtime_.decisions.live().front()->row.execution_id;
  ASSERT_EQ(act(Action::terminate, id)->status, ExecutionStatus::terminated);
  world_.gate.open();
  runtime_.run();
  world_.stops_at.clear();
  world_.failures["do c"] = 1;
  EXPECT_EQ(act(Action::retry, id)->status, ExecutionStatus::parked);
}

TEST_F(Reruns, AreReplayedLikeAnyOther) {
  world_.failures["do b"] = 1;
  const ExecutionResult first = submit(stepping());
  const auto second = act(Action::retry, first.execution_id);
  const auto calls = read_course(history(second->execution_id)).value().calls;
  std::vector<std::string> keys;
  for (const RecordedCall& call : calls) {
    if (call.call.what == "step") keys.push_back(call.call.key);
  }
  EXPECT_THAT(keys, ElementsAre("a#1", "b#1", "c#1"));
}

TEST_F(Reruns, RunUnderTheNewestVersionWhenTheirsIsGone) {
  world_.failures["do b"] = 1;
  const ExecutionResult first = submit(stepping());
  ManualRuntime reopened(runtime_.copy_of_log(), 2);
  World after;
  std::vector<std::string> ids;
  const IntentHandler handler = [&](const Intent&, ExecutionContext& context) {
    return take_steps(&after, &ids, &context);
  };
  EXPECT_EQ(act_in(reopened, Action::retry, first.execution_id).error().reason, "unknown_intent_type");
  reopened.support("travel", handler, Effects::external, Json::object(), 2);
  EXPECT_EQ(act_in(reopened, Action::retry, first.execution_id)->status, ExecutionStatus::completed);
  EXPECT_THAT(after.effects, ElementsAre("do b", "do c"));
  EXPECT_EQ(*reopened.last_payload(RecordType::execution_created).find("handler_version"), Json(2));
  EXPECT_EQ(*reopened.last_payload(RecordType::history_copied).find("source_version"), Json(1));
}

// Waits for "go" and takes "a".
Task<Result<HandlerResult>> wait_and_take(World* world, ExecutionContext* context) {
  auto signal = co_await context->wait_signal("go");
  if (!signal) co_return std::unexpected(signal.error());
  auto taken = co_await context->step("a", (*signal)->value, world->does("a"));
  if (!taken) co_return std::unexpected(taken.error());
  co_return HandlerResult{(*signal)->value};
}

TEST_F(Reruns, AreNotSentAgainWhatTheFirstHadReceived) {
  IntentSupport support{.intent_type = "travel"};
  support.signals = {{"go", Json::object()}};
  runtime_.support(std::move(support),
                   [this](const Intent&, ExecutionContext& context) { return wait_and_take(&world_, &context); });
  world_.failures["do a"] = 1;
  const Heard heard = runtime_.submit(intent_for("travel"));
  runtime_.run();
  const std::string id = runtime_.decisions.live().front()->row.execution_id;
  (void)runtime_.command({.action = Action::signal,
                          .tenant_id = "acme",
                          .execution_id = id,
                          .actor = {"user", "maria"},
                          .reason = "",
                          .wait_for_end = true,
                          .signal = SignalDraft{"go", Json("now"), ""}});
  runtime_.run();
  ASSERT_EQ(heard->value()->status, ExecutionStatus::failed);
  const auto second = act(Action::retry, id);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->status, ExecutionStatus::completed);
  EXPECT_EQ(second->value, Json("now"));
}

// Spawns "work", and fails before it has ended when that is wanted, or behind that.
Task<Result<HandlerResult>> give_work(World* world, bool waits, ExecutionContext* context) {
  auto child = co_await context->spawn("it", {.intent_type = "work"});
  if (!child) co_return std::unexpected(child.error());
  if (waits) {
    auto ended = co_await context->wait_children({*child});
    if (!ended) co_return std::unexpected(ended.error());
  }
  auto taken = co_await context->step("a", Json(), world->does("a"));
  if (!taken) co_return std::unexpected(taken.error());
  co_return HandlerResult{Json(*child)};
}

TEST_F(Reruns, TakeOverChildrenThatHaveEnded) {
  for (const bool waits : {true, false}) {
    ManualRuntime runtime;
    World world;
    Gate gate;
    world.failures["do a"] = 1;
    if (waits) gate.open();
    runtime.support("work", gated(gate, [](const Intent&, ExecutionContext&) { return HandlerResult{}; }));
    runtime.support("travel",
                    [&](const Intent&, ExecutionContext& context) { return give_work(&world, waits, &context); });
    const ExecutionResult first = runtime.execute(intent_for("travel")).value();
    ASSERT_EQ(first.status, ExecutionStatus::failed);
    const auto second = act_in(runtime, Action::retry, first.execution_id);
    if (waits) {
      EXPECT_EQ(second->status, ExecutionStatus::completed);
      EXPECT_THAT(runtime.store.list_executions({}).value(), SizeIs(3));
    } else {
      EXPECT_EQ(second.error().reason, "child_not_ended");
      EXPECT_EQ(act_in(runtime, Action::rerun, first.execution_id, "spawn:it")->status, ExecutionStatus::completed);
      EXPECT_THAT(runtime.store.list_executions({}).value(), SizeIs(4));
    }
    gate.open();
    runtime.run();
  }
}

}  // namespace
}  // namespace symphainy::runtime
