// SPDX-License-Identifier: Apache-2.0
// Sagas that have no way back any more, and those whose undoing nobody can go on with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/saga_world.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(Sagas, HaveNoDeadlineBehindThePivot) {
  world_.stops_at = "do c";
  runtime_.support("travel", burning_bridges(world_));
  Intent intent = intent_for("travel");
  intent.deadline_us = runtime_.clock.wall_us() + 1'000'000;
  const Heard heard = runtime_.submit(intent);
  runtime_.run();
  runtime_.clock.advance_us(2'000'000);
  runtime_.run();
  EXPECT_FALSE(heard->has_value());
  world_.gate.open();
  runtime_.run();
  ASSERT_TRUE(heard->has_value());
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::completed);
  EXPECT_THAT(world_.effects, ElementsAre("do a", "do b", "do c"));
}

struct DiedBehindThePivot {
  DiedBehindThePivot() {
    before.stops_at = "do c";
    dying.support("travel", burning_bridges(before));
    Intent intent = intent_for("travel");
    intent.deadline_us = dying.clock.wall_us() + 1'000'000;
    (void)dying.submit(intent);
    dying.run();
    reopened.emplace(dying.copy_of_log(), 2);
    reopened->clock.advance_us(2'000'000);
    before.gate.open();
    dying.run();
  }
  World before;
  World after;
  ManualRuntime dying;
  std::optional<ManualRuntime> reopened;
};

TEST_F(Sagas, GoOnBehindThePivotThatAnEarlierProcessCompletedWhateverTheDeadline) {
  DiedBehindThePivot died;
  died.reopened->support("travel", burning_bridges(died.after));
  const Heard heard = died.reopened->resume(died.reopened->decisions.live().front());
  died.reopened->run();
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::completed);
  EXPECT_THAT(died.after.effects, ElementsAre("do c"));
}

// Before it is asked for the pivot again.
TEST_F(Sagas, AreParkedBehindThePivotThatAnEarlierProcessCompletedWhereverTheyFail) {
  DiedBehindThePivot died;
  died.reopened->support("travel", [](const Intent&, ExecutionContext&) -> Task<Result<HandlerResult>> {
    co_return fail(ErrorCode::failed, "something else broke", "broke");
  });
  const Heard heard = died.reopened->resume(died.reopened->decisions.live().front());
  died.reopened->run();
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::parked);
  died.reopened->support("travel", burning_bridges(died.after));
  EXPECT_EQ(result_of(act(*died.reopened, Action::resume)).status, ExecutionStatus::completed);
}

// --- undoing that nobody can go on with

TEST_F(Sagas, WhoseHandlerIsMissingWhileTheyAreUndoneAreStuckUntilItIsBack) {
  Died in_b("undo b");
  const Heard heard = in_b.reopened->resume(in_b.reopened->decisions.live().front());
  in_b.reopened->run();
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::compensation_stuck);
  EXPECT_EQ(result_of(heard).error->reason, "missing_handler");
  EXPECT_EQ(row_in(*in_b.reopened).status, "compensation_stuck");

  ManualRuntime third(in_b.reopened->copy_of_log(), 3);
  third.support("travel", travelling(in_b.after));
  ASSERT_TRUE(third.lifecycle->goes_on_by_itself(*third.decisions.live().front()));
  const Heard again = third.resume(third.decisions.live().front());
  third.run();
  EXPECT_EQ(result_of(again).status, ExecutionStatus::compensated);
  EXPECT_THAT(in_b.after.effects, ElementsAre("undo b", "undo a"));
}

TEST_F(Sagas, WhoseHandlerDoesSomethingElseWhileTheyAreUndoneAreStuck) {
  Died in_b("undo b");
  in_b.reopened->support("travel", [&](const Intent&, ExecutionContext& context) -> Task<Result<HandlerResult>> {
    auto a = co_await context.undoable_step("a", Json("another"), in_b.after.does("a"), in_b.after.undoes("a"));
    co_return std::unexpected(a.error());
  });
  const Heard heard = in_b.reopened->resume(in_b.reopened->decisions.live().front());
  in_b.reopened->run();
  EXPECT_EQ(result_of(heard).status, ExecutionStatus::compensation_stuck);
  EXPECT_EQ(result_of(heard).error->reason, kStepDiverged);
  EXPECT_THAT(in_b.after.effects, IsEmpty());
  in_b.reopened->support("travel", travelling(in_b.after));
  EXPECT_EQ(result_of(act(*in_b.reopened, Action::resume)).status, ExecutionStatus::compensated);
  EXPECT_THAT(in_b.after.effects, ElementsAre("undo b", "undo a"));
}

}  // namespace
}  // namespace symphainy::runtime
