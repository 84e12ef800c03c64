// SPDX-License-Identifier: Apache-2.0
// Sagas: steps that are undone when their execution fails, exactly those, in reverse, once each, whatever happens to
// the process.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/saga_world.h"

namespace symphainy::runtime {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kHourUs = 3'600'000'000;

TEST_F(Sagas, ThatSucceedUndoNothing) {
  const Heard heard = begin(travelling(world_));
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::completed);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c"));
  EXPECT_THAT(
      runtime_.recorded(1),
      ElementsAre(Names{"StepStarted"}, Names{"StepCompleted", "StepStarted"}, Names{"StepCompleted", "StepStarted"},
                  Names{"StepCompleted", "ArtifactsHandled", "StateChanged", "EventsQueued", "ExecutionCompleted"}))
      << "a step's outcome and the next one's beginning share a batch";
}

TEST_F(Sagas, ThatFailUndoWhatWasCompletedInReverse) {
  world_.failures["do c"] = 1;
  const Heard heard = begin(travelling(world_));
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c", "undo b", "undo a"));
  const ExecutionResult result = result_of(heard);
  EXPECT_EQ(result.status, ExecutionStatus::compensated);
  EXPECT_EQ(result.error->reason, "did_not_work");
  EXPECT_THAT(world_.undone_with,
              AllOf(ElementsAre(std::pair("a", R"("made by do a")"), std::pair("b", R"("made by do b")"))));
  EXPECT_EQ(world_.tokens["step of a"], world_.tokens["do a"]);
  EXPECT_NE(world_.tokens["undo a"], world_.tokens["do a"]);
  const auto batches = runtime_.recorded(4);
  EXPECT_THAT(batches, ElementsAre(Names{"StepFailed", "CompensationBegun"}, Names{"StepCompensated"},
                                   Names{"StepCompensated"}, Names{"ExecutionCompensated"}));
  EXPECT_EQ(row().status, "compensated");
  EXPECT_EQ(row().error_code, "did_not_work");
  EXPECT_FALSE(runtime_.store.state("acme", "travelled").value());
  EXPECT_EQ(result_from_history(read_history(runtime_.log, row()).value())->to_json(), result.to_json());
  EXPECT_EQ(act(runtime_, Action::resume)->value().error().reason, "has_ended");
}

TEST_F(Sagas, ThatFailBeforeTheyDidAnythingHaveFailed) {
  world_.failures["do a"] = 1;
  EXPECT_EQ(result_of(begin(travelling(world_))).status, ExecutionStatus::failed);
  EXPECT_THAT(world_.effects, ElementsAre("do a"));
}

TEST_F(Sagas, AreUndoneOnlyWhenNoAttemptIsLeft) {
  world_.failures["do c"] = 3;
  IntentSupport support{.intent_type = "travel"};
  support.retry = {.max_tries = 3, .first_delay_us = 0};
  const Heard heard = begin(travelling(world_), std::move(support));
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::compensated);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c", "do c", "do c", "undo b", "undo a"));
}

TEST_F(Sagas, ThatAreParkedAreUndoneWhenTheyAreCancelled) {
  world_.failures["do c"] = 1;
  IntentSupport support{.intent_type = "travel"};
  support.out_of_attempts = OutOfAttempts::park;
  EXPECT_EQ(result_of(begin(travelling(world_), std::move(support))).status, ExecutionStatus::parked);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c"));
  EXPECT_EQ(result_of(act(runtime_, Action::cancel)).status, ExecutionStatus::cancelled);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c", "undo b", "undo a"));
}

TEST_F(Sagas, ThatAreCancelledInAStepUndoThatStepToo) {
  world_.stops_at = "do b";
  const Heard heard = begin(travelling(world_));
  const std::string id = runtime_.decisions.live().front()->row.execution_id;
  (void)runtime_.command({Action::cancel, "acme", id, {"user", "maria"}, "changed her mind", false});
  runtime_.run();
  world_.gate.open();
  runtime_.run();
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::cancelled);
  EXPECT_EQ(result_of(heard).error->message, "cancelled by user:maria: changed her mind");
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "undo b", "undo a"));
}

TEST_F(Sagas, ThatAreTerminatedUndoNothing) {
  world_.stops_at = "do b";
  const Heard heard = begin(travelling(world_));
  EXPECT_EQ(result_of(act(runtime_, Action::terminate)).status, ExecutionStatus::terminated);
  world_.gate.open();
  runtime_.run();
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b"));
}

// Its handler is late and may still run, so another attempt says what is to be undone.
TEST_F(Sagas, ThatMissTheirDeadlineAreUndone) {
  world_.stops_at = "do b";
  runtime_.support("travel", travelling(world_));
  Intent intent = intent_for("travel");
  intent.deadline_us = runtime_.clock.wall_us() + 1'000'000;
  const Heard heard = runtime_.submit(intent);
  runtime_.run();
  world_.stops_at.clear();
  runtime_.clock.advance_us(2'000'000);
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::compensated);
  EXPECT_EQ(result_of(heard).error->code, ErrorCode::deadline_exceeded);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "undo b", "undo a"));
  EXPECT_EQ(world_.undone_with["b"], "unknown");
  world_.gate.open();
  runtime_.run();
  EXPECT_EQ(row().status, "compensated") << "what the late one does leads to nothing";
}

// --- the process dies

