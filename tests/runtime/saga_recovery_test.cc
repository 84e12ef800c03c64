// SPDX-License-Identifier: Apache-2.0
// Sagas when something comes in between: a crash, another attempt, a deadline, a command, closing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "runtime/saga_world.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using SagaRecovery = Sagas;
constexpr std::int64_t kSecondUs = 1'000'000;

// "first", or "other" when that fails; then "last".
Task<Result<HandlerResult>> take_the_other(World* world, ExecutionContext* context) {
  auto first = co_await context->undoable_step("first", Json(), world->does("first"), world->undoes("first"));
  if (!first) {
    auto other = co_await context->undoable_step("other", Json(), world->does("other"), world->undoes("other"));
    if (!other) co_return std::unexpected(other.error());
  }
  auto last = co_await context->undoable_step("last", Json(), world->does("last"), world->undoes("last"));
  if (!last) co_return std::unexpected(last.error());
  co_return HandlerResult{Json("there")};
}
IntentHandler taking_the_other(World& world) {
  return [&world](const Intent&, ExecutionContext& context) { return take_the_other(&world, &context); };
}

TEST_F(SagaRecovery, AnotherAttemptTakesTheSameWayAroundAFailureThatWasDealtWith) {
  world_.failures["do first"] = 1;
  world_.failures["do last"] = 1;
  IntentSupport support{.intent_type = "travel"};
  support.retry = {.max_tries = 2, .first_delay_us = 0};
  const Heard heard = begin(taking_the_other(world_), std::move(support));
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::completed);
  EXPECT_THAT(world_.effects, ElementsAre("do first", "do other", "do last", "do last"));
}

TEST_F(SagaRecovery, WhatFailedAndBeginsAgainIsUndoneWhereItBeganLast) {
  world_.failures["do last"] = 2;
  IntentSupport support{.intent_type = "travel"};
  support.retry = {.max_tries = 2, .first_delay_us = 0};
  const Heard heard = begin(taking_the_other(world_), std::move(support));
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::compensated);
  EXPECT_THAT(world_.effects, ElementsAre("do first", "do last", "do last", "undo first"));
}

TEST_F(SagaRecovery, AHandlerThatForgetsWhatWasDoneIsParkedNotCompleted) {
  Died in_b("do b", 0);
  in_b.reopened->support("travel", [](const Intent&, ExecutionContext&) -> Task<Result<HandlerResult>> {
    co_return HandlerResult{Json("nothing happened")};
  });
  const Heard heard = in_b.reopened->resume(in_b.reopened->decisions.live().front());
  in_b.reopened->run();
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::parked);
  EXPECT_EQ(result_of(heard).error->reason, "step_diverged");
  EXPECT_THAT(result_of(heard).error->message, HasSubstr("step 'a#1'"));
}

TEST_F(SagaRecovery, AStepThatBeganIsNotAskedForWithAnotherInput) {
  Died in_b("do b", 0);
  const auto otherwise = [&](const Intent&, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    (void)co_await context.undoable_step("a", Json("a"), in_b.after.does("a"), in_b.after.undoes("a"));
    auto b = co_await context.undoable_step("b", Json("another"), in_b.after.does("b"), in_b.after.undoes("b"));
    co_return std::unexpected(b.error());
  };
  in_b.reopened->support("travel", otherwise);
  const Heard heard = in_b.reopened->resume(in_b.reopened->decisions.live().front());
  in_b.reopened->run();
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::parked);
  EXPECT_EQ(result_of(heard).error->reason, "step_diverged");
  EXPECT_THAT(in_b.after.effects, IsEmpty());
}

// --- no way back

Intent with_deadline(std::int64_t left_us) {
  Intent intent = intent_for("travel");
  intent.deadline_us = 1'700'000'000'000'000 + left_us;
  return intent;
}

TEST_F(SagaRecovery, BehindThePivotADeadlineThatPassedBetweenProcessesUndoesNothing) {
  Died in_c("do c", 0, burning_bridges, with_deadline(kSecondUs));
  in_c.reopened->clock.advance_us(kHourUs);
  EXPECT_EQ(result_of(in_c.go_on()).status, ExecutionStatus::completed);
  EXPECT_THAT(in_c.after.effects, ElementsAre("do c"));
}

