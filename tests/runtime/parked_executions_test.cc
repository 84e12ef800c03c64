// SPDX-License-Identifier: Apache-2.0
// What is parked waits for somebody: to be resumed, cancelled or terminated.
#include <gmock/gmock.h>

#include "runtime/execution_commands_fixture.h"

namespace symphainy::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Fails until it is told not to, and is parked then.
class Parked : public ExecutionCommands {
 protected:
  void SetUp() override {
    IntentSupport support{.intent_type = "work"};
    support.out_of_attempts = OutOfAttempts::park;
    runtime_.support(std::move(support), [this](const Intent&, ExecutionContext& context) { return run(&context); });
    heard_ = runtime_.submit(intent_for("work"));
    runtime_.run();
    ASSERT_EQ(status_of(heard_), ExecutionStatus::parked);
    id_ = heard_->value()->execution_id;
  }
  Task<Result<HandlerResult>> run(ExecutionContext* context) {
    auto good = co_await context->step("good", Json(), [this](const StepRun&) { return work_.note("good"); });
    if (!good) co_return std::unexpected(good.error());
    auto bad = co_await context->step("bad", Json(), [this](const StepRun&) { return fail_or_not(); });
    if (!bad) co_return std::unexpected(bad.error());
    co_return HandlerResult{Json("at last")};
  }
  Task<Result<Json>> fail_or_not() {
    work_.effects.emplace_back("bad");
    if (fails_) co_return fail(ErrorCode::unavailable, "no connection", "no_connection");
    co_return Json();
  }
  /// Resumed in vain; that it is parked again is not durable.
  Heard park_again() {
    runtime_.log.hold();
    Heard heard = act(Action::resume, true);
    runtime_.log.release_one();
    runtime_.run();
    EXPECT_EQ(runtime_.log.held(), 1U);
    return heard;
  }
  bool fails_ = true;
};

TEST_F(Parked, ItSaysWhyAndWaits) {
  EXPECT_EQ(heard_->value()->error->reason, "no_connection");
  EXPECT_EQ(row().status, "parked");
  EXPECT_EQ(row().error_code, "no_connection");
  EXPECT_EQ(live().size(), 1U);
}

TEST_F(Parked, ResumedItDoesAgainWhatFailedAndNothingElse) {
  fails_ = false;
  const Heard answer = act(Action::resume);
  EXPECT_EQ(status_of(answer), ExecutionStatus::running) << "answered when that is durable";
  EXPECT_EQ(row().status, "completed");
  EXPECT_THAT(work_.effects, ElementsAre("good", "bad", "bad"));
  EXPECT_THAT(runtime_.recorded(1).back(),
              ElementsAre("StepCompleted", "ArtifactsHandled", "EventsQueued", "ExecutionCompleted"));
  EXPECT_EQ(runtime_.last_payload(RecordType::execution_resumed).dump(),
            R"({"actor":{"id":"maria","type":"user"},"reason":"wrong file"})");
}

TEST_F(Parked, ResumedInVainItIsParkedAgainAndTheOneWhoWaitsHearsIt) {
  const Heard answer = act(Action::resume, true);
  EXPECT_EQ(status_of(answer), ExecutionStatus::parked);
  EXPECT_EQ(row().attempt, 2U);
  fails_ = false;
  EXPECT_EQ(status_of(act(Action::resume, true)), ExecutionStatus::completed);
}

TEST_F(Parked, WhatResumingBroughtOutlivesTheProcess) {
  (void)act(Action::resume, true);
  ManualRuntime again(runtime_.copy_of_log(), 2);
  IntentSupport support{.intent_type = "work"};
  support.out_of_attempts = OutOfAttempts::park;
  again.support(std::move(support), [this](const Intent&, ExecutionContext& context) { return run(&context); });
  fails_ = false;
  work_.effects.clear();
  const Heard answer = again.command(to(Action::resume, true));
  again.run();
  EXPECT_EQ(status_of(answer), ExecutionStatus::completed);
  EXPECT_THAT(work_.effects, ElementsAre("bad"));
}

TEST_F(Parked, CancelledItsHandlerRunsOnceMoreAndHearsIt) {
  fails_ = false;
  const Heard answer = act(Action::cancel, true);
  EXPECT_EQ(status_of(answer), ExecutionStatus::cancelled);
  EXPECT_EQ(row().error_code, "no_connection") << "what it had failed of";
  EXPECT_THAT(work_.effects, ElementsAre("good", "bad")) << "both are recorded: nothing runs again";
}

TEST_F(Parked, TerminatedItEndsAtOnceAlsoForADuplicate) {
  const Heard answer = act(Action::terminate);
  EXPECT_EQ(status_of(answer), ExecutionStatus::terminated);
  EXPECT_EQ(row().status, "terminated");
  EXPECT_THAT(live(), IsEmpty());
  EXPECT_EQ(reason_of(act(Action::resume)), "has_ended");
  EXPECT_THAT(work_.effects, ElementsAre("good", "bad"));
}

TEST_F(Parked, WhatIsAskedForWhileItsParkingIsNotDurableIsAskedOfOneThatIsParked) {
  const std::vector<std::pair<Action, ExecutionStatus>> asked = {{Action::resume, ExecutionStatus::parked},
                                                                 {Action::cancel, ExecutionStatus::cancelled}};
  for (const auto& [action, outcome] : asked) {
    const Heard parked = park_again();
    const Heard answer = act(action, true);
    EXPECT_EQ(runtime_.log.held(), 1U);
    runtime_.log.release();
    runtime_.run();
    EXPECT_EQ(status_of(parked), ExecutionStatus::parked);
    ASSERT_TRUE(answer->has_value());
    EXPECT_EQ(status_of(answer), outcome) << to_string(action);
  }
  EXPECT_THAT(live(), IsEmpty());
}

TEST_F(Parked, TerminatedWhileItsParkingIsNotDurableItEnds) {
  (void)park_again();
  const Heard answer = act(Action::terminate);
  runtime_.log.release();
  runtime_.run();
  EXPECT_EQ(status_of(answer), ExecutionStatus::terminated);
  EXPECT_EQ(row().status, "terminated");
}

TEST_F(Parked, CancelledTwiceNobodyHearsOfItBeforeItIsDurable) {
  runtime_.log.hold();
  const Heard first = act(Action::cancel);
  const Heard second = act(Action::cancel);
  EXPECT_FALSE(first->has_value());
  EXPECT_FALSE(second->has_value());
  runtime_.log.release();
  runtime_.run();
  EXPECT_TRUE(first->has_value());
  EXPECT_TRUE(second->has_value());
}

TEST_F(Parked, WhatNobodyHasGoneOnWithCanBeTerminated) {
  ManualRuntime again(runtime_.copy_of_log(), 2);
  const Heard answer = again.command(to(Action::terminate));
  again.run();
  EXPECT_EQ(status_of(answer), ExecutionStatus::terminated);
  EXPECT_THAT(again.decisions.live(), IsEmpty());
}

}  // namespace
}  // namespace symphainy::runtime