TEST_F(Sagas, GoOnWithUndoingWhereTheProcessDied) {
  Died in_b("undo b");
  EXPECT_EQ(row_in(*in_b.reopened).status, "compensating");
  EXPECT_EQ(result_of(in_b.go_on()).status, ExecutionStatus::compensated);
  EXPECT_THAT(in_b.after.effects, ElementsAre("undo b", "undo a")) << "no step is done any more";
  EXPECT_EQ(in_b.after.tokens["undo b"], in_b.before.tokens["undo b"]);
  EXPECT_EQ(row_in(*in_b.reopened).error_code, "did_not_work");

  Died in_a("undo a");
  EXPECT_EQ(result_of(in_a.go_on()).status, ExecutionStatus::compensated);
  EXPECT_THAT(in_a.after.effects, ElementsAre("undo a")) << "b's is recorded";
}

TEST_F(Sagas, GoOnForwardsWhenTheProcessDiedInAStep) {
  Died in_b("do b", 0);
  EXPECT_EQ(result_of(in_b.go_on()).status, ExecutionStatus::completed);
  EXPECT_THAT(in_b.after.effects, ElementsAre("do b", "do c"));
}

TEST_F(Sagas, UndoAStepOfWhichNobodyKnowsWhetherItHappened) {
  Died in_b("do b");
  (void)in_b.reopened->command(
      {Action::cancel, "acme", row_in(*in_b.reopened).execution_id, {"user", "maria"}, "", false});
  in_b.reopened->run();
  EXPECT_EQ(result_of(in_b.go_on()).status, ExecutionStatus::cancelled);
  EXPECT_THAT(in_b.after.effects, ElementsAre("undo b", "undo a"));
  EXPECT_EQ(in_b.after.undone_with["b"], "unknown");
  EXPECT_EQ(in_b.after.tokens["step of b"], in_b.before.tokens["do b"]);
}

TEST_F(Sagas, WhoseHandlerForgotAStepAreStuckUntilItIsBack) {
  Died in_b("undo b");
  const auto forgets = [&](const Intent&, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    (void)co_await context.undoable_step("b", Json("b"), in_b.after.does("b"), in_b.after.undoes("b"));
    co_return HandlerResult{};
  };
  in_b.reopened->support("travel", forgets);
  const Heard heard = in_b.reopened->resume(in_b.reopened->decisions.live().front());
  in_b.reopened->run();
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::compensation_stuck);
  EXPECT_THAT(result_of(heard).error->message, AllOf(HasSubstr("step 'a#1'"), HasSubstr("put the code back")));
  EXPECT_THAT(in_b.after.effects, IsEmpty()) << "in reverse or not at all";
  in_b.reopened->support("travel", travelling(in_b.after));
  EXPECT_EQ(result_of(act(*in_b.reopened, Action::resume)).status, ExecutionStatus::compensated);
  EXPECT_THAT(in_b.after.effects, ElementsAre("undo b", "undo a"));
}

// --- what cannot be undone

TEST_F(Sagas, WhoseUndoKeepsFailingAreStuckAndGoOnWhenResumed) {
  world_.failures["do c"] = 1;
  world_.failures["undo b"] = 1;
  const Heard heard = begin(travelling(world_));
  const ExecutionResult result = result_of(heard);
  EXPECT_EQ(result.status, ExecutionStatus::compensation_stuck);
  EXPECT_EQ(result.error->reason, "compensation_stuck");
  EXPECT_THAT(result.error->message, HasSubstr("step 'b#1' could not be undone: undo b did not work"));
  EXPECT_EQ(row().status, "compensation_stuck");
  EXPECT_EQ(runtime_.decisions.live().size(), 1U);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c", "undo b"));
  EXPECT_EQ(result_of(act(runtime_, Action::resume)).status, ExecutionStatus::compensated);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c", "undo b", "undo b", "undo a"));
  EXPECT_EQ(row().error_code, "did_not_work") << "why it failed, not why it was stuck";
}

TEST_F(Sagas, TryToUndoAsTheirPolicySays) {
  world_.failures["do b"] = 1;
  world_.failures["undo a"] = 2;
  const Heard heard = begin([this](const Intent&, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    auto a = co_await context.undoable_step("a", Json(), world_.does("a"),
                                            world_.undoes("a", {.max_tries = 3, .first_delay_us = kHourUs}));
    auto b = co_await context.step("b", Json(), world_.does("b"));
    co_return std::unexpected(b.error());
  });
  for (int hour = 0; hour < 5 && !heard->has_value(); ++hour) {
    for (std::int64_t passed = 0; passed < kHourUs; passed += kHourUs / 10) {
      runtime_.clock.advance_us(kHourUs / 10);
      runtime_.run();
    }
  }
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::compensated);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "undo a", "undo a", "undo a"));
  EXPECT_EQ(runtime_.last_payload(RecordType::step_compensated).dump(), R"({"key":"a#1","tries":3})");
}

TEST_F(Sagas, AStepWithAnEmptyUndoIsRefused) {
  const Heard heard = begin([this](const Intent&, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    auto a = co_await context.undoable_step("a", Json(), world_.does("a"), {});
    co_return std::unexpected(a.error());
  });
  EXPECT_THAT(result_of(heard).error->message, HasSubstr("undo function is empty"));
  EXPECT_THAT(world_.effects, IsEmpty());
}

}  // namespace
}  // namespace symphainy::runtime