TEST_F(SagaRecovery, APivotOfWhichNobodyKnowsIsAskedForAgainAndNotUndone) {
  Died in_b("do b", 0, burning_bridges);
  const std::string id = row_in(*in_b.reopened).execution_id;
  (void)in_b.reopened->command({Action::cancel, "acme", id, {"user", "maria"}, "", false});
  in_b.reopened->run();
  EXPECT_EQ(result_of(in_b.go_on()).status, ExecutionStatus::completed);
  EXPECT_THAT(in_b.after.effects, ElementsAre("do b", "do c"));
  EXPECT_EQ(in_b.after.tokens["do b"], in_b.before.tokens["do b"]);
}

TEST_F(SagaRecovery, BehindThePivotACancelledOneIsStillRetried) {
  world_.stops_at = "do c";
  world_.failures["do c"] = 1;
  IntentSupport support{.intent_type = "travel"};
  support.retry = {.max_tries = 2, .first_delay_us = 0};
  const Heard heard = begin(burning_bridges(world_), std::move(support));
  const std::string id = runtime_.decisions.live().front()->row.execution_id;
  (void)runtime_.command({Action::cancel, "acme", id, {"user", "maria"}, "", false});
  runtime_.run();
  world_.stops_at.clear();
  world_.gate.open();
  runtime_.run();
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::completed);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c", "do c"));
}

// --- commands and closing while steps are undone

TEST_F(SagaRecovery, TerminatingDoesNotWaitForAnUndoThatStandsStill) {
  world_.failures["do c"] = 1;
  world_.stops_at = "undo b";
  const Heard heard = begin(travelling(world_));
  EXPECT_FALSE(heard->has_value());
  EXPECT_EQ(row().status, "compensating");
  EXPECT_EQ(result_of(act(runtime_, Action::terminate)).status, ExecutionStatus::terminated);
  ASSERT_TRUE(heard->has_value());
  world_.gate.open();
  runtime_.run();
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c", "undo b")) << "nothing else is undone";
  EXPECT_EQ(row().status, "terminated");
}

TEST_F(SagaRecovery, ClosingDoesNotWaitForTheNextTryOfAnUndo) {
  const RetryPolicy in_an_hour{.max_tries = 2, .first_delay_us = kHourUs, .max_delay_us = kHourUs};
  world_.failures["do b"] = 1;
  world_.failures["undo a"] = 1;
  const Heard heard = begin([&](const Intent&, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    (void)co_await context.undoable_step("a", Json(), world_.does("a"), world_.undoes("a", in_an_hour));
    auto b = co_await context.step("b", Json(), world_.does("b"));
    co_return std::unexpected(b.error());
  });
  EXPECT_FALSE(heard->has_value());
  runtime_.lifecycle->stop_waiting();
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ(heard->value().error().reason, "closing");
  EXPECT_EQ(row().status, "compensating") << "the next process goes on";
}

TEST_F(SagaRecovery, ClosingDoesNotWaitForTheNextTryOfAStep) {
  world_.failures["do a"] = 1;
  const Heard heard = begin([&](const Intent&, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    const RetryPolicy in_an_hour{.max_tries = 2, .first_delay_us = kHourUs, .max_delay_us = kHourUs};
    auto a = co_await context.step("a", Json(), world_.does("a"), in_an_hour);
    if (!a) co_return std::unexpected(a.error());
    co_return HandlerResult{};
  });
  EXPECT_FALSE(heard->has_value());
  runtime_.lifecycle->stop_waiting();
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ(heard->value().error().reason, "closing");
  EXPECT_EQ(row().status, "running") << "the next process goes on";
  runtime_.clock.advance_us(kSecondUs);
  runtime_.run();
  EXPECT_THAT(world_.effects, ElementsAre("do a"));
}

}  // namespace
}  // namespace symphainy::runtime
